"""Records that have a name of their own, for those that no producer has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kcl_app.core.columns import text
from kcl_app.core.decode import Decoded
from kcl_app.core.records import Records
from replay.stored import StoredDecoder


@dataclass(frozen=True, slots=True)
class NamedRecords(Records):
    """``keys`` are the records' names, too: a reject without an id is found by its key."""

    def slice(self, start: int, stop: int) -> NamedRecords:
        plain = Records.slice(self, start, stop)
        return NamedRecords(plain.sequences, plain.subs, plain.arrivals, plain.keys, plain.data)


class BackfillDecoder(StoredDecoder):
    """Decodes what any origin of a backfill gives."""

    def decode(self, records: Records) -> Decoded:
        """A tick of a named record without an id gets the record's name for one."""
        decoded = StoredDecoder.decode(self, records)
        if not isinstance(records, NamedRecords) or not decoded.ticks.size:
            return decoded
        ids = _filled(decoded.ticks["id"].tolist(), decoded.ticks["record"].tolist(), records.keys)
        return replace(decoded, ticks=decoded.ticks.having(id=text(ids)))


def _filled(
    ids: Sequence[str | None], owners: Sequence[int], names: Sequence[str]
) -> Sequence[str]:
    return [names[owner] if name is None else name for name, owner in zip(ids, owners, strict=True)]
