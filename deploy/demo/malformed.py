"""Records as somebody's broken producer sends them: each becomes a row of rejects."""

from __future__ import annotations

from config.site import Site

RECORDS: tuple[bytes, ...] = (
    b"AAPL 187.20 +1.2%",
    b'{"symbol": "ZZZ", "timestamp": "2025-01-06T15:00:00Z"}',
    b'{"symbol": "ZZZ", "timestamp": "2025-01-06T15:00:00Z", "price": "a lot"}',
    b'{"symbol": "ZZZ", "timestamp": "2025-01-06T15:00:00Z", "price": NaN}',
    b'{"symbol": "ZZZ", "timestamp": "2025-01-06T15:00:00Z", "price": 12.5, "volume": -100}',
    b'{"symbol": "ZZZ", "timestamp": "0001-01-01T00:00:00Z", "price": 12.5}',
    b'{"symbol": "", "timestamp": "2025-01-06T15:00:00Z", "price": 12.5}',
)
KEY = "broken"


def send(site: Site) -> int:
    """Put them on the stream as they are, past the publisher; returns how many.

    They are in no manifest: their sender is a stranger. Raises RuntimeError where the
    stream does not take one.
    """
    answer = site.client("kinesis").put_records(
        StreamName=site.settings.stream.name,
        Records=[{"Data": record, "PartitionKey": KEY} for record in RECORDS],
    )
    for record in answer["Records"]:
        if code := record.get("ErrorCode"):
            raise RuntimeError(f"the stream refused a record: {code}, {record['ErrorMessage']}")
    return len(RECORDS)
