"""A trained model's answers to a build's prompts, as RGB pictures OUT/KEY.png of the rows' sizes.

A row is predicted with its own aspect ratio and about as many pixels as in training. The answer is
resized to the row's pixels by nearest neighbours, because a mean of two label colours is a third.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from vbdata.core.rng import mix64, word_of
from vbdata.errors import BuildError, choices
from vbdata.train import checkpoint, flow
from vbdata.train.adapter import Editor, conditioned
from vbdata.train.config import Config
from vbdata.train.data import Corpus, nearest, open_builds
from vbdata.train.loop import build_editor
from vbdata.train.sampling import bucket_sizes

RowNumbers = NDArray[np.int64]


def predict(
    trained: str | Path,
    build: str,
    out: str | Path,
    steps: int = 1,
    guidance: tuple[float, float] = (1.0, 1.0),
    *,
    tasks: Sequence[str] = (),
    batch: int = 32,
    device: str = "cpu",
    seed: int = 0,
) -> int:
    """Write a picture for each row of a build (of some tasks, if any are given); return how many.

    trained: a checkpoint, or a run (its best checkpoint, or else its newest); build: a path or URL;
    steps: of the sampler, 1 being the prediction from pure noise; guidance: scales for text and
    image; batch: rows in one forward pass; seed: of the noise. Raises BuildError for unknown tasks,
    and for builds or checkpoints that are damaged or missing.
    """
    config, editor = load_trained(Path(trained), torch.device(device))
    corpus = open_builds([build])
    unknown = [task for task in tasks if task not in corpus.tasks]
    if unknown:
        raise BuildError(f"{build} has no task {unknown[0]!r}{choices(unknown[0], corpus.tasks)}")
    wanted = [i for i in range(len(corpus)) if not tasks or corpus.task(i) in tasks]
    Path(out).mkdir(parents=True, exist_ok=True)
    for rows, size in _same_size(corpus, config, editor, wanted, batch):
        pictures = _answers(corpus, config, editor, rows, size, steps, guidance, seed)
        for row, rgb in zip(rows, pictures, strict=True):
            Image.fromarray(rgb).save(Path(out) / f"{corpus.keys[row]}.png")
    return len(wanted)


def load_trained(path: Path, device: torch.device) -> tuple[Config, Editor]:
    """Load the config and the model (its moving average) of a checkpoint or run, for evaluation.

    Raises BuildError if there is no complete checkpoint, or the model's files are no longer those
    that the run started from.
    """
    saved = checkpoint.find(path)
    meta = checkpoint.read_meta(saved) or {}
    config = Config.model_validate(meta["config"])
    editor, start = build_editor(config)
    for name, digest in start.items():
        if digest != meta["identity"].get(name):
            folder = config.init if name == "init_sha256" else config.model["path"]
            raise BuildError(f"{folder}: not the weights that {saved} started from")
    checkpoint.load_model(saved, editor)
    editor.module.to(device).eval()
    return config, editor


def _same_size(
    corpus: Corpus, config: Config, editor: Editor, wanted: Sequence[int], batch: int
) -> Iterator[tuple[RowNumbers, tuple[int, int]]]:
    """Batches of rows, each with its (width, height) in pixels."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for row in wanted:
        aspect = f"{corpus.width[row]}:{corpus.height[row]}"
        (size,) = bucket_sizes([aspect], config.data.size, editor.multiple_of)
        by_size.setdefault(size, []).append(row)
    for size, rows in by_size.items():
        for start in range(0, len(rows), batch):
            yield np.array(rows[start : start + batch]), size


@torch.no_grad()
def _answers(
    corpus: Corpus, config: Config, editor: Editor, rows: RowNumbers, size: tuple[int, int],
    steps: int, guidance: tuple[float, float], seed: int,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """uint8[H, W, 3] of each row, at its own size. The noise is keyed by (seed, row)."""
    device = next(editor.module.parameters()).device
    pictures = [corpus.picture(int(row)) for row in rows]
    given = np.stack([_resized(picture.given, size) for picture in pictures])
    known = torch.tensor([not picture.blank for picture in pictures], device=device)
    keys = mix64(rows.astype(np.uint64), word_of(seed, "predict")).view(np.int64)
    with flow.lower_precision(config, device):
        rgb = flow.scaled(torch.from_numpy(given).movedim(-1, 1).to(device))
        condition = conditioned(editor, rgb, known, [picture.text for picture in pictures])
        shape = tuple(condition.reference.shape[1:])
        start = flow.noise(torch.from_numpy(keys).to(device), shape)
        x = editor.decode(flow.sample(editor, start, condition, steps, guidance, heun=steps > 1))
    answers = flow.quantised(x).movedim(1, -1).cpu().numpy()
    for row, answer in zip(rows, answers, strict=True):
        height, width = int(corpus.height[row]), int(corpus.width[row])
        columns = nearest(size[0], width, 0, width)
        yield answer[np.ix_(nearest(size[1], height, 0, height), columns)]


def _resized(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if rgb.shape[1::-1] == size:
        return rgb
    shrinks = size[0] <= rgb.shape[1] and size[1] <= rgb.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
