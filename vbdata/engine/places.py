"""Roots that are not there and options that no reader has, all at once, before any is read."""

from __future__ import annotations

from collections.abc import Iterator

from vbdata import plugins
from vbdata.core.types import Official, Source
from vbdata.errors import SourceError
from vbdata.recipe.recipe import Recipe
from vbdata.sources.open import lost_bucket
from vbdata.storage.folder import Folder

HTTP = ("http://", "https://")  # where whether a folder is there is known when it is listed


def official(source: Source) -> Official:
    """What a source's official release holds; nothing for a reader of the user's own data.

    Raises SourceError for an option that its reader does not know.
    """
    module = plugins.dataset(source.dataset)
    if not hasattr(module, "official"):
        return Official(entries=None, downloads=())
    release: Official = module.official(**source.options)
    return release


def place_faults(recipe: Recipe) -> list[str]:
    """A line for each root that is not there, and for each source with a wrong option."""
    faults = list[str]()
    for source in recipe.sources:
        faults += source_faults(source)
    for place, held in enumerate(recipe.holdout):
        faults += [f"holdout.{place}.root: {fault}" for fault in _lost(held.roots)]
    return faults


def source_faults(source: Source) -> list[str]:
    """The faults of one source, as `place_faults` has them."""
    key = f"sources.{source.name}"
    faults = [f"{key}.root: {fault}" for fault in _lost(source.roots)]
    try:
        official(source)
    except SourceError as err:
        faults.append(f"{key}.{err}")
    return faults


def _lost(roots: tuple[str, ...]) -> Iterator[str]:
    for url in roots:
        try:
            folder = Folder(url.rstrip("/") or "/")
            if not folder.url.startswith(HTTP) and not folder.exists():
                yield f"{folder.url} does not exist{lost_bucket(folder)}"
        except (ValueError, ImportError) as err:  # no such protocol, or no library for it
            yield f"{url} cannot be read: {err}"
        except (OSError, RuntimeError):
            continue  # what the network or a store has to say is told when it is indexed
