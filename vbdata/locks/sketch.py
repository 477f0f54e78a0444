"""Digests by name in a few kilobytes that still tell which of a million names differ.

Up to PLAIN names stand as they are. More become an invertible Bloom lookup table (Eppstein et al.,
"What's the Difference? Efficient Set Reconciliation without Prior Context", SIGCOMM 2011): every
(name, digest) is XORed into one cell of each quarter of the table, so the XOR of two tables is the
table of what only one of them has. That is peeled, cell by cell, from those that hold one pair
alone. 60 such pairs come out by name (a changed digest is two); of 90 only that there are many.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vbdata.core.rng import mix64

PLAIN = 256  # names up to which they are simply listed
PARTS, CELLS = 4, 32  # cells of each part
TAIL = 48  # bytes of a name that a cell holds: its end, which tells most
SHORT = 16  # hex digits of a digest that are looked at
_CHECK = 0x243F6A8885A308D3  # makes a pair's checksum another function than its place
_WORDS = 2 + TAIL // 8  # of a pair: hash, checksum, name
_BYTES = PARTS * CELLS * 8 * (1 + _WORDS)

Words = NDArray[np.uint64]
Table = tuple[NDArray[np.int64], Words]  # how many pairs, and their XOR, of each cell


class Digests(BaseModel):
    """Digests of `count` names: listed, or as a table in base64."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    count: Annotated[int, Field(ge=0)]
    plain: Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=PLAIN)] = {}
    table: Annotated[str, Field(pattern=rf"^([A-Za-z0-9+/]{{{_BYTES // 3 * 4}}})?$")] = ""


class Differing(NamedTuple):
    """Names in one only, or in both with other digests; whole: whether these are all.

    A name that is longer than a table holds is given by its end, after "...".
    """

    changed: list[str]
    came: list[str]
    went: list[str]
    whole: bool


class Sketch:
    """Takes names with their digests, in any order and any number of parts."""

    def __init__(self) -> None:
        self._count = 0
        self._plain: dict[str, str] = {}
        self._table = _empty()

    def add(self, names: Sequence[str], digests: Sequence[str]) -> None:
        """Names, each once over all parts, and a digest in hex digits of each."""
        self._count += len(names)
        _put(self._table, names, digests)
        if self._count <= PLAIN:
            pairs = zip(names, digests, strict=True)
            self._plain |= {name: digest[:SHORT] for name, digest in pairs}

    def digests(self) -> Digests:
        """What was added so far."""
        if self._count <= PLAIN:
            return Digests(count=self._count, plain=self._plain)
        counts, words = self._table
        data = np.concatenate([counts[:, None].view(np.uint64), words], axis=1)
        text = base64.b64encode(data.astype("<u8").tobytes()).decode()
        return Digests(count=self._count, table=text)


def compare(old: Digests, new: Digests) -> Differing:
    """Which names differ from one to the other, each list sorted."""
    if old.count <= PLAIN and new.count <= PLAIN:
        came, went = new.plain.keys() - old.plain.keys(), old.plain.keys() - new.plain.keys()
        both = old.plain.keys() & new.plain.keys()
        changed = [name for name in both if old.plain[name] != new.plain[name]]
        return Differing(sorted(changed), sorted(came), sorted(went), True)
    (old_counts, old_words), (counts, words) = _table(old), _table(new)
    came, went, whole = _peeled(counts - old_counts, words ^ old_words)
    return Differing(sorted(came & went), sorted(came - went), sorted(went - came), whole)


def _empty() -> Table:
    cells = PARTS * CELLS
    return np.zeros(cells, np.int64), np.zeros((cells, _WORDS), np.uint64)


def _table(digests: Digests) -> Table:
    if digests.table:
        data = np.frombuffer(base64.b64decode(digests.table), "<u8").astype(np.uint64)
        data = data.reshape(PARTS * CELLS, 1 + _WORDS)
        return data[:, 0].view(np.int64), data[:, 1:]
    table = _empty()
    _put(table, list(digests.plain), list(digests.plain.values()))
    return table


def _put(table: Table, names: Sequence[str], digests: Iterable[str]) -> None:
    """Add pairs to a table, a part of it after the other."""
    if not names:
        return
    encoded = [name.encode() for name in names]
    pairs = zip(encoded, digests, strict=True)
    hashes = b"".join(
        hashlib.blake2b(b"%s\0%s" % (name, digest[:SHORT].encode()), digest_size=8).digest()
        for name, digest in pairs
    )
    words = np.empty((len(names), _WORDS), np.uint64)
    words[:, 0] = np.frombuffer(hashes, "<u8")
    words[:, 1] = mix64(words[:, 0], _CHECK)
    tails = np.array([name[-TAIL:] for name in encoded], f"S{TAIL}")
    words[:, 2:] = tails.view("<u8").reshape(len(names), TAIL // 8)
    # XOR has no scatter that adds up repeated cells, so the pairs of a cell are made neighbours.
    for cells in _places(words[:, 0]).T:
        order = np.argsort(cells, kind="stable")
        there, starts = np.unique(cells[order], return_index=True)
        table[1][there] ^= np.bitwise_xor.reduceat(words[order], starts, axis=0)
        table[0][there] += np.diff([*starts, len(order)])


def _places(hashes: Words) -> NDArray[np.int64]:
    """int64[n, PARTS]: the cells of some pairs."""
    parts = [(hashes >> np.uint64(16 * part)) % np.uint64(CELLS) for part in range(PARTS)]
    return np.stack(parts, axis=-1).astype(np.int64) + np.arange(PARTS) * CELLS


def _peeled(counts: NDArray[np.int64], words: Words) -> tuple[set[str], set[str], bool]:
    """Names of pairs that only the new table has, that only the old one has; whether all."""
    found: dict[int, set[str]] = {1: set(), -1: set()}
    # A cell whose count is 1 or -1 holds one pair alone, unless more pairs of both tables add up to
    # that count. Then the XOR of their checksums is not the checksum of the XOR of their hashes. A
    # pair that is found is taken out of all its cells, which may leave another cell with one pair;
    # so it goes on until all cells are empty, or none holds one pair alone.
    for _ in range(len(counts) * PARTS):  # a forged table must not loop forever
        alone = (np.abs(counts) == 1) & (words[:, 1] == mix64(words[:, 0], _CHECK))
        if not alone.any():
            break
        cell = int(np.flatnonzero(alone)[0])
        sign, word = int(counts[cell]), words[cell].copy()
        found[sign].add(_name(word[2:]))
        places = _places(word[:1])[0]
        counts[places] -= sign
        words[places] ^= word
    return found[1], found[-1], not (counts.any() or words.any())


def _name(words: Words) -> str:
    """A name as a table holds it; one that fills it may have been cut."""
    data = words.astype("<u8").tobytes().rstrip(b"\0")
    return ("..." if len(data) == TAIL else "") + data.decode("utf-8", "replace")
