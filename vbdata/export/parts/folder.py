"""The exported folder: which export it belongs to, whether it is finished, and its last files.

An interrupted export is resumed; a folder that holds anything else is refused. `export.json` is
written last, so its presence means that the export is finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from vbdata.errors import BadSample, BuildError
from vbdata.export.parts.card import card
from vbdata.export.parts.shard import STATE, read_done
from vbdata.export.parts.types import Format, Summary
from vbdata.layout import SUMS
from vbdata.machine.hashing import file_sha256
from vbdata.manifest.json_text import canonical
from vbdata.manifest.sums import LINE
from vbdata.recipe.canonical import first_difference
from vbdata.recipe.licences import commercial
from vbdata.storage.folder import Folder

DONE = "export.json"
ORDER = f"{STATE}/order.json"
ROWS = "vbdata.jsonl"
CARD = "README.md"


def claim(out: Folder, order: Mapping[str, Any]) -> bool:
    """Claim the folder for an export, and return whether that export is finished already.

    order: what decides the exported bytes, as `ExportOptions.order` gives it. Raises BuildError if
    the folder holds anything else, if a finished export lacks files, or if it cannot be used.
    """
    try:
        files = {file.path for file in out.files()}
        done = DONE in files
        old = _order(out, DONE if done else ORDER) if files else dict(order)
        difference = first_difference(old, dict(order)) if old is not None else None
        if old is None:
            strange = min(files)
            raise BuildError(f"{out.url} is not empty and holds no export ({strange})")
        if difference:
            raise BuildError(f"{out.url} holds another export: {difference}; choose another folder")
        if done:
            _refuse_incomplete(out, files)
        else:
            out.write(ORDER, canonical(dict(order)))
    except (OSError, ValueError, ImportError) as err:
        raise BuildError(f"{out.url} cannot be used: {type(err).__name__}: {err}") from err
    return done


def finish(out: Folder, shards: int, summary: Summary, form: Format) -> None:
    """Write the files that are about all samples, once all shards are done; export.json last.

    shards: how many there are; summary: empty, filled here; form: the module of the format. Memory
    does not grow with the samples. Raises BuildError if no sample was chosen.
    """
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        folder = Path(temporary)
        with ExitStack() as stack:
            writer = _Writer(folder, stack)
            for number in range(shards):
                for line in read_done(out, number):
                    if line.item is None:
                        summary.odd.update([line.odd] if line.odd else [])
                        summary.unseen += line.unseen
                        summary.skipped += not (line.unseen or line.odd)
                        continue
                    item = line.item
                    summary.add(item)
                    paths = {name: getattr(item, name) for name in ("target", "control", "mask")}
                    paths |= {"references": list(item.references)} if item.references else {}
                    writer.line(ROWS, line.row | paths | {"part": item.part})
                    metadata = form.line(item, summary.layout.model)
                    if metadata is not None:
                        writer.line(f"{item.part}/metadata.jsonl", metadata)
                    for path in sorted(line.sums):
                        writer.write(SUMS, f"{line.sums[path]}  {path}\n")
            if not summary.samples:
                raise BuildError(f"nothing to export: {_choice(summary)}")
            tables = sorted(writer.files.keys() - {SUMS})
            stack.close()
            texts = _texts(summary, form)
            with writer.place(SUMS).open("a", encoding="utf-8") as sums:
                sums.writelines(_sum_lines(writer, tables, texts))
        for path in [*tables, SUMS]:
            out.put(writer.place(path), path)
    for path, data in texts.items():
        out.write(path, data)
    out.write(DONE, canonical(report(summary)))
    remove_state(out)


def remove_state(out: Folder) -> None:
    """Remove the files that only an unfinished export needs."""
    for file in list(out.files(STATE)):
        out.remove(file.path)
    if out.local and Path(out.full_path(STATE)).is_dir():
        Path(out.full_path(STATE)).rmdir()


def report(summary: Summary) -> dict[str, Any]:
    """What was exported as JSON values: the content of export.json."""
    return {
        "name": summary.name,
        "order": dict(summary.order),
        "samples": summary.samples,
        "skipped_without_input": summary.skipped,
        **({"skipped_odd_sizes": odd} if (odd := summary.odd.total()) else {}),
        "skipped_with_references": summary.unseen,
        "parts": [
            {
                "part": p.name,
                "samples": p.samples,
                "control": p.control,
                "mask": p.mask,
                "references": p.references,
            }
            for p in summary.ordered
        ],
        "cells": [
            {"source": source, "task": task, "samples": count}
            for (source, task), count in sorted(summary.cells.items())
        ],
        "licenses": [
            {"license": name, "source": source, "samples": n, "commercial": commercial(name)}
            for (name, source), n in sorted(summary.licenses.items())
        ],
    }


def read_report(out: Folder) -> dict[str, Any]:
    """The content of export.json in a finished export."""
    content: dict[str, Any] = json.loads(out.read(DONE))
    return content


class _Writer:
    """Text files that grow line by line in a local folder; `stack` closes them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._numbers: dict[str, int] = {}
        self.files: dict[str, TextIO] = {}

    def place(self, path: str) -> Path:
        """The local file that becomes `path` of the exported folder."""
        return self._folder / str(self._numbers.setdefault(path, len(self._numbers)))

    def line(self, path: str, value: Mapping[str, Any]) -> None:
        """Append a value to a file as one line of JSON, its keys in their order."""
        self.write(path, json.dumps(value, separators=(",", ":")) + "\n")

    def write(self, path: str, text: str) -> None:
        """Append a text to a file."""
        if path not in self.files:
            file = self.place(path).open("w", encoding="utf-8", newline="\n")
            self.files[path] = self._stack.enter_context(file)
        self.files[path].write(text)


def _choice(summary: Summary) -> str:
    order = summary.order
    tasks, sources = (", ".join(order[name]) or "all" for name in ("tasks", "sources"))
    skipped = f" but the {summary.skipped} without an input image" if summary.skipped else ""
    if odd := summary.odd.total():
        skipped += f" but the {odd} that the trainer would resize"
    return f"the build has no sample{skipped} of tasks ({tasks}) in sources ({sources})"


def _texts(summary: Summary, form: Format) -> dict[str, bytes]:
    return {
        CARD: card(summary, form).encode(),
        **{path: text.encode() for path, text in form.configs(summary).items()},
    }


def _sum_lines(writer: _Writer, tables: list[str], texts: Mapping[str, bytes]) -> Iterator[str]:
    for path in tables:
        yield f"{file_sha256(writer.place(path))}  {path}\n"
    for path in sorted(texts):
        yield f"{hashlib.sha256(texts[path]).hexdigest()}  {path}\n"


def _order(out: Folder, path: str) -> dict[str, Any] | None:
    """The order that an exported folder was made to, or None if it holds no export."""
    try:
        content = json.loads(out.read(path))
        return dict(content["order"] if path == DONE else content)
    except (BadSample, ValueError, KeyError, TypeError):
        return None


def _refuse_incomplete(out: Folder, files: set[str]) -> None:
    matches = (LINE.fullmatch(line) for line in out.read(SUMS).decode().splitlines())
    missing = sorted(match[2] for match in matches if match and match[2] not in files)
    if missing:
        some = f"{len(missing)} of its files are missing, such as {missing[0]}"
        raise BuildError(f"{out.url} is a finished export, but {some}; delete it and export again")
