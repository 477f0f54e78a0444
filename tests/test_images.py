"""Image files: what passes, what is refused and why, exactness of the area average."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vbdata import images
from vbdata.errors import BadSample
from vbdata.geometry import geometry_for
from vbdata.png import encode_png


def picture(height: int = 48, width: int = 64, seed: int = 0) -> images.Pixels:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def jpeg(mode: str = "RGB", orientation: int | None = None) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(picture()).convert(mode).save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_jpeg_mode_is_decoded_to_rgb(mode: str) -> None:
    data = jpeg(mode)
    rgb = images.decode_rgb(data)
    assert rgb.shape == (48, 64, 3)
    want = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(rgb.astype(int) - want).max() <= 2
    assert images.jpeg_header(data).plain == (mode == "RGB")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_turns_nothing_and_is_not_plain(orientation: int) -> None:
    data = jpeg(orientation=orientation)
    assert images.exif_orientation(data) == orientation
    assert images.jpeg_header(data) == (64, 48, orientation == 1)
    assert (images.decode_rgb(data) == images.decode_rgb(jpeg())).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_kinds(dtype: type, channels: int) -> None:
    stored = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (7, 5, channels), dtype)
    bgr = stored[..., [2, 1, 0, 3][:channels]] if channels > 1 else stored[..., 0]
    data = cv2.imencode(".png", bgr)[1].tobytes()
    assert (images.decode_png_raw(data) == (stored if channels > 1 else stored[..., 0])).all()
    assert images.decode_rgb(data).shape == (7, 5, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "undecodable"),
        (b"GIF89a" + bytes(50), "undecodable"),
        (jpeg()[:400], "truncated"),
        (jpeg()[:30], "undecodable"),
        (encode_png(picture())[:-20], "truncated"),
        (encode_png(picture())[:-200] + encode_png(picture())[-199:], "truncated"),
    ],
)
def test_damage_has_a_reason_and_a_file(data: bytes, reason: str) -> None:
    with pytest.raises(BadSample) as caught:
        images.decode_rgb(data, "folder/a.jpg")
    assert caught.value.reason in ("truncated", "undecodable")
    assert caught.value.reason == reason or data[:2] == b"\xff\xd8"
    assert caught.value.file == "folder/a.jpg"


def test_a_flipped_byte_in_a_png_is_found() -> None:
    data = bytearray(encode_png(picture()))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BadSample, match="undecodable"):
        images.decode_rgb(bytes(data))


def spoilt(png: bytes, kind: bytes) -> bytes:
    """The PNG with another last byte in the CRC of its first chunk of a kind."""
    end = png.index(kind) + 4 + int.from_bytes(png[png.index(kind) - 4 :][:4], "big") + 3
    return png[:end] + bytes([png[end] ^ 1]) + png[end + 1 :]


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_damaged_chunk_is_named_and_nothing_is_printed(
    kind: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    data = spoilt(encode_png(picture()), kind)
    for decode in (images.decode_rgb, images.decode_png_raw):
        with pytest.raises(BadSample, match=rf"undecodable: PNG: {kind.decode()} .* CRC \[a\]"):
            decode(data, "a")
    assert capfd.readouterr().err == ""


def test_a_damaged_remark_harms_no_pixel() -> None:
    buffer, text = io.BytesIO(), PngInfo()
    text.add_text("Comment", "words")
    Image.fromarray(picture()).save(buffer, "PNG", pnginfo=text)
    assert (images.decode_rgb(spoilt(buffer.getvalue(), b"tEXt")) == picture()).all()


def test_decoding_finds_all_that_the_check_finds() -> None:
    """Readers look at headers only: a JPEG that is decoded must not need the check."""
    whole, rng, found = jpeg(), np.random.default_rng(0), set()
    for k in range(300):
        data = bytearray(whole[: rng.integers(600, len(whole))] if k % 2 else whole)
        data[rng.integers(600, len(data))] = rng.integers(256)
        outcomes = [outcome(verb, bytes(data)) for verb in (images.check_jpeg, images.decode_rgb)]
        assert outcomes[0] == outcomes[1]
        found.add(outcomes[0])
    assert {("", ""), ("truncated", "a.jpg")} <= found


def outcome(verb: Callable[[bytes, str], object], data: bytes) -> tuple[str, str]:
    try:
        verb(data, "a.jpg")
    except BadSample as bad:
        return bad.reason, bad.file
    return "", ""


def test_check_jpeg_reads_all_blocks() -> None:
    images.check_jpeg(jpeg())
    with pytest.raises(BadSample, match="truncated"):
        images.check_jpeg(jpeg()[:-60])


def test_a_bomb_is_refused_by_its_header() -> None:
    header = bytearray(encode_png(picture()))
    header[16:24] = (60000).to_bytes(4, "big") * 2
    with pytest.raises(BadSample, match="60000x60000"):
        images.decode_rgb(bytes(header))


def test_jpeg_round_trip_is_444() -> None:
    data = images.encode_jpeg(picture())
    assert Image.open(io.BytesIO(data)).layer[0][1:3] == (1, 1)  # type: ignore[attr-defined]
    assert np.abs(images.decode_rgb(data).astype(int) - picture()).max() < 12


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_shrink_is_the_exact_area_average(height: int, width: int, data: st.DataObject) -> None:
    new_height = data.draw(st.integers(1, height))
    new_width = data.draw(st.integers(1, width))
    rgb = np.random.default_rng(height * 13 + width).integers(0, 256, (height, width, 3), np.uint8)

    def overlaps(n: int, m: int, k: int) -> list[Fraction]:
        low, high = Fraction(k * n, m), Fraction((k + 1) * n, m)
        return [max(Fraction(0), min(high, i + 1) - max(low, i)) for i in range(n)]

    got = images.shrink(rgb, new_width, new_height)
    for y in range(new_height):
        for x in range(new_width):
            rows, columns = overlaps(height, new_height, y), overlaps(width, new_width, x)
            total = sum(
                r * c * int(rgb[i, j, 0])
                for i, r in enumerate(rows)
                for j, c in enumerate(columns)
                if r and c
            )
            mean = total / (sum(rows) * sum(columns))
            assert got[y, x, 0] == int(mean + Fraction(1, 2))


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(256, 2**21), st.integers(1, 64))
def test_geometry_only_shrinks_and_keeps_the_aspect(
    width: int, height: int, pixels: int, multiple: int
) -> None:
    try:
        geometry = geometry_for(width, height, pixels, multiple)
    except BadSample:
        return
    assert geometry.width % multiple == geometry.height % multiple == 0
    assert geometry.scaled[0] <= width
    assert geometry.scaled[1] <= height
    assert geometry.scaled[0] * geometry.scaled[1] <= pixels or geometry.scaled == (width, height)
    assert 0 <= geometry.left <= geometry.scaled[0] - geometry.width < multiple
    assert 0 <= geometry.top <= geometry.scaled[1] - geometry.height < multiple
    scale = geometry.scaled[0] / width
    assert abs(geometry.scaled[1] - height * scale) <= 1 + height / width


def test_native_geometry_is_the_identity() -> None:
    assert geometry_for(317, 211, None, 1).identity
    assert not geometry_for(317, 211, None, 16).identity
