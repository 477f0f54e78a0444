"""What an autoencoder leaves of labels: the best score that an editor in its latents can have."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.report import Report
from vbdata.evaluation.truth import BuildTruth
from vbdata.train import flow
from vbdata.train.adapters.parts.latents import LatentEditor
from vbdata.train.data import nearest
from vbdata.train.sampling import bucket_sizes

Pixels = NDArray[np.uint8]


def ceiling(
    editor: LatentEditor, build: BuildTruth, size: int = 0, options: EvaluationOptions | None = None
) -> Report:
    """Score a build's own targets, encoded and decoded, as if they were a model's answers.

    size: pictures have about size x size pixels, as in a training config; 0 for each target's own
    size. In the report, "prediction" rows are the autoencoder's ceiling, "ceiling" rows that of RGB
    alone.
    """
    return evaluate(build, lambda key: round_trip(editor, build.read(key).target, size), options)


def round_trip(editor: LatentEditor, target: Pixels, size: int = 0) -> Pixels:
    """A target, uint8 RGB [H, W, 3], after the autoencoder, quantised to uint8 again.

    With a size, it first becomes about size x size pixels by nearest neighbours (a mean of two
    label colours would be a third). Without, its edges are repeated up to the next multiple of the
    model and cut off again.
    """
    height, width = target.shape[:2]
    if size:
        ((to_width, to_height),) = bucket_sizes([f"{width}:{height}"], size, editor.multiple_of)
        picked = np.ix_(
            nearest(height, to_height, 0, to_height), nearest(width, to_width, 0, to_width)
        )
        return _painted(editor, target[picked])
    more = [(0, -side % editor.multiple_of) for side in (height, width)]
    return _painted(editor, np.pad(target, [*more, (0, 0)], mode="edge"))[:height, :width]


def _painted(editor: LatentEditor, rgb: Pixels) -> Pixels:
    where = next(editor.module.parameters()).device
    pixels = torch.from_numpy(np.ascontiguousarray(rgb)).movedim(-1, 0)[None].to(where)
    x = editor.encode_image(flow.scaled(pixels))
    return flow.quantised(editor.decode(x))[0].movedim(0, -1).cpu().numpy()
