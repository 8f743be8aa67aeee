"""Bytes to JSON records: however they are written, blocked and packed."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import jsonvalues
from replay.jsonvalues import TooLong, Value, values
from replay.unpacked import NotReadable, unpacked

TEXT = st.text(max_size=8) | st.sampled_from(["}{", '"', "\\", "} {", "\n{", "a,b", "{"])
OBJECT = st.dictionaries(TEXT, TEXT | st.integers() | st.dictionaries(TEXT, TEXT, max_size=2))
STYLE = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
BETWEEN = st.sampled_from([b"\n", b"", b" ", b"\r\n", b"\n\n", b" \t\n "])


def taken(body: bytes, size: int = 1 << 20) -> list[Value]:
    blocks = [body[at : at + size] for at in range(0, len(body), size)]
    return [value for some in values(blocks) for value in some]


def named(body: bytes) -> list[tuple[str, bytes]]:
    return [(value.name, value.data) for value in taken(body)]


@given(st.lists(st.tuples(OBJECT, STYLE, BETWEEN), max_size=8), st.integers(1, 40))
def test_objects_come_back_however_they_are_written_and_blocked(
    written: list[tuple[dict[str, object], dict[str, object], bytes]], size: int
) -> None:
    body = b"".join(
        json.dumps(value, **style).encode() + behind  # type: ignore[arg-type]
        for value, style, behind in written
    )
    found = taken(body, size)
    assert [json.loads(value.data) for value in found] == [value for value, _, _ in written]
    assert len({value.name for value in found}) == len(written)


@given(st.binary(max_size=60), st.integers(1, 20))
def test_no_byte_but_blanks_is_lost_whatever_comes(body: bytes, size: int) -> None:
    def dense(data: bytes) -> bytes:
        return b"".join(data.split())

    found = b"".join(value.data for value in taken(body, size))
    assert dense(found) == dense(body.removeprefix(jsonvalues.BOM))


@given(st.binary(max_size=60), st.integers(1, 20))
def test_blocks_change_nothing(body: bytes, size: int) -> None:
    assert taken(body, size) == taken(body)


def test_a_record_is_named_by_its_line_and_its_place_on_it() -> None:
    body = b'{"a":1}\n\n{"a":2}{"a":3} {"a":4}\n{\n "a":5\n}\n{"a":6}'
    assert named(body) == [
        ("1", b'{"a":1}'),
        ("3", b'{"a":2}'),
        ("3.2", b'{"a":3}'),
        ("3.3", b'{"a":4}'),
        ("4", b'{\n "a":5\n}'),
        ("7", b'{"a":6}'),
    ]


def test_what_is_no_object_is_a_record_of_its_own() -> None:
    assert named(b'{"a":1}\nhello\n[1]\n{"a":2} tail\n') == [
        ("1", b'{"a":1}'),
        ("2", b"hello"),
        ("3", b"[1]"),
        ("4", b'{"a":2}'),
        ("4.2", b"tail"),
    ]


@pytest.mark.parametrize("torn", [b'{"a":1,', b'{"a":"x', b'{"a":', b'{"a":{"b":1}', b'{"a":"}'])
def test_a_line_that_was_cut_short_takes_nothing_else_with_it(torn: bytes) -> None:
    assert named(torn + b'\n{"a":2}\n{"a":3}') == [
        ("1", torn),
        ("2", b'{"a":2}'),
        ("3", b'{"a":3}'),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_record() -> None:
    assert named(jsonvalues.BOM + b'{"a":1}') == [("1", b'{"a":1}')]


def test_a_record_without_an_end_is_an_error_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonvalues, "LONGEST", 100)
    with pytest.raises(TooLong, match="line 2: longer than 100 bytes"):
        taken(b'{"a":1}\n{"a":"' + 200 * b"x", 30)


# --- packing -----------------------------------------------------------------------

PLAIN = b"".join(b'{"a":%d}\n' % n for n in range(5_000))


def packed(body: bytes) -> dict[str, bytes]:
    return {
        "plain": body,
        "gzip": gzip.compress(body),
        "two gzip members": gzip.compress(body[:20_000]) + gzip.compress(body[20_000:]),
        "zstd": pa.compress(body, codec="zstd", asbytes=True),
        "empty": b"",
    }


@pytest.mark.parametrize("how", ["plain", "gzip", "two gzip members", "zstd"])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_content_is_unpacked_by_its_first_bytes(how: str, size: int) -> None:
    body = packed(PLAIN)[how]
    blocks = (body[at : at + size] for at in range(0, len(body), size))
    assert b"".join(unpacked(blocks)) == PLAIN


def test_an_empty_object_has_no_content() -> None:
    assert b"".join(unpacked([])) == b""


def test_what_is_packed_tightly_is_given_in_blocks() -> None:
    body = gzip.compress(bytes(50_000_000))
    assert max(map(len, unpacked([body]))) <= 1 << 20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(PLAIN)[:-20], "is gzip that is cut short"),
        (gzip.compress(PLAIN)[:500] + b"xxxx" + gzip.compress(PLAIN)[504:], "is damaged gzip"),
        (pa.compress(PLAIN, codec="zstd", asbytes=True)[:-9], "is damaged zstd, or cut short"),
        (b"PAR1....", "is Parquet"),
        (b"PK\x03\x04....", "is a zip file"),
    ],
)
def test_what_cannot_be_unpacked_says_why(body: bytes, said: str) -> None:
    with pytest.raises(NotReadable, match=said):
        b"".join(unpacked([body]))
