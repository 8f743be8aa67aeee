"""The state as bytes: complete, plain, versioned, and merged by who saw a symbol last."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kcl_app.core import snapshot
from kcl_app.core.flow import Flow
from kcl_app.core.repeats import Horizon, Repeats
from kcl_app.core.snapshot import UnknownSnapshot
from kcl_app.core.state import Field, State
from tests.core.tape import bits, flow, prices, rules, ticks

FIELDS = (
    Field("x", "f8", np.nan),
    Field("many", "f8", np.nan, 3),
    Field("code", "S5", b""),
    Field("codes", "S5", b"", 2),
    Field("count", "u8", 0),
    Field("name", "O", None),
)


def state(**symbols: Any) -> Any:
    """A state of FIELDS; ``A=1.5`` sets x."""
    made = State(FIELDS)
    for symbol, x in symbols.items():
        slot = made.slots(np.array([symbol], dtype=object))
        made["x"][slot] = x
        made["many"][slot] = [x, -x, np.inf]
        made["code"][slot] = b"ab"
        made["codes"][slot] = [b"abcde", b""]
        made["count"][slot] = 2**64 - 1
        made["name"][slot] = symbol.lower()
    return made


def dump(state: Any) -> Any:
    return snapshot.dump(state, Repeats(Horizon()).table())


def load(body: Any, fields: Any) -> Any:
    return snapshot.load(body, fields)[0]


def known(state: Any) -> Any:
    return {
        f.name: (state.known(f.name).dtype.str, state.known(f.name).tolist()) for f in state.fields
    }


def test_every_kind_of_field_comes_back() -> None:
    here = state(A=1.5, B=-0.0)
    back = load(dump(here), FIELDS)
    assert back.symbols == ["A", "B"]
    assert known(back) == known(here)


def test_an_empty_state_comes_back_empty() -> None:
    assert len(load(dump(State(FIELDS)), FIELDS)) == 0


def test_many_symbols_keep_their_rows_while_the_columns_grow() -> None:
    one = state(**{f"S{n}": float(n) for n in range(1_000)})
    assert one.known("x").tolist() == [float(n) for n in range(1_000)]


def test_a_field_that_the_snapshot_lacks_begins_anew_and_an_unknown_one_is_dropped() -> None:
    back = load(dump(state(A=1.5)), (FIELDS[0], Field("fresh", "i8", 7)))
    assert back.known("x").tolist() == [1.5]
    assert back.known("fresh").tolist() == [7]
    assert [f.name for f in back.fields] == ["sequence", "sub_sequence", "x", "fresh"]


def test_a_field_of_another_shape_begins_anew() -> None:
    back = load(dump(state(A=1.5)), (Field("x", "f8", 0.0, 2),))
    assert back.known("x").tolist() == [[0.0, 0.0]]


def test_another_format_is_refused_with_a_sentence() -> None:
    table = pa.table({"symbol": ["A"]}).replace_schema_metadata({"tapeline.state": "99"})
    sink = pa.BufferOutputStream()
    for _ in range(2):
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(UnknownSnapshot, match="format 99, this release reads 1 and 2: run the rel"):
        load(sink.getvalue().to_pybytes(), FIELDS)


@pytest.mark.parametrize("body", [b"", b"x", b"ARROW1", b"\x80\x04N."])
def test_bytes_that_are_no_snapshot_are_refused_with_a_sentence(body: Any) -> None:
    with pytest.raises(UnknownSnapshot, match="not a snapshot"):
        Flow.restore("shard-0", rules(), [body])


def test_of_two_parents_the_one_that_saw_a_symbol_last_counts() -> None:
    old, new = flow(), flow()
    old.feed(prices(1, 2, 3))
    late = ticks([{"price": p} for p in (10, 20, 30)], first=50)
    new.feed(late)
    for bodies in ([old, new], [new, old]):
        child = Flow.restore("child", rules(), [body.snapshot() for body in bodies])
        alone = Flow.restore("child", rules(), [new.snapshot()])
        assert bits(child.feed(prices(5)).ticks) == bits(alone.feed(prices(5)).ticks)


def test_positions_of_parents_compare_as_integers() -> None:
    short, long = state(A=1.0), state(A=2.0)
    for one, sequence in ((short, "99"), (long, "0000000000100")):
        one.see(np.array([0]), np.array([sequence], dtype=object), np.array([0]))
    short.absorb(long)
    assert short.known("x").tolist() == [2.0]


def test_a_copy_is_independent() -> None:
    one = state(A=1.0)
    two = one.copy()
    two["x"][0] = 9.0
    two.slots(np.array(["B"], dtype=object))
    assert (one.known("x").tolist(), two.known("x").tolist()) == (
        [1.0],
        [9.0, pytest.approx(np.nan, nan_ok=True)],
    )
