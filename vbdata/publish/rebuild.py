"""The recipe of a build as YAML, made from the manifest, for the dataset card.

It has every key of the recipe that was built; options are sorted. A manifest has no roots, so they
are to be filled in, here or by `--root`, and of files of ids it has only digests of the lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

APART = ("name", "max_bad", "tasks", "holdout", "sources")
PICKED = ("only", "without")  # filters that may name list files
NUMBER = re.compile(r"-?\d+\.\d+")


def recipe_text(manifest: Mapping[str, Any]) -> str:
    """A recipe as YAML. Sources and tasks stand in the recipe's order, which breaks ties."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    recipe = manifest["recipe"]
    yield f"name: {_value(recipe['name'])}"
    # an enumerated recipe has no spares and draws nothing: it may not say how
    apart = {*APART, *(("spares", "exhaustion") if recipe.get("votes") else ())}
    for key in sorted(recipe.keys() - apart):
        yield f"{key}: {_value(recipe[key])}"
    yield f"max_bad: {recipe['max_bad']}"
    if recipe["tasks"]:
        yield f"tasks: {_value(recipe['tasks'])}"
    if recipe["holdout"]:
        yield "holdout:"
        yield from (f"  - {_held(each)}" for each in recipe["holdout"])
    yield "sources:"
    for name in dict.fromkeys(cell["source"] for cell in manifest["cells"]):
        yield from _source(name, manifest)


def _source(name: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    source = manifest["recipe"]["sources"][name]
    tasks = [cell["task"] for cell in manifest["cells"] if cell["source"] == name]
    weights = ", ".join(f"{task}: {source['tasks'][task]}" for task in tasks)
    yield f"  {name}:"
    yield f"    dataset: {source['dataset']}"
    yield f"    root: data/{name}  # where yours lies"
    apart = {"classes"} & source.get("filters", {}).keys()
    for key, value in sorted(source["options"].items()):
        if key in apart:
            continue
        number = isinstance(value, str) and NUMBER.fullmatch(value)
        yield f"    {key}: {value if number else _value(value)}"
    filters = written_filters(source)
    for each in (each for key in PICKED for each in source.get("filters", {}).get(key, ())):
        if isinstance(each, dict):
            yield f"    # {_file(each)}: {_listed(each)}"
    for key, value in sorted(filters.items()):
        yield f"    {key}: {_value(value)}"
    yield f"    tasks: {{{weights}}}"


def written_filters(source: Mapping[str, Any]) -> dict[str, Any]:
    """The filters of a manifest's source as a recipe writes them, by key.

    List files have names made of their digests. A reader's own option `classes` stands below that
    key where there is such a filter, too.
    """
    filters = dict(source.get("filters", {}))
    if "classes" in filters and "classes" in source["options"]:
        filters["classes"] = {"read": source["options"]["classes"], **filters["classes"]}
    for key in filters.keys() & {*PICKED}:
        filters[key] = [
            {"file": _file(each)} if isinstance(each, dict) else each for each in filters[key]
        ]
    return filters


def _file(each: Mapping[str, Any]) -> str:
    return f"{each['sha256'][:16]}.txt"


def _listed(each: Mapping[str, Any]) -> str:
    return f"{each['lines']} lines, sorted and joined of SHA-256 {each['sha256']}"


def _held(each: Mapping[str, Any]) -> str:
    if "set" in each:
        return str(each["set"])
    return f"{{file: held-out-{each['sha256'][:8]}.txt}}  # {_listed(each)}"


def _value(value: Any) -> str:
    """A value as YAML, in the form of JSON; keys are sorted, as they are in the manifest."""
    return json.dumps(value, sort_keys=True)
