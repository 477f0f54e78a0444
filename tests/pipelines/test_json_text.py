"""Large JSON files: what json.loads reads is read, what it refuses is refused, nothing is kept."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.formats import json_text
from pipelines.parts import records

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.sampled_from(["id", "area", "segmentation", ""]), VALUES)
TABLES = st.dictionaries(st.sampled_from(["images", "annotations", "x"]), VALUES)
SPACES = st.sampled_from([None, 0, 1, "\t", " \r\n"])
KEPT = ("id", "area")


def same(one: Any, other: Any) -> bool:
    """Equal, NaN too, and 1 is not 1.0 or True."""
    return repr(one) == repr(other)


@pytest.mark.slow
@given(TABLES, st.none() | st.lists(RECORDS | VALUES, max_size=5), SPACES, st.booleans())
def test_all_that_json_reads_is_read(top: Any, noted: Any, indent: Any, plain: bool) -> None:
    if noted is not None:
        top = top | {"annotations": noted, "last": 1}
    text = json.dumps(top, indent=indent, ensure_ascii=plain)
    found, wanted = json_text.parse(text, "annotations", KEPT), json.loads(text)
    assert list(found) == list(wanted)
    listed = found.get("annotations")
    if isinstance(listed, list):
        full = [
            json.loads(text[slice(*one[json_text.PLACE])]) if isinstance(one, dict) else one
            for one in listed
        ]
        assert same(full, wanted["annotations"])
        for one, all_ in zip(listed, full, strict=True):
            if isinstance(one, dict):
                kept = {key: value for key, value in one.items() if key != json_text.PLACE}
                assert same(kept, {key: all_[key] for key in KEPT if key in all_})
        found = found | {"annotations": wanted["annotations"]}
    assert same(found, wanted)


@pytest.mark.slow
@given(VALUES, st.booleans())
def test_a_record_is_what_json_reads(value: Any, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    wanted = json.loads(
        text, parse_int=lambda digits: int(digits) if small(digits) else float(digits)
    )
    assert same(records.unpack(text), wanted)


def small(digits: str) -> bool:
    return -(2**63) <= int(digits) < 2**64


@pytest.mark.parametrize("text", [b"", b"[1,]", b"{'a': 1}", b"\xff", b"[1] 2"])
def test_a_record_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        records.unpack(text)


SMALL = '{ "a" : 1, "annotations" : [ {"id": 1, "x": [1.5, -2e3]} , 5,{} ], "b" : {"c": null} } '


@given(st.integers(0, len(SMALL)), st.text('{}[]",: 0aN', max_size=2), st.integers(0, 2))
def test_what_json_refuses_is_refused(at: int, put: str, cut: int) -> None:
    text = SMALL[:at] + put + SMALL[at + cut :]
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(json.JSONDecodeError):
            json_text.parse(text, "annotations", KEPT)
        return
    found = json_text.parse(text, "annotations", KEPT)
    assert type(found) is type(wanted)
    assert list(found) == list(wanted)


@pytest.mark.parametrize(
    "text", ["5", "[1, 2]", "null", ' "x" ', "{}", " { } ", '{"annotations":[]}']
)
def test_other_values_are_read_as_they_are(text: str) -> None:
    assert json_text.parse(text, "annotations", KEPT) == json.loads(text)


def test_the_last_of_two_keys_counts() -> None:
    for text in (
        '{"annotations": [{"id": 1}], "annotations": 5}',
        '{"annotations": 5, "annotations": [{"id": 1, "id": 2}]}',
    ):
        found, wanted = json_text.parse(text, "annotations", ("id",)), json.loads(text)
        for one in found["annotations"] if isinstance(found["annotations"], list) else []:
            del one[json_text.PLACE]
        assert found == wanted


def test_numbers_that_are_none_are_read() -> None:
    found = json_text.parse(
        '{"annotations": [{"area": NaN}, {"area": -Infinity}]}', "annotations", KEPT
    )
    assert [math.isnan(one["area"]) for one in found["annotations"]] == [True, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_every_encoding_of_json(encoding: str) -> None:
    text = '{"annotations": [{"id": "\u00e4\u20ac"}]}'
    data = text.encode(encoding)
    assert json_text.decode(data) == text
    assert json.loads(data) == json.loads(json_text.decode(data))


def test_it_can_be_nested_too_deeply() -> None:
    with pytest.raises(RecursionError):
        json_text.parse('{"annotations": [' + "[" * 100_000, "annotations", KEPT)
