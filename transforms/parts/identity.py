"""The codec of targets that are images themselves: nothing is drawn, decoding changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def render(label: Tensor, params: Mapping[str, Any]) -> Tensor:
    """The target, uint8 RGB [..., H, W, 3], is the image as it is."""
    return label


def valid(label: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: every pixel."""
    import torch

    return torch.ones(label.shape[:-1], dtype=torch.bool, device=label.device)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """The answer, uint8 RGB [..., H, W, 3], as it is."""
    return rgb


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: every pixel, since a photograph may have any colour."""
    return valid(rgb, params)


def contradictions(rgb: Tensor, valid: Tensor, params: Mapping[str, Any]) -> list[str]:
    """A sentence if not every pixel of bool[..., H, W] is valid: a photograph has no gaps."""
    wrong = int((~valid).sum())
    return [f"{wrong} pixels are not valid by valid.png"] if wrong else []


def roundtrip(label: Tensor, rgb: Tensor, params: Mapping[str, Any]) -> float:
    """The share of the pixels, 0 to 1, that differ between image and target."""
    return float((decode(rgb, params) != label).any(-1).float().mean())
