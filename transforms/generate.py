"""Text to image: a caption, a blank input, and the photograph itself as the target.

It is what an image generator was trained for, mixed in so that it is not forgotten. Nothing is
drawn: the decoder is the identity.

Option in a recipe: `tasks: {generate: {captions: verbatim}}` makes the caption itself the whole
instruction, for trigger words and prompts that are finished. By default a caption becomes a
sentence (vbdata.core.english.sentence), often after an opening such as "Generate an image:".
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

NEEDS = ("image", "captions")
ARRAYS = ("numpy", "torch")
BLANK_INPUT = True
PHOTOGRAPH = True
TOLERANCE, UNIT = 0.0, "share of the pixels"
PARAMS: dict[str, str] = {}
CAPTIONS = ("sentence", "verbatim")


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries that have a caption."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["captions"]).to_numpy() >= 1)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    captions: str = CAPTIONS[0],
) -> Ask:
    """One of the entry's captions: as a sentence, alone or after an opening, or as it is.

    captions: one of CAPTIONS. White space is single in both. Raises BadSample("empty label") for a
    caption of full stops and commas alone.
    """
    caption = " ".join(rng.choice(entry.captions).split())
    if not (text := sentence(caption)):
        raise BadSample("empty label", f"the caption {caption!r:.40} says nothing")
    text = prompt("generate", rng, caption=text) if captions == CAPTIONS[0] else caption
    return Ask(instruction=text, params={"caption": caption})


def queries(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: a query for each caption of an entry."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["captions"]).to_numpy(), np.int64)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    captions: str = CAPTIONS[1],
) -> Ask:
    """A benchmark's prompt: one caption of the entry, as one of CAPTIONS has it."""
    one = replace(entry, captions=(entry.captions[query],))
    return ask(one, rng, captions=captions)


def check_query_options(captions: str = CAPTIONS[1]) -> None:
    """Raise ValueError unless the option has one of its known values."""
    check_options(captions)


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the caption."""
    said = str(params["caption"]).strip(" .,;")[1:]  # a sentence may begin and end otherwise
    return (
        [] if said in instruction else ["the instruction does not have the caption of its params"]
    )


def check_options(captions: str = CAPTIONS[0]) -> None:
    """Raise ValueError unless the option has one of its known values."""
    if captions not in CAPTIONS:
        raise ValueError(f"captions: unknown value {captions!r}{choices(captions, CAPTIONS)}")
