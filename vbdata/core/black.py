"""The smallest JPEG of a black picture: a bit a block, so 1.1 kB for 640x480 in place of 9.

Progressive: one scan of DC coefficients, of which all but the first are coded in one bit, then a
scan a component that says in one run that all AC coefficients are 0. 4:2:0, YCbCr; the quantiser is
a power of two, so that every decoder yields exactly 0. Format: ITU-T T.81, annexes B, F and G.
"""

from __future__ import annotations

import functools
import struct

from vbdata.errors import BadSample

STEP = 128  # of the quantiser: black is DC -1024 in 8 of these
ZERO, EIGHT = 0, 4  # categories of a DC difference: none, and 8 to 15 either way
LONGEST_RUN = 14  # exponent of the longest run of blocks without coefficients: 2^15 - 1
SIDE = 8  # pixels of a block
LARGEST = 65500  # pixels of a side, in libjpeg
SOF2, DHT, DQT, SOS = 0xC2, 0xC4, 0xDB, 0xDA
COMPONENTS = ((1, 2), (2, 1), (3, 1))  # YCbCr: number, sampling factor in either direction


@functools.lru_cache(maxsize=256)
def black_jpeg(width: int, height: int) -> bytes:
    """A JPEG of so many pixels, all of them black. Raises BadSample for a side above LARGEST."""
    if max(width, height) > LARGEST:
        raise BadSample("too large", f"{width}x{height} pixels (at most {LARGEST} a side in JPEG)")
    runs = {number: _runs(_blocks(width, height, factor)) for number, factor in COMPONENTS}
    symbols = sorted({symbol for each in runs.values() for symbol, _ in each})
    frame = struct.pack(">BHHB", 8, height, width, len(COMPONENTS))
    frame += b"".join(bytes((number, factor * 17, 0)) for number, factor in COMPONENTS)
    return b"".join(
        [
            b"\xff\xd8",
            _segment(DQT, bytes([0]) + bytes([STEP] * 64)),
            _segment(SOF2, frame),
            _segment(DHT, _table(0x00, (ZERO, EIGHT), 1) + _table(0x10, symbols, 2)),
            _segment(SOS, bytes((3, 1, 0, 2, 0, 3, 0, 0, 0, 0))) + _dc(width, height),
            *(
                _segment(SOS, bytes((1, number, 0, 1, 63, 0))) + _ac(each, symbols)
                for number, each in runs.items()
            ),
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _table(place: int, symbols: tuple[int, ...] | list[int], shortest: int) -> bytes:
    """A Huffman table. shortest: bits of all codes but, if it is 1, those of the second symbol.

    No code may be all ones: one bit for the first and two for the second symbol, or two for each
    of up to three.
    """
    counts = bytearray(16)
    for number in range(len(symbols)):
        counts[max(shortest, 1 + number) - 1 if shortest == 1 else shortest - 1] += 1
    return bytes([place]) + bytes(counts) + bytes(symbols)


def _blocks(width: int, height: int, factor: int) -> int:
    """Blocks of a component in a scan of its own."""
    across, down = (_over(_over(side * factor, 2), SIDE) for side in (width, height))
    return across * down


def _over(whole: int, part: int) -> int:
    """A quotient, rounded up."""
    return -(-whole // part)


def _runs(blocks: int) -> list[tuple[int, int]]:
    """Runs that cover so many blocks: (symbol, length) of each. Symbol: the exponent in 4 bits."""
    runs = []
    while blocks:
        exponent = min(blocks.bit_length() - 1, LONGEST_RUN)
        length = min(blocks, (2 << exponent) - 1)
        runs.append((exponent << 4, length))
        blocks -= length
    return runs


def _dc(width: int, height: int) -> bytes:
    """The DC scan, four luma blocks and two of chroma a unit: the first luma is -8, all else 0."""
    units = _over(width, 2 * SIDE) * _over(height, 2 * SIDE)
    return _packed("10" + "0111" + "0" * (6 * units - 1))


def _ac(runs: list[tuple[int, int]], symbols: list[int]) -> bytes:
    bits = []
    for symbol, length in runs:
        exponent = symbol >> 4
        more = format(length - (1 << exponent), f"0{exponent}b") if exponent else ""
        bits.append(format(symbols.index(symbol), "02b") + more)
    return _packed("".join(bits))


def _packed(bits: str) -> bytes:
    """Bits as a scan's data: filled up with ones, a zero byte after every FF."""
    whole = bits + "1" * (-len(bits) % 8)
    data = int(whole, 2).to_bytes(len(whole) // 8, "big")
    return data.replace(b"\xff", b"\xff\x00")
