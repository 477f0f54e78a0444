"""Instruction editing: an image and an instruction, and the edited image as the target.

It is what an image editor was trained for, mixed in so that it is not forgotten. Nothing is drawn:
the decoder is the identity.

A record may have further pictures that its instruction refers to (`Entry.references`): they stand
beside the input as reference1.jpg and so on, and the params say how many there are.

Option in a recipe: `tasks: {edit: {instructions: verbatim}}` leaves instructions as they are. By
default one becomes a sentence (vbdata.core.english.sentence), often after an opening such as "Edit
this image:".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.english import sentence
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.errors import BadSample, choices

from .parts.identity import contradictions, decode, legal, render, roundtrip, valid

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ask",
    "contradictions",
    "decode",
    "eligible",
    "legal",
    "render",
    "roundtrip",
    "unsaid",
    "valid",
]

NEEDS = ("edited",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
PHOTOGRAPH = True
TOLERANCE, UNIT = 0.0, "share of the pixels"
PARAMS: dict[str, str] = {}
INSTRUCTIONS = ("sentence", "verbatim")


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries that have an instruction."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["instructions"]).to_numpy() >= 1)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    instructions: str = INSTRUCTIONS[0],
) -> Ask:
    """One of the entry's instructions: as a sentence, alone or after an opening, or as it is.

    instructions: one of INSTRUCTIONS. White space is single in both. Raises BadSample("empty
    label") for an instruction of full stops and commas alone.
    """
    given = " ".join(rng.choice(entry.instructions).split())
    if not (wish := sentence(given)):
        raise BadSample("empty label", f"the instruction {given!r:.40} says nothing")
    more = {"references": entry.references} if entry.references else {}
    if instructions != INSTRUCTIONS[0]:
        return Ask(instruction=given, params={"instruction": given} | more)
    text = prompt("edit", rng, instruction=wish)
    return Ask(instruction=text, params={"instruction": wish} | more)


def queries(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: a query for each instruction of an entry."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["instructions"]).to_numpy(), np.int64)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    instructions: str = INSTRUCTIONS[1],
) -> Ask:
    """A benchmark's prompt: one instruction, as one of INSTRUCTIONS has it."""
    one = replace(entry, instructions=(entry.instructions[query],))
    return ask(one, rng, instructions=instructions)


def check_query_options(instructions: str = INSTRUCTIONS[1]) -> None:
    """Raise ValueError unless the option has one of its known values."""
    check_options(instructions)


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the wish."""
    said = str(params["instruction"]).strip(" .,;")[1:]  # a sentence may begin and end otherwise
    return [] if said in instruction else ["the instruction does not have the wish of its params"]


def check_options(instructions: str = INSTRUCTIONS[0]) -> None:
    """Raise ValueError unless the option has one of its known values."""
    if instructions not in INSTRUCTIONS:
        raise ValueError(
            f"instructions: unknown value {instructions!r}{choices(instructions, INSTRUCTIONS)}"
        )
