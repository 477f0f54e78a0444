"""SHA256SUMS, and files that are small in every build: read with bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vbdata.errors import BadSample
from vbdata.layout import SUMS
from vbdata.storage.folder import Folder, safe

UNSUMMED = ("run.json", SUMS)
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
LARGEST = 512 << 20  # bytes of SHA256SUMS and of manifest.json: more than a million shards
MOST = 20  # faults of one kind that are listed


def capped(faults: Iterable[str]) -> Iterator[str]:
    """The first faults of a kind, and how many more there are."""
    more = 0
    for number, fault in enumerate(faults):
        if number < MOST:
            yield fault
        else:
            more += 1
    if more:
        yield f"... and {more} more like these"


def read_bounded(out: Folder, path: str) -> bytes:
    """A small file. Raises ValueError if it is larger than any build's; BadSample, OSError."""
    size = out.size(path)
    if size > LARGEST:
        raise ValueError(f"{size} bytes, at most {LARGEST} are read")
    return out.read(path)


def read_sums(out: Folder, faults: list[str]) -> dict[str, str]:
    """SHA256SUMS: digest by path, plain paths only. What is wrong with it goes into faults."""
    try:
        text = read_bounded(out, SUMS).decode()
    except (ValueError, OSError, BadSample) as err:
        faults.append(f"{SUMS}: cannot be read: {err}")
        return {}
    listed: dict[str, str] = {}
    wrong = list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = LINE.fullmatch(line)
        if not found:
            wrong.append(f"{SUMS}: line {number} is not a SHA-256, two spaces and a path")
        elif not _plain(found[2]):
            wrong.append(f"{SUMS}: {found[2]!r} is not a path inside the folder")
        elif found[2] in listed:
            wrong.append(f"{SUMS}: {found[2]} stands twice")
        else:
            listed[found[2]] = found[1]
    faults += capped(wrong)
    return listed


def hash_fault(out: Folder, path: str, digest: str) -> str | None:
    """What is wrong with the bytes of a listed file."""
    try:
        if out.sha256(path) == digest:
            return None
    except (OSError, BadSample) as err:
        return f"{path}: cannot be read: {err}"
    return f"{path}: its SHA-256 is not the one in {SUMS}"


def _plain(path: str) -> bool:
    try:
        return bool(safe(path))
    except BadSample:
        return False
