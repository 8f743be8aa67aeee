"""The suite that every sink passes, ours and strangers'. Inherit SinkContract, say two things.

class TestSqliteSink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path):
        self.path = str(tmp_path / "flags.db")

    def make(self):
        return SqliteSink(self.path)

    def read(self):
        return sqlite3.connect(self.path).execute("select * from flags").fetchall()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from kcl_app.core.contract import Batch, Retry, Sink
from kcl_app.fanout import Fanout
from sinks.flaky import Fault, FlakySink
from sinks.samples import Row, anomaly, bar, cut, hot, live_bar, reject, tick

__all__ = ["MemoryStore", "SinkContract"]

SYMBOLS = ("FB", "SHOP", "BRK/B", "三菱", "ÉTÉ", "🚀")


class SinkContract:
    """What a sink promises, tested. A class named ``Test...`` inherits all of it.

    Storage is new for every test. ``once`` is False for a sink whose guarantee
    allows a repeat to double rows; then only loss is looked for.
    """

    once: ClassVar[bool] = True

    def make(self) -> Sink:
        """A new sink, unopened, over this test's storage, with ``site`` set if it needs one."""
        raise NotImplementedError

    def read(self) -> Iterable[Any]:
        """All that this test's storage holds now, a value a row, in any order."""
        raise NotImplementedError

    def spoilt(self) -> Batch | None:
        """A batch with a row that the sink refuses beside rows that it takes; None if there's none.

        Rows that are taken must be told apart from those of ``batches``.
        """
        return None

    def test_it_is_a_dataclass_with_its_settings_as_fields(self) -> None:
        kind = type(self.make())
        assert "__dataclass_fields__" in vars(kind), f"decorate {kind.__name__} with @dataclass"

    def test_it_says_when_it_is_written_and_what_a_repeat_does(self) -> None:
        sink = self.make()
        assert sink.when in ("batch", "cut"), f'when = {sink.when!r} is not "batch" or "cut"'
        assert len(sink.guarantee.split()) >= 3, "guarantee is a sentence for operators"

    def test_making_one_touches_nothing(self) -> None:
        """Settings are checked where nothing can be reached: what a sink needs, open opens."""
        again = dataclasses.replace(self.make())
        assert again.site is None

    def test_a_batch_is_stored_when_write_returns(self) -> None:
        before = self._stored()
        self._write(self._batches()[0])
        assert self._stored() != before, "after write nothing is there to read"

    def test_a_batch_that_comes_again_changes_nothing(self) -> None:
        batches = self._batches()
        self._write(*batches)
        self._changes_nothing(*batches)

    def test_rows_that_come_again_cut_differently_change_nothing(self) -> None:
        self._write(*self._batches())
        self._changes_nothing(*self._otherwise())

    def test_a_batch_without_rows_changes_nothing(self) -> None:
        self._write(self._batches()[0])
        empty = cut(after=90) if self._cold() else hot()
        self._changes_nothing(empty)

    def test_columns_without_a_value_are_taken(self) -> None:
        before = self._stored()
        self._write(self._batch([tick(1)], 1))
        assert self._stored() != before

    def test_symbols_of_every_script_are_kept_apart(self) -> None:
        batches = [self._batch([tick(n, symbol=s)], n) for n, s in enumerate(SYMBOLS)]
        for batch in batches:
            before = self._stored()
            self._write(batch)
            assert self._stored() != before, f"{batch.rows('ticks')[0]['symbol']} is not stored"

    def test_a_late_writer_moves_nothing_back(self) -> None:
        """A worker that lost its shard may still write what it had read."""
        old, new = self._old_and_new()
        self._write(old, new)
        self._changes_nothing(old)

    def test_bars_that_silence_closed_come_without_ticks_and_may_come_again(self) -> None:
        """Only for sinks of calls: live bars never go into a cut."""
        if self._cold():
            return
        closed = hot(live_bars=[live_bar(3, closed=True)])
        self._write(self._batches()[0], closed)
        self._changes_nothing(closed)

    def test_no_older_value_of_a_live_bar_replaces_a_newer_one(self) -> None:
        """Older: an earlier position of the symbol, or open where it was closed."""
        if self._cold():
            return
        values = [live_bar(2), live_bar(3), live_bar(3, closed=True)]
        old, new, last = (hot(live_bars=[value]) for value in values)
        self._write(old, new, last)
        self._changes_nothing(new, old)

    def test_a_crash_between_two_writes_loses_and_doubles_nothing(self) -> None:
        """The process dies without close; the next one replays from before."""
        first, *others = self._batches()
        died = self.make()
        died.open()
        died.write(first)
        self._write(first, *others)
        self._changes_nothing(first, *others)
        died.close()

    def test_an_answer_that_is_lost_loses_and_doubles_nothing(self) -> None:
        """The batch was stored, its answer never came, and it is offered again."""
        faults = (Fault(Retry(0.0, "the answer was lost"), "after"), None) * 2
        with self._fanned(FlakySink(self.make(), faults)) as write:
            write(self._batches())
        self._changes_nothing(*self._batches())

    def test_refused_rows_are_kept_and_the_others_are_stored(self) -> None:
        batch, letters = self.spoilt(), MemoryStore()
        with self._fanned(self.make(), letters) as write:
            write([batch] if batch else self._batches())
        assert bool(letters.bodies) == bool(batch), "refused rows and dead letters must agree"
        assert list(self.read()), "the rows beside a refused one are not stored"

    def test_the_batch_stays_as_it_was(self) -> None:
        batch = self._batches()[0]
        copies = {name: table.to_pylist() for name, table in batch.tables.items()}
        self._write(batch)
        assert {name: table.to_pylist() for name, table in batch.tables.items()} == copies

    def test_a_new_process_goes_on_where_one_was_closed(self) -> None:
        first, *others = self._batches()
        self._write(first)
        self._write(*others)
        self._changes_nothing(first, *others)

    # --- how batches are made, written and compared ------------------------------------

    def _batches(self) -> list[Batch]:
        return [self._batch(self._stream()[start : start + 2], start) for start in (0, 2, 4)]

    def _otherwise(self) -> list[Batch]:
        """The same rows in other batches; a cut binds, so there only its values may differ."""
        if self._cold():
            return [self._batch(self._stream()[n : n + 2], n, derived=False) for n in (0, 2, 4)]
        singles = [self._batch([row], n) for n, row in enumerate(self._stream())]
        return [self._batch(self._stream(), 0), *singles]

    def _stream(self) -> list[Row]:
        kinds = ("trade", "quote", "bar") * 2
        named = zip(SYMBOLS, kinds, strict=True)
        return [tick(n, symbol=symbol, kind=kind) for n, (symbol, kind) in enumerate(named)]

    def _batch(self, ticks: list[Row], n: int, derived: bool = True) -> Batch:
        """Each tick with its flag; the second line of its record was rejected."""
        flags = [anomaly(0, **self._shared(row)) for row in ticks]
        lines = [reject(0, sequence=r["sequence"], arrival=r["arrival"], line=1) for r in ticks]
        if not self._cold():
            return hot(ticks, flags, lines, [self._live(row) for row in ticks])
        batch = cut(ticks, flags, lines, [bar(n)], after=n)
        if derived:
            return batch
        kept = {name: batch.tables[name] for name in ("ticks", "rejects")}
        return Batch(batch.shard, kept, batch.cut)

    def _shared(self, row: Row) -> Row:
        names = ("symbol", "timestamp", "arrival", "sequence", "price")
        return {name: row[name] for name in names}

    def _live(self, row: Row) -> Row:
        """The tick's bar, as it is behind it."""
        names = ("symbol", "sequence")
        return live_bar(0, **{name: row[name] for name in names}, close=row["price"])

    def _old_and_new(self) -> tuple[Batch, Batch]:
        """Two quotes of one symbol and instant, from two positions."""
        old = tick(1, kind="quote", price=10.0)
        new = tick(2, kind="quote", price=20.0, timestamp=old["timestamp"])
        return self._batch([old], 1), self._batch([new], 2)

    def _cold(self) -> bool:
        return self.make().when == "cut"

    def _write(self, *batches: Batch) -> None:
        """By a process of its own."""
        with self._fanned(self.make()) as write:
            write(batches)

    def _fanned(self, sink: Sink, store: MemoryStore | None = None) -> _Opened:
        return _Opened(sink, self.make().site, store or MemoryStore())

    def _stored(self) -> list[str]:
        rows = [repr(row) for row in self.read()]
        return sorted(rows if self.once else set(rows))

    def _changes_nothing(self, *batches: Batch) -> None:
        before = self._stored()
        self._write(*batches)
        after = self._stored()
        assert after == before, f"{set(after) ^ set(before) or 'rows are doubled'}"


class MemoryStore:
    """``core.store.Store`` in a dict, for dead letters."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def create(self, key: str, body: bytes) -> bool:
        return self.bodies.setdefault(key, body) is body

    def put_once(self, key: str, body: bytes) -> None:
        self.bodies.setdefault(key, body)

    def get(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.bodies if key.startswith(prefix)))

    def drop(self, key: str) -> None:
        self.bodies.pop(key, None)


@dataclasses.dataclass
class _Opened:
    """A fan-out with one sink; waiting takes no time.

    As in a worker, sinks are opened on one thread and cuts written on another.
    """

    sink: Sink
    site: Any
    store: MemoryStore

    def __enter__(self) -> _Opened:
        self.sink.site = self.site
        sinks = {"tested": self.sink}
        self.fanout = Fanout(sinks, self.store, sleep=lambda seconds: None, now=lambda: 0.0)
        self.fanout.open()
        self.writer = ThreadPoolExecutor(1)
        return self

    def __call__(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self.fanout.hot(batch)
            self.writer.submit(self.fanout.cold, batch).result()

    def __exit__(self, *error: object) -> None:
        self.writer.shutdown()
        self.fanout.close()
