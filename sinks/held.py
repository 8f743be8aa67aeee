"""An upload held back until it is whole.

awswrangler closes its S3 object in a ``finally``: where encoding fails half-way,
or a part of a multipart upload does, it still completes a cut-off object. Put with
"first wins", that would stand for ever. So awswrangler is given a session whose
client only keeps the request. It is sent, as one PutObject, after ``to_parquet``
has returned. This also spares a new client an object, and the second attempt (and
traceback) that awswrangler's ``__del__`` makes after a refused put.
"""

from __future__ import annotations

from typing import Any

import boto3


class HeldUpload(boto3.Session):  # type: ignore[misc]
    """Stands for a boto3 session and its S3 client. ``request`` is the PutObject to send."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}
        self._parts: dict[int, bytes] = {}

    def client(self, *args: Any, **kwargs: Any) -> HeldUpload:
        return self

    def put_object(self, **request: Any) -> dict[str, Any]:
        self.request = request
        return {}

    def create_multipart_upload(self, **request: Any) -> dict[str, Any]:
        """Objects above 5 MB come in parts."""
        self.request = request
        return {"UploadId": "held"}

    def upload_part(self, PartNumber: int, Body: bytes, **request: Any) -> dict[str, Any]:
        self._parts[PartNumber] = Body
        return {"ETag": str(PartNumber)}

    def complete_multipart_upload(
        self, UploadId: str, MultipartUpload: Any, **request: Any
    ) -> dict[str, Any]:
        parts = [self._parts[part["PartNumber"]] for part in MultipartUpload["Parts"]]
        self.request = self.request | request | {"Body": b"".join(parts)}
        return {}
