"""Draws in which rare classes come up more often: repeat factor sampling.

    f(c)  share of a cell's records that show the class c
    r(c)  max(1, sqrt(t / f(c)))
    r(i)  the largest r(c) of the classes of the record i, 1 if it has none

A pass takes the record i floor(r(i)) times, and once more with the probability of what is left, by
a hash of its id and the pass. So on average it comes r(i) times in a pass, and no pass leaves a
record out. t decides what is rare: a class that more than a share t of the records show makes none
of them come again. This is the repeat factor sampling of Gupta et al. 2019 (arXiv 1908.03195), who
have t = 0.001; fractions are by chance in detectron2, too. f depends on all records, so a new one
may move the others' factors.

The number of a pass counts copies: copy k of pass n is number n * most + k, where `most` is the
largest factor that t and so many records allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata.core.curriculum import BALANCE
from vbdata.core.rng import mix64, word_of
from vbdata.planning.mixture import Ints, Places, Words, hash_order

Floats = NDArray[np.float64]
COPY = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a record has another word in each copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What balancing does to a cell.

    t: below which share of the records a class is rare; classes: how many there are; rare: of them
    below t; rarest: the rarest class, "" without any; before, after: the share of the draws that
    show it, without and with balancing; largest: factor of a record; rows: records that a pass
    takes on average.
    """

    t: Fraction
    classes: int
    rare: int
    rarest: str
    before: float
    after: float
    largest: float
    rows: float


def threshold(options: Mapping[str, Any]) -> Fraction:
    """The t of a task's options, 0 where its records are drawn alike."""
    return Fraction(options[BALANCE]["t"]) if BALANCE in options else Fraction(0)


def most_copies(t: Fraction, records: int) -> int:
    """How often a pass over so many records takes one of them at most: ceil(sqrt(t records))."""
    whole = math.ceil(t * records)
    root = math.isqrt(whole)
    return max(1, root + (root * root < whole))


def factors(classes: pa.ListArray, t: Fraction) -> Floats:
    """The repeat factor of each record: float64[records].

    classes: of each record, as an index has them.
    """
    of, kinds, shares = _shown(classes)
    found = np.ones(len(classes))
    rare = np.sqrt(float(t) / np.maximum(shares, 1 / max(len(classes), 1)))
    np.maximum.at(found, of, rare[kinds])
    return found


def effect(classes: pa.ListArray, t: Fraction) -> Effect:
    """What balancing does to a cell. classes: of each of its records, as an index has them."""
    of, kinds, shares = _shown(classes)
    names = _names(classes).dictionary
    found = factors(classes, t)
    there = np.flatnonzero(shares)
    rarest = int(there[np.argmin(shares[there])]) if len(there) else -1
    total = found.sum() or 1.0
    return Effect(
        t=t,
        classes=len(there),
        rare=int((shares[there] < float(t)).sum()),
        rarest=str(names[rarest]) if len(there) else "",
        before=float(shares[rarest]) if len(there) else 0.0,
        after=float(found[of[kinds == rarest]].sum() / total),
        largest=float(found.max(initial=1.0)),
        rows=float(total),
    )


def draw_balanced(
    words: Words, factor: Floats, count: int, most: int, *names: str | int
) -> tuple[Places, NDArray[Any]]:
    """Choose `count` records by their factors, pass after pass.

    words: uint64[records], a hash of each id; most: as `most_copies` has it. Returns which records,
    uint32[count], and the number of the pass and copy of each, [count] of an unsigned type. Raises
    ValueError if there are no records.
    """
    if count and not len(words):
        raise ValueError("a draw needs a record at least")
    whole = np.floor(factor)
    part, found = factor - whole, list[tuple[Places, Ints]]()
    number = left = 0
    while (left := count - sum(len(which) for which, _ in found)) > 0:
        chance = (mix64(words, word_of(*names, "copies", number)) >> np.uint64(11)) * 2.0**-53
        copies = np.minimum(whole + (chance < part), most).astype(np.int64)
        rows = np.repeat(np.arange(len(words), dtype=np.uint32), copies)
        copy = np.arange(len(rows)) - np.repeat(copies.cumsum() - copies, copies)
        marked = words[rows] + copy.astype(np.uint64) * COPY
        order = hash_order(marked, word_of(*names, number), left)
        found.append((rows[order], number * most + copy[order]))
        number += 1
    which = np.concatenate([each for each, _ in found] or [np.empty(0, np.uint32)])
    passes = np.concatenate([each for _, each in found] or [np.empty(0, np.int64)])
    return which, passes.astype(np.min_scalar_type(int(passes.max(initial=0))))


def _shown(classes: pa.ListArray) -> tuple[Ints, Ints, Floats]:
    """Record and class of each class fact, each pair once, and of each class its share of records.

    Classes are numbered in the order in which they first stand.
    """
    flat = _names(classes)
    kinds = flat.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    count = max(len(flat.dictionary), 1)
    of = pc.list_parent_indices(classes).to_numpy(zero_copy_only=False).astype(np.int64)
    pairs = np.sort(of * count + kinds)  # np.unique hashes, which takes twenty times as long
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    of, kinds = pairs // count, pairs % count
    shares = np.bincount(kinds, minlength=count) / max(len(classes), 1)
    return of, kinds, shares


def _names(classes: pa.ListArray) -> pa.DictionaryArray:
    """The name of each class fact."""
    return pc.struct_field(pc.list_flatten(classes), "name").dictionary_encode()
