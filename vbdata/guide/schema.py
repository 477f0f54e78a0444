"""Recipes as a JSON schema, by which editors complete and check them as they are written.

It is made of the code's own options: the keys of a recipe, the readers and tasks that are installed
here with their options and defaults, the filters and the sets that can be held out. It refuses
nothing that `vbdata` takes, but takes some things that only `vbdata` can refuse, such as a class
that the data does not have. Draft 7, which editors know best (https://json-schema.org/draft-07).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from vbdata import plugins
from vbdata.core.curriculum import BALANCE, PERMUTED, REVERSE
from vbdata.core.reversal import SUFFIX
from vbdata.guide import docstrings
from vbdata.guide.describe import Option, page
from vbdata.plugins.reversal import why_no_reverse
from vbdata.recipe import filters
from vbdata.recipe.curriculum import BY, MOST_TURNS
from vbdata.recipe.holdouts import known_sets
from vbdata.recipe.keys import Image, keys_schema
from vbdata.recipe.own_prompts import KEY as PROMPTS
from vbdata.recipe.recipe import Recipe

Schema = dict[str, Any]
FILE: Final = "vbdata.schema.json"
DOTTED: Final = r"\."  # the name of a module of one's own
PLAIN: Final = ["string", "number", "boolean"]
SOURCE: Final = ("dataset", "root", "tasks")
WEIGHT: Final = {"$ref": "#/definitions/weight"}
PICKED: Final[Schema] = {
    "anyOf": [
        {"type": ["string", "integer"]},
        {
            "type": "object",
            "properties": {"file": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ]
}
NAMES: Final[Schema] = {"type": ["string", "array"], "items": {"type": "string"}}
COUNT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": filters.MOST_PIXELS}
FILTERS: Final[Mapping[str, Schema]] = {
    "only": {"anyOf": [PICKED, {"type": "array", "items": PICKED, "minItems": 1}]},
    "without": {"anyOf": [PICKED, {"type": "array", "items": PICKED, "minItems": 1}]},
    "classes": {
        "type": "object",
        "properties": {
            "keep": NAMES,
            "drop": NAMES,
            "rename": {"type": "object", "additionalProperties": {"type": "string"}},
            "merge": {"type": "object", "additionalProperties": NAMES},
        },
        "additionalProperties": False,
    },
    "min_area": COUNT,
    "min_instances": COUNT,
    "min_size": {"anyOf": [COUNT, {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}]},
    "where": {"type": "string", "maxLength": 2000},
}


def recipe_schema() -> Schema:
    """The schema of a recipe, for the readers and tasks that can be used here."""
    keys = _untitled(keys_schema())
    defined = keys.pop("$defs")
    properties = keys["properties"]
    said = docstrings.defined(inspect.getdoc(Recipe) or "", [*properties], whole=True)
    for name, text in said.items():
        properties[name] |= {"description": text}
    image = defined["Image"]
    said = docstrings.defined(inspect.getdoc(Image) or "", [*image["properties"]], whole=True)
    for name, text in said.items():
        image["properties"][name] |= {"description": text}
    image["description"] = docstrings.title(inspect.getdoc(Image) or "")
    properties["image"] = image
    properties["samples"] = {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": 10**10}, {"const": "all"}],
        "description": "how many, or all: every query of every record once (docs: benchmarks)",
    }
    properties["holdout"] |= {"items": _held()}
    properties["tasks"] = _tasks_options()
    properties["sources"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"$ref": "#/definitions/source"},
        "description": "the data sets, each under a name of your own",
    }
    keys.pop("description", None)
    weight = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
    readers = {f"reader {name}": _reader(name) for name in plugins.all_usable(plugins.DATASETS)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A recipe of vbdata",
        **keys,
        "definitions": {
            "weight": weight,
            "source": _source(),
            **{f"filter {name}": schema for name, schema in FILTERS.items()},
            **readers,
        },
    }


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def _source() -> Schema:
    readers = plugins.all_usable(plugins.DATASETS)
    known = [{"const": name, "description": page(name).title} for name in readers]
    own = {"type": "string", "pattern": DOTTED, "description": "a module of one's own"}
    urls = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {
        "type": "object",
        "required": list(SOURCE),
        "properties": {
            "dataset": {"anyOf": [*known, own], "description": "the reader"},
            "root": {
                "anyOf": [{"type": "string"}, urls],
                "description": "where the data lies: folder, zip or tar, path or URL, or several",
            },
            "tasks": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": WEIGHT,
                "description": "task: its weight in the mixture",
            },
        },
        "allOf": [
            {
                "if": {"properties": {"dataset": {"const": name}}, "required": ["dataset"]},
                "then": {"$ref": f"#/definitions/reader {name}"},
            }
            for name in readers
        ],
    }


def _reader(name: str) -> Schema:
    """What a source of one reader may have."""
    about = page(name)
    served = {task: {"description": page(task).title} for task in about.serves}
    options = {option.name: _option(option, share=False) for option in about.options}
    if isinstance(options.get("classes"), dict):  # a filter where it is a mapping
        options["classes"] = {"anyOf": [options["classes"], {"type": "object"}]}  # with `read`
    return {
        "properties": {
            **dict.fromkeys(SOURCE, True),
            "tasks": {
                "properties": served,
                "patternProperties": {DOTTED: WEIGHT, f"{SUFFIX}$": WEIGHT},
                "additionalProperties": False,
            },
            **{key: _filter(key) for key in FILTERS if key not in options},
            **options,
        },
        "additionalProperties": False,
    }


def _filter(name: str) -> Schema:
    return {"$ref": f"#/definitions/filter {name}"}


def _tasks_options() -> Schema:
    """`tasks:` of a recipe: options by task."""
    tasks = {}
    for name in plugins.all_usable(plugins.TASKS):
        about = page(name)
        options = {option.name: _option(option, share=True) for option in about.options}
        for more in plugins.task_options(name, enumerated=True):
            options.setdefault(more, {})
        prompts = {"type": ["string", "object"], "description": "a template file, or its content"}
        tasks[name] = {
            "type": "object",
            "description": about.title,
            "properties": {**options, PROMPTS: prompts, **_curriculum(plugins.task(name), name)},
            "additionalProperties": False,
        }
    return {
        "type": "object",
        "properties": tasks,
        "patternProperties": {DOTTED: {"type": "object"}},
        "additionalProperties": False,
        "description": "options of tasks, by their names",
    }


def _curriculum(task: ModuleType, name: str) -> Schema:
    """The options of a task that say how its samples are drawn (vbdata.recipe.curriculum)."""
    t = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    by = {
        "type": "object",
        "properties": {"by": {"const": BY}, "t": t},
        "required": ["by"],
        "additionalProperties": False,
    }
    found: Schema = {
        BALANCE: {
            "anyOf": [{"const": BY}, by],
            "description": "draw records of rare classes more often: max(1, sqrt(t / share))",
        }
    }
    if not why_no_reverse(task, name):
        found[REVERSE] = {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "share of its samples that ask for the photograph of a drawn picture",
        }
    if hasattr(task, PERMUTED):
        found[PERMUTED] = {
            "type": "integer",
            "minimum": 2,
            "maximum": MOST_TURNS,
            "description": "so many samples of a record in one shard, colours passed around",
        }
    return found


def _option(option: Option, share: bool) -> Schema:
    """An option of a reader, or of a task, whose numbers are shares."""
    default = option.default
    schema: Schema = {"description": option.meaning or option.type, "default": default}
    if isinstance(default, bool):
        return schema | {"type": "boolean"}
    if isinstance(default, Mapping):
        return schema | ({"type": ["object", "string"]} if share else {})
    if isinstance(default, float) and share:
        return schema | {"type": "number", "minimum": 0, "maximum": 1}
    if isinstance(default, int):
        return schema | {"type": "number" if option.type == "number" else "integer"}
    if isinstance(default, float):
        return schema | {"type": "number"}
    if share:
        return schema | {"type": ["string", "number"]}
    return schema | {"anyOf": [{"type": PLAIN}, {"type": "array", "items": {"type": PLAIN}}]}


def _held() -> Schema:
    """An item of `holdout:`."""
    sets = sorted(known_sets())
    own: Schema = {"type": "string"}  # of a reader of one's own
    return {
        "anyOf": [
            {"anyOf": [{"enum": sets}, own]},
            {
                "type": "object",
                "properties": {"set": {"anyOf": [{"enum": sets}, own]}, "root": {}},
                "required": ["set"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"file": {"type": "string"}},
                "required": ["file"],
                "additionalProperties": False,
            },
        ]
    }


def _untitled(value: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(value, dict):
        plain = {key: _untitled(part) for key, part in value.items()}
        if isinstance(plain.get("title"), str):
            del plain["title"]
        return plain
    return [_untitled(part) for part in value] if isinstance(value, list) else value
