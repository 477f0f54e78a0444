"""How to make the same bytes again: recipe, versions, commands, and what they must print."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import vbdata
from vbdata import plugins
from vbdata.core.prompts import prompt_digest
from vbdata.engine.folder import recorded_recipe
from vbdata.errors import BuildError, RecipeError
from vbdata.layout import SUMS
from vbdata.recipe.recipe import parse_recipe
from vbdata.storage.folder import Folder


@dataclass(frozen=True, slots=True)
class Reproduction:
    """recipe: its text; written: as its author wrote it, else made from the manifest; checked: its
    digest is the manifest's; same_code: the vbdata that makes the report would make the same bytes.
    """

    recipe: str
    written: bool
    checked: bool
    same_code: bool
    version: str
    commands: str
    sums_sha256: str


def reproduction(out: Folder, manifest: Mapping[str, Any]) -> Reproduction:
    """What a reader needs besides the raw data."""
    text, written, checked = _recipe(out, manifest)
    sums = hashlib.sha256(out.read(SUMS)).hexdigest() if out.exists(SUMS) else ""
    return Reproduction(
        recipe=text,
        written=written,
        checked=checked,
        same_code=_same_code(manifest["code"]),
        version=vbdata.__version__,
        commands=_commands(manifest, sums),
        sums_sha256=sums,
    )


def _recipe(out: Folder, manifest: Mapping[str, Any]) -> tuple[str, bool, bool]:
    """The recipe as it was given, if the folder still has it and it is this build's."""
    try:
        given = recorded_recipe(out, {})
    except (BuildError, RecipeError):
        given = None
    if given is not None and given.digest() == manifest["recipe_sha256"]:
        return given.text, True, True
    text = _written_out(manifest["recipe"])
    try:
        known = parse_recipe(text, "recipe.yaml", Path(), {}).digest()
    except RecipeError:  # it names modules or lists of ids that are not here
        known = ""
    return text, False, known == manifest["recipe_sha256"]


def _written_out(recipe: Mapping[str, Any]) -> str:
    """A recipe of the manifest's canonical one; roots are to be filled in."""
    plain = {key: value for key, value in recipe.items() if value not in ([], {})}
    plain["image"] = {k: v for k, v in recipe["image"].items() if v is not None}
    if recipe["holdout"]:
        plain["holdout"] = [
            each["set"] if "set" in each else {"file": f"{each['sha256']}.txt"}
            for each in recipe["holdout"]
        ]
    plain["sources"] = {
        name: {"dataset": s["dataset"], "root": f"data/{name}", "tasks": s["tasks"], **s["options"]}
        for name, s in recipe["sources"].items()
    }
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _same_code(code: Mapping[str, Any]) -> bool:
    """Whether the engine and the prompts of a build are those that are installed."""
    return code["engine"] == plugins.engine_digest() and code["prompts"] == prompt_digest()


def _commands(manifest: Mapping[str, Any], sums: str) -> str:
    """Shell lines, from an empty environment to the check of every byte."""
    versions = dict(manifest["environment"])
    python = versions.pop("python", "3.11")
    short = ".".join(python.split(".")[:2])
    pins = (f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions.items()))
    roots = (f"--root {shlex.quote(name)}=data/{shlex.quote(name)}" for name in _sources(manifest))
    lines = [
        "# in a checkout of vbdata",
        f"python{short} -m venv .venv    # the build's was {python}",
        _long(".venv/bin/pip install .", pins),
        "",
        "# recipe.yaml: the text above; data/...: where your copies of the raw data lie",
        _long(".venv/bin/vbdata build recipe.yaml --out rebuilt", roots),
        ".venv/bin/vbdata verify rebuilt",
        "",
        "grep '^ \"digest\"' rebuilt/manifest.json",
        f'#  "digest": "{manifest["digest"]}"',
    ]
    if sums:
        lines += [f"sha256sum rebuilt/{SUMS}    # covers every published file", f"#  {sums}"]
    return "\n".join(lines)


def _sources(manifest: Mapping[str, Any]) -> list[str]:
    return [line["source"] for line in manifest["sources"]]


def _long(start: str, parts: Iterable[str]) -> str:
    return " \\\n    ".join([start, *parts])
