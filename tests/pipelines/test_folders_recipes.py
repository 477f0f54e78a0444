"""Recipes over own folders: nested options, whole builds, and what `doctor` finds odd."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.demo import folders as demo
from pipelines.demo.folders import npy
from tests.helpers.own_folders import HEIGHT, JPEG, WIDTH, png, put, recipe
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.engine.build import build
from vbdata.engine.doctor import Finding, examine
from vbdata.errors import RecipeError
from vbdata.run.how import How
from vbdata.storage.folder import Folder


def test_options_nest_and_their_order_moves_no_digest(tmp_path: Path) -> None:
    one = recipe(tmp_path, 'images: "a/{id}.png", depth: {files: "d/*.npy", scale: 1.50, kind: z}')
    two = recipe(tmp_path, 'depth: {kind: z, scale: "1.5", files: "d/*.npy"}, images: "a/{id}.png"')
    assert one.digest() == two.digest()
    assert one.sources[0].options["depth"]["kind"] == "z"
    names = recipe(
        tmp_path, "images: a/*.png, segments: {files: m/*.png, coding: index, names: {0: a}}"
    )
    assert names.sources[0].options["segments"]["names"] == {"0": "a"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("depth: {kind: zz}", "sources.mine.depth.kind: 'zz' is not a choice"),
        ("depth: {a: {b: {c: {d: {e: {f: 1}}}}}}", "sources.mine.depth: should be texts, numbers"),
        ("depth: null", "sources.mine.depth: should be texts, numbers, lists and mappings"),
        ("images: {a: 1}", "sources.mine.images: should be a text, number or list"),
        ("presett: voc", "sources.mine.presett: unknown key; did you mean 'preset'?"),
    ],
)
def test_faults_of_options_are_those_of_the_recipe(options: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, options)
    assert said in str(caught.value)


@pytest.mark.slow
def test_a_recipe_alone_makes_targets_that_others_decode(tmp_path: Path) -> None:
    """PNG16 in millimetres to targets, decoded by the published formula in NumPy alone."""
    stored = (500 + 37 * np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)).astype(np.uint16)
    stored[0, :3] = 0
    put(tmp_path, *(f"rgb/{k}.png" for k in range(4)), data=png(decode_rgb(JPEG)))
    put(tmp_path, *(f"depth/{k}.png" for k in range(4)), data=png(stored))
    options = (
        'images: "rgb/{id}.png", licence: CC-BY-4.0, '
        'depth: {files: "depth/{id}.png", scale: 1000, kind: z, invalid: [0]}'
    )
    made = recipe(tmp_path, options)
    made = replace(made, tasks={"depth": {"other_palettes": 0.0}})
    build(made, Folder(str(tmp_path / "out")), How())
    (tar,) = (tmp_path / "out").rglob("*.tar")
    with tarfile.open(tar) as members:
        files = {m.name: members.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    key = min(files).partition(".")[0]
    target = np.asarray(Image.open(io.BytesIO(files[f"{key}.target.png"]))).astype(np.float64)
    valid = np.asarray(Image.open(io.BytesIO(files[f"{key}.valid.png"]))) > 0
    assert np.array_equal(valid, stored > 0)
    assert json.loads(files[f"{key}.json"])["license"] == "CC-BY-4.0"
    corners = np.array([[c >> k & 1 for k in (2, 1, 0)] for c in (0, 4, 6, 2, 3, 1, 5, 7)]) * 255.0
    walk = np.concatenate(
        [np.linspace(a, b, 256)[:-1] for a, b in pairwise(corners)] + [corners[-1:]]
    )
    code = np.abs(target[..., None, :] - walk).sum(-1).argmin(-1)
    f = code / (len(walk) - 1)
    metric = 10 * ((1 - f) ** -0.5 - 1)
    assert np.abs(metric - stored / 1000)[valid].max() < 0.01


def write_scene(root: Path) -> str:
    """A few ray-cast pictures with depth, normals and a camera; the options that are right."""
    for number, shot in enumerate(demo.truth(frames=4)):
        put(
            root,
            f"rgb/{number}.jpg",
            data=encode_jpeg(np.full((*shot.frame.ids.shape, 3), number * 9 + 5, np.uint8)),
        )
        put(root, f"d/{number}.npy", data=npy(demo.metres(shot)))
        put(
            root, f"n/{number}.npy", data=npy((shot.frame.normals * [1, -1, -1]).astype(np.float32))
        )
        fx, cx = 1 / shot.camera.lens[0, 0], -shot.camera.lens[0, 2] / shot.camera.lens[0, 0]
        fy, cy = 1 / shot.camera.lens[1, 1], -shot.camera.lens[1, 2] / shot.camera.lens[1, 1]
        put(root, f"k/{number}.txt", data=f"{fx} {fy} {cx} {cy}")
    return 'images: "rgb/{id}.jpg", camera: "k/{id}.txt"'


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("scene")
    return root, write_scene(root)


def findings(scene: tuple[Path, str], depth: str = "", normals: str = "") -> list[Finding]:
    root, options = scene
    given = f"{options}, depth: {{files: 'd/{{id}}.npy', {depth or 'kind: z, scale: 1'}}}"
    given += f", normals: {{files: 'n/{{id}}.npy', coding: signed, {normals or 'frame: opengl'}}}"
    return list(examine(recipe(root, given), 4))


def one_of(found: list[Finding], start: str) -> Finding:
    (finding,) = (f for f in found if f.text.startswith(start))
    return finding


def test_doctor_finds_right_options_right(scene: tuple[Path, str]) -> None:
    found = findings(scene)
    assert one_of(found, "depth of 4 records: ").level == "ok"
    assert one_of(found, "depth.kind: z: flat surfaces are flattest so").level == "ok"
    frame = one_of(found, "normals.frame: [right, up, backward]: ")
    assert frame.level == "ok"
    assert float(frame.text.split()[4]) < 1


@pytest.mark.parametrize(("kind", "right"), [("ray", "z"), ("inverse", "z")])
def test_doctor_catches_a_wrong_kind(kind: str, right: str, scene: tuple[Path, str]) -> None:
    found = findings(scene, f"kind: {kind}, scale: 1")
    doubt = one_of(found, f"depth.kind: {kind}: read as {right}, flat surfaces are")
    assert doubt.level == "warn"
    assert doubt.remedies == (f"is the kind {right}? A wrong camera bends rays, too",)


@pytest.mark.parametrize(
    "frame", ["opencv", "[left, up, backward]", "[right, down, backward]", "[up, forward, left]"]
)
def test_doctor_catches_a_wrong_frame(frame: str, scene: tuple[Path, str]) -> None:
    doubt = one_of(findings(scene, normals=f"frame: {frame}"), "normals.frame: ")
    assert doubt.level == "warn"
    assert "of the 48 conventions [right, up, backward] fits best" in doubt.text
    assert doubt.remedies == ("is it frame: [right, up, backward]?",)


def test_doctor_doubts_a_wrong_unit_and_a_far_plane(
    scene: tuple[Path, str], tmp_path: Path
) -> None:
    doubt = one_of(findings(scene, "kind: z, scale: 1000"), "depth of 4 records: ")
    assert doubt.level == "warn"
    assert doubt.remedies == ("is depth.scale: 1000 (stored units a metre) right?",)
    put(tmp_path, "rgb/a.jpg")
    values = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    values[2:] = 2000
    put(tmp_path, "d/a.png", data=png(values))
    options = 'images: "rgb/*.jpg", depth: {files: "d/*.png", scale: 1000, kind: z}'
    doubt = one_of(list(examine(recipe(tmp_path, options), 4)), "depth of 1 records: ")
    assert "33% of them have the largest depth, 65.535 m" in doubt.remedies[0]


def test_dpt_and_pfm_are_what_others_read(tmp_path: Path) -> None:
    """Against code of other people: OpenCV turns a PFM as we do, and divides by its scale."""
    import cv2

    from pipelines.formats import dpt, pfm

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    encoded = b"Pf\n3 2\n-1.0\n" + values[::-1].tobytes()
    read = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(pfm.array(encoded), values)
    assert np.array_equal(read, values)
    packed = struct.pack("<fii", 202021.25, 3, 2) + values.tobytes()
    assert np.array_equal(dpt.array(packed), values)
