"""The chain alone: records in, findings out, no lake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.cut import CutRecord, Place
from kcl_app.core.lake import cut_key
from kcl_app.core.position import Position
from verify.chain import Chain, Checkpoint, prove
from verify.lineage import ShardState, parents, snapshots

LIFE, SHARD = "life", "shardId-0"


def chain_of(ends: list[int], kind: str = "") -> list[tuple[str, CutRecord]]:
    """Cuts that end at ``ends``, each beginning with the record behind the one before it."""
    records, after = [], None
    for end in ends:
        first = Place(str((int(after.sequence) if after else 0) + 1))
        records.append(CutRecord(LIFE, SHARD, after, first, Place(str(end)), records=1))
        after = Place(str(end))
    if kind == "end":
        records.append(CutRecord(LIFE, SHARD, after, kind="end"))
    return [(cut_key(LIFE, SHARD, record.begins_after), record) for record in records]


def at(sequence: int, sub: int = 0) -> Checkpoint:
    return Checkpoint("position", Position(str(sequence), sub))


def kinds(chain: Chain) -> list[str]:
    return [finding.kind for finding in chain.found]


def test_a_chain_up_to_its_checkpoint_is_right() -> None:
    chain = prove(chain_of([5, 9, 20]), at(20), LIFE, SHARD)
    assert (kinds(chain), chain.cuts, chain.pending) == ([], 3, 0)


def test_cuts_past_the_checkpoint_are_pending() -> None:
    chain = prove(chain_of([5, 9, 20]), at(5), LIFE, SHARD)
    assert (kinds(chain), chain.cuts, chain.pending) == ([], 3, 2)


def test_without_a_checkpoint_everything_is_pending() -> None:
    chain = prove(chain_of([5, 9]), Checkpoint.of("TRIM_HORIZON"), LIFE, SHARD)
    assert (kinds(chain), chain.pending) == ([], 2)


def test_an_end_that_is_not_checkpointed_yet_is_no_error() -> None:
    assert kinds(prove(chain_of([5], "end"), at(5), LIFE, SHARD)) == []


def test_an_ended_shard_has_its_end() -> None:
    assert kinds(prove(chain_of([5], "end"), Checkpoint.of("SHARD_END"), LIFE, SHARD)) == []
    assert kinds(prove(chain_of([5]), Checkpoint.of("SHARD_END"), LIFE, SHARD)) == ["end"]


def test_a_shard_without_records_ends_at_its_head() -> None:
    chain = prove(chain_of([], "end"), Checkpoint.of("SHARD_END"), LIFE, SHARD)
    assert (kinds(chain), chain.ended, chain.cuts) == ([], True, 0)


def test_padded_and_plain_sequence_numbers_are_one_position() -> None:
    padded = Checkpoint("position", Position("00020"))
    assert kinds(prove(chain_of([5, 20]), padded, LIFE, SHARD)) == []


def test_the_sub_sequence_is_part_of_a_checkpoint() -> None:
    assert kinds(prove(chain_of([5, 20]), at(20, 1), LIFE, SHARD)) == ["checkpoint"]


def test_a_hole_is_told_with_both_its_ends() -> None:
    first, _, third = chain_of([5, 9, 20])
    chain = prove([first, third], at(20), LIFE, SHARD)
    assert kinds(chain) == ["hole"]
    assert chain.found[0].positions == ("5", "9")


def test_a_checkpoint_in_a_hole_is_told() -> None:
    first, _, third = chain_of([5, 9, 20])
    assert kinds(prove([first, third], at(9), LIFE, SHARD)) == ["hole", "checkpoint"]


def test_a_confirmed_gap_is_a_link_and_is_listed() -> None:
    gap = CutRecord(LIFE, SHARD, Place("5"), last=Place("90"), kind="gap")
    cut = CutRecord(LIFE, SHARD, Place("90"), Place("91"), Place("99"))
    links = [*chain_of([5]), *((cut_key(LIFE, SHARD, r.begins_after), r) for r in (gap, cut))]
    chain = prove(links, at(99), LIFE, SHARD)
    assert (kinds(chain), chain.gaps) == ([], [(Position("5"), Position("90"))])


def test_a_gap_that_leads_back_is_a_contradiction() -> None:
    gap = CutRecord(LIFE, SHARD, Place("5"), last=Place("4"), kind="gap")
    links = [*chain_of([5]), (cut_key(LIFE, SHARD, gap.begins_after), gap)]
    assert kinds(prove(links, at(5), LIFE, SHARD)) == ["disorder"]


def test_a_life_that_is_over_needs_no_lease_and_no_end() -> None:
    chain = prove(chain_of([5, 9]), Checkpoint("all"), LIFE, SHARD)
    assert (kinds(chain), chain.pending) == ([], 0)


@pytest.mark.parametrize("text", ["", "12x", "9" * 57, "SHARD_ENDED"])
def test_a_checkpoint_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Checkpoint.of(text)


ENDS = st.lists(st.integers(1, 10**40), min_size=2, max_size=12, unique=True).map(sorted)


@given(ENDS, st.data())
def test_dropping_any_record_breaks_any_chain(ends: list[int], data: st.DataObject) -> None:
    links = chain_of(ends)
    del links[data.draw(st.integers(0, len(links) - 1))]
    assert prove(links, at(ends[-1]), LIFE, SHARD).found


@given(ENDS, st.data())
def test_only_ends_of_cuts_are_checkpoints(ends: list[int], data: st.DataObject) -> None:
    sequence = data.draw(st.integers(1, ends[-1] + 5) | st.sampled_from(ends))
    found = kinds(prove(chain_of(ends), at(sequence), LIFE, SHARD))
    assert found == ([] if sequence in ends else ["checkpoint"])


# --- parents and snapshots ---------------------------------------------------------

DONE = Checkpoint("end")
END = ShardState(DONE, leased=True, begun=True, ended=True, end=Position("5"))


def child(checkpoint: Checkpoint, *born_of: str, begun: bool = False) -> ShardState:
    return ShardState(checkpoint, True, begun=begun, parents=frozenset(born_of))


def test_a_child_of_two_needs_both_ends() -> None:
    half = ShardState(DONE, leased=True, begun=True)
    found = list(parents({"a": END, "b": half, "c": child(at(9), "a", "b", begun=True)}))
    assert [(f.kind, f.shard) for f in found] == [("parent", "c")]


def test_a_child_that_has_not_begun_may_wait_for_its_parent() -> None:
    half = ShardState(DONE, leased=True, begun=True)
    assert not list(parents({"a": half, "c": child(Checkpoint("nothing"), "a")}))


def test_a_parent_from_before_this_life_is_only_told() -> None:
    found = list(parents({"c": child(at(9), "old", begun=True)}))
    assert [(f.kind, f.fails) for f in found] == [("unknown-parent", False)]


def test_a_parent_that_the_stream_still_has_must_have_its_chain() -> None:
    states = {"a": ShardState(Checkpoint("unknown"), on_stream=True), "c": child(at(9), "a")}
    assert [f.kind for f in parents(states)] == ["parent"]


def test_a_final_snapshot_is_needed_until_every_child_was_checkpointed() -> None:
    waiting = {"a": END, "b": child(at(9), "a"), "c": child(Checkpoint("nothing"), "a")}
    assert ("a", Position("5")) in [(shard, p) for shard, p, _ in snapshots(waiting)]
    done = {"a": END, "b": child(at(9), "a"), "c": child(at(8), "a")}
    assert [shard for shard, _, _ in snapshots(done)] == ["b", "c"]
