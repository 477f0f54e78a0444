"""Readers that open files of every record have one index, in however many spans they are opened."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.parts import spans
from tests.helpers.builds import REPOSITORY
from vbdata import plugins
from vbdata.core.types import Entry, Source
from vbdata.index import reading
from vbdata.index.cache import Traced
from vbdata.index.facts import read_entry
from vbdata.index.grouped import tables
from vbdata.index.joined import PartTask, index_part
from vbdata.sources.open import open_root

SPANS = "vbdata.plugins.pipelines.parts.spans"
READERS = sorted(
    path.stem
    for path in (REPOSITORY / "pipelines").glob("*.py")
    if "spans.parts(index)" in path.read_text()
)
OPENING: dict[str, dict[str, Any]] = {  # by which a reader opens more, or of a name to stumble over
    "dsine": {"part": "nyuv2"},
    "hypersim": {"segments": True},
    "mapillary_vistas": {"maps": "instances"},
    "structured3d": {"segments": True},
    "vkitti2": {"classes": "all"},
}


def of_folder(name: str, folder: Path, **options: Any) -> tuple[Source, Traced]:
    source = Source(name=name, dataset=name, roots=(str(folder),), tasks={}, options=options)
    return source, Traced(open_root(source.roots, mount=plugins.mounts(name), strict=True))


def options_of(name: str) -> dict[str, Any]:
    """The options of a reader, under which it opens a file of every record."""
    known = signature(plugins.dataset(name).index).parameters
    return {**OPENING.get(name, {}), **({"min_depth_range": 2} if "max_invalid" in known else {})}


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_spans_make_the_index_of_the_whole(
    name: str, demo_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("MAPS", "HEADS"):
        monkeypatch.setattr(f"{SPANS}.{size}", 2)
    options = options_of(name)
    source, root = of_folder(name, demo_of(name), **options)
    whole = pa.concat_tables(tables(reading.given(source, root, None)))
    source, alone = of_folder(name, demo_of(name), **options)
    parts = reading.parts(source, alone)
    assert parts
    tasks = [PartTask(source=source, part=part) for part in parts]
    done = [index_part(pickle.loads(pickle.dumps(task))) for task in reversed(tasks)]
    assert [each.fault for each in done] == [""] * len(tasks)
    rows = [pa.ipc.open_stream(each.rows).read_all() for each in reversed(done)]
    assert len(tasks) > 1
    assert pa.concat_tables(rows).equals(whole)
    asked = [question for each in done for question in each.trace]
    assert asked
    assert alone.trace | {q: a for each in done for q, a in each.trace.items()} == root.trace


def test_a_fault_stays_and_is_opened_no_further() -> None:
    entries = {
        name: Entry(id=name, group="", width=0, height=0, license="", files={}, labels=())
        for name in ("good", "listed", "nothing", "opened")
    }
    entries["listed"] = replace(entries["listed"], fault="missing: a.png")
    seen: list[str] = []

    def first(entry: Entry) -> Entry | None:
        seen.append(entry.id)
        found = {"nothing": None, "opened": replace(entry, fault="truncated: a.png")}
        return found.get(entry.id, entry)

    def second(entry: Entry) -> Entry | None:
        seen.append(f"{entry.id} again")
        return entry

    kept = [*spans.then(spans.Spans(entries.values(), first, 9), second)]
    assert [each.id for each in kept] == ["good", "listed", "opened"]
    assert [bool(each.fault) for each in kept] == [False, True, True]
    assert seen == ["good", "good again", "nothing", "opened"]


def test_tags_of_a_listing_reach_the_entries_of_other_processes(
    demo_of: Callable[[str], Path],
) -> None:
    source, root = of_folder("moge", demo_of("moge"))
    (entry, *_) = reading.given(source, root, None)
    path = entry.files["image"].path
    root.tags[path] = "etag 7"
    parts = reading.parts(source, root)
    assert parts
    (row, *_) = pa.ipc.open_stream(
        index_part(PartTask(source=source, part=parts[0])).rows
    ).read_all()["entry"]
    assert read_entry(row.as_py(), b"").files["image"].tag == "etag 7"


@pytest.mark.parametrize(
    ("name", "options"), [("tartanair", {}), ("mapillary_vistas", {}), ("hypersim", {})]
)
def test_what_opens_nothing_has_no_parts(
    name: str, options: dict[str, Any], demo_of: Callable[[str], Path]
) -> None:
    source, root = of_folder(name, demo_of(name), **options)
    assert reading.parts(source, root) is None
    assert not any(question.kind == "files" for question in root.trace)
