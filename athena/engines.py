"""Which engine answers."""

from __future__ import annotations

from athena.answer import Engine, QueryError
from config.site import Site

NAMES = ("athena", "duckdb")


def engine(site: Site, name: str = "") -> Engine:
    """The engine ``name``; without one, DuckDB beside an emulator and Athena in AWS.

    Raises QueryError for a name there isn't.
    """
    chosen = name or ("duckdb" if site.settings.local else "athena")
    if chosen == "duckdb":
        from athena.local import LocalEngine

        return LocalEngine(site)
    if chosen == "athena":
        from athena.remote import AthenaEngine

        return AthenaEngine(site)
    raise QueryError(f"no engine {chosen}; there are {' and '.join(NAMES)}")
