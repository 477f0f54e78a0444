"""The gRefCOCO reader: expressions for one object, several and none, whole from file to metric."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import grefcoco, refcoco
from pipelines.demo import grefcoco as demo
from pipelines.demo import marked_balls as balls
from tests.helpers.builds import REAL, needs_real_data
from transforms import refer
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Geometry
from vbdata.errors import SourceError
from vbdata.evaluation.metrics.regions import RegionsMeter
from vbdata.storage.folder import Folder

WHOLE = Geometry(
    source=(balls.WIDTH, balls.HEIGHT),
    scaled=(balls.WIDTH, balls.HEIGHT),
    left=0,
    top=0,
    width=balls.WIDTH,
    height=balls.HEIGHT,
)


@pytest.mark.parametrize("split", grefcoco.SPLITS)
def test_every_expression_means_what_was_drawn(split: str, demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("grefcoco")))
    of = ("testA", "testB") if split == "test" else (split,)
    wanted = {each.number: each for each in demo.truth() if each.split in of}
    found = list(grefcoco.index(root, split=split))
    assert [int(entry.id) for entry in found] == sorted(wanted)
    assert [*grefcoco.groups(root, split=split)] == [entry.group for entry in found]
    for entry in found:
        masks = balls.seen(wanted[int(entry.id)].shot)
        assert entry.fault == ""
        assert [each.text for each in entry.expressions] == list(demo.EXPRESSIONS)
        sample = grefcoco.load(root, entry, entry.labels)
        ids = np.asarray(sample.labels["segments"].ids)
        for each in entry.expressions:
            meant = np.any(
                [np.zeros(ids.shape, bool)]
                + [masks[colour] for colour in demo.EXPRESSIONS[each.text]],
                axis=0,
            )
            assert np.array_equal(np.isin(ids, [t + 1 for t in each.targets]), meant), each.text


def test_none_is_asked_drawn_decoded_and_scored(demo_of: Callable[[str], Path]) -> None:
    """What is not there is asked for like all else, and painting anything for it is wrong."""
    root = Folder(str(demo_of("grefcoco")))
    entry = next(grefcoco.index(root))
    label = grefcoco.load(root, entry, ["segments"]).labels["segments"]
    asks = [refer.ask(entry, Stream(n), several=0, negatives=0) for n in range(40)]
    said = {str(ask.params["legend"][0]["name"]): ask for ask in asks}
    assert set(said) == set(demo.EXPRESSIONS)
    right, painted = RegionsMeter(), RegionsMeter()
    for text, ask in said.items():
        assert text in ask.instruction
        target = np.asarray(refer.render(label, ask.params))
        assert bool(target.any()) == bool(demo.EXPRESSIONS[text])
        assert refer.roundtrip(label, target, ask.params) == 0
        assert not refer.contradictions(target, label.valid, ask.params)
        assert bool(np.asarray(refer.valid(label, ask.params)).all())
        truth = refer.decode(target, ask.params)
        everything = np.full_like(target, ask.params["legend"][0]["rgb"])
        right.add(truth, truth, WHOLE)
        painted.add(truth, refer.decode(everything, ask.params), WHOLE)
    assert (right.result()["n_acc"], right.result()["t_acc"]) == (1.0, 1.0)
    assert (right.result()["giou"], right.result()["ciou"]) == (1.0, 1.0)
    assert (painted.result()["n_acc"], painted.result()["t_acc"]) == (0.0, 1.0)
    assert right.empties == 2
    several = [refer.ask(entry, Stream(n), several=1, negatives=0) for n in range(30)]
    both = [a for a in several if {bool(i["targets"]) for i in a.params["legend"]} == {True, False}]
    assert both
    assert all(np.asarray(refer.render(label, ask.params)).any() for ask in both)


REFS: dict[str, tuple[dict[str, Any], str]] = {
    "none, as a number": ({"ann_id": -1, "no_target": True}, ""),
    "one, as a number": ({"ann_id": 2000}, ""),
    "twice the same": ({"ann_id": [2000, 2000]}, ""),
    "without no_target": ({"ann_id": [-1], "no_target": ...}, ""),
    "none and one": ({"ann_id": [-1, 2000]}, "its ann_id is [-1, 2000], expected numbers"),
    "an empty list": ({"ann_id": []}, "its ann_id is [], expected numbers"),
    "a contradiction": ({"no_target": True}, "its no_target is True, but its ann_id [2000]"),
    "of no annotation": ({"ann_id": [2000, 7]}, "image 200 has no annotation 7 with a mask"),
    "of no image": ({"image_id": 9}, "instances.json has no image 9"),
}


@pytest.mark.parametrize("case", REFS)
def test_forms_of_refs(case: str, demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    changes, wrong = REFS[case]
    shutil.copytree(demo_of("grefcoco"), tmp_path / "data")
    path = tmp_path / "data/grefcoco/grefs(unc).json"
    ref = json.loads(path.read_text())[0] | changes
    path.write_text(json.dumps([{k: v for k, v in ref.items() if v is not ...}]))
    (entry,) = grefcoco.index(Folder(str(tmp_path)))
    assert wrong in entry.fault
    assert bool(wrong) == entry.id.startswith("stray")
    if not wrong:
        (expression,) = entry.expressions
        assert expression.targets == (() if changes["ann_id"] in (-1, [-1]) else (0,))


def test_what_is_missing_and_the_release(tmp_path: Path, demo_of: Callable[[str], Path]) -> None:
    with pytest.raises(SourceError, match=r"no grefcoco/instances\.json, nor below data/"):
        list(grefcoco.index(Folder(str(tmp_path))))
    with pytest.raises(SourceError, match=r"no grefcoco/grefs\(unc\)\.json or grefs\(unc\)\.p"):
        list(grefcoco.groups(Folder(str(tmp_path))))
    counts = [grefcoco.official(split=split).entries for split in ("train", "val", "testA")]
    assert counts == [16_994, 1_500, 750]
    assert set(grefcoco.HOLDOUTS) == {"grefcoco-val", "grefcoco-testA", "grefcoco-testB"}
    shutil.copytree(demo_of("grefcoco"), tmp_path / "broken")
    (tmp_path / "broken/grefcoco/grefs(unc).json").write_text("[{")
    with pytest.raises(SourceError, match=r"grefs\(unc\)\.json: not readable as JSON"):
        list(grefcoco.index(Folder(str(tmp_path / "broken"))))


@needs_real_data
def test_real_refs_in_this_form_are_those_of_refcoco(tmp_path: Path) -> None:
    """Two real refs of RefCOCO, one of them made to mean both objects, one to mean nothing."""
    place = REAL / "refer/data"
    listed = refcoco.refs_of.read(Folder(str(place)), "refcoco/refs(unc).p")
    first, second = (ref | {"ann_id": [ref["ann_id"]], "no_target": False} for ref in listed)
    both = first | {"ref_id": 9, "ann_id": first["ann_id"] + second["ann_id"]}
    none = first | {"ref_id": 10, "ann_id": [-1], "no_target": True}
    (tmp_path / "grefcoco").mkdir()
    shutil.copy(place / "refcoco/instances.json", tmp_path / "grefcoco")
    (tmp_path / "grefcoco/grefs(unc).json").write_text(json.dumps([first, second, both, none]))
    shutil.copytree(place / "images/mscoco/images/train2014", tmp_path / "images/train2014")
    (entry,) = grefcoco.index(Folder(str(tmp_path)))
    (twin,) = refcoco.index(Folder(str(place)))
    assert entry.expressions[: len(twin.expressions)] == twin.expressions
    targets = {each.targets for each in entry.expressions[len(twin.expressions) :]}
    assert targets == {tuple(sorted({e.targets[0] for e in twin.expressions})), ()}
    label = grefcoco.load(Folder(str(tmp_path)), entry, ["segments"]).labels["segments"]
    assert isinstance(label, Segments)
    official = refcoco.load(Folder(str(place)), twin, ["segments"]).labels["segments"]
    assert np.array_equal(label.ids, official.ids)
