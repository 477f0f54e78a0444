"""A source's index under its filters of classes and areas: what its entries show then.

The index of the reader stays what it is, and is cached as such; here every entry of it is written
again with the names of `classes:` and without the instances under `min_area:`. What a sample's
label has to be changed stands in the entry (Entry.relabel, Entry.hidden), and so in its digest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata.core.filters import ClassRules, Filters
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import RecipeError, SourceError, choices, one_line
from vbdata.index.entries import Entries, Writer
from vbdata.index.facts import FACTS
from vbdata.index.rows import BATCH

COUNTS: Final = b"vbdata.filtered"  # key of the facts' metadata: what was left out, as JSON
LARGEST = "largest"  # among the counts: pixels of the largest instance
MOST_NAMES = 100  # of classes that a message lists
Vocabulary = Mapping[str, bool]  # class -> whether all that the data have of it can be counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """What becomes of the classes of a source that do not stay what they are.

    names: name in the data -> (name, countable), ("", False) if it is dropped; groups: name -> the
    names in the data that become it; min_area: pixels of the smallest instance.
    """

    names: Mapping[str, tuple[str, bool]]
    groups: Mapping[str, frozenset[str]]
    min_area: int

    def plain(self) -> list[Any]:
        """The renaming as JSON values, which a cache knows it by."""
        return [sorted((old, *new) for old, new in self.names.items()), self.min_area]


def renaming(name: str, filters: Filters, vocabulary: Vocabulary) -> Renaming:
    """The renaming that a source's filters ask for. name: the source's.

    Raises RecipeError for a class that the data do not have, and for a new name that they have.
    """
    faults = list(_faults(filters.classes, vocabulary))
    if faults:
        raise RecipeError(f"sources.{name}.classes.{fault}" for fault in faults)
    groups: dict[str, set[str]] = {}
    for old in vocabulary:
        groups.setdefault(filters.classes.name_of(old), set()).add(old)
    names = {
        old: (new, bool(new) and all(vocabulary[each] for each in olds))
        for new, olds in groups.items()
        for old in olds
        if new != old or len(olds) > 1
    }
    touched = {new: frozenset(groups[new]) for new, _ in names.values() if new}
    return Renaming(names=names, groups=touched, min_area=filters.min_area)


def relabel(source: str, wanted: Renaming, entries: Entries, files: Sequence[Path]) -> None:
    """Write facts and entries of an index under a renaming, with counts of what is left out.

    source: its name, for messages; files: where facts and entries go. Raises SourceError for
    entries that do not say enough of their classes.
    """
    counts = Counter[str]()
    changed = (_changed(source, entry, wanted, counts) for entry in entries)
    with pq.ParquetWriter(files[0], FACTS) as facts, Writer(files[1]) as stored:
        for table in _tables(changed, stored):
            facts.write_table(table)
        largest = counts.pop(LARGEST, 0)
        told = {what: count for what, count in sorted(counts.items()) if count}
        facts.add_key_value_metadata({COUNTS: json.dumps([told, largest])})


def filtered_counts(facts: pa.Table) -> tuple[dict[str, int], int]:
    """What filters of classes and areas changed in an index, and pixels of its largest instance.

    facts: of the index. Counts are by what was changed; none and 0 where there is no such filter.
    """
    stored = (facts.schema.metadata or {}).get(COUNTS)
    counts, largest = json.loads(stored) if stored else ({}, 0)
    return counts, largest


def _faults(rules: ClassRules, known: Vocabulary) -> Iterator[str]:
    given = {
        "keep": [name for name in rules.keep if name not in {*rules.names.values()}],
        "drop": [name for name in rules.drop if name not in {*rules.names.values()}],
        "rename": list(rules.rename),
        "merge": [old for olds in rules.merge.values() for old in olds],
    }
    for key, names in given.items():
        for name in names:
            if name not in known:
                yield f"{key}: {name!r} is no class of the data{_known(name, known)}"
    for old, new in rules.rename.items():
        if new in known and new not in rules.names:
            yield f"rename: {old!r} to {new!r}, which is a class of the data: use merge"


def _known(name: str, known: Vocabulary) -> str:
    told, some = choices(name, known), ", ".join(sorted(known)[:9])
    if len(known) <= MOST_NAMES:
        return told
    return f"{told.partition(' Known: ')[0]} It has {len(known)}, such as {some}"


def _tables(entries: Iterator[Entry], stored: Writer) -> Iterator[pa.Table]:
    while batch := list(islice(entries, BATCH)):
        yield stored.write(batch)


def _changed(source: str, entry: Entry, wanted: Renaming, counts: Counter[str]) -> Entry:
    """An entry under a renaming; what is left out of it is added to the counts."""
    if not entry.classes and entry.absent is None:
        return entry
    hidden = {
        place: fact.name
        for fact in entry.classes
        for place in _small(source, entry, fact, wanted, counts)
    }
    dropped = set(hidden)
    kept: dict[str, list[ClassFact]] = {}
    for fact in entry.classes:
        new, thing = wanted.names.get(fact.name, (fact.name, fact.thing))
        segments = len(fact.parts) or max(fact.instances, 1)
        if not new:
            counts["segments of dropped classes"] += segments
            dropped.update(place for place, _ in fact.parts)
            if entry.expressions and not fact.parts:
                raise SourceError(
                    f"source {source!r}: classes: {one_line(entry.id)} has expressions, and its "
                    "reader does not say which segments are of a class (ClassFact.parts)"
                )
            continue
        counts["segments under another name"] += segments * (new != fact.name)
        if left := _without(fact, hidden):
            kept.setdefault(new, []).append(replace(left, name=new, thing=thing))
    expressions = tuple(e for e in entry.expressions if not dropped.intersection(e.targets))
    counts["expressions of segments that are left out"] += len(entry.expressions) - len(expressions)
    return replace(
        entry,
        classes=tuple(_joined(facts) for _, facts in sorted(kept.items())),
        expressions=expressions,
        absent=_absent(entry, wanted),
        relabel=_relabel(entry, wanted),
        hidden=tuple(sorted(hidden.items())),
    )


def _small(
    source: str, entry: Entry, fact: ClassFact, wanted: Renaming, counts: Counter[str]
) -> list[int]:
    """The places of a class's instances under the least area; none of a class that is dropped."""
    if not wanted.names.get(fact.name, (fact.name, True))[0] or not fact.instances:
        return []
    counts[LARGEST] = max(counts[LARGEST], *(area for _, area in fact.parts), fact.smallest)
    if fact.smallest >= wanted.min_area:
        return []
    if not fact.parts:
        raise SourceError(
            f"source {source!r}: min_area: of {one_line(entry.id)} its reader does not say how "
            "large each instance is (ClassFact.parts)"
        )
    small = [place for place, area in fact.parts if 0 <= area < wanted.min_area]
    counts["instances under min_area"] += len(small)
    return small


def _without(fact: ClassFact, hidden: Collection[int]) -> ClassFact | None:
    """A class's fact without its hidden instances, None if nothing of it is left."""
    if all(place not in hidden for place, _ in fact.parts):
        return fact
    parts = tuple(part for part in fact.parts if part[0] not in hidden)
    areas = [area for _, area in parts if area >= 0]
    smallest = min(areas, default=0)
    left = replace(fact, instances=len(areas), smallest=smallest, parts=parts)
    return left if parts else None


def _joined(facts: Sequence[ClassFact]) -> ClassFact:
    """One fact of several of one name; what cannot be counted has no instances."""
    (first, *_), thing = facts, all(fact.thing for fact in facts)
    areas = [fact.smallest for fact in facts if fact.instances]
    parts = sorted(part for fact in facts for part in fact.parts)
    return ClassFact(
        name=first.name,
        thing=thing,
        instances=sum(fact.instances for fact in facts) if thing else 0,
        smallest=min(areas, default=0) if thing else 0,
        parts=tuple(parts if thing else ((place, -1) for place, _ in parts)),
    )


def _relabel(entry: Entry, wanted: Renaming) -> tuple[tuple[str, str, bool], ...]:
    """The part of a renaming that an entry's label may need.

    That is of the classes that it has. Where annotators looked for some classes only, the whole: a
    class of several is known in all of an image only if each of them is.
    """
    names = wanted.names if entry.absent is not None else {fact.name for fact in entry.classes}
    return tuple((old, *wanted.names[old]) for old in sorted(names) if old in wanted.names)


def _absent(entry: Entry, wanted: Renaming) -> tuple[str, ...] | None:
    """The absent classes under a renaming: of several that become one, if all are absent."""
    if entry.absent is None:
        return None
    absent = set(entry.absent)
    new = {wanted.names.get(old, (old, True))[0] for old in absent} - {""}
    return tuple(sorted(name for name in new if wanted.groups.get(name, {name}) <= absent))


def countable(facts: Iterable[tuple[str, bool]]) -> Vocabulary:
    """The vocabulary of (class, countable) pairs: countable is what always is."""
    found: dict[str, bool] = {}
    for name, thing in facts:
        found[name] = found.get(name, True) and thing
    return found
