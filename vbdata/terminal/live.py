"""A running build on a terminal: a bar, a line for each cell, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vbdata.engine.progress import Progress
from vbdata.terminal.account import Account, CellProgress, clock_text

WIDE = 100  # columns from which heads are not shortened
OTHER_LINES = 11  # of the screen, besides those of the cells
LEAST_LINES = 3  # of cells, on however low a screen


class View:
    """What rich draws, again and again, to the screen's width and height.

    account, state: set by the watcher; before that, the build is being planned; starting: what it
    waits for before its first worker, "" later.
    """

    def __init__(self) -> None:
        self.account: Account | None = None
        self.state: Progress | None = None
        self.starting = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.account is None or self.state is None:
            yield Text("indexing and planning", style="dim")
            return
        wide = options.max_width >= WIDE
        yield _bar(self.account, self.state, options.max_width)
        yield Text()
        room = max(LEAST_LINES, console.height - OTHER_LINES)
        yield _cells(self.account, wide, room)
        yield Text(self.starting) if self.starting else _summary(self.state)
        if shares := self.state.times.shares():
            yield _shares(shares, options.max_width)


def _bar(account: Account, state: Progress, width: int) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0), expand=False)
    left = account.left(state)
    words = (
        f"{state.samples_done / max(1, state.samples):.0%}",
        f"{state.samples_done}/{state.samples} samples",
        f"{state.shards_done}/{state.shards} shards",
        f"{clock_text(left)} left" if left is not None else f"{clock_text(account.seconds)} so far",
    )
    name = Text(account.name, style="bold", overflow="ellipsis", no_wrap=True)
    name.truncate(20, overflow="ellipsis")
    used = len(name) + sum(map(len, words)) + 2 * (len(words) + 1)
    room = max(6, min(40, width - used))
    bar = ProgressBar(state.samples, state.samples_done, width=room, complete_style="green")
    row.add_row(name, bar, *words)
    return row


def _cells(account: Account, wide: bool, room: int) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, width in (("source", 20), ("task", 14)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=40 if wide else width)
    bad = ("quarantined", "replaced") if wide else ("quar.", "repl.")
    for head in ("done", "of", "samples/s", "MB/s", *bad):
        table.add_column(head, justify="right", no_wrap=True)
    lines = list(zip(account.cells, account.pace(), strict=True))
    shown = _fitting(lines, room)
    for cell, pace in shown:
        table.add_row(*_line(cell, *pace), style="dim" if cell.done >= cell.total else None)
    if more := len(lines) - len(shown):
        table.add_row(Text(f"and {more} more", style="dim"))
    table.add_section()
    table.add_row(*_sum(account), style="bold")
    return table


def _fitting(
    lines: list[tuple[CellProgress, tuple[float, float]]], room: int
) -> list[tuple[CellProgress, tuple[float, float]]]:
    """The cells that are furthest from their end, as many as there is room for, in their order."""
    if len(lines) <= room:
        return lines
    behind = sorted(lines, key=lambda line: line[0].done / max(1, line[0].total))[: room - 1]
    return [line for line in lines if line in behind]


def _line(cell: CellProgress, samples: float, megabytes: float) -> Iterator[Text]:
    yield Text(cell.source)
    yield Text(cell.task)
    yield Text(str(cell.done))
    yield Text(str(cell.total))
    yield Text(f"{samples:.1f}")
    yield Text(f"{megabytes:.1f}")
    yield Text(str(cell.quarantined), style="yellow" if cell.quarantined else "")
    yield Text(str(cell.replaced))


def _sum(account: Account) -> tuple[str, ...]:
    pace = account.pace()
    counts = [
        sum(getattr(cell, name) for cell in account.cells)
        for name in ("done", "total", "quarantined", "replaced")
    ]
    speed = [f"{sum(numbers):.1f}" for numbers in zip(*pace, strict=True)]
    return ("total", "", *map(str, counts[:2]), *speed, *map(str, counts[2:]))


def _summary(state: Progress) -> Text:
    parts = [
        _many(state.workers, "worker"),
        _many(state.retries, "retry", "retries"),
        f"{state.shards_kept} shards kept" if state.shards_kept else "",
        f"{state.reused} samples reused" if state.reused else "",
    ]
    return Text("  ".join(part for part in parts if part))


def _shares(shares: dict[str, float], width: int) -> Text:
    """The shares of the stages, as many as fit into a line."""
    text = Text("time: ")
    for stage, share in shares.items():
        if share >= 0.005 and len(text) + len(stage) + 5 <= width:
            text.append(f"{stage} ", style="dim")
            text.append(f"{share:.0%}  ")
    return text


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"
