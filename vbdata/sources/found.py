"""What is found in a folder of unknown data: a source that a recipe could have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """An option that no file says, so that a person has to. choices: what it may be, in words.

    example: a value as YAML, which stands in the recipe as a comment.
    """

    choices: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Data that one reader can read.

    name: for the source, "" for that of its folder; root: a folder, "" for the whole; about: what
    was seen, in a line; count: how many records, at least; labels: kinds that they have; unfit:
    tasks that these labels cannot serve; options: of the reader, in which a Blank is to be filled
    in; notes: lines on what else may be set or is there; files: those that belong to it; shared:
    others that it reads and that may be another's, too; lacking: why it cannot be a source yet, ""
    if it can.
    """

    root: str
    about: str
    count: int
    labels: tuple[str, ...]
    files: frozenset[str]
    name: str = ""
    unfit: tuple[str, ...] = ()
    options: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    lacking: str = ""
