"""The SA-1B reader: masks by pycocotools, folders and tars alike, scores, damage."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pipelines import sa1b
from pipelines.parts.sa1b import frames
from vbdata.core.labels import Segments
from vbdata.core.types import Source
from vbdata.errors import BadSample, SourceError
from vbdata.guide.draft import draft
from vbdata.index import joined
from vbdata.index.index import build_index
from vbdata.index.joined import index_part
from vbdata.storage.folder import Folder

FIRST = "sa_000000/sa_1"

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools


@pytest.fixture
def folder(demo_of: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_of("sa1b"), tmp_path / "data"))


def tarred(folder: Path, out: Path) -> Path:
    """The folders as the tars that they were downloaded as."""
    out.mkdir()
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        with tarfile.open(out / f"{each.name}.tar", "w") as tar:
            for file in sorted(each.iterdir(), reverse=True):
                tar.add(file, f"./{file.name}")
    return out


def changed(folder: Path, change: Callable[[Any], None], stem: str = FIRST) -> None:
    path = folder / f"{stem}.json"
    text = json.loads(path.read_text())
    change(text)
    path.write_text(json.dumps(text))


def label_of(root: Folder, place: int = 0, **options: Any) -> Segments:
    entry = list(sa1b.index(root, **options))[place]
    found: Segments = sa1b.load(root, entry, entry.labels).labels["segments"]
    return found


def test_masks_are_those_of_pycocotools(folder: Path) -> None:
    root = Folder(str(folder))
    entries = list(sa1b.index(root))
    assert [e.group for e in entries] == ["sa1b:sa_1", "sa1b:sa_2", "sa1b:sa_10", "sa1b:sa_11"]
    for place, entry in enumerate(entries):
        text = json.loads((folder / f"{entry.id}.json").read_text())
        masks = [coco_mask.decode(a["segmentation"]) for a in text["annotations"]]
        label = label_of(root, place)
        ids = np.asarray(label.ids)
        assert (ids[masks[-1] > 0] == len(masks)).all(), "the part lies on the whole"
        assert np.array_equal(np.asarray(label.valid), sum(masks) > 0)
        (fact,) = entry.classes
        areas = [int(mask.sum()) for mask in masks]
        assert fact.parts == tuple(enumerate(areas))
        assert (fact.name, fact.instances, fact.smallest) == ("object", len(masks), min(areas))
        assert label.known == ()
        assert entry.absent is None or entry.absent == ()


def test_tars_have_the_masks_of_folders(folder: Path, tmp_path: Path) -> None:
    plain, packed = Folder(str(folder)), Folder(str(tarred(folder, tmp_path / "tars")))
    for one, other in zip(sa1b.index(plain), sa1b.index(packed), strict=True):
        assert other.id == f"sa_{one.id[3:9]}.tar/{one.id.rpartition('/')[2]}"
        assert (one.classes, one.group) == (other.classes, other.group)
        mine, theirs = (
            sa1b.load(root, entry, entry.labels) for root, entry in ((plain, one), (packed, other))
        )
        assert mine.image == theirs.image
        assert np.array_equal(mine.labels["segments"].ids, theirs.labels["segments"].ids)
    shutil.copy(tmp_path / "tars/sa_000000.tar", tmp_path / "tars/sa_000000.tar-2.tar")
    ids = [entry.id for entry in sa1b.index(packed)]
    assert ids == sorted(ids)
    (tmp_path / "tars" / "sa_1.json").write_text("{}")
    (tmp_path / "tars" / "sa_1.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=r"3 \*\.tar and some sa_\*\.json; expected files of one"):
        list(sa1b.index(packed))


@pytest.mark.parametrize("layout", ["folders", "tars"])
def test_photographs_are_indexed_side_by_side(
    layout: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vbdata.plugins.pipelines.parts.sa1b.frames.SPAN", 3)
    data = folder if layout == "folders" else tarred(folder, tmp_path / "tars")
    source = Source(name="x", dataset="sa1b", roots=(str(data),), tasks={})
    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "one-cache"))
    one = build_index(source, tmp_path / "one")
    monkeypatch.setattr(joined, "BYTES", 0)
    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "several-cache"))
    parts: list[str] = []

    def pool(tasks: Any) -> Any:
        parts.extend(task.part.name for task in tasks)
        return map(index_part, tasks)

    several = build_index(source, tmp_path / "several", pool)
    assert len(parts) == 2
    assert one.fingerprint == several.fingerprint
    assert list(one.stored) == list(several.stored)


def test_masks_below_a_score_are_left_out(folder: Path) -> None:
    root = Folder(str(folder))
    every, some = label_of(root), label_of(root, min_iou=0.95)
    assert len(some.classes) == len(every.classes) - 1
    entry = next(iter(sa1b.index(root, min_iou=0.95, name="thing")))
    assert entry.left_out == ("left out: masks below min_iou or min_stability: 1",)
    assert entry.classes[0].name == "thing"
    assert not label_of(root, min_stability=0.99).classes
    for options, said in (
        ({"min_iou": 2}, "min_iou: 2 is not a number from 0 to 1"),
        ({"min_iou": [0.5]}, "min_iou: \\[0.5\\] is not a number from 0 to 1"),
        ({"min_stability": "x"}, "min_stability: 'x' is not"),
        ({"name": " "}, "name: ' ' is no name"),
    ):
        with pytest.raises(SourceError, match=said):
            next(iter(sa1b.index(root, **options)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("image"), "missing required field `image`"),
        (lambda t: t["image"].update(width=0), "out of range: .*0x48"),
        (lambda t: t["annotations"][0].update(area="12"), "Expected `float`"),
        (lambda t: t["annotations"][0].update(area=-1), "an area of -1 pixels"),
    ],
)
def test_what_is_garbled_is_a_fault_of_its_photograph(
    change: Callable[[Any], None], said: str, folder: Path
) -> None:
    changed(folder, change)
    first, *rest = sa1b.index(Folder(str(folder)))
    assert first.id == FIRST
    assert re.search(said, first.fault), first.fault
    assert not any(entry.fault for entry in rest)


def test_damage_is_named(folder: Path, tmp_path: Path) -> None:
    root = Folder(str(folder))
    changed(folder, lambda t: t["annotations"][1]["segmentation"].update(counts="!"))
    entry = next(iter(sa1b.index(root)))
    with pytest.raises(BadSample, match="annotation 501"):
        sa1b.load(root, entry, entry.labels)
    (folder / f"{FIRST}.json").unlink()
    (folder / "sa_000001" / "sa_10.jpg").unlink()
    first, _, third, _ = sa1b.index(root)
    assert first.fault == f"missing: {FIRST}: no {FIRST}.json"
    assert third.files["image"].size == -1
    packed = tarred(folder, tmp_path / "tars") / "sa_000000.tar"
    packed.write_bytes(packed.read_bytes()[:1600])
    faults = [entry.fault for entry in sa1b.index(Folder(str(packed.parent))) if entry.fault]
    assert "truncated" in faults[0]
    assert any("no .jpg and .json among" in fault for fault in faults)


def test_a_photograph_of_two_files_is_a_fault(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / f"{FIRST}.jpg", folder / f"{FIRST}.jpeg")
    first, *rest = sa1b.index(Folder(str(folder)))
    assert first.fault.startswith(f"garbled annotation: {FIRST}: two files of one name and kind")
    packed, *others = sa1b.index(Folder(str(tarred(folder, tmp_path / "tars"))))
    assert packed.fault.endswith("two members .jpg and .jpeg")
    assert not any(entry.fault for entry in (*rest, *others))


def test_photographs_of_others_are_no_source(tmp_path: Path) -> None:
    (tmp_path / "sa_7.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=r"0 \*\.tar and no sa_\*\.json"):
        list(sa1b.index(Folder(str(tmp_path))))
    assert frames.FILE.fullmatch("a/sa_7.JPG")


def test_it_is_found_as_one_source(folder: Path, tmp_path: Path) -> None:
    for data in (folder, tarred(folder, tmp_path / "tars")):
        made = draft(data)
        assert [(s.dataset, s.tasks) for s in made.sources] == [("sa1b", ("instance",))]
