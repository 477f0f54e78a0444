"""SHA256SUMS, and the bounded reading of files that are small in every build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vbdata.errors import BadSample
from vbdata.layout import RUN, SUMS
from vbdata.storage.folder import Folder, safe

UNSUMMED = (RUN, SUMS)  # files of a build that have no line in SHA256SUMS
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
LARGEST = 512 << 20  # bytes of SHA256SUMS and of manifest.json: more than a million shards
MOST = 20  # faults of a kind that are listed


def capped(faults: Iterable[str]) -> Iterator[str]:
    """The first 20 faults of a kind, then one line with how many more there are."""
    more = 0
    for number, fault in enumerate(faults):
        if number < MOST:
            yield fault
        else:
            more += 1
    if more:
        yield f"... and {more} more like these"


def read_bounded(out: Folder, path: str) -> bytes:
    """The bytes of a file that is small in every build.

    Raises ValueError if it has more than 512 MiB, BadSample or OSError if it cannot be read.
    """
    size = out.size(path)
    if size > LARGEST:
        raise ValueError(f"{size} bytes, at most {LARGEST} are read")
    return out.read(path)


def read_sums(out: Folder, faults: list[str]) -> dict[str, str]:
    """The SHA-256, in hex, of each file that SHA256SUMS lists, by path.

    Appends to `faults` a sentence for each line that is wrong, which is then left out; only paths
    inside the folder are taken.
    """
    try:
        text = read_bounded(out, SUMS).decode()
    except (ValueError, OSError, BadSample) as err:
        faults.append(f"{SUMS}: cannot be read: {err}")
        return {}
    listed: dict[str, str] = {}
    wrong = list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        match = LINE.fullmatch(line)
        if not match:
            wrong.append(f"{SUMS}: line {number} is not a SHA-256, two spaces and a path")
        elif not _plain(match[2]):
            wrong.append(f"{SUMS}: {match[2]!r} is not a path inside the folder")
        elif match[2] in listed:
            wrong.append(f"{SUMS}: {match[2]} stands twice")
        else:
            listed[match[2]] = match[1]
    faults += capped(wrong)
    return listed


def hash_fault(out: Folder, path: str, digest: str) -> str | None:
    """A sentence if a file cannot be read or if its SHA-256 is not `digest`, in hex; else None."""
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
