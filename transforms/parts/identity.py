"""The codec of targets that are images themselves: nothing is drawn, decoding changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vbdata.core.arrays import Array, namespace


def render(label: Array, params: Mapping[str, Any]) -> Array:
    """The target, uint8 RGB [..., H, W, 3], is the image as it is."""
    return label


def valid(label: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: every pixel."""
    xp = namespace(label)
    return xp.ones(label.shape[:-1], dtype=xp.bool, device=label.device)


def decode(rgb: Array, params: Mapping[str, Any]) -> Array:
    """The answer, uint8 RGB [..., H, W, 3], as it is."""
    return rgb


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: every pixel, since a photograph may have any colour."""
    return valid(rgb, params)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """A sentence if not every pixel of bool[..., H, W] is valid: a photograph has no gaps."""
    wrong = int((~valid).sum())
    return [f"{wrong} pixels are not valid by valid.png"] if wrong else []


def roundtrip(label: Array, rgb: Array, params: Mapping[str, Any]) -> float:
    """The share of the pixels, 0 to 1, that differ between image and target."""
    wrong = (decode(rgb, params) != label).any(-1)
    return int(wrong.sum()) / max(1, math.prod(wrong.shape))
