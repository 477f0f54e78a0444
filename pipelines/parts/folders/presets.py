"""Conventions of well-known tools and data sets, as options of the reader: a YAML file each.

A preset has the options of a recipe, or several sets of them under `layouts`, of which the one
with most kinds of labels in the root is taken, the first of equals. What a recipe gives comes on
top, key by key. A kind that only the preset names is offered if the root has any of its files.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vbdata.errors import SourceError, choices

FOLDER = Path(__file__).parent / "preset_files"
USUAL = "ultralytics"  # the preset of a recipe that says neither `preset` nor `images`
# Of the presets' files: they are data that decide bytes, so a change of theirs is one of the code.
SHA256 = "b96582c2a61169cb99eb2caa51908dfdfbc49328e6d4f1941e78e4b6440b3716"
NESTED = ("depth", "normals", "segments", "captions", "expressions", "edited")


def known() -> list[str]:
    """The names of the presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache
def _read(name: str) -> Mapping[str, Any]:
    value = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(value, dict), name
    return value


def layouts(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sets of options that a recipe's options stand for, one without a preset.

    Each has the key "optional": the kinds that need not be there. Raises SourceError for an unknown
    preset.
    """
    own = {key: value for key, value in given.items() if value not in ("", {}, None)}
    name = own.pop("preset", "" if "images" in own else USUAL)
    if not name:
        return [{**own, "optional": ()}]
    if not isinstance(name, str) or name not in known():
        raise SourceError(f"preset: {name!r} is not a choice{choices(name, known())}")
    preset = _read(name)
    listed = preset.get("layouts", [preset])
    return [_merged(layout, own) for layout in listed]


def _merged(preset: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**preset, **own}
    for key in NESTED:
        mine, theirs = own.get(key), preset.get(key)
        if isinstance(mine, str):
            mine = {"files": mine}
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            merged[key] = {**theirs, **mine}
    merged["optional"] = tuple(key for key in NESTED if key in preset and key not in own)
    return merged
