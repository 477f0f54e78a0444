"""Prompts of one's own: `prompts:` among a task's options, in place of the templates of its file.

tasks:
  TASK: {prompts: mine.yaml}   # or the content of such a file itself, as a mapping

The content has the keys of transforms/prompts/TASK.yaml (vbdata.core.prompts) and is checked as
that is. It stands in the recipe's digest as a value: comments and the file's name do not count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vbdata.core.prompts import own_wording
from vbdata.core.texts import seen
from vbdata.errors import RecipeError
from vbdata.recipe.shown import shown

KEY = "prompts"
LARGEST = 1 << 20  # bytes of a file


def form_fault(value: Any) -> str:
    """What is wrong with the value of `prompts:`, "" if it is a path or a mapping."""
    good = (isinstance(value, str) and value and "://" not in value) or isinstance(value, Mapping)
    return "" if good else f"should be a file on this machine or its content, got {shown(value)}"


def own_prompts(task: str, value: Any, folder: Path) -> str:
    """The content of a task's own template file as JSON.

    value: its path, or the content; folder: where paths begin. Raises RecipeError with what is
    wrong with it.
    """
    where = f"tasks.{task}.{KEY}"
    if isinstance(value, str):
        path = folder / Path(value).expanduser()
        where, value = f"{where}: {path}", _read(f"{where}: {path}", path)
    try:
        text = json.dumps(value, sort_keys=True)
        own_wording(task, text)
    except FileNotFoundError as err:
        raise RecipeError([f"{where}: {task} has no template file that could be replaced"]) from err
    except (ValueError, TypeError, RecursionError) as err:
        raise RecipeError([f"{where}: {err}"]) from err
    if strange := next((t for t in _texts(value) if seen(t) != " ".join(t.split())), ""):
        raise RecipeError([f"{where}: {shown(strange)} has characters that nobody sees"])
    return text


def _read(where: str, path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise RecipeError([f"{where}: more than {LARGEST} bytes, no template file"])
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as err:
        raise RecipeError([f"{where}: cannot be read: {err}"]) from err


def _texts(value: Any) -> list[str]:
    """All texts in a value, keys too."""
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
