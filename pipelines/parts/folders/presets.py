"""Conventions of well-known tools and data sets, as options of the reader: a YAML file each.

A preset has the options of a recipe, or several sets of them under `layouts`, of which the one
with most kinds of labels in the root is taken, the first of equals. What a recipe gives comes on
top, key by key. What only the preset names, the root need not have: a kind of label, a camera.
`words` are put into its texts where they stand as <word>: each is the value of that key in a YAML
file of the root, or the usual one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vbdata.errors import BadSample

from .. import presets
from .patterns import Listing, compiled

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

FOLDER = Path(__file__).parent / "preset_files"
USUAL = "ultralytics"  # the preset of a recipe that says neither `preset` nor `images`
# Of the presets' files: they are data that decide bytes, so a change of theirs is one of the code.
SHA256 = "55bc8e06e978222ae347155931687fdf5137b12c13f3ff10c85d31f5027d1f57"
NESTED = ("depth", "normals", "segments", "matte", "captions", "expressions", "edited")


def known() -> list[str]:
    """The names of the presets."""
    return presets.known(FOLDER)


def layouts(
    given: Mapping[str, Any], root: Root | None = None, listing: Listing | None = None
) -> list[dict[str, Any]]:
    """The sets of options that a recipe's options stand for, one without a preset.

    Each has the key "optional": the kinds that need not be there. root, listing: where words of the
    preset are looked for. Raises SourceError for an unknown preset.
    """
    own = presets.given(given)
    name = own.pop("preset", "" if "images" in own else USUAL)
    if not name:
        return [{**own, "optional": ()}]
    preset = presets.read(FOLDER, name)
    words = {
        word: _word(word, place, root, listing) for word, place in preset.get("words", {}).items()
    }
    listed = preset.get("layouts", [preset])
    return [_merged(_said(layout, words), own) for layout in listed]


def _word(word: str, place: Mapping[str, str], root: Root | None, listing: Listing | None) -> str:
    """A word of a preset: the key of the root's one file that has it, or the usual one."""
    if root is None or listing is None:
        return place["usual"]
    for path in listing.matches(compiled(place["files"], word, stem=False)):
        try:
            value = yaml.load(root.read(path), yaml.BaseLoader)  # noqa: S506  texts alone
        except (yaml.YAMLError, BadSample, RecursionError, ValueError):
            continue  # whoever needs its names says what is wrong with it
        if isinstance(value, dict) and isinstance(found := value.get(word), str) and found:
            return found.strip("/")
    return place["usual"]


def _said(value: Any, words: Mapping[str, str]) -> Any:
    """A value of a preset with its words put in."""
    if isinstance(value, Mapping):
        return {key: _said(part, words) for key, part in value.items()}
    if isinstance(value, list):
        return [_said(part, words) for part in value]
    for word, said in words.items():
        value = value.replace(f"<{word}>", said) if isinstance(value, str) else value
    return value


def _merged(preset: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = presets.merged(preset, own, NESTED, "files")
    merged["optional"] = tuple(k for k in (*NESTED, "camera") if k in preset and k not in own)
    return merged
