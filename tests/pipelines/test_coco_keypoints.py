"""COCO's keypoints: as the file has them, of other things than persons, and damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import coco
from pipelines.parts.coco.keypoints import NAMES, SKELETON
from tests.helpers import figures
from tests.helpers.builds import REAL
from vbdata.core.labels import Keypoints
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder
from vbdata.testing import check_reader, check_task

PERSONS = {"segments": "person_keypoints"}


def read(folder: Path, which: int = 0) -> tuple[Entry, Keypoints]:
    root = Folder(str(folder))
    entry = list(coco.index(root, **PERSONS))[which]
    return entry, coco.load(root, entry, ("keypoints",)).labels["keypoints"]


def test_keypoints_are_those_of_the_file(tmp_path: Path) -> None:
    folder = figures.write(tmp_path / "figures")
    assert len(check_reader("coco", folder, **PERSONS)) == 2
    entry, found = read(folder, 1)
    assert entry.labels == ("segments", "keypoints")
    assert (found.names, found.skeleton) == (NAMES, SKELETON)
    given = [each for each in figures.table()["annotations"] if each["image_id"] == 2]
    for row, each in enumerate(given):
        joints = np.array(each["keypoints"]).reshape(17, 3)
        assert np.array_equal(found.visible[row], joints[:, 2])
        assert np.array_equal(found.points[row], joints[:, :2])
        x, y, width, height = each["bbox"]
        assert found.boxes[row].tolist() == [x, y, x + width, y + height]
        assert found.areas[row] == each["area"]
    assert found.crowds.tolist() == [False, False, True]
    valid = np.ones((figures.HEIGHT, figures.WIDTH), bool)
    valid[20:80, 120:150] = valid[:, :10] = False  # who has no joints may be there
    assert np.array_equal(found.valid, valid)
    assert check_task("keypoints", "coco", folder, task_options={"few": 0}, **PERSONS) == 2


def test_other_things_have_joints_of_their_own(tmp_path: Path) -> None:
    kind = {"id": 1, "name": "cat", "keypoints": ["paw", "tail"], "skeleton": [[1, 2]]}
    made = [figures.figure(1, 1, (10, 10, 50, 50), keypoints=[20, 20, 2, 40, 45.5, 1])]
    made.append(figures.figure(2, 2, (10, 10, 50, 50), keypoints=[0, 0, 0, 0, 0, 0]))
    folder = figures.write(tmp_path / "cats", categories=[kind], annotations=made)
    entry, found = read(folder)
    assert (found.names, found.skeleton) == (("paw", "tail"), ((0, 1),))
    assert found.points.tolist() == [[[20, 20], [40, 45.5]]]
    assert read_labels(folder) == [("segments", "keypoints"), ("segments",)]
    options = {"joints": ["tail", "paw"]}
    assert check_task("keypoints", "coco", folder, task_options=options, **PERSONS) == 1
    assert entry.labels == ("segments", "keypoints")


def read_labels(folder: Path) -> list[tuple[str, ...]]:
    return [entry.labels for entry in coco.index(Folder(str(folder)), **PERSONS)]


@pytest.mark.parametrize(
    ("keypoints", "detail"),
    [
        ([1, 2, 2] * 16, "annotation 1: keypoints are no 17 triples"),
        ([1, 2, 3] * 17, "annotation 1: a joint's visibility is not 0, 1 or 2"),
        ([1, 2, "x"] * 17, "keypoints are no 17 triples of numbers"),
        ([10**400, 2, 2] * 17, "keypoints are no 17 triples of numbers"),
        ([float("nan"), 2, 2] * 17, "keypoints are no 17 triples of numbers"),
    ],
)
def test_damaged_keypoints_are_a_fault_of_their_image(
    tmp_path: Path, keypoints: list[Any], detail: str
) -> None:
    made = [figures.figure(1, 1, (10, 10, 50, 50), keypoints=keypoints)]
    folder = figures.write(tmp_path / "bad", annotations=made)
    with pytest.raises(BadSample, match=detail):
        read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": "nose"}, "expected a list of names"),
        ({"keypoints": ["nose", "nose"]}, "a name twice"),
        ({"skeleton": [[0, 1]]}, r"the skeleton has \[0, 1\], expected two numbers from 1 to 17"),
    ],
)
def test_damaged_names_are_an_error_of_the_file(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    kind = {**figures.table()["categories"][0], **change}
    folder = figures.write(tmp_path / "bad", categories=[kind])
    with pytest.raises(SourceError, match=message):
        read(folder)


@pytest.mark.skipif(not (REAL / "coco").exists(), reason="no real COCO samples")
def test_real_persons_are_drawn_and_decoded() -> None:
    options = {"few": 0}
    where = REAL / "coco"
    served = check_task(
        "keypoints", "coco", where, task_options=options, split="val2017", **PERSONS
    )
    assert served >= 2
