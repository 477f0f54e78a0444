"""Layers of the default model: norms, attention, feed-forward, positions."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Norm(nn.Module):
    """RMSNorm, in float32 whatever comes in."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[..., dim]."""
        return F.rms_norm(x.float(), self.weight.shape, self.weight.float(), 1e-6).to(x.dtype)


class Attention(nn.Module):
    """Attention of x over a context (itself or the text), queries and keys normed."""

    def __init__(self, dim: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(context, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.q_norm, self.k_norm = Norm(dim // heads), Norm(dim // heads)

    def forward(
        self, x: Tensor, context: Tensor, turn: Tensor | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """turn: rotations of the positions; seen: bool[B, context], which tokens count."""
        q = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.q_norm(q), self.k_norm(k)
        if turn is not None:
            q, k = rotated(q, turn), rotated(k, turn)
        mask = None if seen is None else seen[:, None, None]
        mixed = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """The feed-forward part (Shazeer, arXiv:2002.05202), two thirds of four times as wide."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = -(-8 * dim // 24) * 8
        self.up = nn.Linear(dim, 2 * hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """[..., dim]."""
        gate, value = self.up(x).chunk(2, -1)
        return self.down(F.silu(gate) * value)


def waves(values: Tensor, dim: int) -> Tensor:
    """Sines and cosines of values at dim / 2 wave lengths from 2 pi to 20000 pi: [..., dim]."""
    rates = torch.exp(torch.arange(dim // 2, device=values.device) * (-2 * math.log(1e4) / dim))
    angles = values[..., None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


@functools.lru_cache(64)
def places(h: int, w: int, dim: int, where: torch.device) -> Tensor:
    """Where a patch stands in the picture, as a share of its height and width: float32[hw, dim]."""
    y, x = (((torch.arange(n, device=where) + 0.5) / n * 100) for n in (h, w))
    rows = waves(y, dim // 2)[:, None].expand(h, w, -1)
    columns = waves(x, dim // 2)[None].expand(h, w, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)


def turns(positions: Tensor, dim: int) -> Tensor:
    """Cosines and sines of the positions' angles: float32[2, n, dim / 2] (arXiv:2104.09864)."""
    rates = torch.exp(torch.arange(0, dim, 2, device=positions.device) * (-math.log(1e4) / dim))
    angles = positions[:, None].float() * rates
    return torch.stack([angles.cos(), angles.sin()])


@functools.lru_cache(64)
def turns_2d(h: int, w: int, dim: int, where: torch.device) -> Tensor:
    """Half of the channels turn with the row, half with the column: float32[2, hw, dim / 2]."""
    y, x = (turns(torch.arange(n, device=where), dim // 2) for n in (h, w))
    rows, columns = y[:, :, None].expand(2, h, w, -1), x[:, None].expand(2, h, w, -1)
    return torch.cat([rows, columns], -1).flatten(1, 2)


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """x: [B, heads, n, dim]; channel i and i + dim / 2 are a plane that turns."""
    cos, sin = turn
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)
