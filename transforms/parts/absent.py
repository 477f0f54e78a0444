"""Classes that an image is known not to have, of which prompts ask on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def alike(entry: Entry, absent: Sequence[str], lookalikes: Mapping[str, Any]) -> list[str]:
    """Which absent classes look like one that the image has, in their order.

    lookalikes: class -> the classes, a text or a list, that one could take for it.
    """
    fact_names = (fact.name for fact in entry.classes)
    like = {name for present in fact_names for name in _listed(lookalikes.get(present, ()))}
    return [name for name in absent if name in like]


def check_lookalikes(lookalikes: Mapping[str, Any]) -> None:
    """Raise ValueError unless a table has a class or a list of others for each class."""
    for name, others in lookalikes.items():
        listed = _listed(others)
        if not listed or not all(isinstance(other, str) and other for other in listed):
            raise ValueError(f"lookalikes: {name}: should be classes of the data, got {others!r}")
        if name in listed:
            raise ValueError(f"lookalikes: {name}: no class is its own lookalike")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]
