"""Digests by name in at most 12 kB, which still tell which of a million names differ.

A lock must name the records that differ from those of a source, without storing them all. Up to 256
names are listed with their digests. More become an invertible Bloom lookup table (Eppstein et al.,
"What's the Difference? Efficient Set Reconciliation without Prior Context", SIGCOMM 2011). Every
(name, digest) pair is XORed into four cells, one in each quarter of the table. What two tables have
in common cancels out when they are XORed, so the result is the table of the pairs that only one of
them has, however many pairs they share. From it the pairs are recovered ("peeled"): a cell with a
single pair shows that pair, which is then taken out of its other cells, and so on.

A table of n cells gives up about 0.77 n pairs if n is large, fewer if it is small. These 128 cells
of 72 bytes, 9 kB or 12 kB in base64, recover 60 pairs, where a changed digest counts as two; of 90
they only tell that there are too many. That is more than anybody reads.
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

PLAIN = 256  # names up to which they are listed
PARTS, CELLS = 4, 32  # quarters of the table, and the cells of each
TAIL = 48  # bytes of a name that a cell has room for: the end of it, which says most
SHORT = 16  # hex digits of a digest that are compared
_CHECK = 0x243F6A8885A308D3  # makes the checksum of a pair independent of its cells
_WORDS = 2 + TAIL // 8  # of a pair: hash, checksum, name
_BYTES = PARTS * CELLS * 8 * (1 + _WORDS)

Words = NDArray[np.uint64]
Table = tuple[NDArray[np.int64], Words]  # of each cell, how many pairs it has, and their XOR


class Digests(BaseModel):
    """The digests of `count` names: listed in `plain`, or as a `table` in base64."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    count: Annotated[int, Field(ge=0)]
    plain: Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=PLAIN)] = {}
    table: Annotated[str, Field(pattern=rf"^([A-Za-z0-9+/]{{{_BYTES // 3 * 4}}})?$")] = ""


class Differing(NamedTuple):
    """The names that differ between two `Digests`.

    changed: in both, with other digests; came, went: only in the new, only in the old one; whole:
    whether these are all. A name of 48 bytes or more may be given by its end, after "...".
    """

    changed: list[str]
    came: list[str]
    went: list[str]
    whole: bool


class Sketch:
    """Makes `Digests` of names that are added in any order, in any number of parts."""

    def __init__(self) -> None:
        self._count = 0
        self._plain: dict[str, str] = {}
        self._table = _empty()

    def add(self, names: Sequence[str], digests: Sequence[str]) -> None:
        """Add names and their digests in hex; a name may be added only once."""
        self._count += len(names)
        _put(self._table, names, digests)
        if self._count <= PLAIN:
            pairs = zip(names, digests, strict=True)
            self._plain |= {name: digest[:SHORT] for name, digest in pairs}

    def digests(self) -> Digests:
        """The digests of all names that were added so far."""
        if self._count <= PLAIN:
            return Digests(count=self._count, plain=self._plain)
        counts, words = self._table
        data = np.concatenate([counts[:, None].view(np.uint64), words], axis=1)
        text = base64.b64encode(data.astype("<u8").tobytes()).decode()
        return Digests(count=self._count, table=text)


def compare(old: Digests, new: Digests) -> Differing:
    """Which names differ between old and new; each list is sorted."""
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
    """The table of some digests, made from the list if they are listed."""
    if digests.table:
        data = np.frombuffer(base64.b64decode(digests.table), "<u8").astype(np.uint64)
        data = data.reshape(PARTS * CELLS, 1 + _WORDS)
        return data[:, 0].view(np.int64), data[:, 1:]
    table = _empty()
    _put(table, list(digests.plain), list(digests.plain.values()))
    return table


def _put(table: Table, names: Sequence[str], digests: Iterable[str]) -> None:
    """Add (name, digest) pairs to a table, in place."""
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
    for cells in _cells(words[:, 0]).T:
        order = np.argsort(cells, kind="stable")
        there, starts = np.unique(cells[order], return_index=True)
        table[1][there] ^= np.bitwise_xor.reduceat(words[order], starts, axis=0)
        table[0][there] += np.diff([*starts, len(order)])


def _cells(hashes: Words) -> NDArray[np.int64]:
    """int64[n, PARTS]: the cells of n pairs, one in each quarter, by 16 bits of their hashes."""
    parts = [(hashes >> np.uint64(16 * part)) % np.uint64(CELLS) for part in range(PARTS)]
    return np.stack(parts, axis=-1).astype(np.int64) + np.arange(PARTS) * CELLS


def _peeled(counts: NDArray[np.int64], words: Words) -> tuple[set[str], set[str], bool]:
    """Names of the pairs that only the new table has, that only the old one has; whether all.

    counts, words: the difference of the two tables, which is emptied in place.
    """
    names: dict[int, set[str]] = {1: set(), -1: set()}
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
        names[sign].add(_name(word[2:]))
        cells = _cells(word[:1])[0]
        counts[cells] -= sign
        words[cells] ^= word
    return names[1], names[-1], not (counts.any() or words.any())


def _name(words: Words) -> str:
    """The name in a cell, or its end after "..." where it may have been cut."""
    data = words.astype("<u8").tobytes().rstrip(b"\0")
    return ("..." if len(data) == TAIL else "") + data.decode("utf-8", "replace")
