"""Options of tasks that are mappings may be given as a file, in YAML or JSON, that has the content.

tasks:
  TASK: {OPTION: table.yaml}   # or the content itself

In the recipe's digest stands the content: comments and the file's name do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from vbdata.errors import RecipeError
from vbdata.recipe.shown import shown

LARGEST: Final = 4 << 20  # bytes of a file


def form_fault(value: Any) -> str:
    """What is wrong with the value of such an option, "" if it is a path or a mapping."""
    good = (isinstance(value, str) and value and "://" not in value) or isinstance(value, Mapping)
    return "" if good else f"should be a mapping, or a file that has one, got {shown(value)}"


def content(where: str, value: Any, folder: Path) -> dict[str, Any]:
    """The mapping that an option is, its keys as texts.

    where: the option's key, for messages; value: its path, or the content; folder: where paths
    begin. Raises RecipeError for a file that cannot be read or holds something else.
    """
    if isinstance(value, str):
        path = folder / Path(value).expanduser()
        where, value = f"{where}: {path}", _read(f"{where}: {path}", path)
    if not isinstance(value, Mapping):
        raise RecipeError([f"{where}: should hold a mapping, got {shown(value)}"])
    return {str(key): part for key, part in value.items()}


def _read(where: str, path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise RecipeError([f"{where}: more than {LARGEST} bytes, no table"])
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as err:
        raise RecipeError([f"{where}: cannot be read: {err}"]) from err
