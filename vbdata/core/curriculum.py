"""Options that a recipe may give every task, beside the task's own: how its samples are drawn.

    prompts     templates of one's own (vbdata.recipe.own_prompts)
    reverse     share of the samples that ask the other way round (vbdata.core.reversal)
    permuted    how many samples of a record stand together, in whose legends colours are passed on
    balance     records of rare classes are drawn more often (vbdata.planning.balance)

The pass of a row (vbdata.jobs.job.Row) of a task with `permuted` is that of its draw times their
number, plus the turn: 0 is asked as the task asks, each further turn by its `permuted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vbdata.core.reversal import forward_name, is_reversed

PROMPTS: Final = "prompts"
REVERSE: Final = "reverse"
PERMUTED: Final = "permuted"
BALANCE: Final = "balance"
LOOKALIKES: Final = "lookalikes"  # of tasks that ask for absent classes: class -> classes like it
COMMON: Final = (PROMPTS, REVERSE, PERMUTED, BALANCE)

Options = Mapping[str, Mapping[str, Any]]  # by task, as a recipe has them


def options_of(options: Options, task: str) -> dict[str, Any]:
    """The options of a task; the other way round those of the task, but no `permuted`."""
    found = dict(options.get(forward_name(task), {}))
    if is_reversed(task):
        found.pop(PERMUTED, None)
    return found


def turns_of(options: Options, task: str) -> int:
    """How many samples of a record stand together, 1 where a task has no `permuted`."""
    return int(options_of(options, task).get(PERMUTED, 1))


def asked_with(options: Options, task: str) -> dict[str, Any]:
    """The options that a task's own `ask` takes."""
    found = options_of(options, task)
    return {key: value for key, value in found.items() if key not in COMMON}
