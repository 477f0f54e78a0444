"""Answers as files: kinds that mean one picture are read, others are named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from vbdata.errors import BadSample
from vbdata.evaluation.predictions import PredictionFolder, answer_of

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
CLEAR = Image.fromarray(np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)]))


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def sixteen(values: Any) -> bytes:
    return bytes(cv2.imencode(".png", values.astype(np.uint16)[..., ::-1])[1])


def turned(orientation: int, pixels: Any) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return saved(Image.fromarray(np.ascontiguousarray(pixels)), exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.fromarray(RGB)),
        saved(CLEAR),
        saved(Image.fromarray(RGB).quantize(256)),
        sixteen(RGB.astype(np.uint16) * 257),
        sixteen(RGB.astype(np.uint16) * 256),
        turned(3, RGB[::-1, ::-1]),
        turned(6, np.rot90(RGB)),
    ],
    ids=["plain", "opaque", "palette", "x257", "x256", "upside down", "on its side"],
)
def test_kinds_that_mean_one_picture(data: bytes) -> None:
    assert np.array_equal(answer_of(data, "a.png"), RGB)


def test_a_jpeg_is_one_too() -> None:
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    data = saved(Image.fromarray(flat), "JPEG", quality=95)
    for name in ("a.jpg", "a.png"):
        assert np.abs(answer_of(data, name).astype(int) - flat).max() <= 2


def see_through(kind: str) -> bytes:
    picture = CLEAR.copy()
    picture.putpixel((2, 2), (1, 2, 3, 254))
    if kind == "palette":
        return saved(Image.fromarray(RGB).quantize(256), transparency=bytes([255, 0]))
    if kind == "key colour":
        return saved(Image.fromarray(RGB), transparency=tuple(int(n) for n in RGB[0, 0]))
    return saved(picture.convert("LA") if kind == "grey" else picture)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (see_through("alpha"), "1 pixels are not opaque"),
        (see_through("grey"), "1 pixels are not opaque"),
        (see_through("palette"), "pixels are not opaque"),
        (see_through("key colour"), "1 pixels are not opaque"),
        (sixteen(RGB), "16 bits a channel, none above "),
        (
            saved(Image.fromarray(RGB), save_all=True, append_images=[Image.fromarray(~RGB)]),
            "an animated PNG",
        ),
        (saved(Image.fromarray(RGB))[:-9], "truncated"),
        (b"", "truncated"),
    ],
    ids=["alpha", "grey", "palette", "key colour", "unscaled", "animated", "cut", "empty"],
)
def test_kinds_that_may_mean_another(data: bytes, expected: str) -> None:
    with pytest.raises(BadSample, match=expected):
        answer_of(data, "a.png")


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    for name in ("7.webp", "8.gif", "9.PNG", "10.jpg"):
        (tmp_path / name).write_bytes(saved(Image.fromarray(RGB)))
    answers = PredictionFolder(str(tmp_path))
    said = [fault.detail for fault in answers.faults(["7", "8", "9"])]
    assert said == [
        "7.webp is no answer: they are named KEY.png, KEY.jpg or KEY.jpeg",
        "8.gif is no answer: they are named KEY.png, KEY.jpg or KEY.jpeg",
        "10.jpg is named after no sample",
    ]
