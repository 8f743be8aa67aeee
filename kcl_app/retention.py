"""Whether the stream still holds all that follows a position.

Rules:
1. What proves it is the stream's own word: a read from the position on that begins
   with that very record, or with an older one.
2. A record that expired while nothing followed it proves nothing about what followed.
   Then a quiet mark must: it says that at some moment nothing had, and that moment
   still lies within retention.
3. Sequence numbers are compared as integers, and asked for as the text that came.
4. Reads that the stream throttles are tried again, within bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError

from kcl_app.core.position import Position
from kcl_app.quiet import QuietMarks
from kcl_app.stopped import Stopped

THROTTLED = {
    "ExpiredIteratorException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
}
ATTEMPTS = 7
EMPTY_READS = 400
"""A stream may answer with nothing though more follows; each such read is 0.25 s apart."""
PAUSE_S = 0.25
MARGIN = timedelta(hours=1)
"""How much younger than retention a quiet mark must be: clocks and prefetched reads differ."""


@dataclass(frozen=True)
class Found:
    """The first record a read met; ``at`` is None where it came to the tip without one.

    ``now`` is the stream's own clock when it answered.
    """

    at: Position | None
    arrived: datetime | None
    now: datetime | None


class Retention(Protocol):
    """What a processor asks about the stream's memory."""

    def gap(self, shard: str, at: Position) -> str:
        """Why the stream may not hold all that follows ``at``; empty where it does."""

    def quiet(self, shard: str, at: Position) -> None:
        """Keep that nothing followed ``at`` by now."""


class KeepsAll:
    """The retention of a stream that never forgets, such as a file."""

    def gap(self, shard: str, at: Position) -> str:
        return ""

    def quiet(self, shard: str, at: Position) -> None:
        pass


@dataclass
class StreamRetention:
    """Asks the stream ``stream`` through a Kinesis client; ``sleep`` waits between reads."""

    client: Any
    stream: str
    marks: QuietMarks
    sleep: Callable[[float], None] = time.sleep

    def gap(self, shard: str, at: Position) -> str:
        """Empty where all that follows ``at`` is proven to be there; else what may be lost.

        Raises Stopped where the stream cannot be read within bounds.
        """
        there = self._first(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=at.sequence)
        if there.at is not None and int(there.at.sequence) <= int(at.sequence):
            return ""
        oldest = self.oldest(shard)
        if self._still_quiet(shard, at, oldest.now):
            return ""
        return _sentence(shard, at, oldest)

    def quiet(self, shard: str, at: Position) -> None:
        """Say that nothing has followed ``at`` so far; ``at`` is the shard's checkpoint."""
        self.marks.renew(shard, at)

    def oldest(self, shard: str) -> Found:
        """The oldest record that the shard still has."""
        return self._first(shard, "TRIM_HORIZON")

    def _still_quiet(self, shard: str, at: Position, now: datetime | None) -> bool:
        since = self.marks.since(shard, at)
        if since is None or now is None:
            return False
        described = self._patiently(self.client.describe_stream_summary, StreamName=self.stream)
        hours = described["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return now - since < timedelta(hours=hours) - MARGIN

    def _first(self, shard: str, kind: str, **start: str) -> Found:
        iterator = self._iterator(shard, kind, start)
        now = None
        for _ in range(EMPTY_READS):
            if iterator is None:
                return Found(None, None, now)
            answer = self._patiently(self.client.get_records, ShardIterator=iterator, Limit=1)
            now = _date(answer)
            if answer["Records"]:
                record = answer["Records"][0]
                at = Position(record["SequenceNumber"])
                return Found(at, record.get("ApproximateArrivalTimestamp"), now)
            if not answer.get("MillisBehindLatest"):
                return Found(None, None, now)
            iterator = answer.get("NextShardIterator")
            self.sleep(PAUSE_S)
        raise Stopped(
            f"{shard}: {EMPTY_READS} reads of {self.stream} brought no record and no end; "
            "start the worker again"
        )

    def _iterator(self, shard: str, kind: str, start: dict[str, str]) -> str | None:
        """None where the stream says that it knows no such position."""
        try:
            answer = self._patiently(
                self.client.get_shard_iterator,
                StreamName=self.stream,
                ShardId=shard,
                ShardIteratorType=kind,
                **start,
            )
        except self.client.exceptions.InvalidArgumentException:
            return None
        except self.client.exceptions.ResourceNotFoundException as gone:
            raise Stopped(f"shard {shard} is not in stream {self.stream} any more") from gone
        return str(answer["ShardIterator"])

    def _patiently(self, call: Callable[..., Any], **given: Any) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return call(**given)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in THROTTLED:
                    raise
                if attempt == ATTEMPTS - 1:
                    raise Stopped(
                        f"stream {self.stream} refused {ATTEMPTS} reads ({code}), so what it "
                        "still holds could not be proven; the worker starts again"
                    ) from error
                self.sleep(min(PAUSE_S * 2**attempt, 8.0))
        raise AssertionError("unreachable")


def _date(answer: Any) -> datetime | None:
    """The server's clock, from its answer."""
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(text) if text else None


def _sentence(shard: str, at: Position, oldest: Found) -> str:
    if oldest.at is None:
        held = "it holds no record of this shard any more"
        lost = "All that arrived after the checkpoint until retention ran out"
    else:
        held = f"its oldest record is {oldest.at}, which arrived at {oldest.arrived}"
        lost = f"All that arrived between the checkpoint and {oldest.arrived}"
    return (
        f"{shard}: the stream cannot show that it still has what follows the checkpoint {at}: "
        f"{held}. {lost} may be lost to this lake. If the stream's producers still have it, put "
        f"it again later; to go on after the hole: tapeline gap confirm {shard}"
    )
