"""Texts of an entry as prompts can say them, whatever its reader yields."""

from __future__ import annotations

from dataclasses import replace

from vbdata.core.texts import MOST_TEXT, seen
from vbdata.core.types import Entry, Expression


def presentable(entry: Entry) -> Entry:
    """The entry with captions, instructions and expressions that a prompt can say.

    Characters that cannot be seen are taken out of them (vbdata.core.texts.seen). A text that is
    blank then, or longer than MOST_TEXT characters, is left out; white space stays as it is. Most
    entries have no such text and are returned as they are.
    """
    spoken = (*entry.captions, *entry.instructions, *(e.text for e in entry.expressions))
    every = "".join(spoken)
    if (len(every) <= MOST_TEXT and _is_simple(every)) or all(map(_is_plain, spoken)):
        return entry
    captions, instructions = (
        tuple(dict.fromkeys(filter(None, map(_plain, texts))))
        for texts in (entry.captions, entry.instructions)
    )
    pairs = [(_plain(one.text), one.targets) for one in entry.expressions]
    expressions = tuple(Expression(text=text, targets=targets) for text, targets in pairs if text)
    return replace(entry, captions=captions, instructions=instructions, expressions=expressions)


def _is_plain(text: str) -> bool:
    """Whether a text is seldom to be looked at further: short, with nothing unseen in it."""
    return len(text) <= MOST_TEXT and (_is_simple(text) or _plain(text) == text)


def _is_simple(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _plain(text: str) -> str:
    """The text without what cannot be seen, "" for one that no prompt can have."""
    visible = seen(text)
    if len(visible) > MOST_TEXT:
        return ""
    return text if visible == " ".join(text.split()) else visible
