"""A model's answers to a build's prompts, as RGB pictures OUT/KEY.png of the rows' sizes.

The model is a trained run or checkpoint, or a config (.yaml) whose model is taken as it starts,
such as a local editor that was never trained. A row is predicted with its own aspect ratio and
about as many pixels as in training. The answer is resized to the row's pixels by nearest
neighbours, because a mean of two label colours is a third.

OUT/predict.json says of what the answers are. Answers that are there already stay, so a command
that was interrupted goes on where it was; a folder with answers of something else is refused.
Several processes, or machines that share a disk, each take a part of the rows. Several votes are
several answers to a row, of other noise, in OUT/vote-0 and on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from vbdata.core.rng import mix64, word_of
from vbdata.errors import BuildError, RecipeError, choices
from vbdata.evaluation.predictions import RECORD
from vbdata.recipe.canonical import first_difference
from vbdata.train import checkpoint, flow
from vbdata.train.adapter import Editor, conditioned
from vbdata.train.config import Config, load_config
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
    part: tuple[int, int] = (1, 1),
    votes: int = 1,
    said: Callable[[int, int], None] | None = None,
) -> int:
    """Write a picture for each row of a build (of some tasks, if any are given); return how many.

    trained: a checkpoint, a run (its best checkpoint, or else its newest), or a config; build: a
    path or URL; steps: of the sampler, 1 being the prediction from pure noise; guidance: scales for
    text and image; batch: rows in one forward pass; seed: of the noise; part: (1, 4) is the first
    of four; votes: answers to each row; said: is called with how many of how many answers are
    there. Counted are those that were written now. Raises BuildError for unknown tasks, for builds
    or checkpoints that are damaged or missing, and if the folder holds answers of something else;
    RecipeError for a part that is none.
    """
    number, parts = part
    if not 1 <= number <= parts:
        raise RecipeError([f"--part {number}/{parts}: a part is from 1/{parts} to {parts}/{parts}"])
    corpus = open_builds([build])
    unknown = [task for task in tasks if task not in corpus.tasks]
    if unknown:
        raise BuildError(f"{build} has no task {unknown[0]!r}{choices(unknown[0], corpus.tasks)}")
    config, editor, model = _loaded(Path(trained), torch.device(device))
    _record(
        Path(out),
        {
            "build": corpus.builds[0].document["digest"],
            "model": model,
            "steps": steps,
            "guidance": list(guidance),
            "seed": seed,
            "votes": votes,
        },
    )
    mine = [
        i
        for i in range(len(corpus))
        if i % parts == number - 1 and (not tasks or corpus.task(i) in tasks)
    ]
    written, there, wanted = 0, 0, len(mine) * votes
    for vote in range(votes):
        folder = Path(out) / f"vote-{vote}" if votes > 1 else Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        todo = [i for i in mine if not (folder / f"{corpus.keys[i]}.png").exists()]
        there += len(mine) - len(todo)
        for rows, size in _same_size(corpus, config, editor, todo, batch):
            noise = seed if votes == 1 else word_of(seed, "vote", vote)
            pictures = _answers(corpus, config, editor, rows, size, steps, guidance, noise)
            for row, rgb in zip(rows, pictures, strict=True):
                _save(rgb, folder / f"{corpus.keys[row]}.png", f".part-{number}-of-{parts}")
                written += 1
            if said is not None:
                said(there + written, wanted)
    return written


def _save(rgb: NDArray[np.uint8], path: Path, part: str) -> None:
    """Write a PNG that is whole or not there. part: name of the file while it is written."""
    unfinished = path.with_name(part)
    Image.fromarray(rgb).save(unfinished, "PNG")
    os.replace(unfinished, path)


def _record(out: Path, of: dict[str, Any]) -> None:
    """Write what the answers of a folder are of. Raises BuildError if it has those of another."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / RECORD
    try:
        old = json.loads(path.read_text())
    except FileNotFoundError:
        unfinished = path.with_name(f".{RECORD}-{os.getpid()}")
        unfinished.write_text(json.dumps(of, indent=1, sort_keys=True) + "\n")
        os.replace(unfinished, path)
        return
    except (OSError, ValueError) as err:
        raise BuildError(f"{path} cannot be read: {err}") from err
    if difference := first_difference(old, json.loads(json.dumps(of, sort_keys=True))):
        raise BuildError(f"{out} holds answers of something else: {difference}; choose another")


def _loaded(path: Path, device: torch.device) -> tuple[Config, Editor, str]:
    """A config and the model to ask, with a digest of both."""
    if path.suffix in (".yaml", ".yml"):
        config = load_config(path)
        editor, start = build_editor(config)
        editor.module.to(device).eval()
        return config, editor, json.dumps([config.digest(), start], sort_keys=True)
    config, editor = load_trained(path, device)
    return config, editor, checkpoint.model_digest(checkpoint.find(path))


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
