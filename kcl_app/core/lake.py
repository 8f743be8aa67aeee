"""Where everything of the lake stands, below its prefix. Pure names, no I/O."""

from __future__ import annotations

from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.position import Position, key_after

LIFE = "control/life.json"


def cut_key(life: str, shard: str, after: Position | None) -> str:
    """The cut record of the cut that begins after ``after``."""
    return f"cuts/{life}/{shard}/{key_after(after)}.json"


def snapshot_key(life: str, shard: str, at: Position | None) -> str:
    """The state after the record at ``at``; ``HEAD`` before a shard's first record."""
    return f"{snapshots_of(life, shard)}{key_after(at)}.arrow"


def snapshots_of(life: str, shard: str) -> str:
    """The prefix of a shard's snapshots."""
    return f"snapshots/{life}/{shard}/"


def left_states_key(life: str, name: str) -> str:
    """The states of symbols that left together; ``name`` is ``SHARD/<position>-<digest>``."""
    return f"left/{life}/{name}.arrow"


def left_index_key(life: str, name: str) -> str:
    """Who lies in that object, and when each was last seen."""
    return f"left/{life}/{name}.index.arrow"


def left_by(life: str, shard: str) -> str:
    """The prefix of what left a shard."""
    return f"left/{life}/{shard}/"


def begun_key(life: str, shard: str) -> str:
    """The mark of a child shard that has been checkpointed at least once."""
    return f"control/begun/{life}/{shard}"


def object_key(record: CutRecord, entry: ObjectEntry) -> str:
    """``TABLE/dt=YYYY-MM-DD/LIFE-SHARD-<after>.parquet``."""
    return f"{entry.table}/{entry.partition}/{record.name}.parquet"


def manifest_key(run: str, part: int) -> str:
    """Record ids that a producer's run put on the stream."""
    return f"produced/{run}-{part:05d}.parquet"
