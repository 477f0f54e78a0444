"""Deflate for filtered PNG rows in Python: the bytes of vbdata/core/compiled/deflate.c, slowly.

It serves where there is no C compiler, and the compiled encoder is tested against it.

Matches. Drawn maps are flat areas, so a match always covers whole pixels and is looked for in two
places only: at the pixel before (a run), else where the same eight bytes were last seen (a hash
table without chains). That costs one comparison a pixel, where zlib walks chains of candidates.

Blocks. Every BLOCK tokens get Huffman codes of their own, made of their own counts: the codes
follow the picture from one area to the next, at the price of a header.

Every choice is made in integers, so that all processors write the same bytes. Format: RFC 1951.
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
END, LITERALS, DISTANCES, LENGTHS = 256, 286, 30, 19  # end-of-block symbol; sizes of alphabets
# In which a block's header has the code lengths of code lengths (RFC 1951, 3.2.7).
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
KNUTH = 0x9E3779B185EBCA87  # 2^64 over the golden ratio: multiplicative hashing
WORD = (1 << 64) - 1


class Match(NamedTuple):
    """A back-reference. length: bytes to copy; distance: how many bytes back they start."""

    length: int
    distance: int


class Bits:
    """A growing row of bits, which fill each byte from its lowest bit up (RFC 1951, 3.1.1)."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def put(self, value: int, count: int) -> None:
        """Append the lowest `count` bits of a value, the lowest first."""
        if count:
            self._parts.append(f"{value:0{count}b}"[::-1])

    def to_bytes(self) -> bytes:
        """All bits so far, the last byte filled with zeros."""
        text = "".join(self._parts)
        return int(text[::-1] or "0", 2).to_bytes((len(text) + 7) // 8, "little")


def deflated(stream: bytes, length: int, pixel: int) -> bytes:
    """Deflate rows of `length` bytes: a filter's byte, then pixels of `pixel` (1 to 3) bytes.

    Returns the raw stream, without zlib's header and checksum.
    """
    bits, tokens = Bits(), _Tokens(stream, length, pixel)
    for number, block in enumerate(tokens.blocks(), 1):
        paid = _put_block(bits, block, pixel, tokens.finished)
        # Whether the next block looks for distant matches hangs on what they saved in this one.
        tokens.looked_up = number % RETRY == 0 or paid
    return bits.to_bytes()


class _Tokens:
    """A stream as tokens: a filter's byte, a pixel as it is, or a match.

    looked_up: whether distant matches are looked for in the block that is being made.
    """

    def __init__(self, stream: bytes, length: int, pixel: int) -> None:
        self._data, self._size = stream + bytes(8), len(stream)
        self._length, self._pixel = length, pixel
        self._seen: dict[int, int] = {}
        self.looked_up, self.finished = True, False

    def blocks(self) -> Iterator[list[bytes | Match]]:
        """The tokens that share their codes; the caller may set `looked_up` between two blocks."""
        block: list[bytes | Match] = []
        missed = 0
        for start in range(0, self._size, self._length):
            if len(block) >= BLOCK - 1:
                yield block
                block = []
            block.append(self._data[start : start + 1])
            position, end = start + 1, start + self._length
            while position < end:
                if len(block) >= BLOCK - 1:
                    yield block
                    block = []
                match = self._match(position, end, missed < PATIENCE or position % 4 == 0)
                missed = 0 if match.length else missed + 1
                size = match.length or self._pixel
                block.append(match if match.length else self._data[position : position + size])
                position += size
        self.finished = True
        yield block

    def _match(self, position: int, end: int, patient: bool) -> Match:
        """The match of the pixel at `position`; of length 0 where there is none."""
        run = _run(self._data, position, end, self._pixel)
        if not (self.looked_up and run.length < 2 * FAR and patient):
            return run
        return _distant(self._data, position, end, self._pixel, self._seen, run)


def _run(data: bytes, position: int, end: int, pixel: int) -> Match:
    """A match at the pixel before: of 4 bytes or more, of 6 where a pixel has three."""
    before = data[position - pixel : position] if position > pixel else b""
    if before != data[position : position + pixel]:
        return Match(0, pixel)
    length = _agreeing(data, position, position - pixel, end, pixel)
    return Match(length if length >= (2 * pixel if pixel > 2 else 4) else 0, pixel)


def _distant(
    data: bytes, position: int, end: int, pixel: int, seen: dict[int, int], run: Match
) -> Match:
    """A match where the next eight bytes were last seen, if it is better than the run.

    A distance costs up to 13 extra bits where a run's costs none, so it has to cover at least FAR
    bytes, and 4 more than the run does.
    """
    here = data[position : position + 8]
    slot = (int.from_bytes(here, "little") * KNUTH & WORD) >> (64 - HASH_BITS)
    last = seen.get(slot, 0)
    seen[slot] = position
    if last and position - last <= WINDOW and data[last : last + 8] == here:
        length = _agreeing(data, position, last, end, pixel)
        if length >= FAR and length > run.length + 3:
            return Match(length, position - last)
    return run


def _agreeing(data: bytes, position: int, other: int, end: int, pixel: int) -> int:
    """Bytes that agree from two positions on, at most LONGEST, in whole pixels."""
    most, length = min(LONGEST, end - position), 0
    while length < most and data[position + length] == data[other + length]:
        length += 1
    return length - length % pixel


def _length_symbol(length: int) -> tuple[int, int, int]:
    """The symbol of a match length, counted from 0; its extra bits; their number."""
    value = length - 3
    if length == LONGEST or value < 8:
        return (28 if length == LONGEST else value), 0, 0
    bits = value.bit_length() - 3
    return 4 * (bits + 1) + (value >> bits & 3), value & ((1 << bits) - 1), bits


def _distance_symbol(distance: int) -> tuple[int, int, int]:
    """The symbol of a match distance; its extra bits; their number."""
    value = distance - 1
    if value < 4:
        return value, 0, 0
    bits = value.bit_length() - 2
    return 2 * (bits + 1) + (value >> bits & 1), value & ((1 << bits) - 1), bits


def _put_block(bits: Bits, block: Sequence[bytes | Match], pixel: int, final: bool) -> bool:
    """Write a block. Returns whether its distant matches paid for looking them up.

    Bytes that come again and again have short codes, so they are cheap without matches, too: a
    match has to cost less than 2/5 of what as many bytes of the block cost on average.
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
    """A block's header: its kind and its codes, as run-length coded lengths (RFC 1951, 3.2.7)."""
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
    """Lengths without their zeros at the end, but `least` of them in any case."""
    n = len(lengths)
    while n > least and not lengths[n - 1]:
        n -= 1
    return lengths[:n]


def _packed(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Code lengths, run-length coded: symbol (16 to 18 repeat), extra bits, their number."""
    start = 0
    while start < len(lengths):
        value, run = lengths[start], 1
        while start + run < len(lengths) and lengths[start + run] == value:
            run += 1
        start += run
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
    """Huffman code lengths in bits, at most `limit`, for symbols that occur `weights` times.

    Two queues, of leaves by weight and of inner nodes in the order of their making, give the tree
    without a heap; ties go to the leaf, then to the lower symbol, so the codes are unique.
    """
    leaves = [(weight, symbol) for symbol, weight in enumerate(weights) if weight]
    unused = (symbol for symbol, weight in enumerate(weights) if not weight)
    while len(leaves) < 2:  # decoders want a complete code: two words, needed or not
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
    lengths, symbols = [0] * len(weights), iter(leaves)
    for length in range(limit, 0, -1):  # the longest words to the rarest symbols
        for _ in range(of_length[length]):
            lengths[next(symbols)[1]] = length
    return lengths


def _shorten(of_length: list[int], limit: int) -> None:
    """Make a code of lengths that were cut to `limit`: each step takes one word too many away.

    By Kraft's inequality `used`, in units of 2^-limit, may be at most 2^limit. Lengthening a word
    by a bit frees the place beside it, to which one of the longest moves: one unit less.
    """
    used = sum(count << (limit - length) for length, count in enumerate(of_length) if length)
    for _ in range(used - (1 << limit)):
        k = limit - 1
        while not of_length[k]:
            k -= 1
        of_length[limit] -= 1
        of_length[k] -= 1
        of_length[k + 1] += 2


def code_words(lengths: Sequence[int]) -> list[int]:
    """Canonical Huffman codes of these lengths, the first bit lowest, as `Bits.put` takes them."""
    words, word = [0] * len(lengths), 0
    for length in range(1, 16):
        for symbol, each in enumerate(lengths):
            if each == length:
                words[symbol] = int(f"{word:0{length}b}"[::-1], 2)
                word += 1
        word <<= 1
    return words
