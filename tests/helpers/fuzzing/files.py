"""Damage to pictures and archives that stays inside their formats. Seeded."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from PIL import Image

from tests.helpers.fuzzing.values import hostile

HTML = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(
    width: int, height: int, bits: int, colour: int, rows: bytes, more: bytes = b""
) -> bytes:
    """A PNG by its parts; more: chunks before the image data."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An image as Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """The same picture of another kind, size or mode, or something that is none."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.copy()
    rgb, (width, height) = image.convert("RGB"), image.size
    turned = Image.Exif()
    turned[0x0112] = rng.randrange(2, 9)
    kinds: dict[str, Callable[[], bytes]] = {
        "html": lambda: HTML,
        "gif": lambda: saved(rgb, "GIF"),
        "webp": lambda: saved(rgb, "WEBP"),
        "mpo": lambda: saved(rgb, "MPO", save_all=True, append_images=[rgb]),
        "turned": lambda: saved(rgb, "JPEG", exif=turned),
        "turned png": lambda: saved(image, "PNG", exif=turned),
        "cmyk": lambda: saved(rgb.convert("CMYK"), "JPEG"),
        "grey jpeg": lambda: saved(rgb.convert("L"), "JPEG"),
        "progressive": lambda: saved(rgb, "JPEG", progressive=True),
        "transposed": lambda: saved(image.transpose(Image.Transpose.ROTATE_90), "PNG"),
        "a row less": lambda: saved(image.crop((0, 0, width, max(1, height - 1))), "PNG"),
        "one pixel": lambda: saved(image.crop((0, 0, 1, 1)), "PNG"),
        "bits": lambda: saved(rgb.convert("1"), "PNG"),
        "palette": lambda: saved(rgb.convert("P"), "PNG", transparency=3),
        "grey and alpha": lambda: saved(rgb.convert("LA"), "PNG"),
        "alpha": lambda: saved(rgb.convert("RGBA"), "PNG"),
        "rgb": lambda: saved(rgb, "PNG"),
        "16 bits": lambda: png_of(
            width, height, 16, 0, (b"\0" + rng.randbytes(2 * width)) * height
        ),
        "zeros": lambda: png_of(width, height, 16, 0, bytes((1 + 2 * width) * height)),
        "declared": lambda: png_of(60_000, 60_000, 8, 2, b""),
        "endless row": lambda: png_of(2**31 - 1, 1, 8, 0, b""),
        "more data": lambda: png_of(width, height, 8, 0, bytes(50_000_000)),
        "remarks": lambda: png_of(width, height, 8, 2, bytes((1 + 3 * width) * height), _remarks()),
    }
    name = rng.choice(sorted(kinds))
    return kinds[name](), name


def _remarks() -> bytes:
    return chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(7_990_000), 9)) * 300


def archive(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """A tar or zip with one member changed, named otherwise, or claiming to be something else."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return _zip(data, rng, outside)
    buffer = io.BytesIO()
    kinds = ("name", "size", "type", "twice", "drop", "content", "pax", "link")
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=buffer, mode="w") as new,
    ):
        found = [m for m in old.getmembers() if m.isreg()]
        chosen, act = rng.randrange(len(found)), rng.choice(kinds)
        for place, member in enumerate(found):
            body = old.extractfile(member)
            assert body is not None
            content = body.read()
            if place == chosen:
                _tar_member(new, member, content, act, rng, outside)
            else:
                new.addfile(member, io.BytesIO(content))
    return buffer.getvalue(), f"{act}, member {chosen}"


def _tar_member(
    new: tarfile.TarFile, member: Any, content: bytes, act: str, rng: Random, outside: str
) -> None:
    if act == "drop":
        return
    if act == "name":
        names = (
            f"../secret/{member.name}",
            f"{outside}/{member.name}",
            "x" * 300,
            "a/../b.jpg",
            "..",
        )
        member.name = rng.choice((*names, "\udcff.jpg", ".jpg", "a.", f"./{member.name}"))
    elif act == "type":
        member.type = rng.choice((tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"S", b"Z"))
    elif act == "link":
        member.type = rng.choice((tarfile.SYMTYPE, tarfile.LNKTYPE))
        member.linkname = rng.choice((f"{outside}/file.json", "../secret/file.json", member.name))
        content = b""
    elif act == "content":
        content = rng.choice(
            (b"", HTML, rng.randbytes(100), str(hostile(rng, outside)).encode("utf-8", "replace"))
        )
    elif act == "pax":
        keys = ("size", "path", "GNU.sparse.size", "GNU.sparse.map", "linkpath", "mtime", "charset")
        values = ("-1", "99999999999999999999", "nan", f"{outside}/x", "0,10,20", "x" * 100_000)
        member.pax_headers = {rng.choice(keys): rng.choice(values)}
    member.size = len(content) if act != "size" else rng.choice((0, 1, 10**6, 8**11 - 1))
    for _ in range(1 + (act == "twice")):
        new.addfile(member, io.BytesIO(content)) if act != "size" else _claimed(
            new, member, content
        )


def _claimed(new: Any, member: tarfile.TarInfo, content: bytes) -> None:
    padded = content + bytes(-len(content) % tarfile.BLOCKSIZE)
    raw = member.tobuf(tarfile.GNU_FORMAT) + padded
    new.fileobj.write(raw)
    new.offset += len(raw)


def _zip(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    act = rng.choice(("name", "twice", "drop", "content", "bomb", "sizes", "method", "flags"))
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        chosen = rng.randrange(len(names))
        for place, name in enumerate(names):
            content, method = old.read(name), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            if place == chosen and act == "drop":
                continue
            if place == chosen and act == "name":
                name = rng.choice(
                    (f"../secret/{name}", f"{outside}/x", "a\\b", "x" * 5000, f"./{name}")
                )
            if place == chosen and act in ("content", "bomb"):
                content = bytes(300_000_000) if act == "bomb" else rng.choice((b"", HTML))
                method = zipfile.ZIP_DEFLATED
            for _ in range(1 + (place == chosen and act == "twice")):
                new.writestr(name, content, method)
    raw = bytearray(buffer.getvalue())
    at = raw.rindex(b"PK\1\2") if act in ("sizes", "method", "flags") else 0
    if at:
        field, size = {"sizes": (20, 8), "method": (10, 2), "flags": (8, 2)}[act]
        raw[at + field : at + field + size] = rng.randbytes(size)
    return bytes(raw), f"{act}, member {chosen}"
