"""One pair of captioned.py: its names, its captions, its faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError

from .. import own_records as own

LICENSE = "unknown: set by whoever made the pairs"
LABELS = ("captions",)
IMAGES = ("file_name", "image", "img", "image_path", "path", "file_path", "filepath", "file")
BYTES = ("image", "img", "jpg", "jpeg", "png", "picture", "image_bytes", "bytes")
CAPTIONS = ("text", "caption", "captions", "prompt", "description", "sentences", "sentence")


class Names(NamedTuple):
    """What the two parts of a pair are called; "" to begin with: to be guessed."""

    image: str
    caption: str


def bare(name: str) -> Entry:
    """An entry of which only the name is known."""
    return Entry(
        id=name,
        group=f"captioned:{name}",
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=LABELS,
    )


def faulty(entry: Entry, bad: BadSample, where: str = "") -> Entry:
    """The entry with its fault. where: what the fault is of."""
    return replace(entry, fault=f"{bad.reason}: {where and where + ': '}{bad.detail}")


def captioned(entry: Entry, row: dict[str, Any], said: Any) -> Entry:
    """The entry with its captions and all else that its record says. Raises BadSample."""
    if said is None or said == []:
        raise BadSample("empty label", "no caption")
    return replace(own.described(entry, row), captions=own.texts(said, "caption"))


def named(option: str, wanted: str, known: tuple[str, ...], found: Iterable[str], path: str) -> str:
    """The name of a part: as wanted, else the first known one, in any case. Raises SourceError."""
    there = list(found)
    if name := wanted if wanted in there else "" if wanted else guessed(known, there):
        return name
    what = f"{option}: {wanted!r}" if wanted else f"{option} is to be set: none of its known names"
    raise SourceError(f"{path}: {what} is not there. Found: {', '.join(sorted(there)) or 'none'}")


def guessed(known: tuple[str, ...], found: list[str]) -> str:
    """The first known name that is there, in any case; "" for none."""
    return next((name for one in known for name in found if name.lower() == one), "")
