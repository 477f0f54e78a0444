"""One record of the reader `triplets`: the members of a tar's sample, and what a record says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vbdata.core.members import MOST, REFERENCE
from vbdata.core.types import Entry
from vbdata.errors import BadSample

from ...formats.tars import Parts, Span
from .. import own_records as own


def columns(samples: dict[str, Parts]) -> tuple[list[str], list[str]]:
    """Names of a tar's members that may be images, and of those that may be instructions."""
    pictures, texts = dict[str, None](), dict[str, None]()
    for parts in samples.values():
        for extension in parts.spans:
            pictures |= dict.fromkeys(_names_of_image(extension))
        texts |= dict.fromkeys(own.row(parts.texts.get("json", b"{}")) or ())
        texts |= dict.fromkeys(extension.removesuffix(".txt") for extension in parts.texts)
    return list(pictures), [name for name in texts if name != "json"]


def image(parts: Parts, name: str) -> Span:
    """The one image of a sample that has this name. Raises BadSample("missing")."""
    extensions = [each for each in parts.spans if name in _names_of_image(each)]
    if len(extensions) != 1:
        detail = f"{len(extensions)} images {name!r} among {sorted(parts.spans)}"
        raise BadSample("missing", detail)
    return parts.spans[extensions[0]]


def references(parts: Parts) -> dict[str, Span]:
    """The members of a sample that are references, by role: reference1 to the first that is not."""
    found: dict[str, Span] = {}
    for number in range(1, MOST + 1):
        role = f"{REFERENCE}{number}"
        if not any(role in _names_of_image(each) for each in parts.spans):
            break
        found[role] = image(parts, role)
    return found


def _names_of_image(extension: str) -> tuple[str, ...]:
    """What a member may be called if it is an image: with and without its file type."""
    stem, _, kind = extension.rpartition(".")
    return (extension, stem) if kind.lower() in own.KINDS else ()


def described(entry: Entry, row: dict[str, Any], instruction: Any) -> Entry:
    """The entry with its instructions, and the size, group and licence of its record.

    instruction: a text or a list of texts, as the record has it. Raises BadSample.
    """
    entry = own.described(entry, row)
    return replace(entry, instructions=own.texts(instruction, "instruction"))
