"""Options of every task that say how its samples are drawn: `reverse`, `permuted`, `balance`.

tasks:
  TASK: {reverse: 0.2, permuted: 4, balance: classes}

reverse     a share of the task's samples gets a cell of its own, TASK-reversed, right behind the
            task's (vbdata.core.reversal). A recipe may also name that cell itself, with a weight
permuted    so many samples of one record stand together in a shard, each class in another colour;
            the last ones of a shard may be fewer, so that the mixture stays exact
balance     "classes", or {by: classes, t: 0.001}: repeat factors (vbdata.planning.balance)

None of them goes with `samples: all`, where nothing is drawn; the last two need records that may be
used again, `exhaustion: repeat`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from types import ModuleType
from typing import Any, Final

from vbdata.core.curriculum import BALANCE, PERMUTED, REVERSE
from vbdata.core.reversal import SUFFIX, forward_name, is_reversed, reversed_name
from vbdata.errors import choices
from vbdata.plugins.reversal import why_no_reverse
from vbdata.recipe import every
from vbdata.recipe.shown import shown

KEYS: Final = (REVERSE, PERMUTED, BALANCE)
BY: Final = "classes"
T: Final = Decimal("0.001")  # below which a class is rare, as in Gupta et al. 2019
MOST_TURNS: Final = 64
PLACES: Final = 6  # decimals of a share: times a weight's they are still exact in a manifest
DIGITS: Final = 200  # of a product of decimals


def option_faults(key: str, value: Any, task: str, module: ModuleType) -> Iterator[str]:
    """What is wrong with one of KEYS, without the key itself. module: of the task."""
    if key == REVERSE:
        if why := why_no_reverse(module, task):
            yield why
        elif not _share(value):
            yield f"should be a share from 0 to 1 of {PLACES} decimals at most, got {shown(value)}"
    elif key == PERMUTED:
        if not hasattr(module, "permuted"):
            yield f"{task} has no legend whose colours could be passed on"
        elif isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= MOST_TURNS:
            yield f"should be a whole number from 2 to {MOST_TURNS}, got {shown(value)}"
    else:
        yield from _balance_faults(value)


def faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """Where a recipe, as it was read, contradicts what these options need."""
    drawn = raw.get("samples") != every.ALL
    exhaustion = raw.get("exhaustion", "repeat")
    tasks = _mapping(raw.get("tasks"))
    for task, given in tasks.items():
        for key in (key for key in KEYS if key in _mapping(given)):
            if not drawn:
                yield f"tasks.{task}.{key}: with samples: {every.ALL} nothing is drawn"
            elif key != REVERSE and exhaustion != "repeat":
                yield f"tasks.{task}.{key}: only with exhaustion: repeat, got {shown(exhaustion)}"
    for name, source in _mapping(raw.get("sources")).items():
        listed = _mapping(_mapping(source).get("tasks"))
        for task in filter(is_reversed, map(str, listed)):
            where = f"sources.{name}.tasks.{task}"
            if not drawn:
                yield f"{where}: with samples: {every.ALL} a task is asked as it is"
            elif forward_name(task) in listed and REVERSE in _options(tasks, forward_name(task)):
                yield f"{where}: tasks.{forward_name(task)}.{REVERSE} gives it a weight, too"


def not_its_own(task: str) -> str:
    """What is wrong with options under a task's name, "" if it is no TASK-reversed."""
    if not is_reversed(task):
        return ""
    return f"its options are those of {forward_name(task)}: they stand there, without {SUFFIX!r}"


def resolved(key: str, value: Any) -> Any:
    """A checked option as JSON value, the same for all ways to write it."""
    if key != BALANCE:
        return value
    t = value.get("t", T) if isinstance(value, Mapping) else T
    return {"by": BY, "t": format(Decimal(t).normalize(), "f")}


def with_reversed(
    tasks: Mapping[str, Decimal], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, Decimal]:
    """The weights of a source's cells: of each task with `reverse` two, that add up to its own.

    tasks: weights by task; options: of tasks, as they were read.
    """
    weights: dict[str, Decimal] = {}
    for task, weight in tasks.items():
        share = Decimal(options.get(task, {}).get(REVERSE, 0))
        with localcontext(prec=DIGITS):
            parts = {task: weight * (1 - share), reversed_name(task): weight * share}
        weights |= parts if share else {task: weight}
    return weights


def _share(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
        return False
    exponent = Decimal(value).normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= PLACES


def _balance_faults(value: Any) -> Iterator[str]:
    wanted = f"should be {BY} or {{by: {BY}, t: a share}}"
    if not isinstance(value, Mapping):
        if value != BY:
            yield f"{wanted}, got {shown(value)}"
        return
    for key in value:
        if key not in ("by", "t"):
            yield f"unknown key {shown(key)}{choices(str(key), ('by', 't'))}"
    if value.get("by") != BY:
        yield f"{wanted}, got {shown(value)}"
    t = _number(value.get("t", T))
    if t is None or not 0 < t <= 1:
        yield f"t should be above 0, and 1 at most, got {shown(value['t'])}"


def _number(value: Any) -> Decimal | None:
    """A number, or a text that is one, as manifests have decimals; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def _options(tasks: Mapping[Any, Any], task: str) -> Mapping[Any, Any]:
    return _mapping(tasks.get(task))


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
