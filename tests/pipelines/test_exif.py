"""Pictures with an EXIF orientation: turned, kept as stored, or refused, as the source says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines import captioned, coco, triplets
from tests.pipelines.test_captioned import tar_of, tree
from vbdata.core.exif import ORIENTATION, shown
from vbdata.core.images import decode_rgb
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

RGB = np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)
KINDS = ("jpg", "png", "webp", "tif")
NAMES = {"jpg": "JPEG", "tif": "TIFF"}


def picture(orientation: int, kind: str = "png") -> bytes:
    tags, buffer = Image.Exif(), io.BytesIO()
    tags[ORIENTATION] = orientation
    lossless = {"lossless": True} if kind == "webp" else {}
    Image.fromarray(RGB).save(buffer, NAMES.get(kind, kind.upper()), exif=tags, **lossless)
    return buffer.getvalue()


def layouts(folder: Path, data: bytes, kind: str) -> dict[str, Folder]:
    """One picture with a caption in every layout of the reader."""
    line = json.dumps({"file_name": f"a.{kind}", "text": "a cat"}).encode()
    table = io.BytesIO()
    pq.write_table(pa.table({"image": [data], "text": ["a cat"]}), table)
    return {
        "pairs": tree(folder / "pairs", {f"a.{kind}": data, "a.txt": b"a cat"}),
        "metadata": tree(folder / "metadata", {f"a.{kind}": data, "metadata.jsonl": line}),
        "tars": tree(folder / "tars", {"a.tar": tar_of({f"a.{kind}": data, "a.txt": b"a cat"})}),
        "parquet": tree(folder / "parquet", {"a.parquet": table.getvalue()}),
    }


def pixels(image: bytes | np.ndarray) -> np.ndarray:
    return decode_rgb(image) if isinstance(image, bytes) else image


def one(reader: Any, root: Folder, **options: Any) -> Entry:
    (entry,) = reader.index(root, **options)
    return entry


@pytest.mark.parametrize("kind", KINDS)
def test_captioned_pictures_stand_as_viewers_show_them(tmp_path: Path, kind: str) -> None:
    for orientation in (1, 3, 6):
        data = picture(orientation, kind)
        upright = shown(decode_rgb(data), orientation)
        for layout, root in layouts(tmp_path / str(orientation), data, kind).items():
            entry = one(captioned, root)
            assert (entry.width, entry.height) == (upright.shape[1], upright.shape[0]), layout
            image = captioned.load(root, entry, ["captions"]).image
            assert isinstance(image, bytes) == (orientation == 1)
            assert (pixels(image) == upright).all(), layout
            kept = one(captioned, root, exif="stored")
            assert (kept.width, kept.height) == (40, 30)
            assert captioned.load(root, kept, ()).image == data, layout
            assert kept.record != entry.record
    with pytest.raises(SourceError, match=r"exif: 'upright' is not a choice.*shown, stored"):
        one(captioned, root, exif="upright")


def test_a_stated_size_of_the_stored_pixels_is_a_fault_that_names_exif(tmp_path: Path) -> None:
    line = {"file_name": "a.png", "text": "a cat", "width": 40, "height": 30}
    root = tree(tmp_path, {"a.png": picture(6), "metadata.jsonl": json.dumps(line).encode()})
    with pytest.raises(BadSample, match=r"wrong size: 30x40, expected 40x30: its EXIF .* stored"):
        captioned.load(root, one(captioned, root), ())
    kept = one(captioned, root, exif="stored")
    assert captioned.load(root, kept, ()).image == picture(6)


def test_both_pictures_of_a_triplet_are_turned(tmp_path: Path) -> None:
    names = {"original_image_file_name": "a.png", "edited_image_file_name": "b.png"}
    line = json.dumps(names | {"edit_prompt": "turn it blue"}).encode()
    files = {"a.png": picture(6), "b.png": picture(8)}
    roots = [tree(tmp_path / "files", files | {"metadata.jsonl": line})]
    members = {"k.original.png": picture(6), "k.edited.png": picture(8), "k.txt": b"turn it blue"}
    roots.append(tree(tmp_path / "tars", {"a.tar": tar_of(members)}))
    for root in roots:
        entry = one(triplets, root)
        assert (entry.width, entry.height) == (30, 40)
        sample = triplets.load(root, entry, ["edited"])
        assert (pixels(sample.image) == shown(RGB, 6)).all()
        assert (pixels(sample.labels["edited"]) == shown(RGB, 8)).all()
        kept = one(triplets, root, exif="stored")
        assert triplets.load(root, kept, ["edited"]).image == files["a.png"]


def marked(folder: Path, orientation: int, width: int, height: int, **image: Any) -> Folder:
    """A COCO-format file of one picture, which is COCO's own if its record has a coco_url."""
    record = {"id": 7, "file_name": "a.png", "width": width, "height": height} | image
    square = [[1, 1, 9, 1, 9, 9, 1, 9]]
    mask = {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": square}
    whole = {"images": [record], "annotations": [mask], "categories": [{"id": 1, "name": "dog"}]}
    text = json.dumps(whole).encode()
    files = {"annotations/instances_train2017.json": text, "train2017/a.png": picture(orientation)}
    return tree(folder, files)


def test_labelled_pictures_need_a_frame(tmp_path: Path) -> None:
    root = marked(tmp_path / "3", 3, 40, 30)
    with pytest.raises(BadSample, match=r"turned picture: its EXIF orientation is 3: .*exif"):
        coco.load(root, one(coco, root), ["segments"])
    for frame, expected in (("stored", RGB), ("shown", shown(RGB, 3))):
        image = coco.load(root, one(coco, root, exif=frame), ["segments"]).image
        assert (pixels(image) == expected).all()
    root = marked(tmp_path / "6", 6, 30, 40)
    with pytest.raises(
        BadSample, match=r"wrong size: 40x30, expected 30x40: its EXIF orien.*shown"
    ):
        coco.load(root, one(coco, root), ["segments"])
    sample = coco.load(root, one(coco, root, exif="shown"), ["segments"])
    assert (pixels(sample.image) == shown(RGB, 6)).all()
    assert sample.labels["segments"].ids.shape == (40, 30)
    with pytest.raises(BadSample, match=r"wrong size: .*its EXIF orientation 6"):
        coco.load(root, one(coco, root, exif="stored"), ["segments"])


def test_pictures_of_coco_itself_stay_as_they_are(tmp_path: Path) -> None:
    url = "http://images.cocodataset.org/train2017/000000000007.jpg"
    root = marked(tmp_path, 6, 40, 30, coco_url=url)
    assert coco.load(root, one(coco, root), ["segments"]).image == picture(6)
