"""Real COCO and KITTI, checked by a script that shares no code with the package.

Depth is decoded by hilbertmap, masks are drawn by pycocotools, files are read by tarfile and
Pillow; only what the manifest says of the geometry is taken from the build.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

from tests.helpers.builds import REAL, REPOSITORY, manifest_of, needs_real_data
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

pytestmark = [needs_real_data, pytest.mark.slow, pytest.mark.xdist_group("real")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("real") / "out"
    roots = {name: str(REAL / name) for name in ("coco", "kitti")}
    build(load_recipe(REPOSITORY / "manifests" / "real.yaml", roots), Folder(str(out)), How())
    return out


@pytest.fixture(scope="module")
def coco() -> COCO:
    return COCO(REAL / "coco" / "annotations" / "instances_train2017.json")


def samples(out: Path, task: str) -> Iterator[tuple[dict[str, Any], dict[str, bytes]]]:
    for shard in manifest_of(out)["shards"]:
        parts: dict[str, bytes] = {}
        with tarfile.open(out / shard["tar"]) as tar:
            for member in tar:
                name = member.name.partition(".")[2]
                file = tar.extractfile(member)
                assert file is not None
                parts[name] = file.read()
                if name == "valid.png":  # the last member of a sample
                    facts = json.loads(parts["json"])
                    if facts["task"] == task:
                        yield facts | {"params": json.loads(facts["params"])}, parts
                    parts = {}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def cropped(facts: dict[str, Any], full: np.ndarray) -> np.ndarray:
    """The part of a full-size map that the sample shows; these images are cut, never scaled."""
    assert (facts["scaled_width"], facts["scaled_height"]) == full.shape[1::-1]
    top, left = facts["crop_top"], facts["crop_left"]
    return full[top : top + facts["height"], left : left + facts["width"]]


def test_the_build_is_whole_and_exact(built: Path) -> None:
    assert verify(Folder(str(built))) == []
    manifest = manifest_of(built)
    assert [cell["realised"] for cell in manifest["cells"]] == [30, 30, 36, 24]
    assert manifest["quarantine"] == {}


def test_every_depth_pixel_is_within_half_a_code_step(built: Path) -> None:
    import hilbertmap

    seen = walked = 0
    for facts, parts in samples(built, "depth"):
        drive, camera, frame = facts["sample_id"].split("/")
        file = REAL / f"kitti/depth/train/{drive}/proj_depth/groundtruth/{camera}/{frame}.png"
        raw = cropped(facts, np.asarray(Image.open(file)).astype(np.float64))
        target, valid = pixels(parts["target.png"]), pixels(parts["valid.png"])
        assert ((raw > 0) == (valid == 255)).all()
        assert (target[raw == 0] == target[raw == 0][0]).all()
        metres = raw[raw > 0] / 256
        f = hilbertmap.depth_to_normalized(metres)
        packed = target[raw > 0].astype(np.int64) @ (1 << 16, 1 << 8, 1)
        found, which = np.unique(packed, return_inverse=True)
        colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1)
        if facts["params"]["palette"] == "rgb-cube":
            decoded = hilbertmap.rgb_to_depth(colours[None] / 255)[0][which]
            step = np.abs(hilbertmap.depth_to_normalized(decoded) - f)
            assert step.max() * 1785 <= 0.5 + 1e-6
            walked += 1
        else:
            table = _table(facts["params"]["palette"])
            apart = np.square(colours[:, None] - table).sum(-1)
            assert (apart.min(1) == 0).all()
            assert np.abs(apart.argmin(1)[which] - f * (len(table) - 1)).max() <= 0.5 + 1e-6
        seen += 1
    assert seen == 24
    assert 12 < walked < 24


def _table(palette: str) -> np.ndarray:
    """Matplotlib's colours in 8 bits, repeated ones once."""
    import matplotlib

    name = "gray" if palette == "grey" else palette
    colours = np.rint(matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).astype(int)
    return colours[np.append(True, (colours[1:] != colours[:-1]).any(1))]


def composite(coco: COCO, image_id: int) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Annotations with their masks in painting order: crowds first, then by falling area."""
    annotations = coco.loadAnns(coco.getAnnIds(image_id))
    order = sorted(
        annotations,
        key=lambda a: (-a["iscrowd"], -int(rle.area(coco.annToRLE(a))), a["id"]),
    )
    return [(a, coco.annToMask(a).astype(bool)) for a in order]


def test_every_semantic_pixel_is_right(built: Path, coco: COCO) -> None:
    names = {c["id"]: c["name"] for c in coco.dataset["categories"]}
    seen = 0
    for facts, parts in samples(built, "semantic"):
        image = coco.imgs[int(facts["sample_id"])]
        want = np.zeros((image["height"], image["width"], 3), np.uint8)
        colours = {item["name"]: item["rgb"] for item in facts["params"]["legend"]}
        for annotation, mask in composite(coco, image["id"]):
            want[mask] = colours.get(names[annotation["category_id"]], (0, 0, 0))
        assert (pixels(parts["target.png"]) == cropped(facts, want)).all()
        seen += 1
    assert seen == 30


def test_every_instance_pixel_is_right(built: Path, coco: COCO) -> None:
    names = {c["id"]: c["name"] for c in coco.dataset["categories"]}
    seen = 0
    for facts, parts in samples(built, "instance"):
        image = coco.imgs[int(facts["sample_id"])]
        owner = np.zeros((image["height"], image["width"]), np.int64)
        asked = {}
        for annotation, mask in composite(coco, image["id"]):
            owner[mask] = annotation["id"]
            if names[annotation["category_id"]] == facts["params"]["class"]:
                asked[annotation["id"]] = bool(annotation["iscrowd"])
        owner, target = cropped(facts, owner), pixels(parts["target.png"])
        painted = set()
        for id_, crowd in asked.items():
            mine = owner == id_
            if crowd or mine.sum() * 5000 < mine.size:  # unsplit groups and tiny visible parts
                assert not pixels(parts["valid.png"])[mine].any()
                assert not target[mine].any()
            elif mine.any():
                (colour,) = {tuple(c) for c in target[mine]}
                assert any(colour)
                painted.add((id_, colour))
        assert len({colour for _, colour in painted}) == len(painted)
        assert not target[~np.isin(owner, [id_ for id_, _ in painted])].any()
        assert painted or not facts["params"]["palette"]
        seen += 1
    assert seen == 30


def test_generated_targets_are_the_photographs(built: Path) -> None:
    captions = json.loads((REAL / "coco/annotations/captions_train2017.json").read_text())
    texts: dict[int, set[str]] = {}
    for annotation in captions["annotations"]:
        text = " ".join(annotation["caption"].split())
        texts.setdefault(annotation["image_id"], set()).add(text)
    for facts, parts in samples(built, "generate"):
        photograph = Image.open(REAL / f"coco/train2017/{facts['sample_id']}.jpg").convert("RGB")
        target = pixels(parts["target.png"]).astype(int)
        assert np.abs(cropped(facts, np.asarray(photograph)).astype(int) - target).max() <= 3
        assert not pixels(parts["input.jpg"]).any()
        assert facts["params"]["caption"] in texts[int(facts["sample_id"])]
        caption = facts["params"]["caption"].rstrip(".")
        assert caption[1:] in parts["instruction.txt"].decode()
