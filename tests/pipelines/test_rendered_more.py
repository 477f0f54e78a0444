"""Sintel, MatrixCity, EDEN, PointOdyssey, Structured3D, BlendedMVS, Mid-Air: their traps.

What the miniatures show is known from their truth; what their files hold is read here by NumPy and
PIL, not by the readers' parts.
"""

from __future__ import annotations

import base64
import importlib
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import blendedmvs, eden, matrixcity, midair, pointodyssey, sintel, structured3d
from pipelines.formats import mat5, srgb
from vbdata.core.types import Entry, Source
from vbdata.errors import BadSample, RecipeError, SourceError
from vbdata.index.index import build_index
from vbdata.planning import refusals
from vbdata.planning.eligible import eligible_rows, fits_in
from vbdata.planning.refusals import refused_rows
from vbdata.recipe.keys import Image as Size
from vbdata.recipe.recipe import parse_recipe
from vbdata.storage.folder import Folder

Demo = Callable[[str], Path]
Mask = NDArray[np.bool_]

# scipy.io.savemat of K_L, float64[3, 3], and Depth, float32[2, 2, 3] of 0 to 11, compressed
BY_SCIPY = base64.b64decode(
    "TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IE1vbiBOb3YgMzAgMDQ6NTc6NDgg"
    "MjAyNgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAAOgAAAHic"
    "42NgYKgAYjYg5oDSIMAK5TNDMSOQ9I73YeAEsj2gahgyGhwY8IECNPkfxRD+h1yo+Ad7AGIdCMgPAAAATwAAAHic42Ng"
    "YCgAYjYg5gBidgYIYAViHiBmgmJmqDgjVM4ltaAkA6regAEGDjgwMDgAsYAjA0ODPQPDAyC7AYgVgHwGIM0ApBcAaQNH"
    "AG0pCYE="
)


def truth_of(name: str) -> list[Any]:
    return list(importlib.import_module(f"pipelines.demo.{name}").truth())


def label(reader: Any, root: Folder, entry: Entry, kind: str) -> Any:
    return reader.load(root, entry, [kind]).labels[kind]


def agrees(depth: Any, truth: NDArray[np.float64], within: Any, valid: Mask) -> None:
    """Valid where it should be, and there as deep as the truth, infinite where that is."""
    metres = np.asarray(depth.metres)
    assert np.array_equal(np.asarray(depth.valid), valid)
    assert np.array_equal(np.isinf(metres), np.isinf(truth) & valid)
    near = valid & np.isfinite(truth)
    assert near.sum() > 100
    off = np.abs(metres - np.where(near, truth, 0))
    assert (off <= within)[near].all()


def degrees(normals: Any, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles between the valid normals and the truth, [H, W, 3]."""
    cosine = (np.moveaxis(np.asarray(normals.xyz), 0, -1) * truth).sum(-1)
    found: NDArray[np.float64] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return found[np.asarray(normals.valid)]


def flat_ones_agree(normals: Any, still: Any) -> None:
    """Normals made of depth are those of floor and wall, but beside the balls."""
    flat = np.isin(still.ids, (1, 2))[np.asarray(normals.valid)]
    assert flat.sum() > 100
    assert np.percentile(degrees(normals, still.normals)[flat], 95) < 0.1


def test_sintel_is_masked_by_invalid_and_its_sky_is_a_dome(demo_of: Demo, tmp_path: Path) -> None:
    folder, shots = demo_of("sintel"), truth_of("sintel")
    root = Folder(str(folder))
    entries = list(sintel.index(root))
    assert [e.group for e in entries] == [f"sintel:{shot.scene}" for shot in shots]
    for entry, shot in zip(entries, shots, strict=True):
        place = folder / "training"
        stored = np.fromfile(place / f"depth/{shot.scene}/{shot.name}.dpt", "<f4", offset=12)
        marked = np.asarray(Image.open(place / f"invalid/{shot.scene}/{shot.name}.png")) > 0
        matrix = np.fromfile(place / f"camdata_left/{shot.scene}/{shot.name}.cam", "<f8", offset=4)
        assert entry.camera == tuple(matrix[[0, 4, 2, 5]])
        raw = stored.reshape(marked.shape).astype(np.float64)
        assert (raw[np.isinf(shot.still.depth)] == 250_000).all()
        agrees(
            label(sintel, root, entry, "depth"),
            np.where(raw > 1000, np.inf, raw),
            within=0,
            valid=~marked,
        )
        normals = label(sintel, root, entry, "normals")
        assert not np.asarray(normals.valid)[marked].any()
        assert np.array_equal(np.asarray(normals.sky), np.isinf(shot.still.depth) & ~marked)
        flat_ones_agree(normals, shot.still)
    assert len(list(sintel.index(root, rendering="clean"))) == sintel.official().entries // 266
    shutil.copytree(folder / "training", tmp_path / "training")
    shutil.rmtree(tmp_path / "training/invalid")
    (tmp_path / "training/camdata_left/alley_1/frame_0001.cam").unlink()
    (tmp_path / "training/camdata_left/alley_1/frame_0002.cam").write_bytes(b"PIEH")
    lost, broken, whole, _ = sintel.index(root := Folder(str(tmp_path)))
    assert lost.fault == "missing: no training/camdata_left/alley_1/frame_0001.cam"
    assert broken.fault.startswith("garbled annotation: training/camdata_left/alley_1/")
    assert np.asarray(label(sintel, root, whole, "depth").valid).all()


def test_matrixcity_turns_the_world_by_the_pose(demo_of: Demo, tmp_path: Path) -> None:
    root = Folder(str(demo_of("matrixcity")))
    shots = {f"{s.block}/{s.number:04d}": s for s in truth_of("matrixcity")}
    entries = list(matrixcity.index(root))
    assert [e.id for e in entries] == [
        name for name, s in shots.items() if "/train/" in name and s.number < 2
    ]
    for entry in entries:
        still = shots[entry.id].still
        sky, fine = np.isinf(still.depth), "/aerial/" in entry.id
        step = 1e-6 if fine else still.depth / 2048
        depth = label(matrixcity, root, entry, "depth")
        agrees(depth, still.depth, within=step, valid=np.ones_like(sky) if fine else ~sky)
        normals = label(matrixcity, root, entry, "normals")
        assert np.array_equal(np.asarray(normals.valid), ~sky)
        assert degrees(normals, still.normals).max() < 0.3
        assert entry.camera == pytest.approx(still.camera)
    assert {e.labels for e in matrixcity.index(root, part="test")} == {("depth",)}
    held = {e.group for e in matrixcity.index(root, part="test")}
    assert not held & {e.group for e in entries}
    with pytest.raises(SourceError, match="big_city/street/train/BLOCK"):
        list(matrixcity.index(root, city="big_city"))
    shutil.copytree(demo_of("matrixcity"), tmp_path / "of")
    file = tmp_path / "of" / shots[entries[0].id].block / "transforms.json"
    content = json.loads(file.read_text())
    content["frames"][0]["rot_mat"][0][0] = 1
    file.write_text(json.dumps(content))
    found = list(matrixcity.index(Folder(str(tmp_path / "of")), view="aerial"))
    assert len(found) == 3  # which are listed is not known any more
    assert all("rot_mat whose axes are not 0.01 long" in e.fault for e in found)


def test_eden_reads_the_first_plane_of_a_mat_file(demo_of: Demo, tmp_path: Path) -> None:
    folder, shots = demo_of("eden"), truth_of("eden")
    root = Folder(str(folder))
    assert len(list(eden.index(root))) == 4
    entries = list(eden.index(root, camera="both"))
    assert {e.group for e in entries} == {"eden:0001", "eden:0017"}
    for entry, shot in zip(entries, shots, strict=True):
        every = np.ones(shot.still.depth.shape, bool)
        agrees(label(eden, root, entry, "depth"), shot.still.depth, within=1e-6, valid=every)
        assert entry.camera == pytest.approx(shot.still.camera)
        normals = label(eden, root, entry, "normals")
        flat_ones_agree(normals, shot.still)
    shutil.copytree(folder, tmp_path / "of")
    (tmp_path / "of/cam_matrix/0001/clear/7.mat").unlink()
    bare = next(eden.index(Folder(str(tmp_path / "of"))))
    assert (bare.labels, bare.camera) == (("depth",), None)
    assert bare.left_out[0].startswith("missing: normals: no cam_matrix/0001/clear/7.mat")


def test_a_mat_file_as_scipy_packs_it() -> None:
    assert mat5.array(BY_SCIPY, "K_L").tolist() == [[525, 0, 319.5], [0, 526, 239.5], [0, 0, 1]]
    values = mat5.array(BY_SCIPY, "Depth")
    assert values.dtype == np.float32
    assert np.array_equal(values, np.arange(12).reshape(2, 2, 3))
    with pytest.raises(
        BadSample, match=r"wrong dtype: MAT of 2 arrays; name one\. Known: Depth, K_L"
    ):
        mat5.array(BY_SCIPY)
    for cut in range(0, len(BY_SCIPY), 7):
        with pytest.raises(BadSample):
            mat5.array(BY_SCIPY[:cut], "Depth")
    bomb = struct.pack("<2I", 15, 16) + BY_SCIPY[136:152]
    with pytest.raises(BadSample, match=r"undecodable|truncated"):
        mat5.array(BY_SCIPY[:128] + bomb, "K_L")
    plain = bytearray(zlib.decompress(BY_SCIPY[136:]))
    assert plain[24:32] == struct.pack("<2I", 5, 8)
    plain[28] = 6  # its dimensions are one and a half numbers
    with pytest.raises(BadSample, match="too large"):
        mat5.array(BY_SCIPY[:128] + plain)


def test_pointodyssey_has_two_codes_for_no_depth(demo_of: Demo) -> None:
    root = Folder(str(demo_of("pointodyssey")))
    shots = [shot for shot in truth_of("pointodyssey") if shot.film.startswith("train")]
    for entry, shot in zip(pointodyssey.index(root), shots, strict=True):
        known = (shot.stored > 0) & (shot.stored < 65535)
        assert known.sum() < np.isfinite(shot.still.depth).sum()
        truth = np.where(known, shot.still.depth, 0)
        step = 500 / 65535 + 1e-6
        agrees(label(pointodyssey, root, entry, "depth"), truth, within=step, valid=known)
    assert {e.group for e in pointodyssey.index(root, split="val")} == {"pointodyssey:r6_new_f"}


def test_structured3d_axes_classes_albedo_and_errata(demo_of: Demo, tmp_path: Path) -> None:
    folder = demo_of("structured3d")
    root, shots = Folder(str(folder)), {s.view: s for s in truth_of("structured3d")}
    entries = list(structured3d.index(root, segments=True))
    assert [e.group for e in entries] == [
        f"structured3d:scene_0{n}" for n in ("0007", "0007", "2999", "2999")
    ]
    for entry in entries:
        scene, room, furniture, view = entry.id.split("/")
        shot = shots[f"{scene}/2D_rendering/{room}/perspective/{furniture}/{view}"]
        still, near = shot.still, np.isfinite(shot.still.depth)
        truth = np.where(near, still.depth, 0)
        depth = label(structured3d, root, entry, "depth")
        agrees(depth, truth, within=5e-4 + 1e-6, valid=near)
        assert entry.camera == pytest.approx(still.camera)
        normals = label(structured3d, root, entry, "normals")
        assert np.array_equal(np.asarray(normals.valid), near)
        assert degrees(normals, still.normals).max() < 0.6
        found = structured3d.load(root, entry, ["segments", "albedo"]).labels
        segments, ids = found["segments"], np.asarray(found["segments"].ids)
        for surface, name in {1: "floor", 2: "wall", 3: "chair", 4: "chair", 5: "chair"}.items():
            number = set(ids[still.ids == surface].tolist())
            assert len(number) <= 1
            assert all(segments.classes[k - 1] == name for k in number)
        assert np.array_equal(np.asarray(segments.valid), near)
        albedo = found["albedo"]
        light = ((shot.albedo / 255 + 0.055) / 1.055) ** 2.4
        wanted = np.where(near[..., None], light, 0)
        assert np.abs(np.moveaxis(np.asarray(albedo.rgb), 0, -1) - wanted).max() < 1e-6
    assert srgb.linear(np.array([0, 10, 255], np.uint8)).tolist() == pytest.approx(
        [0, 10 / 255 / 12.92, 1]
    )
    other = [*structured3d.index(root, frame=["right", "up", "backward"])]
    said = [text for _, text, _ in structured3d.doubts(root, other)]
    assert any("[forward, up, left] fits best" in text for text in said)
    assert {e.id for e in structured3d.index(root, split="val")} == {"scene_03000/11/full/0"}
    assert len(list(structured3d.index(root, furniture="empty", segments=True))) == 1
    with pytest.raises(SourceError, match=r"frame: \['up', 'up', 'left'\] is none"):
        list(structured3d.index(root, frame=["up", "up", "left"]))


def test_blendedmvs_has_ratios_of_depth_and_no_metres(demo_of: Demo, tmp_path: Path) -> None:
    folder = demo_of("blendedmvs")
    root, shots = Folder(str(folder)), truth_of("blendedmvs")
    entries = list(blendedmvs.index(root, split="all"))
    by_id = {f"{shot.project}/{shot.view}": shot for shot in shots}
    assert [e.id for e in entries] == sorted(by_id)
    for entry in entries:
        shot = by_id[entry.id]
        truth, near = shot.still.depth, np.isfinite(shot.still.depth)
        depth = label(blendedmvs, root, entry, "relative_depth")
        metres = np.asarray(depth.metres)[near]
        assert np.array_equal(np.asarray(depth.valid), near)
        scale = metres[0] / truth[near][0]
        assert scale != pytest.approx(1, rel=0.1)
        assert np.allclose(metres, scale * truth[near], rtol=1e-5)
        normals = label(blendedmvs, root, entry, "normals")
        flat_ones_agree(normals, shot.still)
        assert entry.camera == pytest.approx(shot.still.camera)
    held = {e.group for e in blendedmvs.index(root, split="val")}
    assert held == {g for e in entries if (g := e.group) in blendedmvs.HOLDOUTS["blendedmvs-val"]}
    assert len(held) == 1
    text = f"""
      samples: 2
      seed: 0
      sources: {{b: {{dataset: blendedmvs, root: "{folder}", tasks: {{depth: 1}}}}}}
    """
    with pytest.raises(RecipeError) as refused:
        parse_recipe(text, "r.yaml", tmp_path, {})
    assert "has no depth in metres: the scale of its depth is arbitrary" in str(refused.value)
    source = Source(name="b", dataset="blendedmvs", roots=(str(folder),), tasks={})
    index = build_index(source, tmp_path)
    said = {task: list(refused_rows(index, task, Size(), {})) for task in ("depth", "normals")}
    assert [reason for reason, _ in said["depth"]] == [refusals.ARBITRARY]
    assert said["depth"][0][1].all()
    assert said["normals"] == []
    assert (
        len(eligible_rows(index, ["relative_depth"], fits_in(index, Size()))["relative_depth"]) == 4
    )


def test_midair_is_the_bits_of_floats_along_the_ray(demo_of: Demo) -> None:
    folder = demo_of("midair")
    root, shots = Folder(str(folder)), {f"{s.flight}/{s.name}": s for s in truth_of("midair")}
    entries = list(midair.index(root))
    assert [e.id for e in entries] == [name for name in sorted(shots) if "training" in name]
    for entry in entries:
        still, path = shots[entry.id].still, entry.files["depth"].path
        raw = np.asarray(Image.open(folder / path)).astype(np.uint16).view(np.float16)
        assert (raw[np.isinf(still.depth)] == 1300).all()
        every = np.ones(raw.shape, bool)
        depth = label(midair, root, entry, "depth")
        agrees(depth, still.depth, within=still.depth / 2000, valid=every)
        corner = float(raw[-1, 0]) / float(np.asarray(depth.metres)[-1, 0])
        assert corner == pytest.approx(np.sqrt(1 + 2 * (23.5 / 24) ** 2), rel=1e-6)
    groups = {e.id.rpartition("/")[0]: e.group for e in entries}
    assert len(groups) == 3
    assert set(groups.values()) == {"midair:Kite_training/003", "midair:PLE_training/001"}
    assert all(e.id.startswith("Kite_test/") for e in midair.index(root, part="test"))
