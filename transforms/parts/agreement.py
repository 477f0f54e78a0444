"""Where a target, its mask of valid pixels, its params and its prompt contradict each other.

What tasks share to answer `vbdata verify`, which asks them (`contradictions`, `unsaid`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vbdata.core.arrays import Array
from vbdata.core.prompts import Choice, Slot, Text, wording

from . import colours


def mask_faults(drawn: Array, valid: Array, what: str) -> list[str]:
    """A sentence if a target does not draw something in exactly the valid pixels.

    drawn, valid: bool[..., H, W]; what: the thing, for the sentence.
    """
    wrong = int((drawn != valid).sum())
    text = f"{wrong} pixels have {what} in the target but not in valid.png, or the other way round"
    return [text] if wrong else []


def outside_faults(painted: Array, valid: Array) -> list[str]:
    """A sentence if pixels are painted that are not valid; both bool[..., H, W].

    An invalid pixel belongs to no segment (vbdata.core.labels.Segments), so it is background.
    """
    wrong = int((painted & ~valid).sum())
    return [f"{wrong} pixels are painted that valid.png calls not valid"] if wrong else []


def palette_faults(table: Sequence[colours.Rgb]) -> list[str]:
    """A sentence if two entries of a legend, or an entry and the background, share a colour."""
    return ["its params have a colour twice"] if len(set(table)) < len(table) else []


def unsaid_legend(instruction: str, legend: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each entry that an instruction does not state with its own colour."""
    missing = []
    forms: Sequence[tuple[str, str]] = _forms()
    for entry in legend:
        name, rgb = str(entry["name"]), (entry["rgb"][0], entry["rgb"][1], entry["rgb"][2])
        said = next((f for f in forms if _pair(name, rgb, *f) in instruction), None)
        if said is None:
            missing.append(f"{name!r} in {colours.say(rgb, 'tuple')}")
        else:
            forms = (said, *(f for f in forms if f != said))  # a prompt mostly keeps to one
    return [f"the instruction does not say {text}" for text in missing]


@functools.cache
def _forms() -> tuple[tuple[str, str], ...]:
    pairs = ("{n} in {c}", "{c} for {n}", "{n}: {c}", "{n} -> {c}", '"{n}" in {c}')
    quoted = ("{j}: {k}", "{r}: {q}", "{r}: {c}")  # JSON, a dict, a dict of tuples
    return tuple((pair, style) for pair in (*pairs, *quoted) for style in colours.FORMATS)


def _pair(name: str, rgb: colours.Rgb, pair: str, style: str) -> str:
    """A name and its colour as a prompt would say them; a text that no prompt has, if it cannot."""
    try:
        colour = colours.say(rgb, style)
    except ValueError:  # it has no name
        return "\0"
    bare = name.rstrip(" .") if "in {c}" in pair else name
    return pair.format(
        n=bare,
        c=colour,
        j=json.dumps(name, ensure_ascii=False),
        k=json.dumps(colour),
        r=repr(name),
        q=repr(colour),
    )


def says_phrase(task: str, name: str, key: str, instruction: str) -> bool:
    """Whether an instruction has one of the phrases that a task's file lists under `name`, `key`.

    Raises KeyError if the file has no such name or key.
    """
    return _phrases(task, name)[key].search(instruction) is not None


@functools.cache
def _phrases(task: str, name: str) -> Mapping[str, re.Pattern[str]]:
    listed = wording(task).phrases[name]
    return {k: re.compile("|".join(map(_expression, texts))) for k, texts in listed.items()}


def _expression(text: Text) -> str:
    return "".join(_pieces(text))


def _pieces(text: Text) -> Iterator[str]:
    """A parsed phrase as a regular expression, piece by piece."""
    for part in text:
        if isinstance(part, Choice):
            yield f"(?:{'|'.join(map(_expression, part.options))})"
        elif not isinstance(part, Slot):
            yield re.escape(part)
