"""The steps of a run as tensors, read ahead by threads, whose number does not change the batches.

Reading, inflating and resizing release Python's global lock, so threads suffice and nothing is
copied between processes. Up to `run.cache_gb` of decoded samples are kept in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vbdata.core.reversal import is_reversed
from vbdata.train.config import Config
from vbdata.train.data import Corpus, Ints, Picture, fit
from vbdata.train.sampling import Draws, Sampler, Step, draws

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A micro-batch of B samples of one size.

    given, target: the input image and the answer, uint8 RGB [B, 3, H, W]; valid: bool[B, H, W], the
    target's valid pixels; known: bool[B], whether the row has a reference image (not blank, not
    dropped); texts: instructions, "" where dropped; task: int64[B], index in Corpus.tasks; vision:
    bool[B], False for generative tasks; t: float32[B]; noise: int64[B], the keys of flow.noise;
    weight: number of valid pixels; text: the texts' encodings, if they have been made already.
    """

    given: Tensor
    target: Tensor
    valid: Tensor
    known: Tensor
    task: Tensor
    vision: Tensor
    t: Tensor
    noise: Tensor
    texts: tuple[str, ...]
    weight: int
    text: Any = None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, itself if it is there; a copy to a GPU is asynchronous."""
        if self.given.device.type == device.type:
            return self
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            if isinstance(value, Tensor):
                values[name] = value.pin_memory().to(device, non_blocking=True)
        return Batch(**values)


class Loader:
    """Makes the micro-batches of process `rank` of `size`, which has an equal share of the slots.

    Without a sampler, only `picture`, `fitted` and `batch` can be asked. slots: this process'.
    """

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        sampler: Sampler | None = None,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        self.config, self.corpus, self.sampler = config, corpus, sampler
        tasks = corpus.tasks
        self.task = np.array([tasks.index(task) for _, task in corpus.cells], np.int64)[corpus.cell]
        # the other way round a photograph is painted: generative, from an input that is a label
        self.backward = np.array([is_reversed(task) for task in tasks])
        self.vision = ~self.backward & [task not in config.loss.generative for task in tasks]
        share = config.batch // size
        self.slots = np.arange(rank * share, (rank + 1) * share)
        self._micro = config.run.micro or share
        self._cache: dict[tuple[int, int, int], Picture] = {}
        self._room = int(config.run.cache_gb * 1e9)
        self._lock = threading.Lock()

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, its micro-batches, on the CPU) for start <= step < stop.

        Raises BuildError for a sample that cannot be read.
        """
        run, sampler = self.config.run, self.sampler
        assert sampler is not None, "a loader without a sampler has no order"
        if not run.workers:
            for number in range(start, stop):
                step = sampler.step(number)
                yield (
                    number,
                    self._batches(step, [self.picture(step, s) for s in self.slots.tolist()]),
                )
            return
        with ThreadPoolExecutor(run.workers, thread_name_prefix="loader") as pool:
            ahead: deque[tuple[Step, list[Any]]] = deque()
            try:
                for number in range(start, stop + run.prefetch):
                    if number < stop:
                        step = sampler.step(number)
                        wanted = [pool.submit(self.picture, step, s) for s in self.slots.tolist()]
                        ahead.append((step, wanted))
                    if number >= start + run.prefetch and ahead:
                        step, wanted = ahead.popleft()
                        yield step.number, self._batches(step, [one.result() for one in wanted])
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def picture(self, step: Step, slot: int) -> Picture:
        """Return a slot's sample at the step's size, from memory if it is kept there."""
        row = int(step.rows[slot])
        key = (row, step.width, step.height)
        picture = self._cache.get(key)
        if picture is None:
            picture = self.fitted(*key)
            with self._lock:
                if picture.bytes <= self._room and key not in self._cache:
                    self._room -= picture.bytes
                    self._cache[key] = picture
        return picture

    def fitted(self, row: int, width: int, height: int) -> Picture:
        """Read and decode a row of the corpus, scaled and cropped to a size. Raises BuildError."""
        label, coded = (bool(kind[self.task[row]]) for kind in (self.vision, self.backward))
        return fit(self.corpus.picture(row), width, height, label, coded)

    def cuts(self) -> list[Ints]:
        """Return the slots of each micro-batch."""
        starts = range(0, len(self.slots), self._micro)
        return [self.slots[start : start + self._micro] for start in starts]

    def _batches(self, step: Step, pictures: Sequence[Picture]) -> list[Batch]:
        left = iter(pictures)
        names = (self.config.seed, step.number)
        return [self.batch(step, cut, list(islice(left, len(cut))), *names) for cut in self.cuts()]

    def drawn(self, rows: Ints, slots: Ints, *names: str | int) -> tuple[Draws, Bools]:
        """Draw the random numbers of n slots, keyed by `names`; rows: the samples in the slots.

        Also returns bool[n]: whether the slot has a reference image, not blank and not dropped.
        """
        drawn = draws(self.config.loss, self.vision[self.task[rows]], *names, slots=slots)
        return drawn, ~(self.corpus.blank[rows] | drawn.image)

    def batch(
        self, step: Step, slots: Ints, pictures: Sequence[Picture], *names: str | int
    ) -> Batch:
        """Make a micro-batch of some slots of a step and their pictures.

        names: the keys of their random numbers, beside the slot: (seed, step number) in training.
        """
        rows = step.rows[slots]
        task = self.task[rows]
        drawn, known = self.drawn(rows, slots, *names)
        texts = [p.text for p in pictures]
        valid = np.stack([p.valid for p in pictures])
        return Batch(
            given=_stacked([p.given for p in pictures]).movedim(-1, 1),
            target=_stacked([p.target for p in pictures]).movedim(-1, 1),
            valid=torch.from_numpy(valid),
            known=torch.from_numpy(known),
            task=torch.from_numpy(task),
            vision=torch.from_numpy(self.vision[task]),
            t=torch.from_numpy(drawn.t.astype(np.float32)),
            noise=torch.from_numpy(drawn.noise.view(np.int64)),
            texts=tuple("" if d else t for d, t in zip(drawn.text, texts, strict=True)),
            weight=int(valid.sum()),
        )


def _stacked(parts: Sequence[np.ndarray[Any, Any]]) -> Tensor:
    return torch.from_numpy(np.stack(parts))
