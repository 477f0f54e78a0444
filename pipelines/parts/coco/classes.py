"""The classes of a COCO-format file, by id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vbdata.core.texts import seen
from vbdata.errors import SourceError

from .. import records
from . import scalars


class Category(NamedTuple):
    """A class. thing: whether it can be counted."""

    name: str
    thing: bool


Categories = Mapping[int | str, Category]


def categories(
    listed: list[Any], thing: bool, path: str, respelled: Callable[[str], str]
) -> Categories:
    """The classes by id.

    Names are single lines of characters that can be seen. Raises SourceError for a class without a
    name or an id of its own, and for two names that differ in upper and lower case alone: in a
    prompt they are one class, in the targets they would be two.
    """
    found: dict[int | str, Category] = {}
    spelled: dict[str, str] = {}
    for entry in listed:
        entry = entry if isinstance(entry, dict) else {}
        id_, name = scalars.identity(entry.get("id")), entry.get("name")
        name = seen(respelled(name)) if records.text(name) else ""
        if id_ is None or not name or id_ in found:
            raise SourceError(f"{path}: category {entry!r:.200}: expected its own id, and a name")
        if (first := spelled.setdefault(name.casefold(), name)) != name:
            raise SourceError(
                f"{path}: categories {first!r} and {name!r} differ in case alone: give one class "
                "one name, two classes two"
            )
        found[id_] = Category(name, bool(entry.get("isthing", thing)))
    return found


def in_order(categories: Categories) -> list[Category]:
    """The classes of a file by name, each once."""
    return sorted({*categories.values()})
