"""The lake: one Parquet object a (cut, table, partition), put once, through awswrangler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
from botocore.exceptions import ClientError

from kcl_app.core.contract import Batch, Sink, When
from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.lake import object_key
from sinks.aws import later
from sinks.held import HeldUpload
from sinks.placement import objects

DICTIONARIES = (
    "symbol",
    "kind",
    "source",
    "flags",
    "severity",
    "exchange_date",
    "exchange_hour",
    "exchange_minute",
    "shard",
)
"""Columns of few values: a dictionary pays. Elsewhere it costs time and bytes."""


@dataclass
class ParquetSink(Sink):
    """Writes the objects that a cut's record lists, each put only where none stands.

    Settings: ``parallel``, how many of a cut's objects are sent at a time;
    ``level``, zstd's.
    """

    parallel: int = 4
    level: int = 1
    when: ClassVar[When] = "cut"
    guarantee: ClassVar[str] = (
        "every accepted record once: objects are named by the cut and put only where none stands, "
        "so a repeat changes nothing"
    )
    _encode: Callable[[pa.Table, str, dict[str, str]], dict[str, Any]] = field(
        init=False, repr=False
    )

    def __post_init__(self) -> None:
        if not 1 <= self.parallel <= 64:
            raise ValueError(f"parallel = {self.parallel} must lie between 1 and 64")
        if not 1 <= self.level <= 22:
            raise ValueError(f"level = {self.level} is no zstd level: 1 to 22")

    def open(self) -> None:
        """Import awswrangler and pandas (0.5 s, about 75 MB); see that the bucket is there."""
        logging.getLogger("awswrangler").setLevel(logging.ERROR)
        self._encode = _encoder(self.level)
        self._client = self.site.client("s3")
        self._pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="parquet")
        try:
            self._client.head_bucket(Bucket=self.site.bucket)
        except ClientError as error:
            raise RuntimeError(
                f"bucket {self.site.bucket} cannot be used ({error}); tapeline apply makes it"
            ) from error

    def write(self, batch: Batch) -> None:
        """Put the cut's objects. Raises Misplaced where its rows aren't those of the record."""
        placed = list(objects(batch))
        assert batch.cut is not None
        cut = batch.cut
        sent = [self._pool.submit(self._put, self._request(cut, *one)) for one in placed]
        wait(sent)
        for put in sent:
            put.result()

    def close(self) -> None:
        self._pool.shutdown()

    def _request(self, cut: CutRecord, entry: ObjectEntry, rows: pa.Table) -> dict[str, Any]:
        path = f"s3://{self.site.bucket}/{self.site.prefix}{object_key(cut, entry)}"
        return self._encode(rows, path, _described(cut, rows))

    def _put(self, request: dict[str, Any]) -> None:
        """412: it stands already, by another worker's hand or our own lost answer."""
        with later(1.0):
            try:
                self._client.put_object(**request)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                    raise


def _described(cut: CutRecord, rows: pa.Table) -> dict[str, str]:
    """S3 takes only ASCII here."""
    values = cut.values.encode("ascii", "replace").decode()
    return {"cut-digest": cut.digest, "rows": str(rows.num_rows), "values": values}


def _encoder(level: int) -> Callable[[pa.Table, str, dict[str, str]], dict[str, Any]]:
    """A function from (rows, path, metadata) to the PutObject request, not sent."""
    import awswrangler
    import pandas as pd

    frames = {
        pa.string(): pd.StringDtype("pyarrow"),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
    }

    def dtype(kind: pa.DataType) -> Any:
        """Types that awswrangler knows by name: its inference of the others costs 0.5 ms each."""
        return None if kind == pa.float64() else frames.get(kind, pd.ArrowDtype(kind))

    def encode(rows: pa.Table, path: str, described: dict[str, str]) -> dict[str, Any]:
        upload = HeldUpload()
        awswrangler.s3.to_parquet(
            rows.to_pandas(types_mapper=dtype, split_blocks=True),
            path,
            index=False,
            dataset=False,
            compression="zstd",
            use_threads=False,
            boto3_session=upload,
            s3_additional_kwargs={"IfNoneMatch": "*", "Metadata": described},
            pyarrow_additional_kwargs=_written_as(rows.schema, level),
        )
        return upload.request

    return encode


def _written_as(schema: pa.Schema, level: int) -> dict[str, Any]:
    """Options of pyarrow's writer: INT64 microseconds with zone and statistics, our schema.

    A frame knows no "never null", and pyarrow refuses a table whose schema differs
    from the file's. With the flavour "spark" it turns blanks in names into
    underscores and then puts the table under the file's schema. So the schema is
    handed over with blanks, and the file has it exactly, nullability included.
    """
    blanks = [field.with_name(field.name.replace("_", " ")) for field in schema]
    return {
        "schema": pa.schema(blanks, metadata=schema.metadata),
        "flavor": "spark",
        "version": "2.6",
        "use_deprecated_int96_timestamps": False,
        "coerce_timestamps": "us",
        "compression_level": level,
        "use_dictionary": [name for name in DICTIONARIES if name in schema.names],
        "write_statistics": True,
    }
