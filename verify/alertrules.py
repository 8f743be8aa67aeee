"""Which anomalies the settings make an alert of, as the alert sinks decide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.site import Site
from kcl_app import plugins
from kcl_app.core.contract import Sink
from kcl_app.core.schema import TABLES
from sinks.alerts import alerts, at_least
from sinks.sns import SnsSink
from sinks.wrappers import Filtering, Retrying, Wrapping

CHOSEN = pa.schema(
    [
        ("id", pa.string()),
        ("symbol", pa.string()),
        ("kind", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("shard", pa.string()),
        ("position", pa.string()),
    ]
)
"""An anomaly that is grave enough, as the alert table names it."""


@dataclass(frozen=True)
class AlertRules:
    """One alert sink of the settings: ``name`` is the fan-out's, ``table`` holds its items.

    ``filters`` are (column, values) of the filters around it. ``unproven`` says why its
    alerts can't be proven; empty where they can.
    """

    name: str
    table: str
    severity: str
    cooldown: timedelta
    max_age_seconds: float = 0
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unproven: str = ""

    def chosen(self, anomalies: pa.Table) -> pa.Table:
        """The rows that are grave enough, in the columns of ``CHOSEN``."""
        grave = _among(anomalies, "severity", at_least(self.severity))
        for column, values in self.filters:
            grave = _among(grave, column, values)
        found = list(alerts(grave, self.severity))
        columns = [[getattr(alert, name) for alert in found] for name in CHOSEN.names]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, CHOSEN, strict=True)]
        return pa.Table.from_arrays(arrays, schema=CHOSEN)


def of_site(site: Site) -> list[AlertRules]:
    """The alert sinks of the settings. Raises PluginError for sinks that can't be built."""
    found = [
        rules
        for name, sink in plugins.build(site.settings.sinks, site).items()
        for rules in _within(name, sink, site)
    ]
    tables = [rules.table for rules in found]
    return [
        replace(rules, unproven=f"several alert sinks write to the table {rules.table}")
        if tables.count(rules.table) > 1
        else rules
        for rules in found
    ]


def _within(name: str, sink: Sink, site: Site) -> Iterator[AlertRules]:
    """The rules of an alert sink, and of one inside others."""
    if isinstance(sink, SnsSink):
        yield _rules(name, sink, site)
        return
    for inner in _inner(sink):
        for rules in _within(name, inner, site):
            yield _wrapped(rules, sink)


def _inner(sink: Sink) -> Sequence[Sink]:
    return [value for value in vars(sink).values() if isinstance(value, Sink)]


def _wrapped(rules: AlertRules, by: Sink) -> AlertRules:
    if isinstance(by, Retrying) or type(by) is Wrapping:
        return rules
    if isinstance(by, Filtering):
        if by.table != "anomalies":
            return rules
        return replace(rules, filters=(*rules.filters, (by.column, by.values)))
    why = f"{type(by).__name__} stands before it, which may keep alerts from it"
    return replace(rules, unproven=rules.unproven or why)


def _rules(name: str, sink: SnsSink, site: Site) -> AlertRules:
    settings = site.settings.alerts
    seconds = sink.cooldown_seconds
    return AlertRules(
        name,
        sink.table or settings.table,
        sink.severity or settings.severity,
        timedelta(seconds=settings.cooldown_seconds if seconds is None else seconds),
        sink.max_age_seconds,
    )


def _among(rows: pa.Table, column: str, values: Sequence[Any]) -> pa.Table:
    wanted = pa.array(values, TABLES["anomalies"].arrow.field(column).type)
    return rows.filter(pc.is_in(rows[column], value_set=wanted))
