"""The deflated rows of vbdata/core/compiled/deflate.c, written again in Python: same bytes, slowly.

It serves where there is no C compiler, and as what the compiled one is tested against. Whole pixels
are matched: against the pixel before (a run), else against the last place where the same eight
bytes stood, as long as that pays. Each block of tokens has Huffman codes of its own.
Format: RFC 1951.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

BLOCK = 1 << 15  # tokens that share Huffman codes
HASH_BITS = 14
LONGEST = 258  # bytes of a match
WINDOW = 32768
FAR = 9  # bytes of the shortest match that is not a run
PATIENCE = 16  # pixels without a match after which only one in four is looked up
RETRY = 8  # blocks after which looking up is tried again where it did not pay
END, LITERALS, DISTANCES, LENGTHS = 256, 286, 30, 19
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
KNUTH = 0x9E3779B185EBCA87
WORD = (1 << 64) - 1


class Match(NamedTuple):
    """So many bytes as they stood so far back."""

    length: int
    distance: int


class Bits:
    """Bits, first ones lowest, to bytes."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def put(self, value: int, count: int) -> None:
        """The lowest `count` bits of a value."""
        if count:
            self._parts.append(f"{value:0{count}b}"[::-1])

    def to_bytes(self) -> bytes:
        """All bits so far, the last byte filled with zeros."""
        text = "".join(self._parts)
        return int(text[::-1] or "0", 2).to_bytes((len(text) + 7) // 8, "little")


def deflated(stream: bytes, length: int, pixel: int) -> bytes:
    """Rows of `length` bytes, deflated: a filter's byte, then pixels of 1 to 3 bytes."""
    bits, tokens = Bits(), _Tokens(stream, length, pixel)
    for number, block in enumerate(tokens.blocks(), 1):
        paid = _put_block(bits, block, pixel, tokens.finished)
        tokens.looked_up = number % RETRY == 0 or paid
    return bits.to_bytes()


class _Tokens:
    """A stream as tokens: a byte, a pixel, or a match. looked_up: whether pixels are."""

    def __init__(self, stream: bytes, length: int, pixel: int) -> None:
        self._data, self._size = stream + bytes(8), len(stream)
        self._length, self._pixel = length, pixel
        self._seen: dict[int, int] = {}
        self.looked_up, self.finished = True, False

    def blocks(self) -> Iterator[list[bytes | Match]]:
        """As many as share their codes; `looked_up` may change between blocks."""
        block: list[bytes | Match] = []
        missed = 0
        for start in range(0, self._size, self._length):
            if len(block) >= BLOCK - 1:
                yield block
                block = []
            block.append(self._data[start : start + 1])
            at, end = start + 1, start + self._length
            while at < end:
                if len(block) >= BLOCK - 1:
                    yield block
                    block = []
                found = self._found(at, end, missed < PATIENCE or at % 4 == 0)
                missed = 0 if found.length else missed + 1
                block.append(found if found.length else self._data[at : at + self._pixel])
                at += found.length or self._pixel
        self.finished = True
        yield block

    def _found(self, at: int, end: int, patient: bool) -> Match:
        run = _run(self._data, at, end, self._pixel)
        if not (self.looked_up and run.length < 2 * FAR and patient):
            return run
        return _again(self._data, at, end, self._pixel, self._seen, run)


def _run(data: bytes, at: int, end: int, pixel: int) -> Match:
    before = data[at - pixel : at] if at > pixel else b""
    if before != data[at : at + pixel]:
        return Match(0, pixel)
    length = _agreeing(data, at, at - pixel, end, pixel)
    return Match(length if length >= (2 * pixel if pixel > 2 else 4) else 0, pixel)


def _again(data: bytes, at: int, end: int, pixel: int, seen: dict[int, int], run: Match) -> Match:
    """The last place of these eight bytes, if its match is better than the run."""
    here = data[at : at + 8]
    place = (int.from_bytes(here, "little") * KNUTH & WORD) >> (64 - HASH_BITS)
    last = seen.get(place, 0)
    seen[place] = at
    if last and at - last <= WINDOW and data[last : last + 8] == here:
        length = _agreeing(data, at, last, end, pixel)
        if length >= FAR and length > run.length + 3:
            return Match(length, at - last)
    return run


def _agreeing(data: bytes, at: int, other: int, end: int, pixel: int) -> int:
    """Bytes that agree, in whole pixels."""
    most, length = min(LONGEST, end - at), 0
    while length < most and data[at + length] == data[other + length]:
        length += 1
    return length - length % pixel


def _length_symbol(length: int) -> tuple[int, int, int]:
    """Symbol from 0, extra bits, their number."""
    value = length - 3
    if length == LONGEST or value < 8:
        return (28 if length == LONGEST else value), 0, 0
    bits = value.bit_length() - 3
    return 4 * (bits + 1) + (value >> bits & 3), value & ((1 << bits) - 1), bits


def _distance_symbol(distance: int) -> tuple[int, int, int]:
    value = distance - 1
    if value < 4:
        return value, 0, 0
    bits = value.bit_length() - 2
    return 2 * (bits + 1) + (value >> bits & 1), value & ((1 << bits) - 1), bits


def _put_block(bits: Bits, block: Sequence[bytes | Match], pixel: int, final: bool) -> bool:
    """Write a block; whether its matches that are no runs have paid.

    Bytes that come again are cheap as they are, too: a match has to cost less than 2/5 of what so
    many bytes of the block cost on average.
    """
    literals, distances = [0] * LITERALS, [0] * DISTANCES
    literals[END] = 1
    for token in block:
        if isinstance(token, Match):
            literals[END + 1 + _length_symbol(token.length)[0]] += 1
            distances[_distance_symbol(token.distance)[0]] += 1
        else:
            for byte in token:
                literals[byte] += 1
    lengths = code_lengths(literals, 15), code_lengths(distances, 15)
    words = [list(zip(code_words(each), each, strict=True)) for each in lengths]
    _put_head(bits, *lengths, final)
    far_bits = far_bytes = 0
    for token in block:
        if not isinstance(token, Match):
            for byte in token:
                bits.put(*words[0][byte])
            continue
        put = _put_match(bits, token, words)
        if token.distance != pixel:
            far_bits, far_bytes = far_bits + put, far_bytes + token.length
    bits.put(*words[0][END])
    plain_bits = sum(w * n for w, n in zip(literals[:END], lengths[0][:END], strict=True))
    return 5 * far_bits * sum(literals[:END]) < 2 * far_bytes * plain_bits


def _put_match(bits: Bits, match: Match, words: Sequence[Sequence[tuple[int, int]]]) -> int:
    """Write a match; returns its number of bits."""
    symbol, extra, count = _length_symbol(match.length)
    far_symbol, far_extra, far_count = _distance_symbol(match.distance)
    length, distance = words[0][END + 1 + symbol], words[1][far_symbol]
    for value, size in (length, (extra, count), distance, (far_extra, far_count)):
        bits.put(value, size)
    return length[1] + count + distance[1] + far_count


def _put_head(bits: Bits, literals: list[int], distances: list[int], final: bool) -> None:
    literals, distances = _trimmed(literals, 257), _trimmed(distances, 1)
    packed = list(_packed([*literals, *distances]))
    weights = [0] * LENGTHS
    for symbol, _, _ in packed:
        weights[symbol] += 1
    lengths = code_lengths(weights, 7)
    words = code_words(lengths)
    kept = _trimmed([lengths[k] for k in ORDER], 4)
    bits.put(final | 2 << 1, 3)
    for count, size in ((len(literals) - 257, 5), (len(distances) - 1, 5), (len(kept) - 4, 4)):
        bits.put(count, size)
    for each in kept:
        bits.put(each, 3)
    for symbol, extra, count in packed:
        bits.put(words[symbol], lengths[symbol])
        bits.put(extra, count)


def _trimmed(lengths: list[int], least: int) -> list[int]:
    n = len(lengths)
    while n > least and not lengths[n - 1]:
        n -= 1
    return lengths[:n]


def _packed(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Code lengths with their repeats: symbol, extra bits, their number."""
    at = 0
    while at < len(lengths):
        value, run = lengths[at], 1
        while at + run < len(lengths) and lengths[at + run] == value:
            run += 1
        at += run
        if value:
            yield value, 0, 0
            run -= 1
        while run >= 3:
            part = min(run, 6 if value else 138)
            symbol = 16 if value else 18 if part > 10 else 17
            yield symbol, part - (11 if symbol == 18 else 3), {16: 2, 17: 3, 18: 7}[symbol]
            run -= part
        yield from [(value, 0, 0)] * run


def code_lengths(weights: Sequence[int], limit: int) -> list[int]:
    """Huffman code lengths of at most `limit`; too long ones are shortened at others' cost."""
    leaves = [(weight, symbol) for symbol, weight in enumerate(weights) if weight]
    unused = (symbol for symbol, weight in enumerate(weights) if not weight)
    while len(leaves) < 2:  # a code has two words, needed or not
        leaves.append((0, next(unused)))
    leaves.sort()
    n = len(leaves)
    weight, parent = [each for each, _ in leaves], [0] * (2 * n)
    leaf, node = 0, n
    while len(weight) < 2 * n - 1:
        total = 0
        for _ in range(2):
            from_leaves = leaf < n and (node >= len(weight) or weight[leaf] <= weight[node])
            chosen = leaf if from_leaves else node
            leaf, node = leaf + from_leaves, node + (not from_leaves)
            total += weight[chosen]
            parent[chosen] = len(weight)
        weight.append(total)
    depth, of_length = [0] * (2 * n), [0] * (limit + 1)
    for k in range(2 * n - 3, -1, -1):
        depth[k] = depth[parent[k]] + 1
        of_length[min(depth[k], limit)] += k < n
    _shorten(of_length, limit)
    found, symbols = [0] * len(weights), iter(leaves)
    for length in range(limit, 0, -1):
        for _ in range(of_length[length]):
            found[next(symbols)[1]] = length
    return found


def _shorten(of_length: list[int], limit: int) -> None:
    """Make room: while the words are too many, lengthen one to free a longest."""
    used = sum(count << (limit - length) for length, count in enumerate(of_length) if length)
    for _ in range(used - (1 << limit)):
        k = limit - 1
        while not of_length[k]:
            k -= 1
        of_length[limit] -= 1
        of_length[k] -= 1
        of_length[k + 1] += 2


def code_words(lengths: Sequence[int]) -> list[int]:
    """Canonical codes, first bit lowest, as they are put."""
    words, word = [0] * len(lengths), 0
    for length in range(1, 16):
        for symbol, each in enumerate(lengths):
            if each == length:
                words[symbol] = int(f"{word:0{length}b}"[::-1], 2)
                word += 1
        word <<= 1
    return words
