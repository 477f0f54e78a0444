"""The columns of tables and tars of one's own: metadata.jsonl, metadata.csv, members of tars."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from vbdata.sources.glimpse import Glimpse

from ...formats import tars
from ...parts import own_records as own

LINES = 20  # of a table that are read
TEXTS = 20  # JSON members of a tar that are read
HEAD = 1 << 16


class Samples(NamedTuple):
    """What a tar's samples have: how many were seen; their extensions; keys of their JSON."""

    seen: int
    extensions: frozenset[str]
    keys: frozenset[str]


def columns(glimpse: Glimpse, path: str) -> list[str]:
    """The columns of a table of lines of JSON or of CSV, by its first lines."""
    text = glimpse.head(path, HEAD).decode("utf-8-sig", "replace")
    if path.endswith(".csv"):
        return next(csv.reader(io.StringIO(text)), [])
    rows = (_row(line) for line in text.splitlines()[:LINES])
    return list(dict.fromkeys(key for row in rows for key in row))


def keys(glimpse: Glimpse, path: str) -> list[str]:
    """The keys of a file that is one JSON object; [] for any other."""
    return list(_row(glimpse.head(path, HEAD).decode("utf-8-sig", "replace")))


def lines(glimpse: Glimpse, path: str) -> int:
    """How many lines a table has, of those that one reading holds."""
    return len(glimpse.head(path, 64 << 20).splitlines()) - path.endswith(".csv")


def samples(glimpse: Glimpse, tar: str) -> Samples:
    """What the samples of a tar have, by its first members."""
    keys, extensions, texts = set[str](), set[str](), list[str]()
    inside = glimpse.inside(tar)
    for member in inside:
        above, _, name = member.rpartition("/")
        stem, dot, extension = name.partition(".")
        if stem and dot:
            keys.add(f"{above}/{stem}")
            extensions.add(extension.lower())
            texts += [inside[member].name] if extension.lower() == "json" else []
    above = tar[: tar.rfind("/") + 1]
    rows = (_row(glimpse.head(above + text).decode("utf-8", "replace")) for text in texts[:TEXTS])
    return Samples(len(keys), frozenset(extensions), frozenset(key for row in rows for key in row))


def tars_of(glimpse: Glimpse) -> Iterator[tuple[str, list[str]]]:
    """Folder -> its tars that can be read where they lie."""
    folders: dict[str, list[str]] = {}
    for path in glimpse.files:
        if tars.is_tar(path):
            folders.setdefault(path.rpartition("/")[0], []).append(path)
    yield from folders.items()


def packed_of(glimpse: Glimpse) -> list[str]:
    """The tars that no reader can read before they are unpacked, as samples are read by ranges."""
    return [path for path in glimpse.files if tars.PACKED_NAME.search(path.lower())]


def images(extensions: frozenset[str]) -> set[str]:
    """Extensions of members that are pictures: "jpg", "original.jpg"."""
    return {e for e in extensions if e.rpartition(".")[2] in own.KINDS}


def _row(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
