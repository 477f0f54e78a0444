"""The mixture's arithmetic against its definitions, over random mixtures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vbdata.mix import apportion, draw, schedule

decimals = st.decimals(min_value=0, max_value=10, places=4).map(Fraction)
mixtures = st.lists(decimals, min_size=1, max_size=64).filter(lambda w: sum(w) > 0)
counts = st.lists(st.integers(0, 200), min_size=1, max_size=64).filter(lambda c: sum(c) > 0)


def test_thirds_of_a_hundred() -> None:
    assert apportion([Fraction(1, 3)] * 3, 100) == [34, 33, 33]


def test_decimals_are_exact() -> None:
    weights = [Fraction("0.35"), Fraction("0.35"), Fraction("0.3")]
    assert apportion(weights, 20) == [7, 7, 6]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [-1, 2]])
def test_degenerate_weights_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        apportion([Fraction(w) for w in weights], 10)


@given(mixtures, st.integers(0, 100_000))
def test_apportion_is_hamilton(weights: list[Fraction], total: int) -> None:
    got = apportion(weights, total)
    quota = [w * total / sum(weights) for w in weights]
    assert sum(got) == total
    assert all(abs(n - q) < 1 for n, q in zip(got, quota, strict=True))
    rounded_up = [q - n for n, q in zip(got, quota, strict=True) if n > q]
    rounded_down = [q - n for n, q in zip(got, quota, strict=True) if n <= q]
    # who was rounded up had at least the remainder of everybody who was not
    assert not rounded_up or min(r + 1 for r in rounded_up) >= max(rounded_down)


@settings(max_examples=200, deadline=None)
@given(counts, st.integers(1, 50))
def test_every_prefix_of_blocks_is_within_one(count: list[int], block: int) -> None:
    table = schedule(count, block)
    total = sum(count)
    ends = np.minimum(np.arange(1, len(table) + 1) * block, total)
    done = table.cumsum(0)
    assert (table >= 0).all()
    assert (done.sum(1) == ends).all()
    assert (done[-1] == count).all()
    assert (np.abs(done * total - np.outer(ends, count)) < total).all()


def worst_block(count: list[int], block: int) -> int:
    """The largest distance of a block's counts from the largest remainders of its own size."""
    worst = 0
    for number, row in enumerate(schedule(count, block)):
        size = min(block, sum(count) - number * block)
        own = apportion([Fraction(c) for c in count], size)
        worst = max(worst, int(np.abs(row - own).max()))
    return worst


@settings(max_examples=200, deadline=None)
@given(counts, st.integers(1, 50))
def test_every_block_is_within_two_of_its_own_share(count: list[int], block: int) -> None:
    for number, row in enumerate(schedule(count, block)):
        size = min(block, sum(count) - number * block)
        assert all(
            abs(n * sum(count) - c * size) < 2 * sum(count) for n, c in zip(row, count, strict=True)
        )


def test_blocks_are_within_one_in_nearly_every_mixture() -> None:
    rng = np.random.default_rng(0)
    beyond = 0
    for _ in range(400):
        cells = int(rng.integers(1, 25))
        count = np.where(rng.random(cells) < 0.3, 1, rng.integers(1, 200, cells)).tolist()
        beyond += worst_block(count, int(rng.integers(1, 50))) > 1
    assert beyond <= 4


def test_blocks_are_within_one_for_mixtures_that_people_write() -> None:
    for shares in (
        [5, 5, 2, 4, 2, 2],
        [1, 1, 1],
        [90, 10],
        [35, 35, 30],
        [50, 25, 12, 13],
        [1] * 7,
    ):
        for samples, block in ((120, 40), (1000, 64), (96, 32), (997, 100)):
            count = apportion([Fraction(share) for share in shares], samples)
            assert worst_block(count, block) <= 1


def test_draw_visits_each_sample_once_a_pass() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 10, dtype=np.uint64)
    which, passes = draw(words, 25, 7, "cell")
    assert sorted(which[:10]) == sorted(which[10:20]) == list(range(10))
    assert passes.tolist() == [0] * 10 + [1] * 10 + [2] * 5
    assert which[:10].tolist() != which[10:20].tolist()


def test_a_new_record_never_reshuffles_the_others() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 50, dtype=np.uint64)
    before, _ = draw(words, 50, 7, "cell")
    after, _ = draw(np.append(words, np.uint64(12345)), 51, 7, "cell")
    assert [w for w in after if w < 50] == before.tolist()
