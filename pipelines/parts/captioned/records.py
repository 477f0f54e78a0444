"""One pair of the reader `captioned`: its entry, its captions, and how its parts are named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from vbdata.core.types import Entry
from vbdata.errors import BadSample

from .. import own_records as own

LICENSE = "unknown: set by whoever made the pairs"
LABELS = ("captions",)
IMAGES = ("file_name", "image", "img", "image_path", "path", "file_path", "filepath", "file")
BYTES = ("image", "img", "jpg", "jpeg", "png", "picture", "image_bytes", "bytes")
CAPTIONS = ("text", "caption", "captions", "prompt", "description", "sentences", "sentence")


class Names(NamedTuple):
    """What the two parts of a pair are called, in a table or a tar; "": still to be guessed.

    frame: in which the images are wanted (pipelines.parts.picture_files).
    """

    image: str
    caption: str
    frame: str


def bare(name: str) -> Entry:
    """An entry of which nothing is known but its name, and no group yet."""
    return Entry(
        id=name,
        group="",
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=LABELS,
    )


def captioned(entry: Entry, row: dict[str, Any], captions: Any) -> Entry:
    """The entry with its captions, and the size, group and licence of its record.

    captions: a text or a list of texts, as the record has them. Raises BadSample, "empty label" if
    there are none.
    """
    if captions is None or captions == []:
        raise BadSample("empty label", "no caption")
    return replace(own.described(entry, row), captions=own.texts(captions, "caption"))


def named(option: str, wanted: str, usual: tuple[str, ...], there: Iterable[str], path: str) -> str:
    """The name of a part: as wanted, else the first of the usual ones, in any case.

    option: of the recipe, for messages; there: the names in the file `path`. Raises SourceError.
    """
    names = list(there)
    if name := wanted if wanted in names else "" if wanted else guessed(usual, names):
        return name
    raise own.absent(option, wanted, names, path)


def guessed(usual: tuple[str, ...], there: list[str]) -> str:
    """The first usual name that is there, in any case; "" if none is."""
    return next((name for one in usual for name in there if name.lower() == one), "")
