"""Balanced draws: the formula by hand, whole passes, exact counts; sets of one record."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from vbdata.core.rng import Stream, word_of
from vbdata.planning.balance import draw_balanced, effect, factors, most_copies
from vbdata.planning.mixture import draw
from vbdata.planning.sets import in_sets

N, T = 400, Fraction(1, 10)
NAMES = ("cat", "dog", "emu")
SHARES = (0.9, 0.2, 0.02)


def shown() -> list[list[str]]:
    """The classes of N records; some have none, some the same class twice."""
    stream = Stream("balance")
    records = [[n for n, f in zip(NAMES, SHARES, strict=True) if stream.uniform() < f]
               for _ in range(N)]  # fmt: skip
    return [each * 2 if k % 7 == 0 else each for k, each in enumerate(records)]


def as_facts(records: list[list[str]]) -> pa.ListArray:
    kind = pa.list_(pa.struct([("name", pa.string())]))
    return pa.array([[{"name": name} for name in each] for each in records], kind)


def by_hand(records: list[list[str]]) -> list[float]:
    share = {name: sum(name in each for each in records) / len(records) for name in NAMES}
    return [max([1.0, *(math.sqrt(float(T) / share[name]) for name in each)]) for each in records]


def test_factors_are_those_of_the_formula() -> None:
    records = shown()
    assert factors(as_facts(records), T) == pytest.approx(by_hand(records), rel=1e-12)
    assert (factors(as_facts([[], []]), T) == 1).all()
    # a slice of an index's column, as planning takes it
    assert factors(as_facts(records)[100:], T) == pytest.approx(by_hand(records[100:]), rel=1e-12)
    said = effect(as_facts(records), T)
    emus = sum("emu" in each for each in records)
    assert (said.classes, said.rare, said.rarest) == (3, 1, "emu")
    assert said.before == emus / N
    assert said.after == pytest.approx(
        emus * math.sqrt(0.1 * N / emus) / sum(by_hand(records)), rel=1e-12
    )


def test_rare_records_come_as_often_as_their_factor_says() -> None:
    records = shown()
    factor, words = factors(as_facts(records), T), words_of(N)
    most = most_copies(T, N)
    assert most == math.ceil(math.sqrt(0.1 * N))
    count = 40 * round(factor.sum())
    which, passes = draw_balanced(words, factor, count, most, 7, "draw")
    assert len(which) == len(passes) == count
    assert len({*zip(which.tolist(), passes.tolist(), strict=True)}) == count, "no row twice"
    often = np.bincount(which, minlength=N) / 40
    assert np.abs(often - factor).max() < 0.35
    assert often.sum() / factor.sum() == pytest.approx(1, abs=0.001)
    first = Counter(which[passes // most == 0].tolist())
    assert all(first[k] in (math.floor(factor[k]), math.ceil(factor[k])) for k in range(N))
    more, _ = draw_balanced(words, factor, count + 500, most, 7, "draw")
    assert np.array_equal(more[:count], which), "a longer draw goes on where a shorter one ends"


def test_without_rare_classes_the_draw_is_the_plain_one() -> None:
    words = words_of(50)
    plain = draw(words, 120, 3, "draw")
    same = draw_balanced(words, np.ones(50), 120, 1, 3, "draw")
    assert all(np.array_equal(a, b) for a, b in zip(plain, same, strict=True))


def test_sets_fill_what_each_shard_has() -> None:
    records, passes = np.arange(10, dtype=np.uint32), np.zeros(10, np.uint8)
    counts = np.array([5, 0, 4, 1])
    rows, numbers = in_sets(records, passes + 1, counts, 4)
    assert rows.tolist() == [0] * 4 + [1] + [2] * 4 + [3] + [4] * 4 + [5] * 4 + [6] * 4 + (
        [7] * 4 + [8] * 4 + [9] * 4
    )
    assert numbers[:6].tolist() == [4, 5, 6, 7, 4, 4]


def words_of(count: int) -> np.ndarray:
    return np.array([word_of("record", k) for k in range(count)], np.uint64)
