"""The options of tasks, `tasks:` of a recipe: what is wrong with them, and what they become."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from vbdata import plugins
from vbdata.core.curriculum import REVERSE
from vbdata.errors import RecipeError, choices
from vbdata.recipe import curriculum, every, own_prompts, own_tables
from vbdata.recipe.shown import shown

Find = Callable[[str, str], tuple[Any, str]]
OF_ALL = (own_prompts.KEY, *curriculum.KEYS)  # options that every task has


def task_option_faults(raw: Mapping[str, Any], find: Find) -> Iterator[str]:
    """Faults in the options of tasks: names, types, and shares outside 0 to 1.

    raw: the recipe as it was read; find: gives a plug-in's module, or what is wrong with its name.
    """
    enumerated = raw.get("samples") == every.ALL
    for task, given in _mapping(raw.get("tasks")).items():
        module, fault = find(plugins.TASKS, str(task))
        if fault := fault or curriculum.not_its_own(str(task)):
            yield f"tasks.{task}: {fault}"
            continue
        options = plugins.task_options(str(task), enumerated)
        faults = [
            f"tasks.{task}.{key}: {fault}"
            for key, value in _mapping(given).items()
            for fault in _key_faults(str(task), key, value, options, module)
        ]
        yield from faults
        check = plugins.option_check(str(task), enumerated)
        if not faults and check is not None:
            later = _in_files(given, options)  # what they hold is checked when they are read
            own = {key: value for key, value in _mapping(given).items() if key not in later}
            yield from _refused(str(task), check, options, own)


def task_options(
    tasks: Mapping[str, Mapping[str, Any]], folder: Path, enumerated: bool
) -> dict[str, dict[str, Any]]:
    """Checked options by task, each of the type of its default; what files hold in their place.

    folder: where paths begin; enumerated: whether the recipe asks all queries. `reverse` is left
    out: it is in the weights. Raises RecipeError for files that cannot be read or are malformed.
    """
    typed: dict[str, dict[str, Any]] = {}
    for task, options in tasks.items():
        kept = {key: value for key, value in options.items() if key != REVERSE}
        parameters = plugins.task_options(task, enumerated)
        found = {k: _typed(task, k, v, parameters, folder) for k, v in kept.items()}
        check = plugins.option_check(task, enumerated)
        later = check if _in_files(kept, parameters) else None
        if later is not None and (faults := list(_refused(task, later, parameters, found))):
            raise RecipeError(faults)
        if found or not options:
            typed[task] = found
    return typed


def _typed(
    task: str, key: str, value: Any, parameters: Mapping[str, inspect.Parameter], folder: Path
) -> Any:
    if key == own_prompts.KEY:
        return own_prompts.own_prompts(task, value, folder)
    if key in curriculum.KEYS:
        return curriculum.resolved(key, value)
    default = parameters[key].default
    if isinstance(default, Mapping):
        return own_tables.content(f"tasks.{task}.{key}", value, folder)
    return type(default)(value)


def _key_faults(
    task: str, key: str, value: Any, options: Mapping[str, inspect.Parameter], module: Any
) -> Iterator[str]:
    """What is wrong with one option of a task, without its name."""
    if key == own_prompts.KEY:
        fault = own_prompts.form_fault(value)
    elif key in curriculum.KEYS:
        yield from curriculum.option_faults(key, value, task, module)
        return
    elif key not in options:
        fault = f"unknown key{choices(key, [*options, *OF_ALL])}"
    elif isinstance(options[key].default, Mapping):
        fault = own_tables.form_fault(value)
    else:
        wanted = _misfit(options[key].default, value)
        fault = f"should be {wanted}, got {shown(value)}" if wanted else ""
    if fault:
        yield fault


def _misfit(default: Any, value: Any) -> str:
    """What an option of this default has to be, "" if the value is that."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return "a share from 0 to 1" if isinstance(default, float) else "a text or number"
    if isinstance(default, float):
        return "" if not isinstance(value, str) and 0 <= value <= 1 else "a share from 0 to 1"
    return "an integer" if isinstance(default, int) and not isinstance(value, int) else ""


def _refused(
    task: str,
    check: Callable[..., None],
    options: Mapping[str, inspect.Parameter],
    given: Mapping[str, Any],
) -> Iterator[str]:
    """What the task's own check says of its options."""
    own = {key: value for key, value in given.items() if key not in OF_ALL}
    try:
        check(**{k: type(options[k].default)(v) for k, v in own.items()})
    except (ValueError, ArithmeticError) as err:
        yield f"tasks.{task}: {err}"


def _in_files(given: Any, options: Mapping[str, inspect.Parameter]) -> set[str]:
    """The options that are mappings and are given as a file."""
    tables = {key for key, each in options.items() if isinstance(each.default, Mapping)}
    return {key for key, value in _mapping(given).items() if key in tables and type(value) is str}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}
