"""Image files: what passes, what is refused and why, exactness of the area average."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vbdata.core import images, jpeg
from vbdata.core.geometry import geometry_for
from vbdata.core.png import encode_png
from vbdata.errors import BadSample
from vbdata.shard.picture import Picture


def picture(height: int = 48, width: int = 64, seed: int = 0) -> images.Pixels:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def jpeg_of(mode: str = "RGB", orientation: int | None = None) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(picture()).convert(mode).save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


# 24x16, by jpegtran -arithmetic
ARITHMETIC = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV02>k%7Zed27Zw*D92+1gLMtdGB`8rkJupIGRb^yfRb5+Zc$tA}agcLcU4^"
    "xVke;Kft*d8%yve$z$C;?Br2pFhLjfEf9w;LyPAe-;q;6eqq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq"
    "@<*zq@<*zq@<*zq@<*zq@@4J01*fP5C9kh0U`hb5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zf#06s_$Mk?}"
    "}bv@fO3{e486nZPPs4BKKs%bJ8bU_POH0`G3y<y}(r%loS*#"
)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def ycck() -> bytes:
    """A CMYK JPEG whose Adobe marker says YCCK: inverted, as Photoshop writes both."""
    data = bytearray(jpeg_of("CMYK"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def padded(data: bytes, padding: bytes = b"\xff" * 5) -> bytes:
    """A JPEG with bytes that mean nothing before its second segment."""
    at = 4 + int.from_bytes(data[4:6], "big")
    return data[:at] + padding + data[at:]


PHOTO = Image.fromarray(picture())
JPEGS = {
    "baseline": (saved(PHOTO, "JPEG"), True),
    "4:4:4": (saved(PHOTO, "JPEG", subsampling="4:4:4"), True),
    "4:1:1": (saved(PHOTO, "JPEG", subsampling="4:1:1"), True),
    "progressive": (saved(PHOTO, "JPEG", progressive=True), True),
    "stored as RGB": (saved(PHOTO, "JPEG", keep_rgb=True), True),
    "restarts": (saved(PHOTO, "JPEG", restart_marker_blocks=1), True),
    "fill bytes": (padded(saved(PHOTO, "JPEG")), True),
    "rubbish behind it": (saved(PHOTO, "JPEG") + b"\xff\xda rubbish" * 9, True),
    "two pictures (MPO)": (saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO]), True),
    "arithmetic": (ARITHMETIC, False),
    "grey": (jpeg_of("L"), False),
    "CMYK": (jpeg_of("CMYK"), False),
    "YCCK": (ycck(), False),
}


@pytest.mark.parametrize("name", JPEGS)
def test_every_kind_of_jpeg_has_the_pixels_that_pillow_reads(name: str) -> None:
    data, plain = JPEGS[name]
    width, height = Image.open(io.BytesIO(data)).size
    rgb = images.decode_rgb(data)
    assert images.jpeg_header(data) == (width, height, plain)
    assert images.size(data) == (width, height)
    inks = 1 if name in ("CMYK", "YCCK") else 0  # the one conversion that is not libjpeg's
    assert np.abs(rgb.astype(int) - by_pillow(data)).max() <= inks
    images.check_jpeg(data)


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with a segment more, after its first."""
    at = 4 + int.from_bytes(data[4:6], "big")
    return data[:at] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[at:]


def tiff(order: str, kind: int, value: bytes, tag: int = 0x0112) -> bytes:
    """Exif data of two tags, of which the second is the orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(f"{order}HHI4s", 0x0100, 3, 1, b"\1\0\0\0")
    entries += struct.pack(f"{order}HHI4s", tag, kind, 1, value.ljust(4, b"\0"))
    return b"Exif\0\0" + start + struct.pack(f"{order}IH", 8, 2) + entries + bytes(4)


XMP = jpeg.XMP + b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
TAGS = {
    "none": (b"", 1),
    "short, little-endian": (tiff("<", 3, b"\6\0"), 6),
    "short, big-endian": (tiff(">", 3, b"\0\6"), 6),
    "long, little-endian": (tiff("<", 4, b"\3\0\0\0"), 3),
    "long, big-endian": (tiff(">", 4, b"\0\0\0\3"), 3),
    "upright": (tiff("<", 3, b"\1\0"), 1),
    "beyond 8": (tiff("<", 3, b"\x09\0"), 1),
    "as text": (tiff("<", 2, b"6\0"), 1),
    "another tag": (tiff("<", 3, b"\6\0", 0x0113), 1),
    "cut": (tiff("<", 3, b"\6\0")[:30], 1),
    "an offset beyond the end": (b"Exif\0\0II*\0\xff\xff\xff\xff", 1),
    "no byte order": (b"Exif\0\0XX*\0" + bytes(20), 1),
    "XMP attribute": (XMP, 6),
    "XMP element": (jpeg.XMP + b"<tiff:Orientation>8</tiff:Orientation>", 8),
    "not XMP": (b"http://example.com/\0<tiff:Orientation>8</tiff:Orientation>", 1),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", TAGS)
def test_a_tag_that_viewers_obey_is_found_and_turns_nothing(name: str) -> None:
    body, orientation = TAGS[name]
    upright = saved(PHOTO, "JPEG")
    data = with_segment(upright, 0xE1, body) if body else upright
    assert jpeg.read_head(data).orientation == orientation
    for padding in (b"\xff\xff", b"\xff\xd3\xff\x01\xff"):  # a restart marker and a TEM
        assert jpeg.read_head(padded(data, padding)).orientation == orientation
        assert images.jpeg_header(padded(data, padding)) == (64, 48, orientation == 1)
    assert images.jpeg_header(data) == (64, 48, orientation == 1)
    assert (images.decode_rgb(data) == images.decode_rgb(upright)).all()
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.getexif().get(0x0112, 1) in (orientation, 9, "6")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_only_an_upright_jpeg_stands_in_a_sample_as_it_is(orientation: int) -> None:
    data = jpeg_of(orientation=orientation)
    stands = Picture(data, geometry_for(64, 48, None, 1), "a.jpg").encoded("jpg")
    assert (stands == data) == (orientation == 1)
    with Image.open(io.BytesIO(stands)) as opened:
        assert opened.getexif().get(0x0112, 1) == 1
    assert np.abs(images.decode_rgb(stands).astype(int) - images.decode_rgb(data)).max() < 12


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def png_of(rows: bytes, bits: int, colour: int, *, interlaced: int = 0, more: bytes = b"") -> bytes:
    """A PNG of 64x48 from its filtered rows; more: chunks before the image data."""
    header = struct.pack(">IIBBBBB", 64, 48, bits, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows))
    return images.PNG_MAGIC + body + chunk(b"IEND", b"")


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))


def adam7(pixels: np.ndarray) -> bytes:
    """The filtered rows of the seven passes."""
    parts = [pixels[y::dy, x::dx] for x, y, dx, dy in (*PASSES, (0, 1, 1, 2))]
    return b"".join(b"\0" + row.tobytes() for part in parts for row in part)


def rows_of(pixels: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def turned_png() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(PHOTO, "PNG", exif=exif)


RAW = np.random.default_rng(3)
GREY16 = RAW.integers(0, 1 << 16, (48, 64)).astype(">u2")
RGB16 = RAW.integers(0, 1 << 16, (48, 64, 3)).astype(">u2")
OTHER = Image.fromarray(picture(seed=5))
PNGS = {
    "rgb": saved(PHOTO, "PNG"),
    "grey": saved(PHOTO.convert("L"), "PNG"),
    "grey and alpha": saved(PHOTO.convert("LA"), "PNG"),
    "alpha": saved(PHOTO.convert("RGBA"), "PNG"),
    "one bit": saved(PHOTO.convert("1"), "PNG"),
    "four bits": png_of(b"".join(b"\0" + RAW.bytes(32) for _ in range(48)), 4, 0),
    "palette": saved(PHOTO.convert("P"), "PNG"),
    "palette of 12": saved(PHOTO.quantize(12), "PNG", bits=4),
    "palette, transparent": saved(PHOTO.convert("P"), "PNG", transparency=3),
    "transparent colour": saved(PHOTO, "PNG", transparency=(9, 9, 9)),
    "16 bits": png_of(rows_of(RGB16), 16, 2),
    "interlaced": png_of(adam7(picture()), 8, 2, interlaced=1),
    "gamma": png_of(rows_of(picture()), 8, 2, more=chunk(b"gAMA", struct.pack(">I", 30000))),
    "profile": png_of(rows_of(picture()), 8, 2, more=chunk(b"iCCP", b"a\0\0" + zlib.compress(b""))),
    "turned": turned_png(),
    "animated": saved(PHOTO, "PNG", save_all=True, append_images=[OTHER]),
    "animated beside": saved(
        PHOTO, "PNG", save_all=True, default_image=True, append_images=[OTHER]
    ),
    "rubbish behind it": saved(PHOTO, "PNG") + b"rubbish",
}


@pytest.mark.parametrize("name", PNGS)
def test_every_kind_of_png_has_the_pixels_that_pillow_reads(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = PNGS[name]
    assert (images.decode_rgb(data) == by_pillow(data)).all()
    assert images.size(data) == (64, 48)
    assert images.decode_png_raw(data).shape[:2] == (48, 64)
    assert capfd.readouterr().err == ""


def test_png_samples_are_what_the_format_means_by_them() -> None:
    grey = images.decode_png_raw(png_of(rows_of(GREY16), 16, 0))
    assert grey.dtype == np.uint16
    assert (grey == GREY16).all()
    assert (images.decode_png_raw(PNGS["16 bits"]) == RGB16).all()
    assert (images.decode_rgb(png_of(rows_of(GREY16), 16, 0)) == (GREY16 >> 8)[..., None]).all()
    four = np.asarray(Image.open(io.BytesIO(PNGS["four bits"])))
    assert (images.decode_png_raw(PNGS["four bits"]) == four).all()
    assert set(np.unique(four) % 17) == {0}
    drawn = np.asarray(PHOTO.convert("P").convert("RGBA"))[..., :3]
    assert (images.decode_png_raw(PNGS["palette, transparent"])[..., :3] == drawn).all()


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
        (b"", "truncated"),
        (b"GIF89a" + bytes(50), "undecodable"),
        (jpeg_of()[:400], "truncated"),
        (jpeg_of()[:30], "truncated"),
        (jpeg_of()[:2], "truncated"),
        (encode_png(picture())[:5], "truncated"),
        (encode_png(picture())[:30], "truncated"),
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
    """Readers look at headers only: a JPEG that is decoded must not need the check.

    The check itself finds every cut file; where a single scan fills a whole one it reads no block.
    """
    whole, rng, found = jpeg_of(), np.random.default_rng(0), set()
    for k in range(300):
        data = bytearray(whole[: rng.integers(600, len(whole))] if k % 2 else whole)
        data[rng.integers(600, len(data))] = rng.integers(256)
        outcomes = [outcome(verb, bytes(data)) for verb in (images.check_jpeg, images.decode_rgb)]
        assert outcomes[0] in (outcomes[1], ("", ""))
        assert outcomes[0] == outcomes[1] or k % 2 == 0
        found.add(outcomes[0])
    assert {("", ""), ("truncated", "a.jpg")} <= found


def outcome(verb: Callable[[bytes, str], object], data: bytes) -> tuple[str, str]:
    try:
        verb(data, "a.jpg")
    except BadSample as bad:
        return bad.reason, bad.file
    return "", ""


def test_check_jpeg_finds_a_cut_file() -> None:
    images.check_jpeg(jpeg_of())
    with pytest.raises(BadSample, match="truncated"):
        images.check_jpeg(jpeg_of()[:-60])


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


@pytest.mark.parametrize(
    ("size", "least", "found"),
    [
        ((64, 48), (32, 24), (32, 24)),
        ((64, 48), (33, 24), (64, 48)),
        ((64, 48), (9, 7), (16, 12)),
        ((64, 48), (8, 6), (8, 6)),
        ((62, 48), (8, 6), (31, 24)),
        ((63, 48), (8, 6), (63, 48)),
    ],
)
def test_a_jpeg_is_decoded_at_the_part_that_suffices(
    size: tuple[int, int], least: tuple[int, int], found: tuple[int, int]
) -> None:
    rows, columns = np.mgrid[: size[1], : size[0]]
    smooth = np.stack((rows * 4, columns * 3, rows + columns), -1).astype(np.uint8)
    data = images.encode_jpeg(smooth)
    part = images.decode_rgb(data, least=least)
    assert (part.shape[1], part.shape[0]) == found
    whole = images.shrink(images.decode_rgb(data), *found)
    assert np.abs(part.astype(int) - whole).mean() < 2


@pytest.mark.parametrize("height", [4095, 4097])
def test_shrink_of_millions_of_pixels_loses_nothing(height: int) -> None:
    """Sums of 32 bits hold up to 4096x4096 of them, longer ones the others."""
    rgb = np.full((height, 4096, 3), 255, np.uint8)
    rgb[:, ::2] = 254
    assert (images.shrink(rgb, 64, 33) == 255).all()  # 254.5, half up


@pytest.mark.slow
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


BUCKETS = ((640, 480), (320, 240), (480, 640), (512, 512))


@pytest.mark.parametrize(
    ("source", "scaled", "corner", "size"),
    [
        ((640, 480), (640, 480), (0, 0), (640, 480)),
        ((1280, 960), (640, 480), (0, 0), (640, 480)),  # of one aspect ratio, the larger size
        ((639, 480), (320, 240), (0, 0), (320, 240)),  # never enlarged, not even by a pixel
        ((1000, 700), (685, 480), (22, 0), (640, 480)),
        ((700, 1000), (480, 685), (0, 22), (480, 640)),
        ((1001, 1000), (512, 512), (0, 0), (512, 512)),
    ],
)
def test_geometry_of_stated_sizes(
    source: tuple[int, int], scaled: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    made = geometry_for(*source, None, 1, BUCKETS)
    assert (made.scaled, (made.left, made.top)) == (scaled, corner)
    assert (made.width, made.height) == size


def test_what_covers_no_size_is_refused() -> None:
    with pytest.raises(BadSample, match="300x239 pixels cover none of the sizes 640x480, 320x240"):
        geometry_for(300, 239, None, 1, BUCKETS)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_stated_sizes_are_covered_and_cropped_from_the_centre(width: int, height: int) -> None:
    try:
        made = geometry_for(width, height, None, 1, BUCKETS)
    except BadSample:
        assert all(w > width or h > height for w, h in BUCKETS)
        return
    assert (made.width, made.height) in BUCKETS
    assert made.width <= made.scaled[0] <= width
    assert made.height <= made.scaled[1] <= height
    assert made.width == made.scaled[0] or made.height == made.scaled[1], "it just covers it"
    assert made.left == (made.scaled[0] - made.width) // 2
    assert made.top == (made.scaled[1] - made.height) // 2


def test_native_geometry_is_the_identity() -> None:
    assert geometry_for(317, 211, None, 1).identity
    assert not geometry_for(317, 211, None, 16).identity
