"""Triplets of WebDataset tars: the members of one key each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample

from ...formats import tars
from ...formats.tars import Parts
from .. import own_records as own
from .. import records
from . import records as triplet
from .names import EDITED, ROLES, Names, bare, names

if TYPE_CHECKING:
    from vbdata.storage.folder import Root


def of_tar(root: Root, tar: FileRef, wanted: Names) -> Iterator[Entry]:
    """The entries of a tar in order of their keys, after one fault if the tar is damaged."""
    samples, damage = tars.samples(root, tar.path, tar.size)
    if damage:
        yield records.faulty(bare(f"{tar.path}/"), damage, tar.path)
    if not samples:
        return
    pictures, texts = triplet.columns(samples)
    sides = (pictures, pictures, texts)
    called = names(wanted, sides, tar.path)
    for key in sorted(samples):
        entry = bare(f"{tar.path}/{key}")
        try:
            yield _of_sample(root, entry, tar, samples[key], called)
        except BadSample as bad:
            yield records.faulty(entry, bad, f"{key} in {tar.path}")


def _of_sample(root: Root, entry: Entry, tar: FileRef, parts: Parts, called: Names) -> Entry:
    """The entry of a tar's sample. Raises BadSample."""
    if parts.twice:
        raise own.garbled(f"two members .{parts.twice}")
    spans = {role: triplet.image(parts, name) for role, name in zip(ROLES, called, strict=False)}
    row = parts.table()
    instruction = row.get(called.instruction)
    for extension in (f"{called.instruction}.txt", called.instruction):
        if instruction is None and extension in parts.texts:
            instruction = own.decoded(parts.texts[extension], "instruction")
    more = triplet.references(parts)
    record = records.pack(own.framed(spans | more, called.frame))
    entry = replace(
        entry,
        files=dict.fromkeys((*ROLES, *more), tar),
        record=record,
        labels=EDITED,
        references=len(more),
    )
    entry = triplet.described(entry, row, instruction)
    return own.measured(root, entry, called.frame, spans["image"])
