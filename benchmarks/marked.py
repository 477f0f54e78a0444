"""Workers of Ray that this process has started, however many hands between. Linux only (/proc)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "VBDATA_STARTED_BY"  # in the environment of all that is started from here


def mark() -> None:
    """Let what is started from now on be known as ours."""
    os.environ[MARK] = str(os.getpid())


def workers() -> Iterator[int]:
    """Process ids of our actors that build shards."""
    ours = f"{MARK}={os.getpid()}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = (folder / "cmdline").read_bytes().startswith(b"ray::Worker")
            if named and ours in (folder / "environ").read_bytes():
                yield int(folder.name)
