"""All samples of a run in the memory of the training device, where a step is a few look-ups.

The batches are those of `Loader`, bit for bit. Every sample is read before the first step and kept
at each of the run's sizes (batches are of one size, so any sample may be cropped to another's):
seven bytes a pixel. A step sends one small table of numbers to the device and does no work by
sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vbdata.train.adapter import Editor, HasTextTable
from vbdata.train.loader import Batch, Loader
from vbdata.train.sampling import Step

Size = tuple[int, int]  # width, height


class Resident:
    """Makes the batches of a loader that has a sampler, on a device.

    Reads the whole corpus when it is made. Raises BuildError for a sample that cannot be read.
    """

    def __init__(self, loader: Loader, editor: Editor, device: torch.device) -> None:
        assert loader.sampler is not None, "a loader without a sampler has no order"
        self._loader, self._sampler, self._device = loader, loader.sampler, device
        self._given: dict[Size, Tensor] = {}
        self._target: dict[Size, Tensor] = {}
        self._valid: dict[Size, Tensor] = {}
        self._weight: dict[Size, NDArray[np.int64]] = {}
        self._words = np.full(len(loader.corpus) + 1, "", object)  # the last is a dropped text
        for size in loader.sampler.sizes:
            self._read(size)
        self._texts = None
        if isinstance(editor, HasTextTable):
            self._texts = editor.text_table(self._words.tolist(), device)

    def _read(self, size: Size) -> None:
        """Read every sample at one size."""
        loader, count, (width, height) = self._loader, len(self._loader.corpus), size
        given, target = (np.empty((count, height, width, 3), np.uint8) for _ in range(2))
        valid = np.empty((count, height, width), np.bool_)

        def read(row: int) -> None:
            picture = loader.fitted(row, width, height)
            given[row], target[row], valid[row] = picture[:3]
            self._words[row] = picture.text

        with ThreadPoolExecutor(max(1, loader.config.run.workers)) as pool:
            for _ in pool.map(read, range(count)):
                pass
        self._weight[size] = valid.reshape(count, -1).sum(1)
        for by_size, array in (self._given, given), (self._target, target), (self._valid, valid):
            by_size[size] = torch.from_numpy(array).to(self._device)

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, its micro-batches, on the device) for start <= step < stop."""
        for number in range(start, stop):
            step = self._sampler.step(number)
            yield number, [self._batch(step, slots) for slots in self._loader.cuts()]

    def _batch(self, step: Step, slots: NDArray[np.int64]) -> Batch:
        loader, size = self._loader, (step.width, step.height)
        rows = step.rows[slots]
        drawn, known = loader.drawn(rows, slots, loader.config.seed, step.number)
        texts = np.where(drawn.text, len(loader.corpus), rows)
        task = loader.task[rows]
        numbers = (drawn.noise.view(np.int64), drawn.t.view(np.int64), known, loader.vision[task])
        sent = self._send(np.stack([rows, texts, task, *numbers]))
        rows_there, noise, t = sent[0], sent[3], sent[4].view(torch.float64)
        return Batch(
            given=self._given[size].index_select(0, rows_there).movedim(-1, 1),
            target=self._target[size].index_select(0, rows_there).movedim(-1, 1),
            valid=self._valid[size].index_select(0, rows_there),
            known=sent[5].bool(),
            task=sent[2],
            vision=sent[6].bool(),
            t=t.float(),
            noise=noise,
            texts=tuple(self._words[texts]),
            weight=int(self._weight[size][rows].sum()),
            text=self._texts(texts, sent[1]) if self._texts else None,
        )

    def _send(self, numbers: NDArray[Any]) -> Tensor:
        """Copy all that is new in a step to the device, at once; to a GPU, asynchronously."""
        here = torch.from_numpy(numbers)
        if self._device.type == "cpu":
            return here
        return here.pin_memory().to(self._device, non_blocking=True)
