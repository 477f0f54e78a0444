"""The PACO reader: objects or parts, never both in a pixel, and what is known to be absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines import paco
from pipelines.demo import marked_balls as balls
from pipelines.demo import paco as demo
from transforms import instance, semantic
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.errors import SourceError
from vbdata.storage.folder import Folder

NAMES = {
    "objects": {"mug": "mug", "car_(automobile)": "car"},
    "parts": {"mug:handle": "mug handle", "car_(automobile):door_handle": "car door handle"},
}
ABSENT = {"objects": ("dog",), "parts": ("dog ear",)}


@pytest.mark.parametrize("split", paco.SPLITS)
@pytest.mark.parametrize("level", paco.LEVELS)
def test_the_miniature_by_level(level: str, split: str, demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("paco")))
    wanted = {each.number: each for each in demo.truth() if each.split == split}
    entries = list(paco.index(root, split=split, level=level))
    assert [int(entry.id) for entry in entries] == sorted(wanted)
    assert [*paco.groups(root, split=split)] == [entry.group for entry in entries]
    names = NAMES[level]
    for entry in entries:
        each = wanted[int(entry.id)]
        assert (entry.fault, entry.files["image"].path) == ("", each.file)
        assert entry.absent == ABSENT[level]
        label = paco.load(root, entry, ["segments"]).labels["segments"]
        assert isinstance(label, Segments)
        ids, marked = np.asarray(label.ids), np.zeros(label.ids.shape, bool)
        drawn = [(names[kind], mask) for kind, mask, _ in demo.marked(each.shot) if kind in names]
        assert len(drawn) == len(label.classes) == len(balls.seen(each.shot))
        for number, (name, mask) in enumerate(drawn, 1):
            assert label.classes[number - 1] == name
            assert np.array_equal(ids == number, mask)
            marked |= mask
        assert np.array_equal(label.valid, marked)
        counted = level == "objects"
        partly = {"mug"} if each.number % 2 and counted else set[str]()
        assert {f.name for f in entry.classes if f.instances} == (
            {"mug", "car"} - partly if counted else set()
        )
        assert set(label.known) == {*names.values()} - partly | {*ABSENT[level]}
        vocabulary = [(name, counted) for name in (*names.values(), *ABSENT[level], "owl")]
        if counted:
            asks = [instance.ask(entry, Stream(n), vocabulary=vocabulary) for n in range(30)]
            asked = {ask.params["class"] for ask in asks}
            assert asked == {"mug", "car", "dog"} - partly
            for ask in asks:
                assert bool(instance.valid(label, ask.params).all())
        legends = [semantic.ask(entry, Stream(n), vocabulary=vocabulary) for n in range(30)]
        said = {item["name"] for ask in legends for item in ask.params["legend"]}
        assert said == {*names.values(), *ABSENT[level]}
        for ask in legends:
            assert np.array_equal(semantic.valid(label, ask.params), marked)


def test_names_holdouts_and_what_is_missing(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    assert paco.in_words("remote_control:back_cover") == "remote control back cover"
    (tmp_path / "paco/annotations").mkdir(parents=True)
    shutil.copy(demo_of("paco") / "paco_lvis_v1_test.json", tmp_path / "paco/annotations")
    held = [*paco.groups(Folder(str(tmp_path)), **paco.HOLDOUTS["paco-lvis-test"])]
    assert held == [f"coco:{e.number:012d}" for e in demo.truth() if e.split == "test"]
    with pytest.raises(SourceError, match="no folder train2017 or val2017"):
        list(paco.index(Folder(str(tmp_path)), split="test"))
    with pytest.raises(SourceError, match=r"no paco_lvis_v1_train\.json or annotations/paco"):
        list(paco.index(Folder(str(tmp_path))))
    assert [paco.official(split=s).entries for s in paco.SPLITS] == [45_790, 2_410, 9_443]
