"""Values of one binary column of a Parquet file, a page at a time.

pyarrow reads whole row groups: for one image of a group of 1,000 it reads 100 MB and takes 0.6 s.
A page holds from one image to about a thousand. So the index notes in which page an image is, and
that page alone is read and unpacked, and the chunk's dictionary page, if its writer made one.

A column chunk is pages back to back, each a header in Thrift's compact protocol, then the packed
values. Pages of version 1 and 2 are read, values PLAIN or in a dictionary, columns that are in no
list or in one; anything else is refused by name. A value is used only after the sizes that its
page promises have been found right.

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
MAX_PAGE = 1 << 30  # bytes, unpacked
MAX_COUNT = 1 << 24  # values of a page; nulls take no bytes, so a small one could promise billions
CODECS = {"SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip", "BROTLI": "brotli", "LZ4": "lz4_raw"}

# Numbers of parquet.thrift: kinds of pages, fields of a page's header and of the struct in it that
# is about its kind, encodings.
DATA, DICTIONARY, DATA_2 = 0, 2, 3
KIND, UNPACKED, PACKED, CRC = 1, 2, 3, 4
SUBHEADER = {DATA: 5, DICTIONARY: 7, DATA_2: 8}
COUNT = 1
ENCODING = {DATA: 2, DICTIONARY: 2, DATA_2: 4}
LEVELS_ENCODING, REPEATS_ENCODING = 3, 4
LEVELS_SIZE, REPEATS_SIZE, IS_PACKED = 5, 6, 7
PLAIN, OLD_DICTIONARY, RLE, IN_DICTIONARY = 0, 2, 3, 8
# What garbled bytes raise here; pyarrow's codecs raise OSError and ValueError.
DAMAGE = (ValueError, IndexError, KeyError, TypeError, struct.error, EOFError, OSError)


class Chunk(NamedTuple):
    """A column of a row group: size bytes from start on, rows values and nulls.

    codec: pyarrow's name of the compression; levels: the column's largest definition level, which a
    value has that is not null; 0 if none may be null; repeats: 1 for a column in a list, of which
    an empty list is a null.
    """

    start: int
    size: int
    rows: int
    codec: str
    levels: int
    repeats: int = 0


class Page(NamedTuple):
    """Where a page is in its file, with its header: size bytes from start on. rows: with nulls."""

    start: int
    size: int
    rows: int


class ValuePlace(NamedTuple):
    """The pages that a value is in. dictionary: the chunk's, None if none comes before the page."""

    page: Page
    dictionary: Page | None


def scan(root: Root, path: str, chunk: Chunk) -> Iterator[ValuePlace]:
    """The pages of a chunk that hold values, in order, by their headers alone.

    Raises BadSample("truncated" or "undecodable") at the first damage.
    """
    start, end, left = chunk.start, chunk.start + chunk.size, chunk.rows
    dictionary: Page | None = None
    while left > 0:
        if start >= end:
            raise BadSample("truncated", f"{left} values are in no page", path)
        kind, page = _located(root, path, start, end)
        start = page.start + page.size
        if kind == DICTIONARY:
            dictionary = page
        elif kind in (DATA, DATA_2):
            left -= page.rows
            yield ValuePlace(page, dictionary)


def values(
    root: Root, path: str, place: ValuePlace, codec: str, levels: int, repeats: int = 0
) -> list[memoryview | None]:
    """The values of a page in order, None for null, as views of its unpacked bytes.

    codec, levels, repeats: those of the chunk. Raises BadSample("truncated" or "undecodable").
    """
    words: list[memoryview] = []
    try:
        if place.dictionary is not None:
            words = _words(_body(_read(root, path, place.dictionary), codec, levels, repeats))
        body = _body(_read(root, path, place.page), codec, levels, repeats)
        return _values(body, words, levels)
    except DAMAGE as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the storage failed, not the file
        detail = f"Parquet page at byte {place.page.start}: {err}"
        raise BadSample("undecodable", detail, path) from err


def _read(root: Root, path: str, page: Page) -> bytes:
    data = root.read_range(path, page.start, page.size)
    if len(data) < page.size:
        detail = f"Parquet page at byte {page.start}: {len(data)} of {page.size} bytes"
        raise BadSample("truncated", detail, path)
    return data


def _located(root: Root, path: str, start: int, end: int) -> tuple[int, Page]:
    """The kind of the page that begins at a byte, and its place. end: of the chunk.

    Raises BadSample.
    """
    try:
        fields, length = bits.struct(root.read_range(path, start, min(WINDOW, end - start)))
        kind, packed = fields[KIND], fields[PACKED]
        count = fields[SUBHEADER[kind]][COUNT] if kind in SUBHEADER else 0
    except (ValueError, IndexError, KeyError, TypeError) as err:
        raise BadSample("undecodable", f"no Parquet page at byte {start}: {err!r}", path) from err
    whole = all(isinstance(n, int) and n >= 0 for n in (kind, packed, count))
    if not whole or start + length + packed > end:
        left = f"{count} values in {packed} bytes, {end - start} are left"
        raise BadSample("undecodable", f"Parquet page at byte {start}: {left}", path)
    return kind, Page(start, length + packed, count)


class _Body(NamedTuple):
    """An unpacked page. total: values and nulls; encoding: of the values in content.

    nulls: the definition levels, which tell values from nulls, as they are stored.
    """

    total: int
    encoding: int
    nulls: memoryview
    content: memoryview


def _body(data: bytes, codec: str, levels: int, repeats: int) -> _Body:
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
    if repeats:  # which values begin a list stands before them
        if about[REPEATS_ENCODING] != RLE:
            raise ValueError(f"lists in encoding {about[REPEATS_ENCODING]}")
        (length,) = struct.unpack_from("<I", content)
        content = content[4 + length :]
    (length,) = struct.unpack_from("<I", content)
    return _Body(count, encoding, content[4 : 4 + length], content[4 + length :])


def _unpacked(packed: memoryview, codec: str, size: int) -> memoryview:
    """Unpack to exactly `size` bytes. Raises ValueError for another size.

    pyarrow's codecs fill a buffer of the size that they are told; where the data are shorter, the
    rest is whatever was in memory, so the size is checked by other means first.
    """
    import pyarrow as pa

    if codec == "UNCOMPRESSED":
        if len(packed) != size:
            raise ValueError(f"{len(packed)} bytes, expected {size}")
        return packed
    if not size:  # a dictionary without words, whose frame writers pack all the same
        return packed[:0]
    unpacker = pa.Codec(CODECS[codec])
    if codec == "SNAPPY":
        exact = bits.varint(packed, 0)[0] == size
    elif codec == "ZSTD":
        exact = True  # pyarrow refuses another size by itself
    else:
        exact = not _fits(unpacker, packed, size - 1)
    if not exact:
        raise ValueError(f"it does not unpack to {size} bytes")
    return memoryview(unpacker.decompress(packed, size)).cast("B")  # pyarrow's bytes are signed


def _fits(unpacker: Any, packed: memoryview, size: int) -> bool:
    """Whether the data unpack to `size` bytes or fewer."""
    try:
        unpacker.decompress(packed, size)
    except (OSError, ValueError):
        return False
    return True


def _values(body: _Body, words: list[memoryview], levels: int) -> list[memoryview | None]:
    """A page's values in order, None for nulls. words: the values of the dictionary."""
    present = np.ones(body.total, np.bool_)
    if levels:
        present = bits.hybrid(body.nulls, levels.bit_length(), body.total) == levels
    count = int(np.count_nonzero(present))
    if body.encoding == PLAIN:
        stored = _plain(body.content, count)
    elif body.encoding in (OLD_DICTIONARY, IN_DICTIONARY):
        width = body.content[0] if count else 0
        stored = [words[number] for number in bits.hybrid(body.content[1:], width, count)]
    else:
        raise ValueError(f"values in encoding {body.encoding}, expected PLAIN or a dictionary")
    rest = iter(stored)
    return [next(rest) if each else None for each in present]


def _words(body: _Body) -> list[memoryview]:
    """The values of a dictionary page."""
    if body.encoding not in (PLAIN, OLD_DICTIONARY):
        raise ValueError(f"dictionary in encoding {body.encoding}")
    return _plain(body.content, body.total)


def _plain(content: memoryview, count: int) -> list[memoryview]:
    """`count` values, each after its length. Raises ValueError unless they fill the content."""
    values, start = [], 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", content, start)
        values.append(content[start + 4 : start + 4 + length])
        start += 4 + length
    if start != len(content):
        raise ValueError(f"values of {start} bytes in {len(content)}")
    return values
