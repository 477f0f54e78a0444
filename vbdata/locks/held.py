"""Build a recipe under a lock: hold the build against one, or write one when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vbdata.engine.build import build
from vbdata.engine.progress import Watcher
from vbdata.errors import BuildError
from vbdata.locks.inputs import Locked
from vbdata.locks.lock import Lock
from vbdata.locks.make import make_lock
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder


def build_held(
    recipe: Recipe,
    out: Folder,
    how: How,
    watcher: Watcher,
    lock: Lock,
    name: str,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Build a recipe and return the manifest, unless the build is not what a lock says.

    What the lock says of recipe, sources and plan is compared before a pixel is read, what it says
    of shards and rows when they are there; finished shards are read again, not trusted. name: the
    lock's, for errors; say: takes warnings, a sentence each, such as other code or libraries.
    Raises LockError, a BuildError, with a sentence for each difference.
    """
    check = Locked(lock, name, out, watcher, say)
    manifest = build(recipe, out, replace(how, rehash=True), check)
    check.finish()
    return manifest


def write_lock(out: Folder, path: Path) -> tuple[Lock, int]:
    """Write the lock of a finished build to a file; return it and the bytes of the file.

    Raises BuildError if `out` holds no finished build, or if the file cannot be written.
    """
    lock = make_lock(out)
    text = lock.text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii", newline="\n")
    except OSError as err:
        raise BuildError(f"{path} cannot be written: {err.strerror}") from err
    return lock, len(text)
