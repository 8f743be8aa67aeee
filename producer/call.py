"""One PutRecords call, and what its answer means for each of its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)
from botocore.parsers import ResponseParserError

from producer.queue import Record

THROTTLED = {
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
REMEDIES = {
    "AccessDeniedException": "the credentials need kinesis:PutRecords on the stream",
    "ExpiredTokenException": "renew the credentials",
    "ResourceNotFoundException": "make the stream with `tapeline apply`",
    "UnrecognizedClientException": "check the credentials and the region",
}


class PublishError(Exception):
    """Publishing cannot go on. One sentence: what was wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Kinesis has the record; both are its own text."""

    shard: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The record may be sent again. ``uncertain`` where Kinesis may have it all the same."""

    why: str
    uncertain: bool = False


Outcome = Stored | Failed


def put(client: Any, stream: str, records: Sequence[Record]) -> list[Outcome]:
    """Put ``records`` in one call; an outcome for each. Raises PublishError where sending
    again would not help."""
    entries = [{"Data": record.data, "PartitionKey": record.key} for record in records]
    try:
        answer = client.put_records(StreamName=stream, Records=entries)
    except ClientError as wrong:
        return [_refused(wrong, stream)] * len(records)
    except (ConnectTimeoutError, EndpointConnectionError) as wrong:
        return [Failed(str(wrong))] * len(records)
    except (HTTPClientError, ResponseParserError) as wrong:
        return [Failed(str(wrong), uncertain=True)] * len(records)
    except BotoCoreError as wrong:
        raise PublishError(f"stream {stream}: {wrong}") from wrong
    results = answer["Records"]
    if len(results) != len(records):
        raise PublishError(
            f"stream {stream}: {len(records)} records were put and {len(results)} answered; "
            "which of them stand is not known"
        )
    return [_outcome(result) for result in results]


def _outcome(result: dict[str, Any]) -> Outcome:
    if code := result.get("ErrorCode"):
        return Failed(f"{code}: {result.get('ErrorMessage', '')}".rstrip(": "))
    return Stored(result["ShardId"], result["SequenceNumber"])


def _refused(wrong: ClientError, stream: str) -> Failed:
    """The call as a whole failed: later, or never."""
    code = wrong.response.get("Error", {}).get("Code", "")
    status = wrong.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    why = f"{code}: {wrong.response.get('Error', {}).get('Message', '')}"
    if code in THROTTLED:
        return Failed(why)
    if status >= 500:
        return Failed(why, uncertain=True)
    remedy = f"; {REMEDIES[code]}" if code in REMEDIES else ""
    raise PublishError(f"stream {stream}: {why}{remedy}") from wrong
