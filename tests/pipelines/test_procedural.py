"""Procedural scenes: labels, words and edits against what was drawn, and damaged files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import procedural
from pipelines.demo import procedural as demo
from pipelines.demo.procedural_scene import MANNERS, UNSEEN
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    demo.write(folder, seed=3, counts={"train": 10, "compositions": 6})
    return folder


@pytest.mark.slow
def test_every_label_is_what_was_drawn(scenes: Path) -> None:
    root = Folder(str(scenes))
    entries = list(procedural.index(root))
    for entry, shot in zip(entries, demo.truth(seed=3, count=10), strict=True):
        sample = procedural.load(root, entry, entry.labels)
        assert entry.id == shot.id
        assert (sample.image == shot.image).all()
        depth, normals, segments = (sample.labels[k] for k in ("depth", "normals", "segments"))
        assert (depth.metres == shot.depth).all()
        assert bool(depth.valid.all())
        assert (normals.sky == (shot.depth == np.inf)).all()
        difference = normals.xyz.transpose(1, 2, 0) - shot.normals
        assert np.abs(difference[normals.valid]).max() < 1e-6
        assert (segments.ids == shot.ids).all()
        assert segments.classes == tuple(one.name for one in shot.segments)
        assert [e.text for e in entry.expressions] == [text for text, _ in shot.expressions]
        assert entry.instructions == ((shot.instruction,) if shot.instruction else ())
        if shot.instruction:
            assert (sample.labels["edited"] == shot.edited).all()
        else:
            assert "edited" not in entry.labels


def test_normals_are_those_of_the_depth(scenes: Path) -> None:
    """Two independent labels of one scene agree: on the floor both give the plane z = 0."""
    root, seen = Folder(str(scenes)), 0
    for entry in procedural.index(root):
        sample = procedural.load(root, entry, ("depth", "normals", "segments"))
        assert entry.camera is not None
        fx, fy, cx, cy = entry.camera
        v, u = np.mgrid[: entry.height, : entry.width]
        z = sample.labels["depth"].metres
        floor = sample.labels["segments"].ids == 1 + sample.labels["segments"].classes.index(
            "floor"
        )
        points = np.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], -1)[floor]
        n = sample.labels["normals"].xyz[:, floor].mean(1)
        height = -(points @ n)
        assert np.ptp(height) < 1e-3 * height.mean()
        assert 1 <= height.mean() <= 4
        seen += 1
    assert seen == 10


@pytest.mark.slow
def test_what_is_said_is_true(scenes: Path) -> None:
    for shot in demo.truth(seed=3, count=40):
        words = [f"{one.colour} {one.name}" for one in shot.segments]
        for text, targets in shot.expressions:
            body = text.removeprefix("the ")
            fits = [
                k
                for k, one in enumerate(shot.segments)
                if one.thing
                and (
                    body in (words[k], one.name, f"{one.colour} thing")
                    or body.endswith(f"most {one.name}")
                )
            ]
            if body.startswith(("left", "right")):
                end = 0 if body.startswith("left") else -1
                assert targets == (fits[end],)
            else:
                assert targets == tuple(fits), text
        columns = [one.column for one in shot.segments if one.thing]
        assert columns == sorted(columns)


@pytest.mark.slow
def test_an_edit_changes_what_it_says_and_no_label(scenes: Path) -> None:
    kinds = set()
    for shot in demo.truth(seed=3, count=40):
        if not shot.instruction:
            continue
        changed = (shot.image != shot.edited).any(-1)
        assert changed.any()
        kinds.add(shot.instruction.split()[0])
        if shot.instruction.startswith("Make"):
            name = shot.instruction.split()[2:4]
            (k,) = [k for k, s in enumerate(shot.segments, 1) if [s.colour, s.name] == name]
            inside = shot.ids == k
            assert changed[inside].mean() > 0.9
            assert changed[~inside].mean() < 0.5
    assert kinds == {"Make", "Remove", "Add", "Move"}


@pytest.mark.slow
def test_held_out_pairs_are_in_no_other_split(scenes: Path) -> None:
    for split in MANNERS:
        pairs = {
            (s.colour, s.name) for k in range(8) for s in demo.shot(3, split, k).segments if s.thing
        }
        assert bool(pairs & UNSEEN) == (split == "compositions")


def test_a_part_of_the_labels(scenes: Path) -> None:
    found = list(procedural.index(Folder(str(scenes)), start=4, count=3))
    assert [entry.id for entry in found] == [f"train/{k:06d}" for k in (4, 5, 6)]


def damaged(scenes: Path, tmp_path: Path, name: str, data: bytes) -> Folder:
    shutil.copytree(scenes / "train", tmp_path / "train")
    (tmp_path / "train" / name).write_bytes(data)
    return Folder(str(tmp_path))


@pytest.mark.parametrize("cut", [0, 40, 1000])
def test_an_array_that_is_cut_ends_the_index(scenes: Path, tmp_path: Path, cut: int) -> None:
    data = (scenes / "train" / "depth.npy").read_bytes()[:cut]
    with pytest.raises(SourceError, match=r"depth\.npy"):
        list(procedural.index(damaged(scenes, tmp_path, "depth.npy", data)))


@pytest.mark.parametrize(
    "line",
    ["", "7", "{}", '{"segments": 3}', '{"segments": [{"name": 1, "thing": 2, "pixels": -1}]}'],
)
def test_a_garbled_line_is_a_fault_of_its_scene(scenes: Path, tmp_path: Path, line: str) -> None:
    lines = (scenes / "train" / "scenes.jsonl").read_text().splitlines()
    lines[2] = line
    root = damaged(scenes, tmp_path, "scenes.jsonl", "\n".join(lines).encode())
    entries = list(procedural.index(root))
    assert [bool(entry.fault) for entry in entries] == [k == 2 for k in range(10)]
    with pytest.raises(BadSample, match="garbled annotation"):
        procedural.load(root, entries[2], ("depth",))
