"""Steps of a run as tensors, read ahead by threads; any number of threads gives the same batches.

Reading, inflating and resizing leave Python's lock, so threads suffice and nothing is copied
between processes. Decoded samples are kept in memory as far as `run.cache_gb` goes.
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

from vbdata.train.config import Config
from vbdata.train.data import Corpus, Ints, Picture, fit
from vbdata.train.sampling import Draws, Sampler, Step, draws

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A micro-batch of B samples of one size.

    given, target: uint8[B, 3, H, W]; valid: bool[B, H, W]; known: bool[B], whether there is a
    reference image (not blank, not dropped); texts: "" where dropped; task: int64[B], number in
    Corpus.tasks; vision: bool[B]; t: float32[B]; noise: int64[B], keys; weight: number of valid
    pixels; text: the texts as the model encodes them, if that is there already.
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
        """The same batch on a device; the copy to a GPU does not wait."""
        if self.given.device.type == device.type:
            return self
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, part in parts.items():
            if isinstance(part, Tensor):
                parts[name] = part.pin_memory().to(device, non_blocking=True)
        return Batch(**parts)


class Loader:
    """Micro-batches of the slots of one of `size` processes."""

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
        self.vision = np.array([task not in config.loss.generative for task in tasks])
        share = config.batch // size
        self.slots = np.arange(rank * share, (rank + 1) * share)
        self._micro = config.run.micro or share
        self._cache: dict[tuple[int, int, int], Picture] = {}
        self._room = int(config.run.cache_gb * 1e9)
        self._lock = threading.Lock()

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, list[Batch]]]:
        """(step, its micro-batches) for start <= step < stop."""
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
        """The fitted sample of a slot, from memory if it is there."""
        row = int(step.rows[slot])
        key = (row, step.width, step.height)
        found = self._cache.get(key)
        if found is None:
            found = self.fitted(*key)
            with self._lock:
                if found.bytes <= self._room and key not in self._cache:
                    self._room -= found.bytes
                    self._cache[key] = found
        return found

    def fitted(self, row: int, width: int, height: int) -> Picture:
        """A sample of the corpus at a size, read and decoded."""
        label = bool(self.vision[self.task[row]])
        return fit(self.corpus.picture(row), width, height, label)

    def cuts(self) -> list[Ints]:
        """The slots of each micro-batch."""
        starts = range(0, len(self.slots), self._micro)
        return [self.slots[at : at + self._micro] for at in starts]

    def _batches(self, step: Step, pictures: Sequence[Picture]) -> list[Batch]:
        left = iter(pictures)
        names = (self.config.seed, step.number)
        return [self.batch(step, cut, list(islice(left, len(cut))), *names) for cut in self.cuts()]

    def drawn(self, rows: Ints, slots: Ints, *names: str | int) -> tuple[Draws, Bools]:
        """The random numbers of some slots, and whether each has a reference image."""
        drawn = draws(self.config.loss, self.vision[self.task[rows]], *names, slots=slots)
        return drawn, ~(self.corpus.blank[rows] | drawn.image)

    def batch(
        self, step: Step, slots: Ints, pictures: Sequence[Picture], *names: str | int
    ) -> Batch:
        """Some slots as tensors; names key their random numbers."""
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
