"""Columns of well-known data sets, as options of the reader: a YAML file each.

A preset has the options of a recipe, or several sets of them under `layouts`. What a recipe gives
comes on top, key by key. A recipe that says neither `preset` nor `image` has the one whose columns
are all there; of several, that with most columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vbdata.core.types import FileRef
from vbdata.errors import BadSample, SourceError

from .. import presets
from . import entries, files, options, tables

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

FOLDER = Path(__file__).parent / "preset_files"
# Of the presets' files: they are data that decide bytes, so a change of theirs is one of the code.
SHA256 = "6a105be8d829302dae095d945c6351a32e8481185203f0c25e273590ea50d734"


def known() -> list[str]:
    """The names of the presets."""
    return presets.known(FOLDER)


def chosen(
    given: Mapping[str, Any], root: Root | None = None, sizes: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """The options that a recipe's options stand for.

    root, sizes: whose columns choose among presets; without them a recipe without preset and image
    is checked as one with an image. Raises SourceError for an unknown preset, and where none fits.
    """
    own = presets.given(given)
    name = own.get("preset", "")
    if not name and "image" in own:
        return own
    names = [name] if name else known()
    layouts = [layout for each in names for layout in _layouts(each)]
    merged = [presets.merged(layout, own, options.KINDS, "column") for layout in layouts]
    if root is None or sizes is None:
        return merged[0] if name else {"image": "image", **own}
    if len(merged) == 1:
        return merged[0]
    return _fitting(merged, root, sizes, name)


def _layouts(name: str) -> list[Mapping[str, Any]]:
    preset = presets.read(FOLDER, name)
    found: list[Mapping[str, Any]] = preset.get("layouts", [preset])
    return found


def _fitting(
    merged: list[dict[str, Any]], root: Root, sizes: Mapping[str, int], name: str
) -> dict[str, Any]:
    """The options of which most columns are there, all of them. Raises SourceError for none."""
    seen: dict[str, list[str]] = {}
    best: tuple[int, dict[str, Any] | None] = (0, None)
    for each in merged:
        spec, _ = options.checked(each)
        if spec is None:
            continue  # its own options are at fault, which the caller's check says
        paths = files.matching(spec.files, sizes)
        for path in paths[:1]:
            if path not in seen:
                seen[path] = list(_columns(root, FileRef(path=path, size=sizes[path])))
            wanted = entries.wanted(spec)
            columns = {*wanted.pictures, *wanted.texts}
            if columns <= set(seen[path]) and len(columns) > best[0]:
                best = len(columns), each
    if best[1] is not None:
        return best[1]
    if not seen:
        raise SourceError(f"{root.url}: no *{files.TYPE} in it{files.hint(sizes)}")
    path, found = next(iter(seen.items()))
    which = f"preset {name}" if name else "any preset"
    raise SourceError(
        f"{path}: image: is to be set, for its columns are not those of {which}. Found: "
        f"{', '.join(sorted(found)) or 'none'}. Presets: {', '.join(known())}"
    )


def _columns(root: Root, file: FileRef) -> Iterator[str]:
    try:
        yield from tables.columns(root, file)
    except BadSample as bad:
        raise SourceError(f"{root.url}: {file.path}: {bad}") from bad
