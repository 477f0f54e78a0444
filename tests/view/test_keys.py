"""Keys beside pictures: their colours are the target's, names and metres those of the label."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vbdata import codecs
from vbdata.core.labels import Depth, Linear, Matte, Normals, Segments
from vbdata.errors import BuildError
from vbdata.manifest.drawn import decoded, drawn
from vbdata.storage.folder import Folder
from vbdata.view.contact_sheet import contact_sheet
from vbdata.view.keys import LENGTH, key_of, round_numbers

CUBE = {"palette": "rgb-cube", "lambda": "-3", "c": "10/3"}
LEGEND: dict[str, Any] = {
    "legend": [{"name": "car", "rgb": [255, 0, 0]}, {"name": "cat", "rgb": [0, 255, 0]}],
    "background": [0, 0, 0],
}


def test_a_scale_has_the_colours_of_its_metres() -> None:
    metres = np.array([[1.5, 20.0], [np.inf, np.nan]], np.float32)
    label = Depth(metres=metres, valid=~np.isnan(metres))
    key = key_of(label, "depth", CUBE)
    assert [text for _, text in key.ticks] == ["2", "5", "10", "20"]
    assert key.strip is not None
    read = codecs.decode("depth", key.strip, CUBE)[0]
    for place, text in key.ticks:
        assert read[round(place * (LENGTH - 1))] == pytest.approx(float(text), rel=0.02)
    assert [s.text for s in key.swatches] == ["sky", "no depth"]
    sky = codecs.decode("depth", np.array([[key.swatches[0].rgb]], np.uint8), CUBE)
    assert np.isinf(sky).all()


def test_relative_depth_has_a_scale_without_metres() -> None:
    metres = np.array([[0.002, 0.03], [np.inf, np.nan]], np.float32)
    params = codecs.full_params("relative_depth", metres)
    label = decoded(codecs.encode("relative_depth", metres, params), "relative_depth", params)
    key = key_of(label, "relative_depth", params)
    assert key.unit == "relative"
    assert [text for _, text in key.ticks] == ["0.005", "0.01", "0.02"]
    assert [(s.text, s.rgb) for s in key.swatches] == [
        ("sky", (0, 0, 0)),
        ("no depth", (0, 0, 255)),
    ]
    grey = drawn(label, np.zeros((2, 2, 3), np.uint8))[..., 0]
    assert grey[0, 0] > grey[0, 1] > grey[1, 0] > grey[1, 1] == 0


def test_mattes_are_cut_out_and_light_is_said() -> None:
    image = np.full((1, 3, 3), 200, np.uint8)
    label = Matte(alpha=np.array([[0, 51, 255]], np.uint8), valid=np.ones((1, 3), np.bool_))
    key = key_of(label, "matte", {})
    assert [(s.text, s.rgb, s.there) for s in key.swatches] == [
        ("background", (0, 0, 0), True),
        ("foreground", (255, 255, 255), True),
    ]
    assert key.note == "foreground of 40%"
    assert drawn(label, image)[0].tolist() == [[0, 177, 64], [40, 182, 91], [200, 200, 200]]
    light = Linear(rgb=np.ones((3, 1, 3), np.float32), valid=np.array([[True, True, False]]))
    light.rgb[:, 0, 0] = 0.25
    assert drawn(light, image)[0, :, 0].tolist() == [128, 255, 0]
    measured = {"curve": "srgb", "measured": {"top": "3.14159"}}
    assert key_of(light, "shading", measured).note == "code 255 is 3.14, in the curve of sRGB"
    assert key_of(light, "albedo", {"curve": "2.2"}).note == "code 255 is 1, by a gamma of 2.2"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.4, 0.45, []), (0.9, 1.1, [1.0]), (3, 60, [5, 10, 20, 50]), (1, 10000, 13)],
)
def test_round_numbers(low: float, high: float, said: Any) -> None:
    found = round_numbers(low, high)
    assert (found == said) if isinstance(said, list) else len(found) <= 6 < said
    assert all(low <= number <= high for number in found)


def test_depth_of_one_value_has_one_colour() -> None:
    label = Depth(metres=np.full((2, 2), 3.0, np.float32), valid=np.ones((2, 2), bool))
    key = key_of(label, "depth", CUBE)
    assert key.strip is None
    assert [s.text for s in key.swatches] == ["3 m"]


def test_what_was_asked_for_and_is_not_there_is_marked() -> None:
    label = Segments(
        ids=np.array([[0, 1]], np.int32),
        classes=("car", "cat"),
        things=(False, False),
        crowds=(False, False),
        valid=np.ones((1, 2), bool),
    )
    swatches = key_of(label, "semantic", LEGEND).swatches
    assert [(s.text, s.rgb, s.there) for s in swatches] == [
        ("car", (255, 0, 0), True),
        ("cat", (0, 255, 0), False),
    ]


def test_a_ball_is_read_back_as_its_directions() -> None:
    flat = np.zeros((3, 4, 4), np.float32)
    flat[2] = -1
    label = Normals(xyz=flat, valid=np.ones((4, 4), bool), sky=np.zeros((4, 4), bool))
    key = key_of(label, "normals", {})
    assert key.strip is not None
    read = decoded(key.strip, "normals", {})
    middle = key.strip.shape[0] // 2
    assert read.xyz[2, middle, middle] < -0.99
    assert read.xyz[0, middle, -8] > 0.6  # what faces right is on the right


def test_points_of_a_scanner_are_drawn_so_that_they_are_seen() -> None:
    valid = np.zeros((90, 600), bool)
    valid[::10, ::10] = True
    metres = np.where(valid, np.float32(5), 0).astype(np.float32)
    picture = drawn(Depth(metres=metres, valid=valid), np.zeros((90, 600, 3), np.uint8))
    assert (picture[..., 0] > 0).sum() > 20 * valid.sum()


def test_a_sheet_of_one_task_and_one_source(demo_build: Path) -> None:
    out = Folder(str(demo_build))
    sizes = []
    named: dict[str, Any]
    for named in ({}, {"tasks": ["depth"]}, {"tasks": ["depth"], "sources": ["kitti"]}):
        png = contact_sheet(out, 8, **named)
        sizes.append(Image.open(io.BytesIO(png)).size)
    assert len({width for width, _ in sizes}) == 1
    assert sizes[2][1] < sizes[1][1] < sizes[0][1]  # KITTI's pictures are wide and low
    with pytest.raises(BuildError, match="no sample is of the task 'dept'; did you mean 'depth'"):
        contact_sheet(out, 8, tasks=["dept"])
    with pytest.raises(BuildError, match="at once"):
        contact_sheet(out, 8, tasks=["edit"], sources=["kitti"])
