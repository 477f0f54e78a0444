"""What the parts of a triplet are called in a table or a tar: as asked for, or as usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vbdata.core.types import Entry

from .. import own_records as own

EDITED = ("edited",)
ROLES = ("image", "edited")
ALIASES = {
    "input_key": (
        *("original_image_file_name", "original_image", "input_image", "source_image"),
        *("original", "input", "source"),
    ),
    "output_key": (
        *("edited_image_file_name", "edited_image", "target_image"),
        *("edited", "output", "target"),
    ),
    "instruction_key": ("edit_prompt", "edit_instruction", "instruction", "prompt"),
}


class Names(NamedTuple):
    """What the parts of a triplet are called, in a table or a tar; "": still to be guessed.

    frame: in which the images are wanted (pipelines.parts.picture_files).
    """

    input: str
    output: str
    instruction: str
    frame: str


def names(wanted: Names, sides: Sequence[list[str]], path: str) -> Names:
    """What all parts are called. sides: for each the names that are there. Raises SourceError."""
    before, after, instruction = map(_name, ALIASES, wanted, sides, [path] * 3)
    return Names(before, after, instruction, wanted.frame)


def _name(option: str, wanted: str, there: list[str], path: str) -> str:
    """What a part is called: as wanted, else by the first usual name. Raises SourceError."""
    for name in (wanted,) if wanted else (*ALIASES[option], "txt"):
        if name in there:
            return name
    raise own.absent(option, wanted, there, path)


def bare(name: str) -> Entry:
    """An entry of which nothing is known but its name, and no group yet."""
    return Entry(
        id=name,
        group="",
        width=0,
        height=0,
        license="unknown",
        files={},
        labels=EDITED,
    )
