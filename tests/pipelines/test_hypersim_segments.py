"""Hypersim's segments: which class, which instance, what is void, and what the index says of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import hypersim
from pipelines.demo import hypersim as demo
from pipelines.parts.hypersim import segments as partitions
from tests.pipelines.test_hypersim import HEIGHT, REAL, WIDTH, first, geometry, hdf5, real, tree
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

UNCOUNTED = {"", *partitions.STUFF}


def label_frame(
    folder: Path, frame: int, semantic: NDArray[np.int16], instance: NDArray[np.int16]
) -> None:
    hdf5(geometry(folder, frame, "semantic"), semantic)
    hdf5(geometry(folder, frame, "semantic_instance"), instance)


def labelled() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """A wall, two chairs of which one is partly a table, chairs nobody told apart, a void."""
    semantic = np.full((HEIGHT, WIDTH), 1, np.int16)
    instance = np.full((HEIGHT, WIDTH), 7, np.int16)  # the wall's number says nothing
    semantic[0], instance[0] = -1, -1
    semantic[1, :4], instance[1, :4] = -1, 9  # a group that nobody named
    semantic[2:4, :5], instance[2:4, :5] = 5, 32767
    semantic[4:6, :3], instance[4:6, :3] = 7, 32767
    semantic[8:10, 2:9], instance[8:10, 2:9] = 5, 12
    semantic[11, :6], instance[11, :6] = 5, -1
    semantic[11, 8:], instance[11, 8:] = 40, 3
    return semantic, instance


def test_segments_are_off_unless_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path)
    plain = list(hypersim.index(root))
    label_frame(tmp_path, 0, *labelled())
    assert list(hypersim.index(root)) == plain
    assert not any("segments" in e.labels for e in plain)


def test_what_is_a_segment(tmp_path: Path) -> None:
    root = tree(tmp_path)
    semantic, instance = labelled()
    label_frame(tmp_path, 0, semantic, instance)
    geometry(tmp_path, 1, "semantic").write_bytes(b"")  # but no semantic_instance
    labelled_entry, plain_entry = hypersim.index(root, segments=True)
    assert plain_entry.labels == ("depth", "normals")  # one file is not both
    assert hypersim.load(root, plain_entry, ["depth", "normals"]).labels
    assert labelled_entry.labels == ("depth", "normals", "segments")
    facts = {f.name: (f.thing, f.instances, f.smallest) for f in labelled_entry.classes}
    assert facts == {
        "wall": (False, 0, 0),
        "chair": (True, 2, 10),
        "table": (True, 1, 6),
        "other prop": (False, 0, 0),
    }
    found = hypersim.load(root, labelled_entry, ["segments"]).labels["segments"]
    assert found.classes == ("wall", "chair", "chair", "chair", "table", "other prop")
    assert found.things == (False, True, True, True, True, False)
    assert found.crowds == (False, True, False, False, False, False)
    expected = np.where(semantic == 1, 1, 0)
    for number, (kind, which) in enumerate(((5, -1), (5, 12), (5, 32767), (7, 32767)), 2):
        expected[(semantic == kind) & (instance == which)] = number
    expected[semantic == 40] = 6
    assert found.ids.dtype == np.int32
    assert np.array_equal(found.ids, expected)
    assert np.array_equal(found.valid, semantic > 0)


def test_every_class_has_a_name_and_the_table_agrees() -> None:
    names = partitions.NYU40
    assert len(names) == len(set(names)) == 40
    assert set(names) > partitions.STUFF
    assert [names[k - 1] for k in (1, 2, 5, 22, 40)] == [
        *("wall", "floor", "chair", "ceiling", "other prop")
    ]


@real
def test_the_official_classes_have_the_official_names() -> None:
    with (REAL / "semantic_label_descs.csv").open() as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)][1:]
    numbers = [int(row[0]) for row in rows]
    assert numbers == list(range(1, 41))
    assert [row[1] for row in rows] == [name.replace(" ", "") for name in partitions.NYU40]


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("semantic", 0, r"unknown category: class 0, expected -1 or 1 to 40 .*semantic\.hdf5"),
        ("semantic", 41, "unknown category: class 41"),
        ("semantic", -2, "unknown category: class -2"),
        ("semantic_instance", 0, "out of range: instance 0, .*semantic_instance"),
        ("semantic_instance", -7, "out of range: instance -7"),
    ],
)
def test_labels_that_cannot_be(tmp_path: Path, kind: str, value: int, fault: str) -> None:
    root = tree(tmp_path, frames=1)
    label_frame(tmp_path, 0, *labelled())
    values = dict(zip(("semantic", "semantic_instance"), labelled(), strict=True))[kind]
    values[5, 5] = value
    hdf5(geometry(tmp_path, 0, kind), values)
    entry = first(root, segments=True)
    with pytest.raises(BadSample, match=f"^{fault}"):
        hypersim.load(root, entry, ["depth"])
    assert first(root).fault == ""  # who does not ask for segments does not lose the frame


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((HEIGHT, WIDTH), np.int32), "wrong dtype"),
        (np.ones((HEIGHT, WIDTH), np.float16), "wrong dtype"),
        (np.ones((HEIGHT, WIDTH + 1), np.int16), "wrong size"),
        (None, "truncated"),
    ],
)
def test_damaged_labels_are_a_fault(
    tmp_path: Path, values: NDArray[Any] | None, reason: str
) -> None:
    root = tree(tmp_path, frames=1)
    label_frame(tmp_path, 0, *labelled())
    if values is None:
        geometry(tmp_path, 0, "semantic").write_bytes(b"")
    else:
        hdf5(geometry(tmp_path, 0, "semantic"), values)
    assert first(root, segments=True).fault.startswith(f"{reason}: ")


def test_a_frame_that_nobody_labelled_offers_no_segments(tmp_path: Path) -> None:
    root = tree(tmp_path, frames=1)
    nothing = np.full((HEIGHT, WIDTH), -1, np.int16)
    label_frame(tmp_path, 0, nothing, nothing)
    assert first(root, segments=True).labels == ("depth", "normals")


def test_segments_alone_will_do(tmp_path: Path) -> None:
    root = tree(tmp_path, frames=2)
    label_frame(tmp_path, 0, *labelled())
    for k in range(2):
        for kind in ("depth_meters", "normal_cam", "render_entity_id"):
            geometry(tmp_path, k, kind).unlink()
    (entry,) = hypersim.index(root, segments=True)
    assert entry.labels == ("segments",)
    assert hypersim.load(root, entry, ["segments"]).labels
    with pytest.raises(SourceError, match="no geometry"):
        list(hypersim.index(root))


def test_partitions_are_those_of_every_pixel_alone() -> None:
    rng = np.random.default_rng(5)
    for height, width, most in ((1, 1, 2), (1, 9, 3), (30, 40, 40), (40, 3, 5)):
        semantic = rng.integers(0, most + 1, (height, width)).astype(np.int16)
        semantic[semantic == 0] = -1
        instance = rng.choice(np.array([-1, 1, 2, 300, 32767], np.int16), (height, width))
        found = partitions.partition(semantic, instance, ("a", "b"))
        of: dict[tuple[str, int], int] = {}
        for s, i, number in zip(
            semantic.flat, instance.flat, found.ids.ravel().tolist(), strict=True
        ):
            if s == -1:
                assert number == 0
                continue
            name = partitions.NYU40[s - 1]
            assert (
                of.setdefault((name, 0 if name in partitions.STUFF else int(i)), number) == number
            )
            assert found.names[number - 1] == name
            assert found.crowds[number - 1] == (name not in partitions.STUFF and i == -1)
        assert sorted(of.values()) == list(range(1, len(found.keys) + 1))
        assert found.sizes.tolist() == np.bincount(found.ids.ravel())[1:].tolist()


@pytest.mark.slow
def test_miniature_segments_are_the_truth(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=4, frames=2)
    root = Folder(str(tmp_path))
    entries = {e.id: e for e in hypersim.index(root, split="all", segments=True)}
    seen = set()
    for shot in demo.truth(seed=4, frames=2):
        entry = entries[shot.id.replace("/", "/cam_00/000")]
        found = hypersim.load(root, entry, ["segments"]).labels["segments"]
        kinds = np.array([-1, *map(demo.semantic, shot.scene.surfaces)])[shot.frame.ids]
        assert np.array_equal(found.valid, kinds > 0)
        names = np.array(["", *found.classes])[found.ids]
        wanted = np.array([*partitions.NYU40, ""])[np.where(kinds > 0, kinds - 1, 40)]
        assert np.array_equal(names, wanted)
        for k, surface in enumerate(shot.scene.surfaces, 1):
            inside = found.ids[shot.frame.ids == k]
            if inside.size and surface.thing and names[shot.frame.ids == k][0] not in UNCOUNTED:
                (number,) = np.unique(inside)
                assert np.array_equal(found.ids == number, shot.frame.ids == k)
                fact = next(f for f in entry.classes if f.name == found.classes[number - 1])
                assert 0 < fact.smallest <= inside.size
                seen.add(fact.name)
    assert seen == {"chair", "sofa", "table"}


@pytest.mark.parametrize("option", ["yes", 1, None, "true"])
def test_segments_is_true_or_false(tmp_path: Path, option: Any) -> None:
    with pytest.raises(SourceError, match=r"segments: .*Known: false, true"):
        list(hypersim.index(tree(tmp_path), segments=option))
