"""No field of an entry is forgotten: each is stored and digested, and planning's are columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from vbdata.core.types import ClassFact, Entry, Expression, FileRef
from vbdata.index.entries import Entries, Writer
from vbdata.index.facts import FACTS, FIELDS, entry_digest
from vbdata.index.rows import written

FULL = Entry(
    id="7",
    group="photo:7",
    width=640,
    height=480,
    license="CC-BY-4.0",
    files={"image": FileRef(path="a/7.jpg", size=1234), "depth": FileRef(path="b/7.png", size=-1)},
    labels=("depth", "segments"),
    classes=(ClassFact(name="cat", thing=True, instances=2, smallest=90),),
    captions=("A cat.", "Ein Kätzchen."),
    expressions=(Expression(text="the left one", targets=(1, 0)),),
    instructions=("make it black",),
    camera=(500.0, 501.5, 320.0, 240.0),
    record=b"\x00\xff{}",
    fault="truncated: 3 of 9 bytes",
    left_out=("no mask: annotation 5: it has a box alone",),
    relabel=(("cat", "pet", True),),
    hidden=((1, "cat"),),
    absent=("dog",),
)


def variants(value: Any) -> Iterator[Any]:
    """Other values of the same type, each different in one part of it, at any depth."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in filter(lambda field: field.compare, fields(value)):
            for other in variants(getattr(value, field.name)):
                yield replace(value, **{field.name: other})
    elif isinstance(value, Mapping):
        for key, item in value.items():
            rest = {k: v for k, v in value.items() if k != key}
            yield rest
            yield rest | {f"{key}2": item}
            yield from (value | {key: other} for other in variants(item))
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            before, after = value[:place], value[place + 1 :]
            yield from ((*before, other, *after) for other in variants(item))
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    else:
        yield value + value[:1]


def stored(entry: Entry, path: Path) -> Entry:
    with Writer(path) as writer:
        writer.write([entry])
    (read,) = Entries(path)
    return read


@pytest.mark.parametrize("name", [field.name for field in fields(Entry)])
def test_a_changed_field_is_stored_and_digested(name: str, tmp_path: Path) -> None:
    """FULL has to have a value of every field, and of all that is in it."""
    others = list(variants(getattr(FULL, name)))
    assert others, f"FULL has no {name} to change"
    for other in others:
        changed = replace(FULL, **{name: other})
        assert stored(changed, tmp_path / "x.arrow") == changed
        assert entry_digest(changed) != entry_digest(FULL), other
        if name in FACTS.names:
            row, usual = written([changed, FULL]).facts.to_pylist()
            assert row[name] != usual[name], other


def test_that_nothing_is_absent_is_not_that_all_else_is(tmp_path: Path) -> None:
    """() and None; None is no part of the digest, so entries of before keep theirs."""
    none, unsaid = (replace(FULL, absent=absent) for absent in ((), None))
    assert [stored(each, tmp_path / "x.arrow").absent for each in (none, unsaid)] == [(), None]
    assert entry_digest(none) != entry_digest(unsaid)


def test_tags_of_files_are_stored_and_not_digested(tmp_path: Path) -> None:
    tagged = replace(FULL.files["image"], tag="etag 9a")
    entry = replace(FULL, files=FULL.files | {"image": tagged})
    read = stored(entry, tmp_path / "x.arrow").files
    assert (read["image"].tag, read["depth"].tag) == ("etag 9a", "")
    assert entry_digest(entry) == entry_digest(FULL)


def test_parts_of_classes_are_stored_and_not_digested(tmp_path: Path) -> None:
    (cat,) = FULL.classes
    told = replace(FULL, classes=(replace(cat, parts=((0, 90), (3, -1))),))
    assert stored(told, tmp_path / "x.arrow").classes[0].parts == ((0, 90), (3, -1))
    assert entry_digest(told) == entry_digest(FULL)


def test_fields_without_a_value_are_stored(tmp_path: Path) -> None:
    bare = Entry(id="", group="", width=0, height=0, license="", files={}, labels=())
    assert stored(bare, tmp_path / "x.arrow") == bare
    assert written([bare]).facts["camera"].to_pylist() == [[]]


def test_every_field_is_spelled_once_and_no_other() -> None:
    assert {*FIELDS, "record"} == {field.name for field in fields(Entry)}


def test_digests_of_entries_do_not_move() -> None:
    """Fingerprints, locks and finished builds are compared by them."""
    before = replace(FULL, left_out=(), relabel=(), hidden=(), absent=None)
    assert (
        entry_digest(before) == "74fcc73086ff74d6b3b1210dc99af18eb44805707f48b8386d4b1673da9e7b82"
    )
