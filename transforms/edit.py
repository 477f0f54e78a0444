"""Instruction editing: an image and an instruction, and the edited image as the target.

It is what an image editor was trained for, mixed in so that it is not forgotten. Nothing is drawn:
the decoder is the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.english import sentence
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts.identity import decode, legal, render, roundtrip, valid

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ask", "decode", "eligible", "legal", "render", "roundtrip", "valid"]

NEEDS = ("edited",)
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "share of the pixels"
PARAMS: dict[str, str] = {}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries that have an instruction."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["instructions"]).to_numpy() >= 1)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """One of the entry's instructions as a sentence, alone or after an opening."""
    wish = sentence(" ".join(rng.choice(entry.instructions).split()))
    return Ask(instruction=prompt("edit", rng, instruction=wish), params={"instruction": wish})
