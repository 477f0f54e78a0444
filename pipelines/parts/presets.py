"""Presets: options of a reader for a known layout, as data: a YAML file each in a folder.

What a recipe gives comes on top, key by key, inside mappings of one level too.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from vbdata.errors import SourceError, choices


def known(folder: Path) -> list[str]:
    """The names of a folder's presets, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


@functools.cache
def read(folder: Path, name: str) -> Mapping[str, Any]:
    """The preset of a name. Raises SourceError with the known names for another one."""
    if not isinstance(name, str) or name not in known(folder):
        raise SourceError(f"preset: {name!r} is not a choice{choices(name, known(folder))}")
    value = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(value, dict), name
    return value


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a recipe that are given at all."""
    return {key: value for key, value in options.items() if value not in ("", {}, None)}


def merged(
    preset: Mapping[str, Any], own: Mapping[str, Any], nested: Collection[str], short: str
) -> dict[str, Any]:
    """A preset's options with a recipe's on top.

    nested: keys of mappings, of which each key is put on top; short: which of their keys a text
    stands for.
    """
    found: dict[str, Any] = {**preset, **own}
    for key in nested:
        mine, theirs = (
            {short: each} if isinstance(each, str) else each
            for each in (own.get(key), preset.get(key))
        )
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            found[key] = {**theirs, **mine}
    return found
