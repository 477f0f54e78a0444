"""Builds under a lock: compare a build with a lock while it is made, or write its lock after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vbdata.engine.build import build
from vbdata.engine.progress import Watcher
from vbdata.errors import BuildError
from vbdata.locks.inputs import LockCheck
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
    """Build a recipe and return the manifest, or fail if the build is not what a lock says.

    Recipe, sources and plan are compared with the lock before an image is read, shards and rows
    when they are finished; shards of an earlier run are read again instead of being trusted. name:
    the lock's, for errors; say: called with each warning, such as other code or libraries. Raises
    LockError, a BuildError, with a sentence for each difference.
    """
    check = LockCheck(lock, name, out, watcher, say)
    manifest = build(recipe, out, replace(how, rehash=True), check)
    check.finish()
    return manifest


def write_lock(out: Folder, path: Path) -> tuple[Lock, int]:
    """Write the lock of a finished build to a file; return it and the size of the file in bytes.

    Raises BuildError if `out` holds no finished build or a damaged one, or if the file cannot be
    written.
    """
    lock = make_lock(out)
    text = lock.text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii", newline="\n")
    except OSError as err:
        raise BuildError(f"{path} cannot be written: {err.strerror}") from err
    return lock, len(text)
