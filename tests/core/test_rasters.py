"""WebP, TIFF, BMP and GIF as inputs, and how pictures of every kind are turned."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from vbdata.core import exif, images, rasters
from vbdata.core.glance import glance
from vbdata.core.png_read import glanced
from vbdata.errors import BadSample

RGB = np.random.default_rng(0).integers(0, 255, (13, 17, 3), dtype=np.uint8)
LOSSLESS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "GIF": {},
}


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **LOSSLESS.get(kind, {}) | options)
    return buffer.getvalue()


def tagged(kind: str, orientation: int) -> bytes:
    tags = Image.Exif()
    tags[exif.ORIENTATION] = orientation
    return saved(Image.fromarray(RGB), kind, exif=tags)


def refused(data: bytes) -> str:
    with pytest.raises(BadSample) as caught:
        images.decode_rgb(data)
    return str(caught.value)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_shown_as_pillow_turns_them(kind: str, orientation: int) -> None:
    data = tagged(kind, orientation)
    assert images.orientation(data) == orientation
    assert images.size(data) == (17, 13)
    assert glance(data) == (17, 13, orientation)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    ours = images.decode_shown(data)
    assert exif.shown_size(17, 13, orientation) == (shown.width, shown.height)
    assert ours.shape == (shown.height, shown.width, 3)
    if kind != "JPEG":
        assert (ours == np.asarray(shown)).all()
        assert (images.decode_rgb(data) == RGB).all()


def test_an_orientation_that_is_a_png_s_last_word() -> None:
    data = tagged("PNG", 6)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    late = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert images.orientation(late) == 6
    assert glanced(late[:60], late[-80:]) == 6
    assert glanced(late[:60], b"") == 1


def test_exif_goes_before_xmp() -> None:
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="8"/>'
    chunk = struct.pack(">I", len(xmp)) + b"iTXt" + xmp + b"\0\0\0\0"
    for stated, expected in ((1, 1), (3, 3)):
        data = tagged("PNG", stated)
        assert images.orientation(data[:33] + chunk + data[33:]) == expected
    plain = saved(Image.fromarray(RGB), "PNG")
    assert images.orientation(plain[:33] + chunk + plain[33:]) == 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("kind", list(LOSSLESS))
def test_kinds_of_samples(kind: str, mode: str) -> None:
    picture = Image.fromarray(RGB)
    if mode == "I;16":
        picture, expected = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257), RGB[..., :1]
    else:
        picture = picture.convert(mode)
        expected = np.asarray(picture.convert("RGB"))
    if (mode, kind) in (("I;16", "WEBP"), ("I;16", "GIF"), ("RGBA", "GIF"), ("CMYK", "GIF")):
        return  # Pillow writes other pixels
    try:
        data = saved(picture, kind)
    except OSError:
        return  # the kind has no such samples
    assert (images.decode_rgb(data) == expected).all()


def test_white_may_be_zero_in_16_bits() -> None:
    grey = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    data = saved(grey, "TIFF", compression=None, tiffinfo={262: 0})
    assert (images.decode_rgb(data)[..., 0] == 255 - RGB[..., 0]).all()


def test_what_is_not_read_is_named() -> None:
    frames = [Image.fromarray(np.roll(RGB, n)) for n in range(3)]
    for kind, what in (("WEBP", "animated WebP"), ("GIF", "animated GIF"), ("TIFF", "pages")):
        assert what in refused(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert "packed by JPEG (7)" in refused(saved(frames[0], "TIFF", compression="jpeg"))
    fax = saved(frames[0].convert("1"), "TIFF", compression="group4")
    assert "packed by CCITT fax 4" in refused(fax)
    for dtype, what in (("f4", "32 bits, format 3"), ("i4", "32 bits, format 2")):
        assert what in refused(saved(Image.fromarray(RGB[..., 0].astype(dtype)), "TIFF"))


@pytest.mark.parametrize("kind", list(LOSSLESS))
def test_files_that_are_cut(kind: str) -> None:
    data = saved(Image.fromarray(RGB), kind)
    for end in range(0, len(data) - 1, 7):
        assert refused(data[:end]).startswith(("truncated", "undecodable")), end


def test_bombs_are_refused_by_their_headers() -> None:
    webp = saved(Image.fromarray(RGB), "WEBP", exif=Image.Exif())
    huge = bytearray(tagged("WEBP", 3))
    huge[24:30] = b"\xff" * 6
    assert refused(bytes(huge)).startswith("too large: 16777216x16777216")
    assert glance(webp) is not None
    tags = b"".join(struct.pack("<HHII", 40_000 + n, 7, 1 << 20, 8) for n in range(400))
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 400) + tags + bytes(1 << 20)
    assert refused(tiff).startswith("too large: a TIFF with")
    tile = struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<HHII", 257, 4, 1, 9)
    tile += struct.pack("<HHII", 322, 4, 1, 1 << 30)
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + tile + bytes(40)
    assert "tiles of 1073741824 pixels" in refused(tiff)
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
    assert refused(loop).startswith("undecodable: its header says 0x0")


def test_pictures_of_one_colour() -> None:
    for colour, expected in ((RGB, False), (np.full_like(RGB, 7), True)):
        assert images.one_colour(colour) == expected
        assert images.jpeg_of_one_colour(images.encode_jpeg(colour)) == expected
    dot = np.zeros((640, 480, 3), np.uint8)
    assert images.jpeg_of_one_colour(images.encode_jpeg(dot))
    dot[300, 200] = 255
    assert not images.one_colour(dot)
    assert not images.jpeg_of_one_colour(images.encode_jpeg(dot))


def test_a_file_that_only_begins_like_one() -> None:
    assert rasters.kind(b"BM, said the boy") == ""
    assert rasters.kind(b"II*") == ""
