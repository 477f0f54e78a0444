"""The segments of an image's files, when it is indexed and when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.errors import BadSample, SourceError, choices

from ...formats import hdf5_named
from .. import records
from . import arrays, names, outlines, segments
from .names import OTHERS
from .segments import Legend, Partition

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

    from .spec import SegmentsSpec


class Survey(NamedTuple):
    """What indexing finds. record: what loading needs; left_out: a line for each part without."""

    partition: Partition
    record: dict[str, Any]
    left_out: tuple[str, ...]


@dataclass(slots=True)
class Legends:
    """Legends by the file of their names, each made once."""

    known: dict[str, Legend] = field(default_factory=dict)

    def of(self, spec: SegmentsSpec, named: tuple[bytes, str] | None) -> Legend:
        """The legend of an image. named: the file of its names and its path, None for the recipe's.

        Raises BadSample for a file that is none; SourceError for void or things that no name has.
        """
        path = named[1] if named else ""
        if path not in self.known:
            if len(self.known) > 4096:
                self.known.clear()
            self.known[path] = _legend(spec, named)
        return self.known[path]


def _legend(spec: SegmentsSpec, named: tuple[bytes, str] | None) -> Legend:
    table = spec.table or {}
    if named:
        data, path = named
        if spec.text:
            data = hdf5_named.text(data, spec.text, path)
        table = names.read(data, path, spec.columns)
    shared = not spec.named or not any(pattern.names for pattern in spec.named.patterns)
    void, unseen = _codes(spec.void, table, "void", shared)
    background, none = _codes(spec.background, table, "background", shared)
    background |= {code for code, name in table.items() if name in none}
    every = set(table.values())
    if spec.things and shared and OTHERS not in table and (lost := sorted(spec.things - every)):
        raise SourceError(f"segments.things: {lost[0]!r} is no class{choices(lost[0], every)}")
    return Legend(
        names=table,
        void=frozenset(void),
        unseen=frozenset(unseen),
        background=frozenset(background),
        things=spec.things,
    )


def _codes(
    listed: tuple[str, ...], table: Mapping[int, str], option: str, shared: bool
) -> tuple[set[int], set[str]]:
    """Codes, and names, of a list that may have both. Raises SourceError for what is neither."""
    codes, named = set[int](), set[str]()
    for text in listed:
        if text in table.values():
            named.add(text)
            continue
        try:
            codes.add(names.code_of(text))
        except BadSample as bad:
            if not shared or OTHERS in table:  # other images may have that name
                named.add(text)
                continue
            known = choices(text, table.values())
            raise SourceError(
                f"segments.{option}: {text!r} is no code and no class{known}"
            ) from bad
    return codes, named


def survey(root: Root, entry: Entry, spec: SegmentsSpec, legend: Legend) -> Survey:
    """The segments of an image that is being indexed. Raises BadSample."""
    about: dict[str, Any] = {"coding": spec.coding}
    about |= {"dataset": spec.dataset} if spec.dataset else {}
    about |= {"channels": list(spec.channels)} if spec.channels else {}
    about |= {"resize": True} if spec.resize else {}
    found, left_out = _partition(root, entry, about, legend)
    used = {part.name for part in found.parts} | legend.unseen
    kept = {code: name for code, name in legend.names.items() if name in used or code == OTHERS}
    about["names"] = sorted(kept.items())
    about["void"] = sorted(legend.void)
    about["background"] = sorted(legend.background)
    about["unseen"] = sorted(legend.unseen)
    about["things"] = None if legend.things is None else sorted(legend.things & used)
    return Survey(found, about, left_out)


def load(root: Root, entry: Entry, about: Mapping[str, Any] | None) -> Partition:
    """The segments of an image, by what `survey` noted of it, None if a file was missing then.

    Raises BadSample.
    """
    if about is None:
        lost = next(file for file in entry.files.values() if file.size < 0)
        raise BadSample("missing", f"no segments when {entry.id} was indexed", lost.path)
    legend = Legend(
        names=dict(about["names"]),
        void=frozenset(about["void"]),
        unseen=frozenset(about["unseen"]),
        background=frozenset(about["background"]),
        things=None if about["things"] is None else frozenset(about["things"]),
    )
    return _partition(root, entry, about, legend)[0]


def _partition(
    root: Root, entry: Entry, about: Mapping[str, Any], legend: Legend
) -> tuple[Partition, tuple[str, ...]]:
    path, coding = entry.files["segments"].path, about["coding"]
    data = records.read(root, entry, "segments")
    size = entry.width, entry.height
    if coding in outlines.CODINGS:
        return outlines.read(data, coding, legend, size, path)
    maps = [(data, path, about.get("dataset", ""))]
    if "instances" in entry.files:
        other = records.read(root, entry, "instances")
        maps.append((other, entry.files["instances"].path, ""))
    read = []
    for role, (content, file, dataset) in zip(("index", "ids"), maps, strict=False):
        stored = arrays.numbers(content, file, dataset, about.get("channels", ()))
        codes = segments.codes(stored, coding if role == "index" else role, file)
        codes = arrays.fitted(
            codes, size, "segments.resize", file, resize=about.get("resize", False)
        )
        read.append(codes)
    instances = read[1] if len(read) > 1 else None
    return segments.partition(read[0], instances, coding, legend, path), ()
