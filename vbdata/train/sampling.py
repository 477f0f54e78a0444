"""Which sample is in which slot of which step: a function of (seed, step, slot) and nothing else.

A window of `data.window` batches has a number of samples of every cell (source, task) that the
mixture's weights give, rounded by largest remainders. A cell is read in passes, each a seeded
permutation of all of its samples. The window's samples are then sorted by shape and cut into
batches: so a batch has one size, and the mixture stays exact. In a batch of two shapes, the rarer
are cropped to the size of the others. Processes, micro-batches and workers only divide the slots,
so their numbers change nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import mix64, word_of
from vbdata.errors import RecipeError, choices
from vbdata.planning.mixture import apportion
from vbdata.train.config import Config, Loss
from vbdata.train.data import Corpus

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """A global batch. rows: int64[batch], the corpus' row in each slot; width, height: pixels."""

    number: int
    rows: Ints
    width: int
    height: int


class Sampler:
    """The order of a run's samples, and the sizes of its batches.

    multiple_of: of widths and heights, in pixels. weights, counts: of each cell of the corpus, the
    latter in a window; sizes: (width, height) of the buckets. Raises RecipeError for unknown cells
    in the mixture, and if a cell with a weight has no slot in a window.
    """

    def __init__(self, config: Config, corpus: Corpus, multiple_of: int) -> None:
        self._seed, self._batch, self._batches = config.seed, config.batch, config.data.window
        self.weights = cell_weights(config.data.mixture, corpus)
        self.counts = apportion(self.weights, self._batch * self._batches)
        _refuse_unseen(self.weights, self.counts, corpus, self._batch)
        self.sizes = bucket_sizes(config.data.aspects, config.data.size, multiple_of)
        self._bucket = nearest_bucket(self.sizes, corpus)
        self._cells = corpus.cells
        self._members = [np.flatnonzero(corpus.cell == k) for k in range(len(corpus.cells))]
        self._pass = functools.lru_cache(2 * len(self._cells))(self._one_pass)
        self._window = functools.lru_cache(2)(self._one_window)

    def step(self, number: int) -> Step:
        """Return the global batch of a step, counted from 0."""
        rows = self._window(number // self._batches)[number % self._batches]
        most = np.bincount(self._bucket[rows]).argmax()
        return Step(number, rows, *self.sizes[most])

    def _one_window(self, window: int) -> Ints:
        """Rows of the samples: int64[batches, batch]."""
        rows = np.concatenate([self._of_cell(k, window) for k in range(len(self.counts))])
        words = mix64(np.arange(len(rows), dtype=np.uint64), self._word("window", window))
        order = np.lexsort((words, self._bucket[rows]))
        batches = rows[order].reshape(self._batches, self._batch)
        words = mix64(np.arange(self._batches, dtype=np.uint64), self._word("batches", window))
        return batches[np.argsort(words, kind="stable")]

    def _of_cell(self, cell: int, window: int) -> Ints:
        count, members = self.counts[cell], self._members[cell]
        if not count:
            return np.empty(0, np.int64)
        place = window * count + np.arange(count)
        passes, place = np.divmod(place, len(members))
        rows = np.empty(count, np.int64)
        for number in np.unique(passes):
            mine = passes == number
            rows[mine] = members[self._pass(cell, int(number))[place[mine]]]
        return rows

    def _one_pass(self, cell: int, number: int) -> Ints:
        words = np.arange(len(self._members[cell]), dtype=np.uint64)
        key = self._word("pass", *self._cells[cell], number)
        return np.argsort(mix64(words, key), kind="stable")

    def _word(self, *names: str | int) -> int:
        return word_of(self._seed, *names)


def cell_weights(mixture: dict[str, str], corpus: Corpus) -> list[Fraction]:
    """Return each cell's weight: as configured by "source/task" or "task", else the builds' own.

    A task's weight is shared among its sources in the builds' proportions. Raises RecipeError for
    unknown cells, and if all weights are 0.
    """
    own = corpus.shares()
    if not mixture:
        return own
    names = [f"{source}/{task}" for source, task in corpus.cells]
    keys = {*names, *corpus.tasks}
    unknown = sorted(mixture.keys() - keys)
    faults = [f"data.mixture: unknown cell {key!r}{choices(key, keys)}" for key in unknown]
    weights = [Fraction(0)] * len(own)
    for key, text in mixture.items():
        mine = [i for i, (_, task) in enumerate(corpus.cells) if key in (task, names[i])]
        for i in mine:
            weights[i] += Fraction(text) * own[i] / sum(own[k] for k in mine)
    if faults or not sum(weights):
        raise RecipeError(faults or ["data.mixture: the weights add up to 0"])
    return weights


def _refuse_unseen(
    weights: Sequence[Fraction], counts: Sequence[int], corpus: Corpus, batch: int
) -> None:
    """Raise RecipeError for cells with a weight but no slot: they would never be trained on."""
    unseen = [
        i for i, (weight, n) in enumerate(zip(weights, counts, strict=True)) if weight and not n
    ]
    if unseen:
        least = min(weights[i] for i in unseen) / sum(weights)
        raise RecipeError(
            f"data.window: {'/'.join(corpus.cells[i])} has no sample in a window of {sum(counts)}; "
            f"{math.ceil(1 / least / batch)} batches would hold one"
            for i in unseen
        )


def bucket_sizes(aspects: Sequence[str], size: int, multiple_of: int) -> list[tuple[int, int]]:
    """Return (width, height) of about size**2 pixels for each "W:H", from tall to wide.

    Both are multiples of multiple_of; equal sizes occur once.
    """
    sizes = set()
    for aspect in aspects:
        w, h = map(int, aspect.split(":"))
        sides = (size * math.sqrt(w / h), size * math.sqrt(h / w))
        width, height = (max(1, round(side / multiple_of)) * multiple_of for side in sides)
        sizes.add((width, height))
    return sorted(sizes, key=lambda s: s[0] / s[1])


def nearest_bucket(sizes: Sequence[tuple[int, int]], corpus: Corpus) -> Ints:
    """Return the bucket of each sample, int64[n]: the one whose aspect ratio is nearest its own."""
    aspect = np.log(corpus.width / corpus.height)
    buckets = np.log([w / h for w, h in sizes])
    return np.abs(aspect[:, None] - buckets).argmin(1)


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of n slots of a step, each keyed by its slot.

    t: float64[n]; noise: uint64[n], the keys of flow.noise; text, image: bool[n], True where it is
    dropped.
    """

    t: Floats
    noise: NDArray[np.uint64]
    text: NDArray[np.bool_]
    image: NDArray[np.bool_]


def draws(loss: Loss, vision: NDArray[np.bool_], *names: str | int, slots: NDArray[Any]) -> Draws:
    """Draw times, noise keys and guidance dropout for n slots.

    vision: bool[n], whether a slot's task is a vision task; names: what keys the numbers beside the
    slot, (seed, step) in training; slots: int64[n]. t is logit-normal (its logit has mean t_mean
    and standard deviation t_std), and 0 for a share t_zero of the vision rows.
    """

    def uniform(what: str) -> Floats:
        words = mix64(slots.astype(np.uint64), word_of(*names, what))
        return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    radius = np.sqrt(-2 * np.log(uniform("radius")))
    normal = radius * np.cos(2 * np.pi * uniform("angle"))  # Box-Muller
    t = 1 / (1 + np.exp(-(loss.t_mean + loss.t_std * normal)))
    t[vision & (uniform("zero") < loss.t_zero)] = 0
    drop = uniform("drop")
    text_end, image_end = loss.drop_text, loss.drop_text + loss.drop_image
    both = (drop >= image_end) & (drop < image_end + loss.drop_both)
    noise = mix64(slots.astype(np.uint64), word_of(*names, "noise"))
    image = (drop >= text_end) & (drop < image_end)
    return Draws(t=t, noise=noise, text=(drop < text_end) | both, image=image | both)
