"""What a run shows beside its training loss: the mixture, the validation loss, pictures of samples.

Validation and pictures use the moving average of the weights, and always the same rows and noise,
so that steps can be compared.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from vbdata.core.rng import mix64, word_of
from vbdata.train import checkpoint, flow
from vbdata.train.adapter import Editor, conditioned
from vbdata.train.config import Config
from vbdata.train.data import Corpus, open_builds
from vbdata.train.loader import Batch, Loader
from vbdata.train.log import Log, losses
from vbdata.train.optim import Average
from vbdata.train.parallel import World, evaluating, unwrapped
from vbdata.train.sampling import Sampler, Step, bucket_sizes, nearest_bucket

TILE, TEXT_WIDTH, GAP = 128, 260, 6


def mixture_lines(corpus: Corpus, sampler: Sampler) -> Iterator[str]:
    """Yield the lines of a table: each cell's samples, its share, and its samples in a window."""
    total, window = sum(sampler.weights), sum(sampler.counts)
    sources, tasks = zip(("source", "task"), *corpus.cells, strict=True)
    wide, wider = max(map(len, sources)) + 2, max(map(len, tasks))
    head = f"{'samples':>10}{'share':>12}{f'of {window}':>10}"
    yield f"{'source':<{wide}}{'task':<{wider}}{head}"
    for cell, weight, count, own in zip(
        corpus.cells, sampler.weights, sampler.counts, corpus.shares(), strict=True
    ):
        share = float(weight / total)
        yield f"{cell[0]:<{wide}}{cell[1]:<{wider}}{int(own):>10}{share:>12.6f}{count:>10}"
    sizes = ", ".join(f"{w}x{h}" for w, h in sampler.sizes)
    yield f"{len(corpus)} samples; sizes {sizes}"
    if corpus.references:
        yield f"{corpus.references} samples have references, which the model is not given"


class Watch:
    """Validates and draws pictures every so many steps. best: the least validation loss so far."""

    def __init__(
        self, config: Config, editor: Editor, average: Average, train: Loader, log: Log,
        world: World, out: Path,
    ) -> None:  # fmt: skip
        self._config, self._editor, self._average = config, editor, average
        self._train, self._log, self._world, self._out = train, log, world, out
        self.best = float(checkpoint.best_of(out).get("loss", math.inf))
        self._validation: Loader | None = None
        if config.data.validation:
            corpus = open_builds(config.data.validation)
            self._validation = Loader(config, corpus)

    def step(self, done: int) -> bool:
        """Validate and draw if it is time after `done` steps; all processes call it.

        Returns whether the validation loss is the least so far.
        """
        run, better = self._config.run, False
        validate = self._validation is not None and _due(done, run.validate_every)
        draw = _due(done, run.grid_every)
        if not validate and not draw:
            return False
        low = flow.lower_precision(self._config, self._world.device)
        plain = torch.compiler.set_stance("force_eager")  # other sizes would be compiled anew
        with evaluating(unwrapped(self._editor), self._average.values), low, plain:
            if validate and self._validation is not None:
                numbers = self._validate(self._validation)
                better = numbers["loss"] < self.best
                self.best = min(self.best, numbers["loss"])
                self._log.write(done, {"validation": numbers})
            if draw:
                rgb = self._grid(self._validation or self._train)
                if self._world.first:
                    path = self._out / "samples" / f"step-{done:08d}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(rgb).save(path)
                self._log.picture(done, rgb)
        return better

    @torch.no_grad()
    def _validate(self, loader: Loader) -> dict[str, Any]:
        """The training loss on fixed samples at fixed times. Every process computes all of it,
        because FSDP's forward pass is a collective call.
        """
        tasks = loader.corpus.tasks
        tally = torch.zeros(len(tasks) + flow.T_BINS, 2, dtype=torch.float64)
        for batch in self._fixed(loader, self._config.data.validation_samples, "validation"):
            sums = flow.row_losses(self._editor, batch, self._config.loss)
            tally += flow.tally(sums, batch, len(tasks)).cpu()
        return losses(tally, tasks)

    def _fixed(self, loader: Loader, count: int, name: str) -> Iterator[Batch]:
        """A seeded choice of `count` samples as micro-batches of one size each."""
        for step, slots in fixed_steps(loader.corpus, self._config, self._editor, count, name):
            pictures = [loader.picture(step, int(slot)) for slot in slots]
            batch = loader.batch(step, slots, pictures, self._config.seed, name)
            yield batch.to(self._world.device)

    @torch.no_grad()
    def _grid(self, loader: Loader) -> NDArray[np.uint8]:
        """A picture, uint8 RGB [H, W, 3], with a row for each sample: input, target, and the
        predictions in one step and in several.
        """
        strips: list[NDArray[np.uint8]] = []
        for batch in self._fixed(loader, self._config.run.grid, "grid"):
            rgb = flow.scaled(batch.given)
            condition = conditioned(self._editor, rgb, batch.known, batch.texts)
            start = flow.noise(batch.noise, tuple(condition.reference.shape[1:]))
            shown = [batch.given, batch.target]
            for steps in (1, self._config.run.grid_steps):
                x = flow.sample(self._editor, start, condition, steps)
                shown.append(flow.quantised(self._editor.decode(x)))
            strips += [
                strip([one[i] for one in shown], f"{loader.corpus.tasks[int(batch.task[i])]}: {t}")
                for i, t in enumerate(batch.texts)
            ]
        return np.concatenate([_wide(s, max(s.shape[1] for s in strips)) for s in strips])


def fixed_steps(
    corpus: Corpus, config: Config, editor: Editor, count: int, name: str
) -> Iterator[tuple[Step, NDArray[np.int64]]]:
    """Yield a seeded choice of `count` rows of a corpus, by buckets and cut into micro-batches.

    Each is a step whose rows are the whole choice, with the bucket's size, and the slots of the
    micro-batch. name: keys the choice, beside the config's seed.
    """
    words = mix64(np.arange(len(corpus), dtype=np.uint64), word_of(config.seed, name))
    rows = np.argsort(words, kind="stable")[:count]
    sizes = bucket_sizes(config.data.aspects, config.data.size, editor.multiple_of)
    buckets = nearest_bucket(sizes, corpus)[rows]
    micro = config.run.micro or config.batch
    for bucket in np.unique(buckets):
        slots = np.flatnonzero(buckets == bucket)
        for cut in range(0, len(slots), micro):
            yield Step(0, rows, *sizes[bucket]), slots[cut : cut + micro]


def strip(pictures: Sequence[Tensor], text: str) -> NDArray[np.uint8]:
    """Draw pictures, uint8 RGB [3, H, W], side by side and a text on their right: uint8[h, w, 3].

    Pictures narrower than TILE are enlarged by a whole factor.
    """
    factor = max(1, TILE // pictures[0].shape[-1])
    tiles = [p.movedim(0, -1).cpu().numpy().repeat(factor, 0).repeat(factor, 1) for p in pictures]
    height, width = tiles[0].shape[:2]
    sheet = Image.new("RGB", (len(tiles) * (width + GAP) + TEXT_WIDTH, max(height, 64) + GAP))
    for k, tile in enumerate(tiles):
        sheet.paste(Image.fromarray(tile), (k * (width + GAP), 0))
    lines = textwrap.wrap(text, 40)[: height // 12]
    ImageDraw.Draw(sheet).multiline_text((len(tiles) * (width + GAP), 2), "\n".join(lines))
    return np.asarray(sheet)


def _wide(rgb: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    return np.pad(rgb, ((0, 0), (0, width - rgb.shape[1]), (0, 0)))


def _due(done: int, every: int) -> bool:
    return bool(every) and done % every == 0
