"""Which sample stands where: exact mixtures, whole passes, and nothing but (seed, step, slot)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import train_runs as runs
from vbdata.errors import RecipeError
from vbdata.planning.mixture import apportion
from vbdata.train.config import Config, Loss
from vbdata.train.data import Corpus
from vbdata.train.sampling import Sampler, bucket_sizes, cell_weights, draws

ASPECTS = ["2:1", "4:3", "1:1", "3:4"]
TASKS = ("depth", "edit", "generate", "normals", "refer", "semantic")


def corpus_of(sizes: list[int], seed: int = 0) -> Corpus:
    """A corpus of columns alone: sizes[k] samples of cell k, of all shapes."""
    rng = np.random.default_rng(seed)
    cell = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(cell)
    zeros = np.zeros(n, np.int64)
    return Corpus(
        builds=(),
        cells=tuple((f"source{k // 3}", TASKS[k % len(TASKS)]) for k in range(len(sizes))),
        keys=np.array([f"{i:06d}" for i in range(n)]),
        cell=cell,
        build=zeros,
        shard=zeros,
        at=zeros,
        width=rng.integers(50, 400, n),
        height=rng.integers(50, 400, n),
        blank=np.zeros(n, bool),
    )


def config_of(batch: int, window: int, seed: int = 0, **mixture: str) -> Config:

    data = {"window": window, "aspects": ASPECTS, "mixture": mixture, "size": 64}
    return runs.tiny(Path("/none"), batch=batch, seed=seed, data=data)


@pytest.mark.slow
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    batch=st.integers(1, 24),
    window=st.integers(1, 9),
    weights=st.lists(st.integers(0, 50), min_size=6, max_size=6),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60)
def test_every_window_holds_the_mixture_and_cells_are_read_in_whole_passes(
    sizes: list[int], batch: int, window: int, weights: list[int], seed: int
) -> None:
    corpus = corpus_of(sizes)
    names = ["/".join(cell) for cell in corpus.cells]
    mixture = {name: str(w) for name, w in zip(names, weights, strict=False)}
    config = config_of(batch, window, seed, **mixture)
    shares = [Fraction(w) for w in weights[: len(sizes)]]
    if not sum(shares):
        with pytest.raises(RecipeError, match="add up to 0"):
            Sampler(config, corpus, 4)
        return
    wanted = apportion(shares, batch * window)
    if any(share and not n for share, n in zip(shares, wanted, strict=True)):
        with pytest.raises(RecipeError, match="has no sample in a window"):
            Sampler(config, corpus, 4)
        return
    sampler = Sampler(config, corpus, 4)
    seen: list[list[int]] = [[] for _ in sizes]
    for start in range(0, 4 * window, window):
        rows = np.concatenate([sampler.step(start + k).rows for k in range(window)])
        assert np.bincount(corpus.cell[rows], minlength=len(sizes)).tolist() == wanted
        for row in np.sort(rows):
            seen[corpus.cell[row]].append(int(row))
    for cell, rows_of in enumerate(seen):
        times = np.bincount(rows_of, minlength=len(corpus))[corpus.cell == cell]
        assert times.max() - times.min() <= 1  # whole passes: none a second time before all once


def test_the_steps_are_a_function_of_seed_and_number() -> None:
    corpus, config = corpus_of([30, 7, 12]), config_of(6, 5)
    forwards = [Sampler(config, corpus, 4).step(n) for n in range(40)]
    one = Sampler(config, corpus, 4)
    for n in reversed(range(40)):
        again = one.step(n)
        assert np.array_equal(again.rows, forwards[n].rows)
        assert (again.width, again.height) == (forwards[n].width, forwards[n].height)
    other = Sampler(config_of(6, 5, seed=1), corpus, 4)
    assert any(not np.array_equal(other.step(n).rows, forwards[n].rows) for n in range(40))


def test_a_batch_has_one_shape_and_most_samples_have_theirs() -> None:
    corpus = corpus_of([400, 300, 200])
    sampler = Sampler(config_of(16, 64), corpus, 4)
    log_aspect = np.log(corpus.width / corpus.height)
    buckets = np.log([w / h for w, h in sampler.sizes])
    own = np.abs(log_aspect[:, None] - buckets).argmin(1)
    off = 0
    for n in range(64):
        step = sampler.step(n)
        mine = sampler.sizes.index((step.width, step.height))
        off += int((own[step.rows] != mine).sum())
        assert set(np.abs(own[step.rows] - mine)) <= {0, 1}  # at worst a neighbour
    assert off <= (len(sampler.sizes) - 1) * 16 / 2  # at most half a batch at each cut


def test_sizes_have_the_wanted_area_and_divide() -> None:
    sizes = bucket_sizes(["1:1", "16:9", "9:16"], 256, 16)
    assert sizes == [(192, 336), (256, 256), (336, 192)]


def test_a_tasks_weight_is_shared_by_its_sources() -> None:
    corpus = corpus_of([10, 10, 10, 10, 10, 10, 30])  # the last is depth of another source
    weights = cell_weights({"depth": "4", "source0/edit": "1.5"}, corpus)
    assert weights == [1, Fraction(3, 2), 0, 0, 0, 0, 3]
    with pytest.raises(RecipeError, match="'depht'; did you mean 'depth'"):
        cell_weights({"depht": "1"}, corpus)


def test_a_cell_without_a_slot_is_refused_with_the_window_that_has_one() -> None:
    corpus = corpus_of([1, 999])
    with pytest.raises(RecipeError, match=r"source0/depth has no sample .* 100 batches") as error:
        Sampler(config_of(10, 2), corpus, 4)
    assert len(error.value.faults) == 1
    Sampler(config_of(10, 100), corpus, 4)


@pytest.mark.slow
def test_draws_belong_to_slots_and_have_their_distributions() -> None:
    slots = np.arange(200000)
    vision = slots % 2 == 0
    drawn = draws(Loss(), vision, 5, 7, slots=slots)
    part = draws(Loss(), vision[[70, 3]], 5, 7, slots=np.array([70, 3]))
    assert np.array_equal(part.t, drawn.t[[70, 3]])
    assert np.array_equal(part.noise, drawn.noise[[70, 3]])
    # Five standard deviations of a share of 100,000 rows are below 0.8 %.
    assert (drawn.t[vision] == 0).mean() == pytest.approx(0.5, abs=0.008)
    assert not (drawn.t[~vision] == 0).any()
    t = drawn.t[~vision]
    logit = np.log(t / (1 - t))
    assert logit.mean() == pytest.approx(-0.8, abs=0.013)
    assert logit.std() == pytest.approx(0.8, abs=0.01)
    both = drawn.text & drawn.image
    for dropped, share in ((both, 0.05), (drawn.text & ~both, 0.05), (drawn.image & ~both, 0.05)):
        assert dropped.mean() == pytest.approx(share, abs=0.003)
    assert len(np.unique(drawn.noise)) == len(slots)
    assert not np.isin(draws(Loss(), vision, 5, 8, slots=slots).noise, drawn.noise).any()
