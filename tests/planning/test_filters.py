"""Filters choose records by the facts of an index: names, globs, sizes, instances, conditions."""

from __future__ import annotations

import fnmatch
from typing import Any

import pyarrow as pa
import pytest

from vbdata.core.filters import Picked
from vbdata.core.types import ClassFact, Entry
from vbdata.index.rows import written
from vbdata.planning.names import like, matching, unmatched
from vbdata.planning.where import holds

GLOBS = (
    "*", "a?c", "[ab]*", "[!a]*", "[a-c]x", "x[", "[]a]", "a.b", "[^a]", "a\\b", "[\\]", "é*",
    "[!]a]b", "a**", "(a)", "a|b", "a+", "a\nb", "[z-a]", "[[]a]", "{a}", "^a$",
)  # fmt: skip
NAMES = (
    "", "a", "abc", "bb", "bx", "cx", "x[", "a.b", "axb", "]", "^", "a\\b", "\\", "éa", "b", "(a)",
    "a|b", "a+", "aa", "a\nb", "[a]", "{a}", "^a$",
)  # fmt: skip


def entry(id_: str, width: int, height: int, *classes: tuple[str, int], **more: Any) -> Entry:
    facts = tuple(ClassFact(name=n, thing=True, instances=k, smallest=9) for n, k in classes)
    fields = {"license": "CC0", "files": {}, "labels": ("segments",), "classes": facts} | more
    return Entry(id=id_, group=f"mine:{id_}", width=width, height=height, **fields)


TABLE = written(
    [
        entry("a/1", 640, 480, ("cat", 2), ("dog", 1)),
        entry("a/2", 64, 480, license="CC BY", captions=("one", "two")),
        entry("b[1]", 0, 0, ("sky", 0)),
    ]
).facts


@pytest.mark.parametrize("glob", GLOBS)
def test_globs_are_those_of_the_shell(glob: str) -> None:
    found = like(pa.array(NAMES), glob).tolist()
    assert found == [fnmatch.fnmatchcase(name, glob) for name in NAMES]


def test_names_are_ids_groups_globs_and_lines_of_files() -> None:
    def found(*patterns: str, **files: set[str]) -> tuple[list[bool], list[str]]:
        picked = Picked(patterns=patterns, files={n: frozenset(f) for n, f in files.items()})
        mask, idle = matching(picked, TABLE)
        return mask.tolist(), idle

    assert found("a/1") == ([True, False, False], [])
    assert found("mine:a/2") == ([False, True, False], [])
    assert found("a/*") == ([True, True, False], [])
    assert found("mine:*1*") == ([True, False, True], [])
    assert found("b[1]") == ([False, False, True], [])  # an id before it is a glob
    assert found("A/1", "c*") == ([False, False, False], ["'A/1'", "'c*'"])
    assert found(list={"a/1", "mine:b[1]", "a/*"}) == ([True, False, True], [])
    assert found(list={"x", "y"}) == ([False] * 3, ["each of the 2 lines of list"])
    picked = Picked(files={"list": frozenset({"a/1", "x", "a/*"}), "good": frozenset({"a/1"})})
    assert unmatched(picked, TABLE) == {"list": ["a/*", "x"]}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("width >= 640 and height/width < 2", "100"),
        ("width < 640 or not height > 1", "011"),
        ("0 < width < 100", "010"),
        ("width * height == pixels", "111"),
        ("pixels == 640 * 480", "100"),
        ("width in (64, 0)", "011"),
        ("width not in [64]", "101"),
        ("height / width > 1", "010"),
        ("width / height != width / height", "001"),
        ("-width < -100", "100"),
        ("(width - height + 1) / 2 > 80", "100"),
        ("instances > 2", "100"),
        ('instances("cat") == 2', "100"),
        ('instances("sky") == 0', "111"),
        ('"cat" in classes', "100"),
        ('"sky" in classes', "001"),
        ('"c" in classes', "000"),
        ('"segments" not in labels', "000"),
        ('"two" in captions', "010"),
        ("count(captions) > 1", "010"),
        ("count(classes) == 1", "001"),
        ('license in ["CC0", "x"]', "101"),
        ('license == "CC BY"', "010"),
        ('license != "CC BY"', "101"),
        ('"/" in id', "110"),
        ('id == "a/1" or like(group, "*[[]1]")', "101"),
        ('not like(id, "a/*")', "001"),
        ('like("ab", "a*")', "111"),
        ("id == group", "000"),
        ('"cat" in ["cat"]', "111"),
        ("1 < 2 and 2 < 1", "000"),
    ],
)
def test_conditions_hold_of_the_right_records(text: str, rows: str) -> None:
    assert holds(text, TABLE).tolist() == [row == "1" for row in rows]


def test_conditions_hold_of_the_records_of_any_part_of_a_table() -> None:
    whole = pa.concat_tables([TABLE, TABLE.slice(1)])
    assert holds('"cat" in classes or count(captions) == 2', whole).tolist() == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert holds("instances > 0", whole.slice(2)).tolist() == [False] * 3
    assert holds('"sky" in classes', TABLE.slice(2)).tolist() == [True]
