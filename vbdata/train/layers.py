"""Layers of the default model: norm, attention, feed-forward, encodings of positions."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Norm(nn.Module):
    """RMSNorm (Zhang & Sennrich, arXiv:1910.07467), computed in float32."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of x, [..., dim]."""
        return F.rms_norm(x.float(), self.weight.shape, self.weight.float(), 1e-6).to(x.dtype)


class Attention(nn.Module):
    """Multi-head attention of x to a context (x itself, or a text), with RMSNorm of queries and
    keys.

    dim, context: widths of x and of the context, which must be divisible by the number of heads.
    """

    def __init__(self, dim: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(context, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.q_norm, self.k_norm = Norm(dim // heads), Norm(dim // heads)

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        rotation: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return what to add to x, [B, n, dim].

        x: [B, n, dim]; context: [B, m, its width]; rotation: of the positions, as `rotations` gives
        it, for both; mask: bool[B, m], which tokens of the context are attended to.
        """
        q = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.q_norm(q), self.k_norm(k)
        if rotation is not None:
            q, k = rotated(q, rotation), rotated(k, rotation)
        keys = None if mask is None else mask[:, None, None]
        mixed = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, attn_mask=keys)
        return self.out(mixed.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """The gated feed-forward layer of Shazeer, arXiv:2002.05202.

    It is 8/3 dim wide, rounded up to a multiple of 8, so that its three matrices hold as much as
    the usual two of 4 dim.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = -(-8 * dim // 24) * 8
        self.up = nn.Linear(dim, 2 * hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return what to add to x, [..., dim]."""
        gate, value = self.up(x).chunk(2, -1)
        return self.down(F.silu(gate) * value)


def sinusoids(values: Tensor, dim: int) -> Tensor:
    """Encode values, [...], by cosines and sines at dim / 2 wavelengths: float32[..., dim].

    The wavelengths rise geometrically from 2 pi to about 20000 pi.
    """
    rates = torch.exp(torch.arange(dim // 2, device=values.device) * (-2 * math.log(1e4) / dim))
    angles = values[..., None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


@functools.lru_cache(64)
def position_sinusoids(h: int, w: int, dim: int, where: torch.device) -> Tensor:
    """Encode the positions of h x w patches, as shares of the picture's height and width.

    Returns float32[hw, dim], the row in the first half of the channels.
    """
    y, x = (((torch.arange(n, device=where) + 0.5) / n * 100) for n in (h, w))
    rows = sinusoids(y, dim // 2)[:, None].expand(h, w, -1)
    columns = sinusoids(x, dim // 2)[None].expand(h, w, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)


def rotations(positions: Tensor, dim: int) -> Tensor:
    """Return cosines and sines of rotary positions (Su et al., arXiv:2104.09864).

    positions: [n]; dim: channels of a head. The result is float32[2, n, dim / 2].
    """
    rates = torch.exp(torch.arange(0, dim, 2, device=positions.device) * (-math.log(1e4) / dim))
    angles = positions[:, None].float() * rates
    return torch.stack([angles.cos(), angles.sin()])


@functools.lru_cache(64)
def rotations_2d(h: int, w: int, dim: int, where: torch.device) -> Tensor:
    """Return cosines and sines of rotary positions of h x w patches: float32[2, hw, dim / 2].

    Half of the planes rotate with the row, half with the column.
    """
    y, x = (rotations(torch.arange(n, device=where), dim // 2) for n in (h, w))
    rows, columns = y[:, :, None].expand(2, h, w, -1), x[:, None].expand(2, h, w, -1)
    return torch.cat([rows, columns], -1).flatten(1, 2)


def rotated(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate queries or keys, [B, heads, n, dim]; channels i and i + dim / 2 are a plane.

    rotation: cosines and sines, float32[2, n, dim / 2].
    """
    cos, sin = rotation
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)
