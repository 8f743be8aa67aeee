"""A Kinesis at the socket's edge of a real client, that fails as a script says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

URL = "http://127.0.0.1:9"
OK, THROTTLED, INTERNAL = 0, 1, 2
CALL_OK, CALL_THROTTLED, UNREACHABLE, ANSWER_LOST, BROKE_AFTER, BROKE_BEFORE = range(6)


def client() -> Any:
    """A client as the publisher uses one: it retries nothing."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    session = boto3.Session("local", "local", region_name="us-east-1")
    return session.client("kinesis", endpoint_url=URL, config=config)


@dataclass
class FakeKinesis:
    """``calls`` and ``records`` are what befalls the next calls and records; then all is well.

    ``stored`` are (key, data) in the order of the stream. Calls that break a limit
    of PutRecords are answered as AWS does.
    """

    calls: Iterable[int] = ()
    records: Iterable[int] = ()
    refusing: frozenset[str] = frozenset()
    """Keys that always fail."""
    stored: list[tuple[str, bytes]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Records of each call."""
    keys: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._calls = iter(self.calls)
        self._records = iter(self.records)

    def attach(self, client: Any) -> None:
        client.meta.events.register("before-send.kinesis.PutRecords", self.send, unique_id="fake")

    def detach(self, client: Any) -> None:
        client.meta.events.unregister("before-send.kinesis.PutRecords", self.send, unique_id="fake")

    def send(self, request: Any, **_: Any) -> AWSResponse:
        entries = json.loads(request.body)["Records"]
        decoded = [(e["PartitionKey"], base64.b64decode(e["Data"])) for e in entries]
        self.sizes.append(len(decoded))
        self.keys.append([key for key, _ in decoded])
        if broken := broken_limit(decoded):
            return answer(400, {"__type": "ValidationException", "message": broken})
        return self._answered(next(self._calls, CALL_OK), decoded)

    def _answered(self, fate: int, entries: list[tuple[str, bytes]]) -> AWSResponse:
        if fate == CALL_THROTTLED:
            return answer(400, {"__type": "ProvisionedThroughputExceededException"})
        if fate == UNREACHABLE:
            raise EndpointConnectionError(endpoint_url=URL)
        if fate == BROKE_BEFORE:
            return answer(500, {"__type": "InternalFailure"})
        results = [self._result(key, data) for key, data in entries]
        if fate == ANSWER_LOST:
            raise ReadTimeoutError(endpoint_url=URL)
        if fate == BROKE_AFTER:
            return answer(503, {"__type": "ServiceUnavailable"})
        failed = sum("ErrorCode" in result for result in results)
        return answer(200, {"FailedRecordCount": failed, "Records": results})

    def _result(self, key: str, data: bytes) -> dict[str, str]:
        fate = THROTTLED if key in self.refusing else next(self._records, OK)
        if fate == THROTTLED:
            code = "ProvisionedThroughputExceededException"
            return {"ErrorCode": code, "ErrorMessage": "Rate exceeded for shard"}
        if fate == INTERNAL:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"}
        self.stored.append((key, data))
        return {"ShardId": "shardId-000000000000", "SequenceNumber": f"{len(self.stored):056d}"}


def broken_limit(entries: list[tuple[str, bytes]]) -> str:
    sizes = [len(key.encode()) + len(data) for key, data in entries]
    if not 1 <= len(entries) <= 500:
        return f"{len(entries)} records"
    if max(sizes) > 1024 * 1024:
        return f"a record of {max(sizes)} bytes"
    if sum(sizes) > 5 * 1024 * 1024:
        return f"a call of {sum(sizes)} bytes"
    return ""


class _Body:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self) -> Iterator[bytes]:
        yield self.body


def answer(status: int, body: dict[str, Any]) -> AWSResponse:
    headers: Any = {"Content-Type": "application/x-amz-json-1.1"}
    return AWSResponse(URL, status, headers, _Body(json.dumps(body).encode()))
