"""One shard of a build as files: targets, control images, masks and captions, byte for byte.

A function of the shard and the options. A file that lists what was written, a line a sample, is
written last: its presence means that the shard is done. An interrupted shard is written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from vbdata import plugins
from vbdata.core import members as names
from vbdata.export.parts.types import (
    PAIRS,
    TEXT2IMAGE,
    ExportOptions,
    Format,
    Item,
    Layout,
    Size,
)
from vbdata.manifest.opened import Build
from vbdata.shard.picture import full_mask
from vbdata.shard.tar import TarMember, members
from vbdata.storage.folder import Folder

STATE = ".vbdata-export"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a key or a task, as a file's name


class WrittenSample(NamedTuple):
    """One line of a finished shard's list.

    item: None if the sample was left out; unseen: whether because of its references; row: its row
    of the manifest, without `shard`; sums: SHA-256 of its files, by path in the exported folder;
    odd: the size for which it was left out, if that is why.
    """

    item: Item | None
    row: dict[str, Any]
    sums: dict[str, str]
    unseen: bool = False
    odd: Size | None = None


def done_path(number: int) -> str:
    """The path, in the exported folder, of the list that a finished shard leaves."""
    return f"{STATE}/{number:05d}.jsonl"


def export_shard(
    build: Build, number: int, options: ExportOptions, form: Format, layout: Layout, out: Folder
) -> None:
    """Write the files of a shard's chosen samples, then the list of them.

    number: the shard's, counted from 0; layout: of all samples. Raises BuildError if the tar
    is not what the manifest says or a name in it cannot be a file's; ValueError or BadSample if it
    is no tar; OSError.
    """
    rows = {row["key"]: row for row in build.shard_rows(number) if options.wants(row)}
    lines: list[str] = []
    keys: list[str] = []
    if rows:
        with build.tar(number) as path:
            for key, parts in _samples(members(path)):
                if key in rows:
                    lines.append(_write(build, rows[key], parts, options, form, layout, out))
                    keys.append(key)
    if keys != list(rows):
        tar = build.manifest.shards[number].tar
        raise build.damaged(f"{tar}: its keys are not those of the manifest's rows, in order")
    out.write(done_path(number), "".join(lines).encode())


def read_done(out: Folder, number: int) -> Iterator[WrittenSample]:
    """The list of a finished shard, by its number, in the order of the keys."""
    for text in out.read(done_path(number)).splitlines():
        line = json.loads(text)
        item = None
        if line["item"]:
            item = Item(**line["item"] | {"references": tuple(line["item"]["references"])})
        odd = tuple(line["odd"]) if "odd" in line else None
        yield WrittenSample(item, line["row"], line["sums"], line.get("unseen", False), odd)


def _samples(packed: Iterator[TarMember]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key and files by extension of each sample: members of one key follow one another."""
    key, parts = "", dict[str, bytes]()
    for member in packed:
        if member.key != key and parts:
            yield key, parts
            parts = {}
        key = member.key
        parts[member.extension] = member.data
    if parts:
        yield key, parts


def _write(
    build: Build,
    row: dict[str, Any],
    parts: Mapping[str, bytes],
    options: ExportOptions,
    form: Format,
    layout: Layout,
    out: Folder,
) -> str:
    """Write one sample's files and return its line of the list."""
    kept = {name: value for name, value in row.items() if name != "shard"}
    left_out: dict[str, Any] = {"item": None, "row": {}, "sums": {}}
    if row["blank_input"] and options.blank == "skip":
        return json.dumps(left_out) + "\n"
    size = row["width"], row["height"]
    if size in layout.odd and options.odd_sizes == "skip":
        return json.dumps(left_out | {"odd": size}) + "\n"
    if names.references(parts) and not (form.REFERENCES and layout.model.several):
        return json.dumps(left_out | {"unseen": True}) + "\n"
    lacking = [role for role in sorted(names.ALWAYS) if not names.named(parts, role)]
    if names.VALID not in parts and not plugins.photograph(row["task"]):
        lacking.append(names.VALID)
    if lacking:
        raise build.damaged(f"{row['key']} has no member {lacking[0]}")
    item = _item(build, row, options, form, parts, layout.groups.get(size, 0))
    sums = {}
    for path, data in _files(item, form, parts).items():
        out.write(path, data)
        sums[path] = hashlib.sha256(data).hexdigest()
    line = {"item": asdict(item), "row": kept, "sums": sums}
    return json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"


def _files(item: Item, form: Format, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a sample, by path; a photograph without a mask gets one."""
    found = {
        item.target: parts[names.named(parts, names.TARGET)],
        item.control: parts[names.named(parts, names.INPUT)],
    }
    for path, name in zip(item.references, names.references(parts), strict=True):
        found[path] = parts[name]
    if item.mask:
        found[item.mask] = parts.get(names.VALID) or full_mask(item.height, item.width)
    if form.CAPTION_FILES:
        found[f"{item.target.rpartition('.')[0]}.txt"] = parts[names.INSTRUCTION]
    return {path: data for path, data in found.items() if path}


def _item(
    build: Build,
    row: Mapping[str, Any],
    options: ExportOptions,
    form: Format,
    parts: Mapping[str, bytes],
    group: int,
) -> Item:
    """A sample's item; group: of its size, whose samples have folders of their own from 1 on."""
    alone = row["blank_input"] and options.blank == "apart"
    part = row["task"] if options.split_by_task else TEXT2IMAGE if alone else PAIRS
    part += f"-{group + 1}" if group else ""
    references = names.references(parts)
    part += f"-references{len(references)}" if references else ""
    for name in (row["key"], part):
        if not NAME.fullmatch(name):
            raise build.damaged(f"{name!r} cannot be the name of a file")
    masked = form.MASKS and options.masks
    given, target = (names.kind(names.named(parts, role)) for role in (names.INPUT, names.TARGET))
    return Item(
        part=part,
        key=row["key"],
        source=row["source"],
        task=row["task"],
        license=row["license"],
        caption=row["instruction"],
        width=row["width"],
        height=row["height"],
        target=f"{part}/target/{row['key']}.{target}",
        control="" if alone else f"{part}/control/{row['key']}.{given}",
        mask=f"{part}/mask/{row['key']}.png" if masked else "",
        references=tuple(
            f"{part}/{names.role(name)}/{row['key']}.{names.kind(name)}" for name in references
        ),
    )
