"""One shard of a build to files: images and masks as their bytes are, captions where wanted.

A function of the shard and the options. What it wrote is told in a file of lines, written last: its
presence is completion, and a shard that was interrupted is written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from vbdata.export.options import PAIRS, TEXT2IMAGE, ExportOptions, Format, Item
from vbdata.manifest.opened import Build
from vbdata.shard.tar import members
from vbdata.storage.folder import Folder

STATE = ".vbdata-export"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a key or a task, as a file's name


class Line(NamedTuple):
    """One sample as told by its shard's file. item: None if it was left out; sums: by path."""

    item: Item | None
    row: dict[str, Any]
    sums: dict[str, str]


def done_path(number: int) -> str:
    """Where a finished shard's lines lie in the exported folder."""
    return f"{STATE}/{number:05d}.jsonl"


def export_shard(
    build: Build, number: int, options: ExportOptions, form: Format, out: Folder
) -> None:
    """Write the chosen samples of a shard, then the file that says so. Raises BuildError."""
    rows = {row["key"]: row for row in build.shard_rows(number) if _wanted(row, options)}
    lines: list[str] = []
    keys: list[str] = []
    if rows:
        with build.tar(number) as path:
            for key, parts in _samples(members(path)):
                if key in rows:
                    lines.append(_write(build, rows[key], parts, options, form, out))
                    keys.append(key)
    if keys != list(rows):
        tar = build.manifest.shards[number].tar
        raise build.damaged(f"{tar}: its keys are not those of the manifest's rows, in order")
    out.write(done_path(number), "".join(lines).encode())


def read_done(out: Folder, number: int) -> Iterator[Line]:
    """The lines of a finished shard."""
    for text in out.read(done_path(number)).splitlines():
        line = json.loads(text)
        item = Item(**line["item"]) if line["item"] else None
        yield Line(item, line["row"], line["sums"])


def _wanted(row: Mapping[str, Any], options: ExportOptions) -> bool:
    by_task = not options.tasks or row["task"] in options.tasks
    return by_task and (not options.sources or row["source"] in options.sources)


def _samples(found: Iterator[Any]) -> Iterator[tuple[str, dict[str, bytes]]]:
    key, parts = "", dict[str, bytes]()
    for member in found:
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
    out: Folder,
) -> str:
    """Write one sample's files; its line."""
    kept = {name: value for name, value in row.items() if name != "shard"}
    if row["blank_input"] and options.blank == "skip":
        return json.dumps({"item": None, "row": {}, "sums": {}}) + "\n"
    given = f"input.{build.manifest.recipe.image.input}"
    item = _item(build, row, options, form, given.rpartition(".")[2])
    files = {item.target: "target.png", item.control: given, item.mask: "valid.png"}
    if form.CAPTION_FILES:
        files[f"{item.target.removesuffix('.png')}.txt"] = "instruction.txt"
    sums = {}
    for path, name in files.items():
        if path and name not in parts:
            raise build.damaged(f"{row['key']} has no member {name}")
        if path:
            out.write(path, parts[name])
            sums[path] = hashlib.sha256(parts[name]).hexdigest()
    line = {"item": asdict(item), "row": kept, "sums": sums}
    return json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"


def _item(
    build: Build, row: Mapping[str, Any], options: ExportOptions, form: Format, kind: str
) -> Item:
    alone = row["blank_input"] and options.blank == "apart"
    part = row["task"] if options.split_by_task else TEXT2IMAGE if alone else PAIRS
    for name in (row["key"], part):
        if not NAME.fullmatch(name):
            raise build.damaged(f"{name!r} cannot be the name of a file")
    masked = form.MASKS and options.masks
    return Item(
        part=part,
        key=row["key"],
        source=row["source"],
        task=row["task"],
        license=row["license"],
        caption=row["instruction"],
        width=row["width"],
        height=row["height"],
        target=f"{part}/target/{row['key']}.png",
        control="" if alone else f"{part}/control/{row['key']}.{kind}",
        mask=f"{part}/mask/{row['key']}.png" if masked else "",
    )
