"""Entries of the reader `parquet`: a row, its pictures, its facts, and what `load` will need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample

from .. import picture_files, records
from . import grouping, labels, pictures, tables
from .pictures import Context, Draft
from .tables import Lost, Row

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    from .spec import Spec

UNKNOWN = "unknown"


def frame_of(spec: Spec) -> str:
    """The frame of pictures: shown, but where labels lie on their pixels it has to be said."""
    return spec.exif or (picture_files.UNSAID if spec.maps else picture_files.SHOWN)


def wanted(spec: Spec) -> tables.Wanted:
    """The columns that a source reads, each with its option."""
    options = {"image": "image", "instances": "segments.instances"}
    shown = {column: options.get(role, f"{role}.column") for role, column in spec.pictures.items()}
    texts = {column: option for option, column in spec.texts()}
    texts |= dict.fromkeys(grouping.columns(spec.group), "group")
    return tables.Wanted(shown, {c: o for c, o in texts.items() if c not in shown})


def entries(root: Root, files: list[FileRef], about: Context) -> Iterator[Entry]:
    """The entries of all files in order of their ids, a fault for rows that cannot be read."""
    columns = wanted(about.spec)
    for file in sorted(files, key=lambda file: f"{file.path}/"):
        for row in tables.rows(root, file, columns):
            yield _lost(file, row, about) if isinstance(row, Lost) else _entry(file, row, about)


def _lost(file: FileRef, lost: Lost, about: Context) -> Entry:
    if not lost.rows:
        return records.faulty(_bare(f"{file.path}/", about), lost.bad, file.path)
    name = f"{file.path}/{lost.first:09d}"
    where = f"rows {lost.first} to {lost.first + lost.rows - 1} of {file.path}"
    return records.faulty(_bare(name, about), lost.bad, where)


def _bare(name: str, about: Context) -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(
        id=name,
        group=f"{about.prefix}:{name}",
        width=0,
        height=0,
        license=about.spec.licence or UNKNOWN,
        files={},
        labels=(),
    )


def _entry(file: FileRef, row: Row, about: Context) -> Entry:
    """A row's entry, or its fault."""
    bare = _bare(f"{file.path}/{row.number:09d}", about)
    draft = Draft(bare, row, about={"row": row.number, "cells": {}})
    draft.about |= {"exif": about.frame} if about.frame else {}
    draft.about |= {"stated": True} if about.spec.size else {}
    try:
        group = grouping.of(about.spec.group, row, file.path, about.prefix)
        draft.entry = replace(bare, group=group)
        pictures.add(draft, file, "image", about)
        draft.entry = pictures.sized(draft, "image", about.spec.size, about)
        labels.add_camera(draft, about)
    except BadSample as bad:
        return records.faulty(draft.entry, bad, f"row {row.number} of {file.path}")
    for kind, add in labels.ADDED.items():
        if kind != "captions" and getattr(about.spec, kind) is None:
            continue
        if draft.entry.references and kind != "edited":
            if kind != "captions" or about.spec.captions:
                draft.lost.append(f"left out: {kind}: the row has several pictures, for an edit")
            continue
        before = draft.entry, dict(draft.about), dict(draft.about["cells"])
        try:
            add(draft, file, about)
        except BadSample as bad:
            draft.entry, draft.about = before[0], before[1] | {"cells": before[2]}
            draft.lost.append(f"{bad.reason}: {kind}: {bad.detail}")
    packed = records.pack(draft.about)
    entry = replace(draft.entry, labels=tuple(draft.labels), record=packed)
    if draft.lost and not draft.labels:
        reason, _, detail = draft.lost[0].partition(": ")
        return replace(entry, fault=f"{reason}: row {row.number} of {file.path}: {detail}")
    return replace(entry, left_out=tuple(draft.lost))
