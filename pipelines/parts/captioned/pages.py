"""Values of one binary column of a Parquet file, a page at a time.

pyarrow reads whole row groups: for one image of a group of 1,000 it reads 100 MB and takes 0.6 s.
A page holds from one image to about a thousand, so here its bytes are looked up and unpacked alone.
Where a writer put the images into a dictionary, that is a page too, and is read besides.

A column chunk is pages back to back: a header in Thrift's compact protocol, then the packed values.
Read are pages of version 1 and 2, values PLAIN or in a dictionary, columns that are not nested in
lists. Sizes that a page promises are compared with those that come out before a value is used.

Sources: apache/parquet-format (README, Encodings.md, parquet.thrift); apache/thrift (doc/specs/
thrift-compact-protocol.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import deflate
import numpy as np

from vbdata.errors import BadSample

from . import bits

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

WINDOW = 1 << 14  # bytes read for a header; writers leave out statistics above 4 KiB
MAX_PAGE = 1 << 30  # bytes
MAX_COUNT = 1 << 24  # values, for nulls weigh nothing
CODECS = {"SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip", "BROTLI": "brotli", "LZ4": "lz4_raw"}

DATA, DICTIONARY, DATA_2 = 0, 2, 3  # kinds of pages
KIND, UNPACKED, PACKED, CRC = 1, 2, 3, 4  # fields of a page's header
COUNT = 1  # of its part, which is the field SUBHEADER[kind]
SUBHEADER = {DATA: 5, DICTIONARY: 7, DATA_2: 8}
ENCODING = {DATA: 2, DICTIONARY: 2, DATA_2: 4}
LEVELS_ENCODING, LEVELS_SIZE, REPEATS_SIZE, IS_PACKED = 3, 5, 6, 7
PLAIN, OLD_DICTIONARY, RLE, IN_DICTIONARY = 0, 2, 3, 8
# what garbled bytes raise here; pyarrow's codecs raise OSError and ValueError
DAMAGE = (ValueError, IndexError, KeyError, TypeError, struct.error, EOFError, OSError)


class Chunk(NamedTuple):
    """A column of a row group. levels: how often a value may be null, at which depth."""

    start: int
    size: int
    rows: int
    codec: str
    levels: int


class Page(NamedTuple):
    """Where a page is in its file, header and all. rows: values and nulls."""

    start: int
    size: int
    rows: int


class ValuePlace(NamedTuple):
    """Where a value is: the number in its page. dictionary: None if none comes before."""

    page: Page
    dictionary: Page | None


def scan(root: Root, path: str, chunk: Chunk) -> Iterator[ValuePlace]:
    """The pages of values of a chunk, by their headers. Raises BadSample at the first damage."""
    at, end, left = chunk.start, chunk.start + chunk.size, chunk.rows
    dictionary: Page | None = None
    while left > 0:
        if at >= end:
            raise BadSample("truncated", f"{left} values are in no page", path)
        kind, page = _located(root, path, at, end)
        at = page.start + page.size
        if kind == DICTIONARY:
            dictionary = page
        elif kind in (DATA, DATA_2):
            left -= page.rows
            yield ValuePlace(page, dictionary)


def values(
    root: Root, path: str, place: ValuePlace, codec: str, levels: int
) -> list[memoryview | None]:
    """The values of a page, None for null. Raises BadSample."""
    words: list[memoryview] = []
    try:
        if place.dictionary is not None:
            words = _words(_body(_read(root, path, place.dictionary), codec, levels))
        return _values(_body(_read(root, path, place.page), codec, levels), words, levels)
    except DAMAGE as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the machine's
        detail = f"Parquet page at byte {place.page.start}: {err}"
        raise BadSample("undecodable", detail, path) from err


def _read(root: Root, path: str, page: Page) -> bytes:
    data = root.read_range(path, page.start, page.size)
    if len(data) < page.size:
        detail = f"Parquet page at byte {page.start}: {len(data)} of {page.size} bytes"
        raise BadSample("truncated", detail, path)
    return data


def _located(root: Root, path: str, at: int, end: int) -> tuple[int, Page]:
    """The kind of the page that begins at a byte, and where it ends. Raises BadSample."""
    try:
        fields, length = bits.struct(root.read_range(path, at, min(WINDOW, end - at)))
        kind, packed = fields[KIND], fields[PACKED]
        count = fields[SUBHEADER[kind]][COUNT] if kind in SUBHEADER else 0
    except (ValueError, IndexError, KeyError, TypeError) as err:
        raise BadSample("undecodable", f"no Parquet page at byte {at}: {err!r}", path) from err
    whole = all(isinstance(n, int) and n >= 0 for n in (kind, packed, count))
    if not whole or at + length + packed > end:
        detail = f"Parquet page at byte {at}: {count} values in {packed} bytes, {end - at} are left"
        raise BadSample("undecodable", detail, path)
    return kind, Page(at, length + packed, count)


class _Body(NamedTuple):
    """An unpacked page. total: values and nulls; nulls: the levels that tell them, as stored."""

    total: int
    encoding: int
    nulls: memoryview
    content: memoryview


def _body(data: bytes, codec: str, levels: int) -> _Body:
    """Unpack a page. Raises one of DAMAGE."""
    fields, start = bits.struct(data)
    kind, size, packed = fields[KIND], fields[UNPACKED], memoryview(data)[start:]
    about = fields[SUBHEADER[kind]]
    if len(packed) != fields[PACKED] or not 0 <= size <= MAX_PAGE:
        raise ValueError(f"{len(packed)} bytes, {size} unpacked (at most {MAX_PAGE})")
    if not 0 <= about[COUNT] <= MAX_COUNT:
        raise ValueError(f"{about[COUNT]} values (at most {MAX_COUNT})")
    if CRC in fields and deflate.crc32(packed) != fields[CRC] & 0xFFFFFFFF:
        raise ValueError("its CRC-32 is wrong")
    count, encoding = about[COUNT], about[ENCODING[kind]]
    if kind == DATA_2:
        first = about[REPEATS_SIZE]
        last = first + about[LEVELS_SIZE]
        if not 0 <= first <= last <= min(len(packed), size):
            raise ValueError(f"levels from byte {first} to {last} of {len(packed)}")
        rest = packed[last:]
        if about.get(IS_PACKED, True):
            rest = _unpacked(rest, codec, size - last)
        return _Body(count, encoding, packed[first:last], rest)
    content = _unpacked(packed, codec, size)
    if kind == DICTIONARY or not levels:
        return _Body(count, encoding, content[:0], content)
    if about[LEVELS_ENCODING] != RLE:
        raise ValueError(f"nulls in encoding {about[LEVELS_ENCODING]}")
    (length,) = struct.unpack_from("<I", content)
    return _Body(count, encoding, content[4 : 4 + length], content[4 + length :])


def _unpacked(packed: memoryview, codec: str, size: int) -> memoryview:
    """Just `size` bytes: pyarrow's codecs leave the rest of a longer buffer as it was in memory."""
    import pyarrow as pa

    if codec == "UNCOMPRESSED" or not size:
        if len(packed) != size:
            raise ValueError(f"{len(packed)} bytes, expected {size}")
        return packed
    unpacker = pa.Codec(CODECS[codec])
    if codec == "SNAPPY":
        exact = bits.varint(packed, 0)[0] == size
    elif codec == "ZSTD":
        exact = True  # it refuses by itself
    else:
        exact = not _fits(unpacker, packed, size - 1)
    if not exact:
        raise ValueError(f"it does not unpack to {size} bytes")
    return memoryview(unpacker.decompress(packed, size)).cast("B")  # its own are signed


def _fits(unpacker: Any, packed: memoryview, size: int) -> bool:
    try:
        unpacker.decompress(packed, size)
    except (OSError, ValueError):
        return False
    return True


def _values(body: _Body, words: list[memoryview], levels: int) -> list[memoryview | None]:
    """A page's values in order, None where the level says null."""
    there = np.ones(body.total, np.bool_)
    if levels:
        there = bits.hybrid(body.nulls, levels.bit_length(), body.total) == levels
    known = int(np.count_nonzero(there))
    if body.encoding == PLAIN:
        found = _plain(body.content, known)
    elif body.encoding in (OLD_DICTIONARY, IN_DICTIONARY):
        width = body.content[0] if known else 0
        found = [words[number] for number in bits.hybrid(body.content[1:], width, known)]
    else:
        raise ValueError(f"values in encoding {body.encoding}, expected PLAIN or a dictionary")
    rest = iter(found)
    return [next(rest) if each else None for each in there]


def _words(body: _Body) -> list[memoryview]:
    if body.encoding not in (PLAIN, OLD_DICTIONARY):
        raise ValueError(f"dictionary in encoding {body.encoding}")
    return _plain(body.content, body.total)


def _plain(content: memoryview, count: int) -> list[memoryview]:
    """Values with their lengths before them, which must fill the content."""
    found, at = [], 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", content, at)
        found.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(content):
        raise ValueError(f"values of {at} bytes in {len(content)}")
    return found
