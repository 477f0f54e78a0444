"""Indices under filters of classes and areas: facts, expressions and absent classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.parts.class_facts import Seen, by_class
from vbdata.core.filters import ClassRules, Filters
from vbdata.core.types import Entry, Source
from vbdata.errors import SourceError
from vbdata.index.entries import Entries, Writer
from vbdata.index.index import build_index
from vbdata.index.relabel import countable, filtered_counts, relabel, renaming

BARE = Entry(id="a", group="a", width=4, height=1, license="", files={}, labels=("segments",))


def test_expressions_of_what_is_dropped_are_dropped(demo_data: Path, tmp_path: Path) -> None:
    source = Source(name="a", dataset="refcoco", roots=(str(demo_data / "refcoco"),), tasks={})
    whole = build_index(source, tmp_path)
    every = {e.id: e for e in whole.entries(range(len(whole)))}
    (name, _), *_ = whole.vocabulary
    rules = ClassRules(drop=(name,))
    few = build_index(
        Source(
            name="b",
            dataset="refcoco",
            roots=source.roots,
            tasks={},
            filters=Filters(classes=rules),
        ),
        tmp_path,
    )
    lost = 0
    for entry in few.entries(range(len(few))):
        (places,) = [{p for f in every[entry.id].classes if f.name == name for p, _ in f.parts}]
        left = tuple(e for e in every[entry.id].expressions if not places & set(e.targets))
        assert entry.expressions == left
        lost += len(every[entry.id].expressions) - len(left)
        assert name not in {fact.name for fact in entry.classes}
    assert lost
    assert few.filtered["expressions of segments that are left out"] == lost
    assert name not in dict(few.vocabulary)


def test_things_that_become_stuff_with_others_are_not_counted() -> None:
    vocabulary = countable([("tree", True), ("grass", False), ("car", True)])
    rules = ClassRules(merge={"plants": ("tree", "grass")}, rename={"car": "auto"})
    wanted = renaming("a", Filters(classes=rules), vocabulary)
    assert wanted.names == {
        "tree": ("plants", False),
        "grass": ("plants", False),
        "car": ("auto", True),
    }


def test_readers_that_do_not_say_areas_are_refused_where_they_are_needed(tmp_path: Path) -> None:
    (told,) = by_class([Seen("cat", True, False, 9), Seen("cat", True, True, 4)])
    assert told.parts == ((0, 9), (1, -1))
    files = [tmp_path / "facts", tmp_path / "entries"]

    def after(parts: tuple[tuple[int, int], ...], least: int) -> Entry:
        with Writer(tmp_path / "raw") as raw:
            raw.write([replace(BARE, classes=(replace(told, parts=parts),))])
        wanted = renaming("a", Filters(min_area=least), {"cat": True})
        relabel("a", wanted, Entries(tmp_path / "raw"), files)
        (made,) = Entries(files[1])
        return made

    assert after((), 9).classes == (told,)
    with pytest.raises(SourceError, match="does not say how large each instance is"):
        after((), 10)
    hidden = after(told.parts, 10)
    assert hidden.hidden == ((0, "cat"),)
    assert [(f.instances, f.smallest, f.parts) for f in hidden.classes] == [(0, 0, ((1, -1),))]
    assert filtered_counts(pq.ParquetFile(files[0]).read()) == ({"instances under min_area": 1}, 9)


def test_absent_classes_are_those_of_which_all_parts_are_absent(tmp_path: Path) -> None:
    vocabulary = dict.fromkeys(("cat", "dog", "cow", "pig"), True)
    rules = ClassRules(merge={"pet": ("cat", "dog")}, rename={"cow": "ox"}, drop=("pig",))
    wanted = renaming("a", Filters(classes=rules), vocabulary)
    with Writer(tmp_path / "raw") as raw:
        listed = (("cat", "cow", "pig"), ("cat", "dog"), (), None)
        raw.write([replace(BARE, id=str(k), absent=each) for k, each in enumerate(listed)])
    relabel("a", wanted, Entries(tmp_path / "raw"), [tmp_path / "facts", tmp_path / "entries"])
    made = list(Entries(tmp_path / "entries"))
    assert [each.absent for each in made] == [("ox",), ("pet",), (), None]
    assert [len(each.relabel) for each in made] == [4, 4, 4, 0]


def test_what_was_made_of_an_index_is_kept_and_never_that_of_other_filters(
    demo_data: Path, tmp_path: Path
) -> None:
    source = Source(name="a", dataset="refcoco", roots=(str(demo_data / "refcoco"),), tasks={})
    whole = build_index(source, tmp_path)
    areas = {a for e in whole.entries(range(len(whole))) for f in e.classes for _, a in f.parts}
    prints = {whole.fingerprint}
    for least in (sorted(areas)[3], max(areas), sorted(areas)[3]):
        under = replace(source, filters=Filters(min_area=least))
        index = build_index(under, tmp_path)
        prints.add(index.fingerprint)
        left = [f for e in index.entries(range(len(index))) for f in e.classes if f.instances]
        assert all(fact.smallest >= least for fact in left)
    assert build_index(source, tmp_path).fingerprint in prints
    assert len(prints) == 3
