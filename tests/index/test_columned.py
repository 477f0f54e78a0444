"""Columns that a reader yields are stored as the entries would be that they stand for."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vbdata import plugins
from vbdata.core import compiled
from vbdata.core.entry_columns import COLUMNS, entries_of
from vbdata.core.texts import MOST_TEXT
from vbdata.core.types import ClassFact, Entry, FileRef, Source
from vbdata.errors import SourceError
from vbdata.index import reading
from vbdata.index.cache import Traced
from vbdata.index.columned import columned
from vbdata.index.facts import read_entry
from vbdata.index.grouped import groups, tables
from vbdata.index.presentable import presentable
from vbdata.index.rows import ROWS, written
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="columns need compiled loops")

TEXT = st.text(st.sampled_from("aB '\"\\/%{},[]~\t\n\x7fé\u200b漢"), max_size=6) | st.text(
    max_size=6
)
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9)
TEXTS = st.lists(TEXT | PLAIN, max_size=3).map(tuple)
NUMBERS = st.integers(0, 2**31 - 1)
CLASS = st.builds(
    ClassFact,
    name=PLAIN | TEXT,
    thing=st.booleans(),
    instances=NUMBERS,
    smallest=st.integers(0, 2**40),
    parts=st.lists(st.tuples(NUMBERS, st.integers(-1, 2**40)), max_size=3).map(tuple),
)
FILE = st.builds(FileRef, path=PLAIN | TEXT, size=st.integers(-1, 2**40), tag=PLAIN)
ENTRY = st.builds(
    Entry,
    id=PLAIN,
    group=PLAIN | TEXT,
    width=NUMBERS,
    height=NUMBERS,
    license=PLAIN,
    files=st.dictionaries(PLAIN, FILE, max_size=3),
    labels=TEXTS,
    classes=st.lists(CLASS, max_size=3).map(tuple),
    captions=TEXTS,
    record=st.binary(max_size=80),
)


FULL = Entry(
    id="7",
    group="photo:7",
    width=640,
    height=480,
    license="CC-BY-4.0",
    files={
        "image": FileRef(path="a/it's.jpg", size=1234, tag="etag"),
        "map": FileRef(path="b", size=-1),
    },
    labels=("segments",),
    classes=(
        ClassFact(name="cat", thing=True, instances=2, smallest=90, parts=((0, 90), (2, -1))),
        ClassFact(name='a "b"', thing=False, instances=0, smallest=0),
    ),
    captions=("A cat's.", "A \\ cat."),
    record=b"{}\n[]\x00'",
)
LONG = "a" * (MOST_TEXT + 1)  # which no prompt can have
SPOKEN = [*(replace(FULL, captions=texts) for texts in ((LONG,), (LONG, "b"), ("Kätzchen",)))]


def batch_of(entries: list[Entry]) -> pa.RecordBatch:
    rows: list[dict[str, Any]] = []
    for entry in entries:
        row = {name: value for name, value in asdict(entry).items() if name in COLUMNS.names}
        files = sorted(entry.files.items())
        row["files"] = [{"role": role, **asdict(file)} for role, file in files]
        for fact in row["classes"]:
            fact["parts"] = [
                dict(zip(("place", "area"), part, strict=True)) for part in fact["parts"]
            ]
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, COLUMNS)


@example([FULL, *SPOKEN, FULL], 1, 1)
@given(st.lists(ENTRY, min_size=1, max_size=6), st.integers(0, 2), st.integers(0, 2))
def test_columns_are_stored_as_the_entries_are(
    entries: list[Entry], before: int, after: int
) -> None:
    spare = Entry(id="x", group="", width=1, height=1, license="", files={}, labels=("z",))
    whole = batch_of([*[spare] * before, *entries, *[spare] * after])
    batch = whole.slice(before, len(entries))  # its buffers begin before its rows
    assert [*entries_of(batch)] == [
        replace(e, files=dict(sorted(e.files.items()))) for e in entries
    ]
    made = pa.concat_tables([ROWS.empty_table(), *(rows.table() for rows in columned(batch))])
    wanted = written([*map(presentable, entries)]).table()
    lines = zip(*(table["entry"].to_pylist() for table in (made, wanted)), strict=True)
    for line, other in lines:
        assert read_entry(line, b"") == read_entry(other, b"")
        assert line == other or not line.isascii()
    rest = [name for name in ROWS.names if name != "entry"]
    assert made.select(rest).equals(wanted.select(rest))


def test_batches_and_entries_stand_in_their_order() -> None:
    def entry(number: int) -> Entry:
        name = f"{number:04d}"
        return Entry(
            id=name,
            group="é" * (number % 50 == 0),
            width=1,
            height=1,
            license="",
            files={},
            labels=(),
        )

    every = [*map(entry, range(5000))]
    given = [batch_of(every[:3000]), *every[3000:3600], batch_of(every[3600:4990]), *every[4990:]]
    sizes = [len(table) for table in tables(given) if len(table) > 49]
    assert sizes == [512, 88]  # of entries; runs of plain rows are shorter
    found = [*groups(tables(given))]
    assert [len(table) for table in found] == [4096, 904]
    ids = chain.from_iterable(table["id"].to_pylist() for table in found)
    assert [*ids] == [each.id for each in every]


READER = """
LABELS, LICENSE, HOMEPAGE, BATCHES = ("depth",), "MIT", "https://x.example", []

def index(root):
    raise AssertionError("there are columns")

def index_columns(root):
    return iter(BATCHES)

def load(root, entry, kinds):
    raise NotImplementedError
"""


def test_order_tags_and_columns_of_batches_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "by_columns").mkdir()
    (tmp_path / "by_columns" / "reader.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = Source(name="x", dataset="by_columns.reader", roots=(str(tmp_path),), tasks={})
    (tmp_path / "a.jpg").write_bytes(b"1")
    root = Traced(Folder(str(tmp_path)))
    root.tags["a.jpg"] = "etag 7"
    file = FileRef(path="a.jpg", size=1)
    named = [
        Entry(id=k, group="", width=1, height=1, license="", files={"image": file}, labels=())
        for k in "abc"
    ]

    def read(*batches: pa.RecordBatch) -> list[Any]:
        vars(plugins.dataset("by_columns.reader"))["BATCHES"] = batches
        return [*reading.given(source, root, None)]

    one, two = read(batch_of(named[:2]), batch_of(named[2:]))
    assert [e.files["image"].tag for each in (one, two) for e in entries_of(each)] == ["etag 7"] * 3
    ab, bc = batch_of(named[:2]), batch_of(named[1:])
    for wrong in ([batch_of([named[0], named[0]])], [bc, ab], [ab, bc]):
        with pytest.raises(SourceError, match="ids must be unique and sorted"):
            read(*wrong)
    with pytest.raises(SourceError, match="yields columns"):
        read(batch_of(named).select(["id", "group"]))
    with pytest.raises(SourceError, match="no records"):
        read(batch_of([]))
