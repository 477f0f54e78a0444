"""A recipe as JSON values that decide the bytes of its build: the digest of them, and differences.

Roots, comments and the order of most keys are no part of them; decimals are texts, so that 0.50 and
0.5 are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from vbdata.recipe import own_prompts
from vbdata.recipe.keys import Image, RecipeKeys

# What recipes meant before they could say it: no part of their digests.
OLD_IMAGE: dict[str, Any] = {"target": "png", "size": None, "buckets": None}


def recipe_digest(canonical: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of what `Recipe.canonical` returns.

    The order of sources and of their tasks counts, since ties between cells are broken by it; that
    of other keys does not. Raises LookupError, TypeError or AttributeError for any other value.
    """
    stated = [key for key in RecipeKeys.model_fields if canonical.get(key) is not None]
    parts = {key: _sorted(canonical[key]) for key in stated}
    image = {**OLD_IMAGE, **canonical["image"]}
    parts["image"] = {
        key: image[key] for key in Image.model_fields if (key, image[key]) not in OLD_IMAGE.items()
    }
    parts["sources"] = {
        name: {
            "dataset": source["dataset"],
            "tasks": source["tasks"],
            "options": _sorted(source["options"]),
            **({"filters": _sorted(source["filters"])} if source.get("filters") else {}),
        }
        for name, source in canonical["sources"].items()
    }
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sorted(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


def canonical_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task as JSON values; its own prompts are the content of their file."""
    plain: dict[str, Any] = plain_value(options)
    if own_prompts.KEY in plain:
        plain[own_prompts.KEY] = json.loads(plain[own_prompts.KEY])
    return plain


def plain_value(value: Any) -> Any:
    """A value of a recipe as JSON has it: decimals as texts without needless zeros."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    if isinstance(value, Mapping):
        return {str(k): plain_value(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain_value(v) for v in value]
    return value


def first_difference(old: Any, new: Any, key: str = "") -> str | None:
    """Where two canonical recipes differ first, as "key: old -> new"; None if they are equal.

    key: of both values in the recipes, "" for whole ones.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for part in [*old, *(k for k in new if k not in old)]:
            below = f"{key}.{part}" if key else str(part)
            if difference := first_difference(old.get(part), new.get(part), below):
                return difference
        return None if list(old) == list(new) else f"{key}: order {list(old)} -> {list(new)}"
    return None if old == new else f"{key}: {old!r} -> {new!r}"
