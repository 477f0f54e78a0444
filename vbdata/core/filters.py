"""Filters of a source: which of its records a recipe takes, and what it calls their classes.

A recipe's keys and their checks are in vbdata.recipe.filters. Records are chosen while a build is
planned (vbdata.planning.filters), classes while its index is made (vbdata.index.relabel).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Records by name.

    patterns: ids, groups, or globs of them, in which * is any text, ? a character and [ab] one of
    some; files: name of a list file -> the ids and groups in it.
    """

    patterns: tuple[str, ...] = ()
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRules:
    """Which classes are used, under which names; the others are background.

    keep: the only ones, empty for all; drop: all but these; both name classes of the data or names
    of rename and merge; rename: name in the data -> name; merge: name -> names in the data that
    become that one.
    """

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    merge: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """Name in the data -> the other name that it gets."""
        merged = {old: new for new, olds in self.merge.items() for old in olds}
        return {**self.rename, **merged}

    def name_of(self, name: str) -> str:
        """What a class of the data is called, "" if it is not used."""
        new = self.names.get(name, name)
        if {name, new}.intersection(self.drop):
            return ""
        return "" if self.keep and not {name, new}.intersection(self.keep) else new


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of a source; the default of each lets everything through.

    only, without: records by name; classes: which are used; min_area: pixels of the smallest
    instance that is used, those below are not valid; min_instances: how many a record has at least,
    of the classes and the size that are used; min_size: (width, height) of the smallest picture;
    where: a condition on a record's facts, as text (vbdata.recipe.where).
    """

    only: Picked | None = None
    without: Picked | None = None
    classes: ClassRules = ClassRules()
    min_area: int = 0
    min_instances: int = 0
    min_size: tuple[int, int] = (0, 0)
    where: str = ""

    def __bool__(self) -> bool:
        """Whether any of them is set."""
        default = Filters()
        return any(getattr(self, f.name) != getattr(default, f.name) for f in fields(self))

    @property
    def labels(self) -> bool:
        """Whether what records show is changed, and not only which of them are used."""
        return bool(self.min_area) or self.classes != ClassRules()
