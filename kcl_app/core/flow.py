"""A shard's ticks to rolling values, flags and bars: the pure heart.

Rules:
1. ``feed`` advances the rolling state tick by tick, ``close`` the bars by a cut. Both
   give the same bits however the stream is cut into calls of ``feed``, wherever the
   shard is restarted from a snapshot, and whichever shard a symbol lives on.
2. Nothing here knows the time, the host, or who asks.
3. ``copy`` before a cut is the way back to its start.
4. ``leave`` bounds the symbols in memory. It changes no result: who left comes back, with the
   state that it had, when it is fed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kcl_app.core import bars, snapshot
from kcl_app.core.columns import Array, Columns
from kcl_app.core.detector import SEVERITIES, Detector, Found
from kcl_app.core.exchange import LocalClock
from kcl_app.core.indicators import Indicator, View, as_json
from kcl_app.core.leaving import MemoryShelf, Shelf, found_again, leave, recall
from kcl_app.core.left import Left
from kcl_app.core.live import Live, Watermark, hear, live_fields, newest_arrival
from kcl_app.core.position import Position
from kcl_app.core.repeats import Horizon, Repeats
from kcl_app.core.rolling import FIELDS as ROLLING
from kcl_app.core.rolling import indicators
from kcl_app.core.runs import Runs
from kcl_app.core.session import FIELDS as SESSION
from kcl_app.core.session import lateness, previous_close, traded
from kcl_app.core.state import Field, State
from kcl_app.core.windows import Windows

INDICATORS = ("sma_5", "sma_20", "ewma_volatility", "z_score")
_ANOMALY_COLUMNS = (
    *("exchange_date", "exchange_hour", "exchange_minute"),
    *("arrival", "sequence", "sub_sequence", "line", "record"),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a flow computes: the exchange's zone, the bars' windows, the detectors in order."""

    zone: str
    windows: tuple[Windows, ...]
    detectors: tuple[Detector, ...]
    horizon: Horizon = field(default_factory=Horizon)
    more: tuple[Indicator, ...] = ()
    watermark: Watermark | None = None

    def fields(self) -> tuple[Field, ...]:
        """All memory that these rules need."""
        of_bars = [field for window in self.windows for field in bars.bar_fields(window)]
        of_live = live_fields(self.windows) if self.watermark else ()
        of_detectors = [field for detector in self.detectors for field in detector.fields]
        of_more = [field for indicator in self.more for field in indicator.fields]
        return (*ROLLING, *SESSION, *of_bars, *of_detectors, *of_more, *of_live)


@dataclass(frozen=True, slots=True)
class Fed:
    """``ticks`` in arrival order, as decoded, with indicators and flags, ``trend`` and
    ``traded`` (what ``close`` needs); ``anomalies`` one row a flag. ``repeats`` counts
    ticks left out as a producer's repeat."""

    ticks: Columns
    anomalies: Columns
    repeats: int = 0
    live: Live = field(default_factory=Live)


class Flow:
    """One shard's flow. ``shard`` informs; the rules decide the results.

    ``shelf`` holds symbols that left, and is shared by copies; by default it is memory.
    """

    def __init__(self, shard: str, rules: Rules, shelf: Shelf | None = None) -> None:
        self.shard = shard
        self.rules = rules
        self._shelf = MemoryShelf() if shelf is None else shelf
        self._left = Left()
        self._clock = LocalClock(rules.zone)
        self._state = State(rules.fields())
        self._repeats = Repeats(rules.horizon)
        self._arrival = 0

    @classmethod
    def restore(
        cls, shard: str, rules: Rules, bodies: Sequence[bytes], shelf: Shelf | None = None
    ) -> Flow:
        """The flow of a snapshot, or of parents' final ones. ``shelf`` has what they list.

        Raises UnknownSnapshot.
        """
        flow = cls(shard, rules, shelf)
        saved = [snapshot.load(body, rules.fields()) for body in bodies]
        state = snapshot.merged([one.state for one in saved], rules.fields())
        names = {name for one in saved for name in one.left}
        flow._left, flow._state = found_again(sorted(names), flow._shelf, state)
        flow._repeats = Repeats.of(rules.horizon, [one.ids for one in saved])
        if rules.watermark:
            newest = newest_arrival(flow._state)
            flow._arrival = max([newest, *(one.arrival for one in saved)])
        return flow

    def snapshot(self) -> bytes:
        """The whole state; ``restore`` goes on as this flow would. What left is listed, and
        lies on the shelf."""
        return snapshot.dump(self._state, self._repeats.table(), self.left, self._arrival)

    @property
    def left(self) -> tuple[str, ...]:
        """Names of the objects in which symbols lie that left."""
        return self._left.names

    @property
    def symbols(self) -> int:
        """How many symbols are in memory."""
        return len(self._state)

    @property
    def arrival(self) -> int:
        """The newest arrival that live bars know of, in UTC microseconds; 0 without them."""
        return self._arrival

    def leave(self, most: int, at: Position | None) -> None:
        """Called behind ``close`` of a cut that ends ``at``: at most ``most`` symbols stay in
        memory, those that were seen last. 0 is no bound."""
        if at is not None:
            self._state = leave(self._state, self._left, self._shelf, most, self.shard, at)

    def copy(self) -> Flow:
        """A flow at the same point, independent of this one."""
        twin = type(self)(self.shard, self.rules, self._shelf)
        twin._state = self._state.copy()
        twin._left = self._left.copy()
        twin._repeats = self._repeats.copy()
        twin._arrival = self._arrival
        return twin

    def feed(self, ticks: Columns) -> Fed:
        """Ticks of a call, in stream order, with their rolling values and flags."""
        fresh = self._repeats.fresh(ticks)
        if fresh is None:
            return self._told(ticks)
        return replace(self._told(ticks.take(fresh)), repeats=int((~fresh).sum()))

    def _told(self, ticks: Columns) -> Fed:
        if not ticks.size:
            names = [name for indicator in self.rules.more for name in indicator.names]
            none = _valued(ticks, Runs(np.zeros(0, dtype=np.int64)), {})
            columns = {name: np.zeros(0) for name in names}
            return _flagged(none.having(**columns, indicators=as_json(columns, 0)), [], ())
        slots = self._state.slots(ticks["symbol"], self._recall if self._left else None)
        ticks = ticks.having(symbol=self._state.names(slots))
        runs = Runs(slots)
        prices = ticks["price"][runs.order]
        dates = ticks["exchange_date"][runs.order]
        values = {
            "session_close": previous_close(runs, self._state, dates, prices),
            "traded": traded(runs, self._state, ticks),
            "late_seconds": lateness(runs, self._state, ticks["timestamp"][runs.order]),
            **indicators(runs, self._state, prices),
        }
        self._see(runs, ticks)
        valued = _valued(ticks, runs, values)
        view = View(runs, prices, ticks["timestamp"][runs.order], values["traded"])
        more = self._more(view)
        valued = valued.having(**more, indicators=as_json(more, ticks.size))
        detectors = self.rules.detectors
        found = [detector.judge(valued, runs, self._state) for detector in detectors]
        fed = _flagged(valued, found, detectors)
        return replace(fed, live=self._hear(slots, valued, int(ticks["arrival"].max())))

    def idle(self, arrival: int) -> Live:
        """Bars closed by silence: nothing came by ``arrival`` (UTC microseconds), a time at
        which the stream was read to its end. Empty without a watermark."""
        none = {name: np.zeros(0, dtype=np.int64) for name in ("timestamp", "arrival")}
        return self._hear(np.zeros(0, dtype=np.int64), Columns(none), arrival)

    def _hear(self, slots: Array, ticks: Columns, arrival: int) -> Live:
        mark = self.rules.watermark
        if mark is None:
            return Live()
        self._arrival = max(self._arrival, arrival)
        windows = self.rules.windows
        return hear(slots, ticks, self._state, windows, mark, self._clock, self._arrival)

    def close(self, ticks: Columns) -> dict[str, Columns]:
        """Bars of all windows that a cut touched, by interval. ``ticks`` are ``Fed.ticks``
        of all its calls, joined."""
        if not ticks.size:
            return {}
        cut = bars.Cutful(self._state.slots(ticks["symbol"]), ticks)
        return {
            window.name: bars.close(cut, self._state, window, self._clock)
            for window in self.rules.windows
        }

    def _recall(self, symbols: list[str]) -> None:
        recall(symbols, self._state, self._left, self._shelf)

    def _more(self, view: View) -> dict[str, Array]:
        """Columns of the indicators that the settings add."""
        columns = {}
        for indicator in self.rules.more:
            for name, column in zip(
                indicator.names, indicator.values(view, self._state), strict=True
            ):
                columns[name] = view.runs.back(column)
        return columns

    def _see(self, runs: Runs, ticks: Columns) -> None:
        last = runs.order[runs.ends]
        self._state.see(runs.slots, ticks["sequence"][last], ticks["sub_sequence"][last])


def _valued(ticks: Columns, runs: Runs, values: dict[str, Array]) -> Columns:
    """The ticks with rolling values, the session's figures filled in where the source has none."""
    none = np.zeros(0)
    own = {name: runs.back(values[name]) if values else none for name in _VALUES}
    before, price = ticks["previous_close"], ticks["price"]
    close = np.where(np.isnan(before), own.pop("session_close"), before)
    change = np.where(np.isnan(ticks["change"]), price - close, ticks["change"])
    base = np.where(close > 0, close, np.nan)
    percent = np.where(
        np.isnan(ticks["change_percent"]), 100.0 * change / base, ticks["change_percent"]
    )
    own["trend"] = own["trend"].astype(np.int8)
    own["traded"] = own["traded"].astype(np.int64)
    return ticks.having(previous_close=close, change=change, change_percent=percent, **own)


_VALUES = ("session_close", *INDICATORS, "trend", "traded", "late_seconds")


def _flagged(ticks: Columns, found: Sequence[Found], detectors: Sequence[Detector]) -> Fed:
    flags = np.full(ticks.size, None, dtype=object)
    severity = np.full(ticks.size, None, dtype=object)
    worst = np.full(ticks.size, -1)
    for detector, what in zip(detectors, found, strict=True):
        for row in what.rows.tolist():
            flags[row] = f"{flags[row]},{detector.kind}" if flags[row] else detector.kind
        np.maximum.at(worst, what.rows, what.severities)
    for row in np.flatnonzero(worst >= 0).tolist():
        severity[row] = SEVERITIES[worst[row]]
    return Fed(ticks.having(flags=flags, severity=severity), _anomalies(ticks, found, detectors))


def _anomalies(ticks: Columns, found: Sequence[Found], detectors: Sequence[Detector]) -> Columns:
    """One row a flag, by tick, then in the detectors' order."""
    every = [np.zeros(0, dtype=np.int64), *(what.rows for what in found)]
    rows = np.concatenate(every)
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    kinds = [d.kind for d, what in zip(detectors, found, strict=True) for _ in what.reasons]
    grave = [SEVERITIES[s] for what in found for s in what.severities.tolist()]
    reasons = [reason for what in found for reason in what.reasons]
    scores = np.concatenate([np.zeros(0), *(what.scores for what in found)])
    return Columns(
        {
            "symbol": ticks["symbol"][rows],
            "timestamp": ticks["timestamp"][rows],
            "kind": np.array(kinds, dtype=object)[order],
            "severity": np.array(grave, dtype=object)[order],
            "score": scores[order],
            "price": ticks["price"][rows],
            "reason": np.array(reasons, dtype=object)[order],
            **{name: ticks[name][rows] for name in _ANOMALY_COLUMNS},
        }
    )
