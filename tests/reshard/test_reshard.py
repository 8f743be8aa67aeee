"""A stream that reshards under load while workers come and go, on the real daemon.

    shards    1 ----- 2 ----- 4 ---------- 3 ---------- 2
    worker 0  ======================== JVM killed ==============
    worker 1                  ============== leaves

Beside single ticks, aggregated records are put all the while.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pyarrow as pa
import pytest

from config.site import Site
from kcl_app.gap import standing
from kcl_app.jvm import kill_group
from kcl_app.life import read_life
from kcl_app.wiring import lake_store
from tests.faults.resharding import ReshardGround
from tests.faults.waiting import until
from tests.replay.lakes import table
from tests.reshard.aggregating import ALONE, MIXED, Aggregating
from tests.reshard.unbroken import (
    BAR,
    Put,
    all_but_where,
    final_bars,
    rows,
    stream,
    unbroken,
)
from verify import Report, report

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(600)]
"""The whole play is the set-up of the first test."""

WITHIN_S = 150.0


@dataclass(frozen=True)
class Resharded:
    """What is left when the last worker has stopped."""

    site: Site
    puts: list[Put]
    aggregating: Aggregating
    proof: Report
    opened: list[int]
    """How many shards were open, after each reshard."""
    one_flow: dict[str, pa.Table]


@pytest.fixture(scope="module")
def resharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resharded]:
    with ReshardGround(tmp_path_factory.mktemp("reshard"), Random(1)) as ground:
        aggregating = Aggregating(ground.site)
        opened = _played(ground)
        aggregating.stop()
        ground.producing.stop()
        tips = _tips(stream(ground.site))
        until(lambda: ground.stored(tips), WITHIN_S, "the last records to be stored")
        for instance in sorted(ground.workers, reverse=True):
            ground.stop(instance)
        puts = stream(ground.site)
        yield Resharded(
            site=ground.site,
            puts=puts,
            aggregating=aggregating,
            proof=report(ground.site),
            opened=opened,
            one_flow=unbroken(ground.site, puts, aggregating.put),
        )


def _played(ground: ReshardGround) -> list[int]:
    opened = [len(ground.described())]

    def reshard(*names: str) -> None:
        for name in names:
            getattr(ground, name)()
            opened.append(len(ground.settled_shards()))

    ground.recover(WITHIN_S)
    reshard("split", "split", "split")
    second = ground.join()
    ground.recover(WITHIN_S)
    ground.merge()
    kill_group(ground.jvm(0))
    opened.append(len(ground.settled_shards()))
    ground.recover(WITHIN_S)
    reshard("merge")
    ground.stop(second)
    return opened


def _tips(puts: list[Put]) -> dict[str, int]:
    return {put.shard: int(put.sequence) for put in puts}


def test_the_stream_went_from_one_shard_to_four_and_back_to_two(resharded: Resharded) -> None:
    assert resharded.opened == [1, 2, 3, 4, 3, 2]


def test_every_record_is_stored_once(resharded: Resharded) -> None:
    proof = resharded.proof
    assert proof.ok, proof.findings
    assert proof.produced == proof.stored
    assert (proof.missing, proof.repeated, proof.overlaps, proof.rejects) == (0, 0, 0, 0)


def test_every_tick_is_stored_under_the_shard_that_it_was_put_on(resharded: Resharded) -> None:
    stored = table(resharded.site, "ticks").select(["sequence", "shard"]).to_pylist()
    found = {(int(row["sequence"]), row["shard"]) for row in stored}
    assert found == {(int(put.sequence), put.shard) for put in resharded.puts}


def test_every_shard_that_was_split_or_merged_has_its_end(resharded: Resharded) -> None:
    store = lake_store(resharded.site)
    life = read_life(store)
    assert life
    shards, still_open = _shards(resharded.site), _shards(resharded.site, "AT_LATEST")
    chains = {shard: [*standing(store, life.id, shard, None)] for shard in shards}
    ended = {shard for shard in shards if any(r.kind == "end" for r in chains[shard])}
    assert (len(shards), len(still_open)) == (9, 2)
    assert ended == shards - still_open


def _shards(site: Site, which: str = "FROM_TRIM_HORIZON") -> set[str]:
    answer = site.client("kinesis").list_shards(
        StreamName=site.settings.stream.name, ShardFilter={"Type": which}
    )
    return {shard["ShardId"] for shard in answer["Shards"]}


def test_rolling_values_and_flags_are_those_of_an_unbroken_run(resharded: Resharded) -> None:
    stored, whole = table(resharded.site, "ticks"), resharded.one_flow["ticks"]
    columns = all_but_where(whole)
    assert len(stored) > 1_000
    assert rows(stored, columns) == rows(whole, columns)


def test_anomalies_are_those_of_an_unbroken_run(resharded: Resharded) -> None:
    stored, whole = table(resharded.site, "anomalies"), resharded.one_flow["anomalies"]
    columns = all_but_where(whole)
    assert len(stored) > 10
    assert rows(stored, columns) == rows(whole, columns)


def test_windows_are_those_of_an_unbroken_run(resharded: Resharded) -> None:
    stored, whole = final_bars(resharded.site), resharded.one_flow["bars"]
    assert set(stored["interval"].to_pylist()) == {"10s", "1m", "1h"}
    assert rows(stored, BAR) == rows(whole, BAR)


@pytest.mark.parametrize("symbols", [ALONE, MIXED], ids=["of one key", "of many keys"])
def test_of_aggregated_records_no_user_record_is_lost(
    resharded: Resharded, symbols: tuple[str, ...]
) -> None:
    stored = table(resharded.site, "ticks")["symbol"].to_pylist()
    put = resharded.aggregating.counts
    assert sum(put[symbol] for symbol in symbols) > 100
    assert [stored.count(symbol) for symbol in symbols] == [put[symbol] for symbol in symbols]
