"""One record of triplets.py, a line or a tar's sample: its parts, its facts, its faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vbdata.core.types import Entry
from vbdata.errors import BadSample

from ...formats.tars import Parts, Span
from .. import own_records as own
from ..own_records import garbled, measured, row

__all__ = ["columns", "decoded", "described", "garbled", "image", "measured", "row"]


def columns(samples: dict[str, Parts]) -> tuple[list[str], list[str]]:
    """What the images of a tar's samples are called, and what may be an instruction."""
    pictures, texts = dict[str, None](), dict[str, None]()
    for parts in samples.values():
        for extension in parts.spans:
            pictures |= dict.fromkeys(_names_of_image(extension))
        texts |= dict.fromkeys(row(parts.texts.get("json", b"{}")) or ())
        texts |= dict.fromkeys(extension.removesuffix(".txt") for extension in parts.texts)
    return list(pictures), [name for name in texts if name != "json"]


def image(parts: Parts, name: str) -> Span:
    """The member of an image. Raises BadSample("missing")."""
    known = [each for each in parts.spans if name in _names_of_image(each)]
    if len(known) != 1:
        raise BadSample("missing", f"{len(known)} images {name!r} among {sorted(parts.spans)}")
    return parts.spans[known[0]]


def _names_of_image(extension: str) -> tuple[str, ...]:
    """What a member may be called if it is an image: with and without its file type."""
    stem, _, kind = extension.rpartition(".")
    return (extension, stem) if kind.lower() in own.KINDS else ()


def decoded(text: bytes) -> str:
    """An instruction's text. Raises BadSample."""
    return own.decoded(text, "instruction")


def described(entry: Entry, row: dict[str, Any], said: Any) -> Entry:
    """The entry with all that its record says. Raises BadSample."""
    entry = own.described(entry, row)
    return replace(entry, instructions=own.texts(said, "instruction"))
