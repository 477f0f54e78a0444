"""Tiny records, some of which do to their process what the root's faults.json says.

faults.json: number of the record -> [what, marker]. With a marker (a path) it happens only to the
process that finds no file there, which it writes; with "" it happens every time. A "gate" is
open once its marker is there, and until then nobody gets past it. What happens is written to
happened.txt before it does, a line each time.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import tiny
from vbdata.core.types import Entry, Sample

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LABELS, LICENSE, HOMEPAGE = tiny.LABELS, tiny.LICENSE, tiny.HOMEPAGE
BITE, LARDER = 128 << 20, 8 << 30  # bytes
FOREVER_S = 100_000


def index(root: Root, *, records: int = 40, burden: int = 0) -> Iterator[Entry]:
    """burden: bytes of each entry's own annotation."""
    from dataclasses import replace

    for entry in tiny.index(root, records=records):
        yield replace(entry, record=bytes(burden))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    faults = Path(root.url) / "faults.json"  # not by the root, which notes all that is read
    what, marker = json.loads(faults.read_text()).get(str(int(entry.id)), ["", ""])
    while what == "gate" and not Path(marker).exists():
        time.sleep(0.05)
    if what in ACTS and not (marker and Path(marker).exists()):
        if marker:
            Path(marker).write_text(str(os.getpid()))
        with (Path(root.url) / "happened.txt").open("a") as told:
            told.write(f"{what} {entry.id}\n")
        ACTS[what]()
    return tiny.load(root, entry, kinds)


def crash() -> None:
    """As broken C code does."""
    import ctypes

    ctypes.string_at(0)


def hold_the_lock() -> None:
    """A call into C that does not come back and lets no other thread run Python."""
    import ctypes

    ctypes.PyDLL(None).sleep(FOREVER_S)


def eat() -> None:
    """All memory (but no more than LARDER), and keep it until somebody ends it."""
    eaten = []
    while len(eaten) < LARDER // BITE:
        eaten.append(bytes([len(eaten) % 250 + 1]) * BITE)
        time.sleep(0.02)
    time.sleep(FOREVER_S)


ACTS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(3),
    "crash": crash,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "sleep": lambda: time.sleep(FOREVER_S),
    "hold": hold_the_lock,
    "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "slow": lambda: time.sleep(0.4),
    "eat": eat,
}
