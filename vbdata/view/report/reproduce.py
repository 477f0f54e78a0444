"""How to build the same bytes again: recipe, versions, commands, and what they must print."""

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
from vbdata.publish.rebuild import written_filters
from vbdata.recipe.recipe import parse_recipe
from vbdata.storage.folder import Folder


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What it takes to build the same bytes again, besides the raw data.

    recipe: its text; written: whether that is the text as its author wrote it, else it was made
    from the manifest; checked: whether its digest is the manifest's; same_code, version: whether
    the vbdata that makes the report has the code that made the build, and its version; commands:
    lines for a shell; sums_sha256: the SHA-256 of SHA256SUMS, "" if the build has none.
    """

    recipe: str
    written: bool
    checked: bool
    same_code: bool
    version: str
    commands: str
    sums_sha256: str


def reproduction(out: Folder, manifest: Mapping[str, Any]) -> Reproduction:
    """How to build the same bytes as a finished build. manifest: that of the build."""
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
    """The text of the recipe, whether its author wrote it so, and whether its digest is right."""
    try:
        given = recorded_recipe(out, {})
    except (BuildError, RecipeError):
        given = None
    if given is not None and given.digest() == manifest["recipe_sha256"]:
        return given.text, True, True
    text = written_out(manifest["recipe"])
    try:
        digest = parse_recipe(text, "recipe.yaml", Path(), {}).digest()
    except RecipeError:  # it names modules or lists of ids that are not on this machine
        digest = ""
    return text, False, digest == manifest["recipe_sha256"]


def written_out(recipe: Mapping[str, Any]) -> str:
    """The manifest's canonical recipe as YAML; roots are to be filled in."""
    plain = {key: value for key, value in recipe.items() if value not in ([], {})}
    plain["image"] = {k: v for k, v in recipe["image"].items() if v is not None}
    if recipe["holdout"]:
        plain["holdout"] = [
            each["set"] if "set" in each else {"file": f"{each['sha256']}.txt"}
            for each in recipe["holdout"]
        ]
    plain["sources"] = {
        name: {"dataset": s["dataset"], "root": f"data/{name}", "tasks": s["tasks"]}
        | s["options"]
        | written_filters(s)
        for name, s in recipe["sources"].items()
    }
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _same_code(code: Mapping[str, Any]) -> bool:
    """Whether the engine and prompts that made a build are those of the installed vbdata."""
    return code["engine"] == plugins.engine_digest() and code["prompts"] == prompt_digest()


def _commands(manifest: Mapping[str, Any], sums: str) -> str:
    """Lines for a shell, from an empty environment to the check of every byte."""
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
