"""Photographs of SA-1B and the JSON of each: beside each other, or the members of a tar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample

from ...formats import tars
from .. import own_records as own
from .. import records
from . import masks
from .masks import Kept

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

FILE = re.compile(r"(?P<stem>(?:.*/)?sa_\d+)\.(?P<type>jpe?g|json)", re.IGNORECASE)
SPAN = 2000  # photographs that are indexed together
LABELS = ("segments",)


def spans(listed: Iterable[FileRef]) -> Iterator[tuple[FileRef, ...]]:
    """The files of SPAN photographs at a time, in the order of their ids.

    Photographs without a JSON, such as those of SA-Co, and JSON files alone count where any
    photograph has both.
    """
    stems: dict[str, list[FileRef]] = {}
    both = False
    for file in listed:
        if match := FILE.fullmatch(file.path):
            stems.setdefault(match["stem"], []).append(file)
            both |= len(stems[match["stem"]]) > 1
    names = sorted(stems) if both else []
    for start in range(0, len(names), SPAN):
        yield tuple(file for name in names[start : start + SPAN] for file in stems[name])


def of_files(root: Root, files: Sequence[FileRef], licence: str, wanted: Kept) -> Iterator[Entry]:
    """The photographs among some files, in order of their ids."""
    stems: dict[str, dict[str, FileRef]] = {}
    twice: dict[str, str] = {}
    for file in files:
        match = FILE.fullmatch(file.path)
        assert match  # spans has only such
        role = "segments" if match["type"].lower() == "json" else "image"
        if stems.setdefault(match["stem"], {}).setdefault(role, file) is not file:
            twice[match["stem"]] = file.path
    for name in sorted(stems):
        entry = _bare(name, licence)
        there = stems[name]
        expected = {"image": f"{name}.jpg", "segments": f"{name}.json"}
        roles = {
            r: there.get(r, FileRef(path=p, size=records.MISSING)) for r, p in expected.items()
        }
        entry = replace(entry, files=roles)
        try:
            if roles["segments"].size < 0:
                raise BadSample("missing", f"no {expected['segments']}")
            if name in twice:
                raise own.garbled(f"two files of one name and kind: {twice[name]} too")
            text = records.read(root, entry, "segments")
            yield _described(entry, text, wanted, {})
        except BadSample as bad:
            yield records.faulty(entry, bad, name)


def of_tar(root: Root, files: Sequence[FileRef], licence: str, wanted: Kept) -> Iterator[Entry]:
    """The photographs of a tar in order of their ids, after one fault if the tar is damaged."""
    (tar,) = files
    samples, damage = tars.samples(root, tar.path, tar.size)
    if damage:
        yield records.faulty(_bare(f"{tar.path}/", licence), damage, tar.path)
    named = {key.removeprefix("./"): parts for key, parts in samples.items()}
    for key, parts in sorted(named.items()):
        entry = replace(_bare(f"{tar.path}/{key}", licence), files={"image": tar, "segments": tar})
        try:
            images = [parts.spans[kind] for kind in ("jpg", "jpeg") if kind in parts.spans]
            image = images[0] if images else None
            note = parts.spans.get("json")
            if image is None or note is None:
                raise BadSample("missing", f"no .jpg and .json among {sorted(parts.spans)}")
            if parts.twice or len(images) > 1:
                raise own.garbled(f"two members .{parts.twice or 'jpg and .jpeg'}")
            text = parts.texts.get("json") or tars.read(root, tar.path, note)
            yield _described(entry, text, wanted, {"image": image, "segments": note})
        except BadSample as bad:
            yield records.faulty(entry, bad, f"{key} in {tar.path}")


def _bare(name: str, licence: str) -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(
        id=name,
        group=f"sa1b:{name.rpartition('/')[2]}",
        width=0,
        height=0,
        license=licence,
        files={},
        labels=LABELS,
    )


def _described(entry: Entry, text: bytes, wanted: Kept, spans: dict[str, tars.Span]) -> Entry:
    """The entry with what its JSON says. spans: where its members are. Raises BadSample."""
    size, facts, left_out = masks.facts(text, wanted)
    entry = own.sized(entry, size)
    record = records.pack({"kept": wanted, **spans})
    below = f"left out: masks below min_iou or min_stability: {left_out}"
    return replace(entry, classes=facts, record=record, left_out=(below,) if left_out else ())
