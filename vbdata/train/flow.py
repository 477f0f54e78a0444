"""Flow matching with x-prediction in pixel space (Li & He, arXiv:2511.13720), and its samplers.

z = t x + (1 - t) e, from noise e at t = 0 to the picture x at t = 1; v = (x - z) / (1 - t). The
network predicts x. Rows of generative tasks have the loss on v, with 1 - t kept above a floor. Rows
of vision tasks have the squared error of x, and a share of them (half, by default) t = 0, because
one step from pure noise is how a vision task is answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vbdata.train.adapter import (
    AdjustsGuidance,
    Condition,
    Editor,
    HasSchedule,
    conditioned,
    reworded,
)
from vbdata.train.config import Config, Loss
from vbdata.train.data import Corpus
from vbdata.train.loader import Batch

T_BINS = 10


def scaled(pixels: Tensor) -> Tensor:
    """Map pixels, uint8 0..255, to float32 -1..1."""
    return pixels.float() / 127.5 - 1


def quantised(x: Tensor) -> Tensor:
    """Map -1..1 to pixels, uint8 0..255, rounded and clipped."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def noise(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Make standard normal noise, float32[B, *shape], from keys, int64[B].

    Each row is a function of its key alone, whatever else is in the batch: SplitMix64 of a counter
    gives 64 random bits, whose halves Box-Muller turns into two normal numbers.
    """
    count = math.prod(shape)
    counter = torch.arange(1, -(-count // 2) + 1, device=keys.device)
    x = keys[:, None] + counter * -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed number
    x = (x ^ _right(x, 30)) * -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
    x = (x ^ _right(x, 27)) * -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
    x = x ^ _right(x, 31)
    radius = (-2 * ((_right(x, 32).float() + 0.5) * 2.0**-32).log()).clamp_min(0).sqrt()
    angle = (x & 0xFFFFFFFF).float() * (2 * math.pi * 2.0**-32)
    both = torch.stack([radius * angle.cos(), radius * angle.sin()], -1).flatten(1)
    return both[:, :count].reshape(-1, *shape)


def _right(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64: torch's own is arithmetic."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def lower_precision(config: Config, device: torch.device) -> torch.autocast:
    """Autocast matrix products to bfloat16 if the config says so; weights and losses stay as is."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")


class Sums(NamedTuple):
    """Losses of rows, float32[B] each.

    loss: summed over a row's valid pixels; weight: the number of these.
    """

    loss: Tensor
    weight: Tensor


def row_losses(editor: Editor, batch: Batch, config: Loss) -> Sums:
    """Compute the loss of each row of a micro-batch, with gradients.

    The mean over a global batch is sum(loss) / sum(weight) over all of its rows.
    """
    x = editor.encode_image(scaled(batch.target))
    given = scaled(batch.given)
    condition = conditioned(editor, given, batch.known, batch.texts, batch.text)
    t = batch.t.view(-1, *[1] * (x.ndim - 1))
    z = t * x + (1 - t) * noise(batch.noise, tuple(x.shape[1:]))
    error = (editor.predict(z, batch.t, condition).float() - x) ** 2
    # (v - v_pred)**2 with v = (x - z) / max(1 - t, floor): z cancels out.
    scale = torch.where(batch.vision, 1.0, (1 - batch.t).clamp_min(config.floor) ** -2)
    mask = coarser(batch.valid, x)
    share = batch.valid[0].numel() / x[0].numel()  # makes it a mean over channels, sum over pixels
    loss = torch.where(mask > 0, error * mask, 0.0).flatten(1).sum(1) * scale * share
    return Sums(loss, batch.valid.flatten(1).sum(1).float())


def coarser(valid: Tensor, x: Tensor) -> Tensor:
    """Turn a validity mask, bool[B, H, W], into weights of x, float32[B, 1, h, w].

    x is [B, C, h, w]; where it is coarser than the mask, a weight is the mask's mean.
    """
    mask = valid[:, None].float()
    if mask.shape[-2:] != x.shape[-2:]:
        mask = F.adaptive_avg_pool2d(mask, (x.shape[-2], x.shape[-1]))
    return mask


def tally_shape(corpus: Corpus) -> tuple[int, int]:
    """Return the shape of `tally` for a corpus: (tasks + T_BINS, 2)."""
    return len(corpus.tasks) + T_BINS, 2


def tally(sums: Sums, batch: Batch, tasks: int) -> Tensor:
    """Add up the losses of a micro-batch by task and by tenth of t.

    tasks: number of tasks of the corpus. Returns float64[tasks + T_BINS, 2], of loss and weight: a
    line for each task, then one for each tenth of t.
    """
    tenth = (batch.t * T_BINS).long().clamp_max(T_BINS - 1) + tasks
    of_task = F.one_hot(batch.task, tasks + T_BINS)
    member = (of_task + F.one_hot(tenth, tasks + T_BINS)).double()
    return member.T @ torch.stack([sums.loss.detach(), sums.weight], 1).double()


def guided(
    editor: Editor, z: Tensor, t: Tensor, condition: Condition, guidance: tuple[float, float]
) -> Tensor:
    """Predict x with classifier-free guidance for text and image.

    z: [B, C, h, w]; t: float32[B]; guidance: scales for (text, image), (1, 1) being the plain
    prediction. The formula is equation 3 of Brooks et al., arXiv:2211.09800.
    """
    if guidance == (1.0, 1.0):
        return editor.predict(z, t, condition).float()
    blind = replace(condition, known=torch.zeros_like(condition.known))
    no_text, neither = (reworded(editor, one, [""] * len(z)) for one in (condition, blind))
    full, image, empty = (editor.predict(z, t, c).float() for c in (condition, no_text, neither))
    x = empty + guidance[1] * (image - empty) + guidance[0] * (full - image)
    return editor.adjust_guidance(z, x, full) if isinstance(editor, AdjustsGuidance) else x


@torch.no_grad()
def sample(
    editor: Editor,
    start: Tensor,
    condition: Condition,
    steps: int = 1,
    guidance: tuple[float, float] = (1.0, 1.0),
    heun: bool = False,
) -> Tensor:
    """Sample x, shaped like `start`, from noise.

    start: standard normal noise, float32[B, C, h, w]; steps: 1 is the prediction at t = 0, more
    integrate v by Euler's or Heun's method; guidance: scales for (text, image). Several steps are
    at the times of the model's own schedule if it HasSchedule, else evenly spaced. The last one
    returns the network's x, which is where Euler's step to t = 1 leads.
    """
    times = step_times(editor, steps, start.shape)
    # A schedule that begins above t = 0 takes the noise for its own noisy picture, whose variance
    # is 1; z of that time has this standard deviation.
    z = start * math.hypot(times[0], 1 - times[0])
    for now, then in pairwise([*times, 1.0]):
        x = guided(editor, z, start.new_full((len(z),), now), condition, guidance)
        if then == 1:
            return x
        v = (x - z) / (1 - now)
        if heun:
            ahead = z + (then - now) * v
            x = guided(editor, ahead, start.new_full((len(z),), then), condition, guidance)
            v = (v + (x - ahead) / (1 - then)) / 2
        z = z + (then - now) * v
    return z


def step_times(editor: Editor, steps: int, shape: Sequence[int]) -> list[float]:
    """Return the times t of a sampler's steps on x of a shape (B, C, h, w), rising, below 1."""
    if steps > 1 and isinstance(editor, HasSchedule):
        return editor.times(steps, shape)
    return [k / steps for k in range(steps)]
