"""The mixture's arithmetic against its definitions, over random mixtures."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vbdata.core.rng import mix64
from vbdata.planning.mixture import apportion, draw, hash_order, redistribute, schedule
from vbdata.recipe.recipe import parse_recipe

decimals = st.decimals(min_value=0, max_value=10, places=4).map(Fraction)
mixtures = st.lists(decimals, min_size=1, max_size=64).filter(lambda w: sum(w) > 0)
counts = st.lists(st.integers(0, 200), min_size=1, max_size=64).filter(lambda c: sum(c) > 0)
few = st.lists(st.integers(0, 2), min_size=1, max_size=64).filter(lambda c: sum(c) > 0)


def test_thirds_of_a_hundred() -> None:
    for weight in (Fraction(1, 3), Fraction(1), Fraction("0.3333")):
        assert apportion([weight] * 3, 100) == [34, 33, 33]


def test_decimals_are_exact() -> None:
    weights = [Fraction("0.35"), Fraction("0.35"), Fraction("0.3")]
    assert apportion(weights, 20) == [7, 7, 6]
    binary = [Fraction(float(weight)) for weight in weights]  # what floats would have made of it
    assert apportion(binary, 10**18) != [w * 10**18 for w in weights]
    assert apportion(weights, 10**18) == [w * 10**18 for w in weights]


@pytest.mark.slow
@given(st.decimals(min_value=Decimal("1e-28"), max_value=Decimal(1000), places=28))
def test_a_recipes_weight_is_the_decimal_that_is_written(weight: Decimal) -> None:
    source = f"{{dataset: procedural, root: r, tasks: {{depth: {weight:f}}}}}"
    text = f"name: x\nseed: 1\nsamples: 9\nsources:\n  p: {source}"
    (found,) = parse_recipe(text, "x", Path(), {}).sources
    assert Fraction(found.tasks["depth"]) == Fraction(f"{weight:f}")


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [-1, 2]])
def test_degenerate_weights_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        apportion([Fraction(w) for w in weights], 10)


@pytest.mark.slow
@given(mixtures, st.integers(0, 100_000))
def test_apportion_is_hamilton(weights: list[Fraction], total: int) -> None:
    got = apportion(weights, total)
    quota = [w * total / sum(weights) for w in weights]
    assert sum(got) == total
    assert all(abs(n - q) < 1 for n, q in zip(got, quota, strict=True))
    assert all(n == 0 for n, w in zip(got, weights, strict=True) if w == 0)
    rounded_up = [q - n for n, q in zip(got, quota, strict=True) if n > q]
    rounded_down = [q - n for n, q in zip(got, quota, strict=True) if n <= q]
    # who was rounded up had at least the remainder of everybody who was not
    assert not rounded_up or min(r + 1 for r in rounded_up) >= max(rounded_down)


@given(mixtures, st.integers(0, 70), st.integers(1, 10**12))
def test_only_ratios_of_weights_count(weights: list[Fraction], total: int, scale: int) -> None:
    """Totals from none to about as many as there are cells."""
    assert apportion([w * scale for w in weights], total) == apportion(weights, total)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(counts | few, st.integers(1, 50) | st.integers(1, 20_000))
@example([6, 6, 2, 2], 3)  # where a block's own share contradicts the prefixes
@example([6, 2, 7, 2], 3)
def test_every_prefix_of_blocks_is_within_one(count: list[int], block: int) -> None:
    table = schedule(count, block)
    total = sum(count)
    ends = np.minimum(np.arange(1, len(table) + 1) * block, total)
    done = table.cumsum(0)
    assert (table >= 0).all()
    assert (table.sum(1) > 0).all()
    assert (done.sum(1) == ends).all()
    assert (done[-1] == count).all()
    assert (np.abs(done * total - np.outer(ends, count)) < total).all()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(mixtures, st.integers(1, 400))
def test_blocks_of_one_keep_every_single_prefix_within_one(
    weights: list[Fraction], total: int
) -> None:
    count = apportion(weights, total)
    table = schedule(count, 1)
    assert (table.sum(1) == 1).all()
    for taken, done in enumerate(table.cumsum(0).tolist(), start=1):
        assert all(abs(n * total - taken * c) < total for n, c in zip(done, count, strict=True))


def test_a_schedule_of_ten_thousand_million_is_exact() -> None:
    count = [6_999_999_999, 3_000_000_000, 1]
    table = schedule(count, 10**9)
    done = [sum(row[:k].tolist()) for row in table.T for k in range(1, 11)]
    quota = [Fraction(c * k, 10) for c in count for k in range(1, 11)]
    assert table.sum(0).tolist() == count
    assert all(abs(n - q) < 1 for n, q in zip(done, quota, strict=True))


def worst_block(count: list[int], block: int) -> int:
    """The largest distance of a block's counts from the largest remainders of its own size."""
    table = schedule(count, block)
    worst = 0
    for rows, size in ((table[:-1], block), (table[-1:], sum(count) - (len(table) - 1) * block)):
        own = apportion([Fraction(c) for c in count], size)
        worst = max(worst, int(np.abs(rows - own).max(initial=0)))
    return worst


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(counts, st.integers(1, 50))
def test_every_block_is_within_two_of_its_own_share(count: list[int], block: int) -> None:
    table, total = schedule(count, block), sum(count)
    sizes = np.minimum(block, total - np.arange(len(table)) * block)
    assert (np.abs(table * total - np.outer(sizes, count)) < 2 * total).all()


@pytest.mark.slow
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


def rows(
    got: list[int], weights: list[Fraction], have: list[int]
) -> list[tuple[int, Fraction, int]]:
    return list(zip(got, weights, have, strict=True))


@pytest.mark.slow
@given(st.data())
def test_redistribute_conserves_the_total_and_exceeds_nothing(data: st.DataObject) -> None:
    weights = data.draw(st.lists(decimals.filter(bool), min_size=1, max_size=64))
    have = data.draw(st.lists(st.integers(1, 50), min_size=len(weights), max_size=len(weights)))
    total = data.draw(st.integers(0, sum(have)))
    got = redistribute(weights, total, have)
    assert sum(got) == total
    assert all(n <= most for n, most in zip(got, have, strict=True))
    # nobody has more for its weight, up to rounding, than another that still has samples
    least = min(
        (Fraction(n + 1) / w for n, w, m in rows(got, weights, have) if n < m), default=None
    )
    assert least is None or all((n - 1) / w < least for n, w, _ in rows(got, weights, have))


def test_redistribute_by_hand() -> None:
    weights = [Fraction(w) for w in (2, 1, 1)]
    assert redistribute(weights, 100, [100, 100, 100]) == [50, 25, 25]
    assert redistribute(weights, 100, [10, 100, 100]) == [10, 45, 45]
    assert redistribute(weights, 100, [10, 100, 30]) == [10, 60, 30]
    assert redistribute(weights, 100, [40, 30, 30]) == [40, 30, 30]
    with pytest.raises(ValueError, match="101 asked, all cells together have 100"):
        redistribute(weights, 101, [40, 30, 30])


def test_draw_visits_each_sample_once_a_pass() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 10, dtype=np.uint64)
    which, passes = draw(words, 25, 7, "cell")
    assert sorted(which[:10]) == sorted(which[10:20]) == list(range(10))
    assert passes.tolist() == [0] * 10 + [1] * 10 + [2] * 5
    assert which[:10].tolist() != which[10:20].tolist()


@pytest.mark.slow
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.integers(0, 1000))
def test_repeats_differ_by_at_most_one(words: list[int], count: int) -> None:
    """Even for ids whose hashes are the same."""
    which, passes = draw(np.array(words, np.uint64), count, "cell")
    used = Counter(which.tolist())
    assert all(used[k] in (count // len(words), -(-count // len(words))) for k in range(len(words)))
    assert len({*zip(which.tolist(), passes.tolist(), strict=True)}) == count


def test_passes_beyond_a_byte_are_counted() -> None:
    _, passes = draw(np.array([5, 6], np.uint64), 1000, "cell")
    assert passes.tolist() == [k // 2 for k in range(1000)]


def test_nothing_can_be_drawn_from_nothing() -> None:
    none = np.array([], np.uint64)
    assert [len(part) for part in draw(none, 0, "cell")] == [0, 0]
    with pytest.raises(ValueError, match="draw needs"):
        draw(none, 1, "cell")


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=40),
    st.integers(0, 2**64 - 1),
    st.integers(0, 40),
)
def test_a_new_record_never_reshuffles_the_others(words: list[int], new: int, at: int) -> None:
    at = min(at, len(words))
    before, _ = draw(np.array(words, np.uint64), len(words), 7, "cell")
    more = np.array([*words[:at], new, *words[at:]], np.uint64)
    after, _ = draw(more, len(more), 7, "cell")
    assert [k - (k > at) for k in after.tolist() if k != at] == before.tolist()


def test_the_order_is_that_of_the_hash_at_any_size() -> None:
    """Across the pieces in which it is mixed, and for the first few alone."""
    words = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    words[70_000:] = words[:30_000]  # ties
    order = hash_order(words, 12345)
    want = np.argsort(mix64(words, 12345) >> np.uint64(32), kind="stable")
    assert (order == want).all()
    for most in (0, 1, 999, 100_000, 100_001):
        assert (hash_order(words, 12345, most) == want[:most]).all()
