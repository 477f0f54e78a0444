"""Classes that an image is known not to have, of which prompts ask on purpose."""

from __future__ import annotations

from collections.abc import Sequence

from vbdata.core.types import Entry


def absent_classes(
    entry: Entry, vocabulary: Sequence[tuple[str, bool]], *, things: bool = False
) -> list[str]:
    """Names of the vocabulary's classes that the image is known not to have, sorted.

    Those that are not marked in it; where annotators looked for some classes only, those of them
    that they did not find (Entry.absent). vocabulary: (name, countable) of all classes of the data;
    things: countable ones only.
    """
    present = {fact.name for fact in entry.classes}
    names = {name for name, thing in vocabulary if thing or not things} - present
    return sorted(names if entry.absent is None else names & set(entry.absent))
