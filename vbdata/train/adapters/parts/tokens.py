"""Latents as tokens, hidden references, and velocities as x: for transformers of the FLUX kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def packed(x: Tensor) -> Tensor:
    """Each 2 x 2 patch of a latent as a token: [B, C, h, w] to [B, hw / 4, 4 C]."""
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, 4 * c)


def unpacked(tokens: Tensor, shape: Sequence[int]) -> Tensor:
    """The latent of `packed` tokens [B, hw / 4, 4 C]; shape: its own, (B, C, h, w)."""
    b, c, h, w = shape
    parts = tokens.view(b, h // 2, w // 2, c, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(b, c, h, w)


def attended(known: Tensor, before: int, reference: int) -> Mapping[str, Tensor] | None:
    """A mask that hides the reference's tokens in rows without a reference.

    known: bool[B]; before, reference: tokens before the reference's, and of it. The mask is bool[B,
    1, 1, before + reference]; None if all rows have a reference. A token that nothing attends to is
    as good as absent.
    """
    if bool(known.all()):
        return None
    head = known.new_ones(len(known), before)
    mask = torch.cat([head, known[:, None].expand(-1, reference)], 1)
    return {"attention_mask": mask[:, None, None]}


def x_from_velocity(z: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """x = z - (1 - t) v, where v = noise - x is what models of the FLUX family predict.

    z, velocity: [B, C, h, w]; t: float32[B]. Their sigma, the share of noise, is 1 - t: z = (1 -
    sigma) x + sigma noise.
    """
    return z - (1 - t).view(-1, 1, 1, 1) * velocity.float()
