"""Texts that a PNG carries beside its pixels: tEXt chunks, each a keyword and Latin-1 text.

Source: PNG specification (third edition), 11.3.3.2.
"""

from __future__ import annotations

import struct
import zlib

from vbdata.core.images import PNG_MAGIC

LONGEST = 1 << 16  # bytes of a chunk that are looked at


def texts(data: bytes) -> dict[str, str]:
    """Keyword -> text of a PNG's tEXt chunks, the first of each keyword.

    Chunks with a wrong checksum are left out, and so is all that follows what is no chunk. Whether
    the pixels are whole shows when they are decoded.
    """
    found: dict[str, str] = {}
    start = len(PNG_MAGIC)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if kind == b"tEXt" and length <= LONGEST and end <= len(data):
            body = data[start + 8 : end - 4]
            (crc,) = struct.unpack_from(">I", data, end - 4)
            keyword, separator, text = body.partition(b"\0")
            if separator and crc == zlib.crc32(kind + body):
                found.setdefault(keyword.decode("latin-1"), text.decode("latin-1"))
        start = end
    return found
