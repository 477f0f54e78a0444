"""The samplers that the models' own pipelines have."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from vbdata.train import flow
from vbdata.train.adapter import Condition
from vbdata.train.adapters._shared import LatentEditor


@torch.no_grad()
def sample_own(
    editor: LatentEditor,
    noise: Tensor,
    condition: Condition,
    steps: int,
    guidance: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """x by Euler's method at the model's own times: what its pipeline's sampler gives.

    For InstructPix2Pix that is DDIM without noise. The first time need not be 0: the noise is then
    taken for a z of that time. guidance: for the text and for the image.
    """
    times = editor.times(steps, noise.shape)
    z = noise * (times[0] ** 2 + (1 - times[0]) ** 2) ** 0.5
    for now, then in pairwise([*times, 1.0]):
        x = flow.guided(editor, z, z.new_full((len(z),), now), condition, guidance)
        z = x if then == 1 else z + (then - now) / (1 - now) * (x - z)
    return z
