"""How far a command is, on standard error: a bar on a terminal, else a line now and then.

Standard output holds the result alone, so that scripts may read it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vbdata.terminal import events
from vbdata.terminal.pace import Pace

Step = Callable[[int, int], None]  # is called with how many are done, of how many


@contextmanager
def steps(noun: str, as_json: bool) -> Iterator[Step]:
    """A function that shows progress: call it as `step(3, 40)`. The bar goes at the end of this.

    noun: what is counted, such as "shards"; as_json: print events (terminal.events) instead.
    """
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not as_json:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(noun, total=None)
            yield lambda done, of: bar.update(task, completed=done, total=of)
        return
    pace = Pace(at_once=False)

    def step(done: int, of: int) -> None:
        if pace.due():
            text = f"{done} of {of} {noun}"
            if as_json:
                text = events.line("progress", **{noun: done, "of": of})
            console.print(text, markup=False, soft_wrap=True)

    yield step
