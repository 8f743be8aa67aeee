"""One worker's view of its shard's chain of cuts: the protocol, without I/O.

A View says what is to be done next (``doing``). Whoever drives it does that one
thing and calls the transition named for what came of it. The processor drives it
with real stores, the explorer in the tests with every possible world.

Rules:
 1. Look before reading: standing records bind, cut after cut, until none is found.
 2. A bound cut ends exactly where its record says, and must come out equal to it.
 3. A free cut may be closed at any moment; its record is created before its objects.
 4. First wins. Lost against a longer cut: read on to its end. Against a shorter one:
    rewind to the cut's start and end there. Against another first, digest or
    placement: stop.
 5. Objects and snapshots are put once, only for a record that stands.
 6. Only the longest finished prefix is checkpointed, its snapshot first.
 7. Shard end: all cuts stored, snapshot, END record, then the bare checkpoint.
 8. Once the lease is lost, nothing more is written.
 9. After a checkpoint, reading begins only where the stream is proven to hold all that
    follows it, or a gap record says that the rest is given up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kcl_app.core.cut import PLACEMENT, CutRecord
from kcl_app.core.position import Position


@dataclass(frozen=True, slots=True)
class Load:
    """Restore the state from the snapshot at ``at``; then ``loaded``."""

    at: Position | None


@dataclass(frozen=True, slots=True)
class Prove:
    """Prove that the stream holds all that follows ``at``; then ``proven`` or ``passed``."""

    at: Position


@dataclass(frozen=True, slots=True)
class Look:
    """Get the cut record that begins after ``after``; then ``found``."""

    after: Position | None


@dataclass(frozen=True, slots=True)
class Read:
    """Take records: ``read``, ``close``, ``checkpoint_due``, ``end`` or ``shut_down``."""


@dataclass(frozen=True, slots=True)
class Create:
    """Create the cut record; then ``created`` or ``standing``."""

    record: CutRecord


@dataclass(frozen=True, slots=True)
class Rewind:
    """Go back to the open cut's start and feed again up to ``to``; then ``rewound``."""

    to: Position


@dataclass(frozen=True, slots=True)
class Store:
    """Begin to put the record's objects; then ``storing``, and ``stored`` when all stand."""

    record: CutRecord


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Put the state at ``at`` once; then ``snapshotted``."""

    at: Position | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Checkpoint at ``at``, or at the shard's end where ``ended``; then ``checkpointed``."""

    at: Position | None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Write nothing more: the lease is lost, handed on, or the shard is done."""

    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The worker cannot go on: end the process with ``why``."""

    why: str


Doing = Load | Prove | Look | Read | Create | Rewind | Store | Snapshot | Checkpoint | Leave | Stop
READ = Read()


@dataclass(frozen=True, slots=True)
class View:
    """What a worker knows. ``at`` is where the open cut begins after, None at the head."""

    at: Position | None
    doing: Doing
    bound: CutRecord | None = None
    look_on: bool = True
    first: Position | None = None
    last: Position | None = None
    writing: tuple[tuple[CutRecord, bool], ...] = ()
    finished: Position | None = None
    checkpointed: Position | None = None
    unsaved_cuts: int = 0
    ending: bool = False

    @property
    def limit(self) -> Position | None:
        """Where the open cut must end; None while it is free."""
        return self.bound.ends_at if self.bound else None

    @property
    def full(self) -> bool:
        """True where a bound cut has reached its end: ``close`` it before reading on."""
        return self.bound is not None and self.last is not None and self.last == self.limit


class Protocol:
    """The transitions. Each takes a View and returns the next; none has an effect."""

    placements: frozenset[str] = frozenset({PLACEMENT})

    def start(self, checkpoint: Position | None) -> View:
        """``checkpoint`` is the lease's; None where the shard was never checkpointed."""
        return View(checkpoint, Load(checkpoint), finished=checkpoint, checkpointed=checkpoint)

    def loaded(self, view: View) -> View:
        """Rule 9. At a shard's head there is nothing to prove."""
        return replace(view, doing=Prove(view.at) if view.at else Look(None))

    def proven(self, view: View) -> View:
        return replace(view, doing=Look(view.at))

    def passed(self, view: View, gap: CutRecord) -> View:
        """``gap`` stands: go on after it, once more only what is proven."""
        assert gap.last is not None
        return replace(view, at=gap.ends_at, doing=Prove(gap.first_at or gap.last.position))

    def found(self, view: View, record: CutRecord | None) -> View:
        """Rule 1. What stands after ``view.at`` binds."""
        if record is None:
            return replace(view, doing=READ, bound=None, look_on=False)
        if record.placement not in self.placements:
            return self._stop(view, self._foreign(record))
        if record.kind == "gap":
            return self.passed(view, record)
        return replace(view, doing=READ, bound=record, look_on=True)

    def read(self, view: View, first: Position, last: Position) -> View:
        """Records ``first`` to ``last`` joined the open cut; no further than ``limit``."""
        begun = view.first or first
        bound = view.bound
        if bound is not None and (why := self._astray(bound, begun, last)):
            return self._stop(view, why)
        return replace(view, first=begun, last=last)

    def close(self, view: View, record: CutRecord) -> View:
        """The open cut came out as ``record``: rule 2 where it is bound, else rule 3."""
        if view.bound is None:
            return replace(view, doing=Create(record))
        if record.binding() != view.bound.binding():
            return self._stop(view, self._differs(record, view.bound))
        return replace(view, doing=Store(view.bound))

    def created(self, view: View) -> View:
        assert isinstance(view.doing, Create)
        record = view.doing.record
        if record.kind == "end":
            return replace(view, doing=Checkpoint(view.at, ended=True))
        return replace(view, doing=Store(record))

    def standing(self, view: View, other: CutRecord) -> View:
        """Rule 4: another record stands where ours was to be created."""
        assert isinstance(view.doing, Create)
        mine = view.doing.record
        if other.placement not in self.placements:
            return self._stop(view, self._foreign(other))
        if other.binding() == mine.binding():
            return self.created(replace(view, doing=Create(other)))
        same_start = other.kind == mine.kind == "cut" and other.first_at == mine.first_at
        ends, end = other.ends_at, mine.ends_at
        if not same_start or ends is None or end is None or ends == end:
            return self._stop(view, self._differs(mine, other))
        bound = replace(view, bound=other, look_on=True)
        return replace(bound, doing=READ if ends > end else Rewind(ends))

    def rewound(self, view: View) -> View:
        """The open cut now ends at the bound record's end; ``close`` follows."""
        return replace(view, doing=READ, last=view.limit)

    def storing(self, view: View) -> View:
        """Objects are on their way; the next cut begins."""
        assert isinstance(view.doing, Store)
        record = view.doing.record
        at = record.ends_at
        return replace(
            view,
            at=at,
            doing=Look(at) if view.look_on else READ,
            bound=None,
            first=None,
            last=None,
            writing=(*view.writing, (record, False)),
        )

    def stored(self, view: View, record: CutRecord) -> View:
        """All objects of ``record`` stand. Cuts finish in the chain's order."""
        writing = [(r, done or r is record or r == record) for r, done in view.writing]
        finished, cuts = view.finished, view.unsaved_cuts
        while writing and writing[0][1]:
            finished, cuts = writing.pop(0)[0].ends_at, cuts + 1
        return replace(view, writing=tuple(writing), finished=finished, unsaved_cuts=cuts)

    def checkpoint_due(self, view: View) -> View:
        """Rule 6. No change where nothing new is finished."""
        if view.finished == view.checkpointed:
            return view
        return replace(view, doing=Snapshot(view.finished))

    def end(self, view: View) -> View:
        """Rule 7. The shard has no more records; the open cut is closed, all cuts stored."""
        assert view.first is None
        assert not view.writing
        if view.bound is not None and view.bound.kind != "end":
            return self._stop(
                view, f"the shard ended before the cut that stands was read to {view.limit}"
            )
        return replace(view, doing=Snapshot(view.at), ending=True)

    def snapshotted(self, view: View, end: CutRecord | None = None) -> View:
        """``end`` is the END record, needed at a shard's end only."""
        assert isinstance(view.doing, Snapshot)
        if not view.ending:
            return replace(view, doing=Checkpoint(view.doing.at))
        assert end is not None
        if view.bound is None:
            return replace(view, doing=Create(end))
        if view.bound.binding() != end.binding():
            return self._stop(view, self._differs(end, view.bound))
        return replace(view, doing=Checkpoint(view.at, ended=True))

    def checkpointed(self, view: View) -> View:
        assert isinstance(view.doing, Checkpoint)
        if view.doing.ended:
            return replace(view, doing=Leave("the shard is done"))
        return replace(view, doing=READ, checkpointed=view.doing.at, unsaved_cuts=0)

    def left(self, view: View, why: str) -> View:
        """Rule 8: lease lost, or handed on after a requested shutdown."""
        return replace(view, doing=Leave(why))

    def _stop(self, view: View, why: str) -> View:
        return replace(view, doing=Stop(why))

    def _astray(self, bound: CutRecord, first: Position, last: Position) -> str:
        if bound.kind == "end":
            return f"record {first} came after the shard's END at {bound.ends_at}"
        if bound.first_at != first:
            return (
                f"the cut that stands begins with record {bound.first_at}, but the stream "
                f"delivered {first}: records between are missing or were added. Where the "
                "lease table was lost and the stream has forgotten the beginning: restore the "
                "table, or begin a new life"
            )
        if bound.ends_at is not None and last > bound.ends_at:
            return f"record {last} came, but never {bound.ends_at}, where the standing cut ends"
        return ""

    def _foreign(self, record: CutRecord) -> str:
        return (
            f"cut {record.name} has placement {record.placement!r}, this release knows "
            f"{', '.join(sorted(self.placements))}: run the release that wrote it"
            + (f" ({record.values})" if record.values else "")
        )

    def _differs(self, mine: CutRecord, other: CutRecord) -> str:
        facts = [
            f"{name} {getattr(mine, name)!r} here, {getattr(other, name)!r} there"
            for name in (
                "kind",
                "first",
                "last",
                "records",
                "rows",
                "rejects",
                "digest",
                "placement",
            )
            if getattr(mine, name) != getattr(other, name)
        ]
        return (
            f"cut {other.name} stands and is not what was read: {'; '.join(facts) or 'objects'}; "
            "two workers saw different records or run different settings"
        )
