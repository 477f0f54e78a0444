"""`vbdata stats --time`: where the time of a build went, by stage and by source, task and stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbdata.errors import BadSample, BuildError
from vbdata.layout import RUN
from vbdata.machine.stages import STAGES
from vbdata.storage.folder import Folder
from vbdata.terminal.tables import console
from vbdata.view.stats import slow_notes

OF_THE_RUN = ("status", "build", "runs", "seconds", "samples_per_second", "shards_built", "time")
WORKERS = {"workers_started", "workers_slow"}  # that older builds lack
WIDE = 100  # columns from which every stage has a column of its own
WIDE_PARTS = {stage: (stage,) for stage in STAGES}
NARROW_PARTS = {
    **{stage: (stage,) for stage in STAGES[:5]},
    "write": ("tar", "hash", "upload"),
    "other": ("wait", "other"),
}


def show(out: Folder, as_json: bool, screen: Console | None = None) -> None:
    """Print the times of a build, as tables or as one line of JSON.

    Raises BuildError if the folder has no times.
    """
    run = timing(out)
    if as_json:
        print(json.dumps(run, sort_keys=True))
        return
    screen, time = screen or console(), run["time"]
    screen.print(_head(run), markup=False, soft_wrap=True)
    screen.print()
    screen.print(_stages(time))
    screen.print()
    screen.print(_cells(time, WIDE_PARTS if screen.width >= WIDE else NARROW_PARTS))
    for line in slow_notes(run.get("workers_slow", {})):
        screen.print(f"\n{line}", markup=False, soft_wrap=True)
    screen.print("\nSeconds are those of threads; a stage's do not hold those of stages inside it.")


def timing(out: Folder) -> dict[str, Any]:
    """The times of a build, from run.json: the keys of OF_THE_RUN.

    Raises BuildError if it is not there or has no times.
    """
    try:
        run = json.loads(out.read(RUN))
        return {name: run[name] for name in (*OF_THE_RUN, *(run.keys() & WORKERS))}
    except (BadSample, ValueError, TypeError, KeyError) as err:
        raise BuildError(f"{out.url}: no times in {RUN}; a build writes them") from err


def _head(run: Mapping[str, Any]) -> str:
    time = run["time"]
    if not time["shards"]:
        return f"{run['status']}; no shard has been timed"
    mean = time["shard_seconds"] / time["shards"]
    runs = f" in {run['runs']} runs" if run["runs"] > 1 else ""
    return (
        f"{run['status']}; {time['samples']} samples in {time['shards']} shards{runs}: "
        f"{mean:.2f} s a shard, the longest {time['longest_shard_seconds']:.2f} s"
    )


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _stages(time: Mapping[str, Any]) -> Table:
    table = _table("Stages")
    table.add_column("stage")
    for name in ("seconds", "share", "ms a sample", "samples/s", "MB/s"):
        table.add_column(name, justify="right")
    for stage in (stage for stage in STAGES if stage in time["stages"]):
        spent = time["stages"][stage]
        table.add_row(
            Text(stage),
            f"{spent['seconds']:.2f}",
            f"{spent['share']:.1%}",
            _each(spent["seconds"], time["samples"]),
            f"{spent['samples_per_second']:.1f}",
            f"{spent['mb_per_second']:.1f}" if spent["bytes"] else "",
        )
    table.add_section()
    whole = sum(spent["seconds"] for spent in time["stages"].values())
    pace = f"{time['samples'] / whole:.1f}" if whole else ""
    table.add_row("all", f"{whole:.2f}", "", _each(whole, time["samples"]), pace, style="bold")
    return table


def _cells(time: Mapping[str, Any], parts: Mapping[str, tuple[str, ...]]) -> Table:
    """The times of each cell. parts: stages to add up, by column; what a shard took as a whole is
    spread over all samples.
    """
    table = _table("Milliseconds a sample")
    shown = [name for name, stages in parts.items() if any(s in time["stages"] for s in stages)]
    for name in ("source", "task"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=8, max_width=30)
    for name in (*shown, "all"):
        table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    for cell in time["cells"]:
        count = cell["samples"] if cell["source"] else time["samples"]
        spent = {stage: line["seconds"] for stage, line in cell["stages"].items()}
        table.add_row(
            Text(cell["source"] or "(shards)"),
            Text(cell["task"]),
            *(_each(sum(spent.get(stage, 0.0) for stage in parts[name]), count) for name in shown),
            _each(sum(spent.values()), count),
        )
    return table


def _each(seconds: float, samples: int) -> str:
    """Milliseconds a sample, as text; "" if there is nothing to tell."""
    if not samples or not seconds:
        return ""
    each = seconds / samples * 1e3
    return f"{each:.0f}" if each >= 100 else f"{each:.1f}" if each >= 10 else f"{each:.2f}"
