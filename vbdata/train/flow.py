"""Flow matching with x-prediction in pixel space (Li & He, arXiv:2511.13720), and its samplers.

z = t x + (1 - t) e, from noise e at t = 0 to the picture x at t = 1; v = (x - z) / (1 - t). The
network predicts x. Generative rows have the loss on v, whose 1 - t is kept above a floor; vision
rows have the plain loss on x, and half of them t = 0: one step from noise is how they are used.
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

from vbdata.train.adapter import Condition, Editor, Tempering, Timed, conditioned, reworded
from vbdata.train.config import Config, Loss
from vbdata.train.data import Corpus
from vbdata.train.loader import Batch

T_BINS = 10


def scaled(pixels: Tensor) -> Tensor:
    """uint8 0..255 as float32 -1..1."""
    return pixels.float() / 127.5 - 1


def quantised(x: Tensor) -> Tensor:
    """-1..1 as uint8, rounded and clipped."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def noise(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal float32[B, *shape] from int64[B] keys: SplitMix64 and Box-Muller.

    Each row is a function of its key alone, whatever stands beside it in the batch.
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
    """Logical shift to the right of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def lower_precision(config: Config, device: torch.device) -> torch.autocast:
    """Matrix products in bfloat16 where the config says so; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")


class Sums(NamedTuple):
    """Each row's loss summed over its valid pixels (mean of channels), and their number."""

    loss: Tensor
    weight: Tensor


def row_losses(editor: Editor, batch: Batch, config: Loss) -> Sums:
    """float32[B] each. The mean over a global batch is sum(loss) / sum(weight) over all of it."""
    x = editor.encode_image(scaled(batch.target))
    given = scaled(batch.given)
    condition = conditioned(editor, given, batch.known, batch.texts, batch.text)
    t = batch.t.view(-1, *[1] * (x.ndim - 1))
    z = t * x + (1 - t) * noise(batch.noise, tuple(x.shape[1:]))
    error = (editor.predict(z, batch.t, condition).float() - x) ** 2
    # (v - v_pred)**2 with v = (x - z) / max(1 - t, floor): z cancels out.
    scale = torch.where(batch.vision, 1.0, (1 - batch.t).clamp_min(config.floor) ** -2)
    mask = coarser(batch.valid, x)
    share = batch.valid[0].numel() / x[0].numel()  # x may have more channels and fewer places
    loss = torch.where(mask > 0, error * mask, 0.0).flatten(1).sum(1) * scale * share
    return Sums(loss, batch.valid.flatten(1).sum(1).float())


def coarser(valid: Tensor, x: Tensor) -> Tensor:
    """The validity mask bool[B, H, W] as weights of x, averaged where x is coarser."""
    mask = valid[:, None].float()
    if mask.shape[-2:] != x.shape[-2:]:
        mask = F.adaptive_avg_pool2d(mask, (x.shape[-2], x.shape[-1]))
    return mask


def tally_shape(corpus: Corpus) -> tuple[int, int]:
    """Of `tally`: a row for each task and each tenth of t; loss and weight."""
    return len(corpus.tasks) + T_BINS, 2


def tally(sums: Sums, batch: Batch, tasks: int) -> Tensor:
    """float64[tasks + T_BINS, 2]: loss and weight by task, then by tenth of t."""
    tenth = (batch.t * T_BINS).long().clamp_max(T_BINS - 1) + tasks
    of_task = F.one_hot(batch.task, tasks + T_BINS)
    member = (of_task + F.one_hot(tenth, tasks + T_BINS)).double()
    return member.T @ torch.stack([sums.loss.detach(), sums.weight], 1).double()


def guided(
    editor: Editor, z: Tensor, t: Tensor, condition: Condition, guidance: tuple[float, float]
) -> Tensor:
    """x with classifier-free guidance for (text, image): Brooks et al., arXiv:2211.09800, eq. 3.

    condition.text must be that of the texts; (1, 1) is the plain prediction.
    """
    if guidance == (1.0, 1.0):
        return editor.predict(z, t, condition).float()
    blind = replace(condition, known=torch.zeros_like(condition.known))
    no_text, neither = (reworded(editor, one, [""] * len(z)) for one in (condition, blind))
    full, image, empty = (editor.predict(z, t, c).float() for c in (condition, no_text, neither))
    x = empty + guidance[1] * (image - empty) + guidance[0] * (full - image)
    return editor.tempered(z, x, full) if isinstance(editor, Tempering) else x


@torch.no_grad()
def sample(
    editor: Editor,
    start: Tensor,
    condition: Condition,
    steps: int = 1,
    guidance: tuple[float, float] = (1.0, 1.0),
    heun: bool = False,
) -> Tensor:
    """From noise to x: one step is the prediction at t = 0; otherwise Euler's or Heun's method.

    Several steps stop at the model's own times if it is Timed, else at equal distances. The last
    lands on the network's x, which is what Euler's step to t = 1 gives.
    """
    times = stops(editor, steps, start.shape)
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


def stops(editor: Editor, steps: int, shape: Sequence[int]) -> list[float]:
    """The times t of a sampler's steps on x of a shape."""
    if steps > 1 and isinstance(editor, Timed):
        return editor.times(steps, shape)
    return [k / steps for k in range(steps)]
