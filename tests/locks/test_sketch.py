"""Sketches tell exactly which names differ, at any size, or say that they cannot."""

from __future__ import annotations

import base64
import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vbdata.locks.sketch import PLAIN, TAIL, Digests, Sketch, compare

NAMES = st.dictionaries(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40),
    st.integers(0, 3),
    max_size=20,
)


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def sketch(pairs: dict[str, str]) -> Digests:
    made = Sketch()
    made.add(list(pairs), list(pairs.values()))
    return made.digests()


@pytest.mark.slow
@given(old=NAMES, new=NAMES, common=st.sampled_from([0, 10, PLAIN + 1, 5000]))
@settings(max_examples=60)
def test_it_says_what_two_dictionaries_say(
    old: dict[str, int], new: dict[str, int], common: int
) -> None:
    same = {f"common/{i}": digest(i) for i in range(common)}
    a = same | {name: digest(value) for name, value in old.items()}
    b = same | {name: digest(value) for name, value in new.items()}
    found = compare(sketch(a), sketch(b))
    long = {name for name in {*a, *b} if len(name.encode()) >= TAIL}
    if long:  # given by their ends
        return
    assert found.whole
    assert found.changed == sorted(n for n in a.keys() & b.keys() if a[n] != b[n])
    assert found.came == sorted(b.keys() - a.keys())
    assert found.went == sorted(a.keys() - b.keys())


def test_it_is_the_same_in_any_order_and_any_parts() -> None:
    pairs = [(f"a/{i}", digest(i)) for i in range(1000)]
    whole = sketch(dict(pairs))
    random.Random(1).shuffle(pairs)
    parts = Sketch()
    for at in range(0, 1000, 300):
        some = dict(pairs[at : at + 300])
        parts.add(list(some), list(some.values()))
    assert parts.digests() == whole
    assert Digests.model_validate_json(whole.model_dump_json()) == whole
    assert len(whole.table) < 13_000


def test_a_listed_and_a_tabled_one_can_be_compared() -> None:
    few = {f"{i}": digest(i) for i in range(PLAIN)}
    more = few | {"one": digest("one")}
    assert sketch(few).plain
    assert not sketch(more).plain
    assert compare(sketch(few), sketch(more)).came == ["one"]
    assert compare(sketch(more), sketch(few)).went == ["one"]


@pytest.mark.parametrize(("differ", "whole"), [(30, True), (500, False)])
def test_too_many_differences_are_not_told_as_all(differ: int, whole: bool) -> None:
    old = {f"{i}": digest(i) for i in range(2000)}
    new = old | {f"{i}": digest(-i) for i in range(1, differ + 1)}
    found = compare(sketch(old), sketch(new))
    assert found.whole == whole
    assert set(found.changed) <= {f"{i}" for i in range(1, differ + 1)}
    assert len(found.changed) == differ or not whole


def test_a_long_name_is_given_by_its_end() -> None:
    name = "a" * 40 + "/" + "b" * 40
    old = {f"{i}": digest(i) for i in range(2000)}
    found = compare(sketch(old), sketch(old | {name: digest("new")}))
    assert found.came == ["..." + name[-TAIL:]]


def test_a_forged_table_ends() -> None:
    size = len(base64.b64decode(sketch({f"{i}": digest(i) for i in range(300)}).table))
    rng = np.random.default_rng(0)
    for data in (b"\xff" * size, bytes(rng.integers(0, 256, size, np.uint8)), bytes(size)):
        forged = Digests(count=1000, table=base64.b64encode(data).decode())
        found = compare(forged, sketch({"a": digest(1)}))
        assert not found.whole or data == bytes(size)
