"""Which photographs stand as their files are, and which damage is found: docs/photographs.md."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from vbdata.core import images, jpeg
from vbdata.core.black import black_jpeg
from vbdata.core.passing import kept
from vbdata.errors import BadSample

HEIGHT, WIDTH = 48, 64
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
TURNED = Image.Exif()
TURNED[0x0112] = 6


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def png16() -> bytes:
    """An RGB PNG of 16 bits a sample."""
    rows = np.insert(RGB.astype(">u2").view(np.uint8).reshape(HEIGHT, -1), 0, 0, axis=1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )
    return images.PNG_MAGIC + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def animation(kind: str) -> bytes:
    more = [Image.fromarray(255 - RGB)]
    return encoded(kind, save_all=True, append_images=more, duration=10)


JPEG, PROGRESSIVE = encoded("JPEG", quality=90), encoded("JPEG", quality=90, progressive=True)
PNG, WEBP = encoded("PNG"), encoded("WEBP", quality=90)
LOSSLESS = encoded("WEBP", lossless=True)
PLAIN = {"jpeg": JPEG, "progressive": PROGRESSIVE, "png": PNG, "webp": WEBP, "lossless": LOSSLESS}
PROFILE = b"\0" * 128


STANDING = PLAIN | {
    "jpeg, profile": encoded("JPEG", icc_profile=PROFILE),
    "jpeg, upright": encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    "webp, profile": encoded("WEBP", icc_profile=PROFILE),
    "jpeg, black": black_jpeg(640, 480),
}
KIND = {"jpeg": "jpg", "progressive": "jpg", "png": "png", "webp": "webp", "lossless": "webp"}


@pytest.mark.parametrize("name", STANDING)
def test_plain_files_stand_to_the_byte(name: str) -> None:
    assert kept(STANDING[name]) == (KIND[name.partition(",")[0]], STANDING[name])


def test_a_png_stands_without_what_decides_no_pixel() -> None:
    for data in (
        encoded("PNG", icc_profile=PROFILE, dpi=(72, 72)),
        animation("PNG"),
        PNG + b"more",
    ):
        assert kept(data) == ("png", PNG)


def see_through() -> bytes:
    """A WebP of which some pixels are half transparent."""
    buffer = io.BytesIO()
    alpha = np.full((HEIGHT, WIDTH), 128, np.uint8)
    Image.fromarray(np.dstack([RGB, alpha])).save(buffer, "WEBP")
    return buffer.getvalue()


OTHERWISE = {
    "grey jpeg": encoded("JPEG", "L"),
    "cmyk": encoded("JPEG", "CMYK"),
    "turned jpeg": encoded("JPEG", exif=TURNED),
    "rgba png": encoded("PNG", "RGBA"),
    "grey png": encoded("PNG", "L"),
    "palette": encoded("PNG", "P"),
    "transparent": encoded("PNG", transparency=(1, 2, 3)),
    "turned png": encoded("PNG", exif=TURNED),
    "16 bits": png16(),
    "rgba webp": see_through(),
    "turned webp": encoded("WEBP", exif=TURNED),
    "more than a webp": WEBP + b"more",
    "tiff": encoded("TIFF"),
    "bmp": encoded("BMP"),
    "gif": encoded("GIF"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_viewers_show_otherwise_is_encoded_anew(name: str) -> None:
    assert kept(OTHERWISE[name]) is None
    assert images.decode_rgb(OTHERWISE[name]).shape == RGB.shape


def test_an_animated_webp_is_no_picture() -> None:
    with pytest.raises(BadSample, match="animated"):
        kept(animation("WEBP"))


def without(data: bytes, marker: int) -> bytes:
    """A JPEG without the segments of a marker before its scan."""
    kept_, position = [data[:2]], 2
    while data[position + 1] != jpeg.SOS:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] != marker:
            kept_.append(data[position:end])
        position = end
    return b"".join(kept_) + data[position:]


def flipped(data: bytes, place: int = -40) -> bytes:
    """One bit of the coded data is another, and makes no marker."""
    changed = bytearray(data)
    while {*changed[place - 1 : place + 2]} & {0xFE, 0xFF}:
        place -= 1
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_that_is_cut_short_is_found(name: str) -> None:
    data = PLAIN[name]
    for cut in (25, len(data) // 2, len(data) - 20, len(data) - 2):
        with pytest.raises(BadSample):
            kept(data[:cut])


FOUND = {
    "no end marker": JPEG[:-2] + b"\0\0",
    "no end marker, progressive": PROGRESSIVE[:-2] + b"\0\0",
    "no quantisers": without(JPEG, jpeg.DQT),
    "no frame": without(JPEG, 0xC0),
    "no frame, progressive": without(PROGRESSIVE, 0xC2),
    "an end in the middle": JPEG[: len(JPEG) // 2] + b"\xff\xd9" + JPEG[len(JPEG) // 2 :],
    "no IEND": PNG[:-12],
    "no IDAT": PNG[:33] + PNG[-12:],
    "no pixels": WEBP[:12],
    "a bit of a PNG": flipped(PNG),
    "zeros in a PNG": PNG[:-30] + bytes(8) + PNG[-22:],
}


@pytest.mark.parametrize("name", FOUND)
def test_damage_that_is_found(name: str) -> None:
    with pytest.raises(BadSample):
        kept(FOUND[name])


@pytest.mark.parametrize("name", ["jpeg", "progressive", "webp", "lossless"])
def test_bits_that_no_check_finds(name: str) -> None:
    """The file stands, and decodes to other pixels: these formats have no checksum."""
    data = PLAIN[name]
    changed = next(
        other
        for other in (flipped(data, place) for place in range(-40, -400, -7))
        if other != data and _decodes_otherwise(other, data)
    )
    assert kept(changed) in (("jpg", changed), ("webp", changed))


def _decodes_otherwise(other: bytes, data: bytes) -> bool:
    try:
        pixels = images.decode_rgb(other)
    except BadSample:
        return False
    return bool((pixels != images.decode_rgb(data)).any())


def test_bytes_after_the_end_of_a_jpeg_stand() -> None:
    """Phones append a second picture; the first is decoded, to see that it is whole."""
    assert kept(JPEG + JPEG) == ("jpg", JPEG + JPEG)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 9), (640, 480), (333, 500), (4096, 40)])
def test_a_black_jpeg_is_black_in_every_decoder(size: tuple[int, int]) -> None:
    import cv2

    data = black_jpeg(*size)
    for pixels in (
        images.decode_rgb(data),
        np.asarray(Image.open(io.BytesIO(data))),
        cv2.imdecode(np.frombuffer(data, np.uint8), 1),
    ):
        assert pixels.shape == (size[1], size[0], 3)
        assert not pixels.any()
    assert images.jpeg_header(data).plain
    assert len(data) < 200 + size[0] * size[1] / 64 * 0.25 + (size[0] + size[1]) / 16


def test_no_jpeg_is_larger_than_decoders_take() -> None:
    with pytest.raises(BadSample, match="65501x4"):
        black_jpeg(65501, 4)
