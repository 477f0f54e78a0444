"""Text to image: a caption, a blank input, and the photograph itself as the target.

The generator's own task, mixed in so that it is not forgotten. The decoder is the identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.nouns import Ask, Entry
from vbdata.prompts import prompt
from vbdata.rand import Stream

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("image", "captions")
BLANK_INPUT = True


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with a caption."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["captions"]).to_numpy() >= 1)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[str] = ()) -> Ask:
    """One of the entry's captions, as it is or behind an opening."""
    caption = " ".join(rng.choice(entry.captions).split())
    return Ask(instruction=prompt("generate", rng, caption=caption), params={"caption": caption})


def render(label: Tensor, params: Mapping[str, Any]) -> Tensor:
    """The image, uint8[..., H, W, 3], as it is."""
    return label


def valid(label: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: every pixel."""
    import torch

    return torch.ones(label.shape[:-1], dtype=torch.bool, device=label.device)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """The image, as it is."""
    return rgb


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: every colour may stand in a photograph."""
    return valid(rgb, params)
