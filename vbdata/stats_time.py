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
from vbdata.prints import console
from vbdata.record import RUN
from vbdata.stages import STAGES
from vbdata.storage import Folder

OF_THE_RUN = ("status", "build", "runs", "seconds", "samples_per_second", "shards_built", "time")


def show(out: Folder, as_json: bool, to: Console | None = None) -> None:
    """Print what run.json has of it. Raises BuildError if there is none."""
    said = timing(out)
    if as_json:
        print(json.dumps(said, sort_keys=True))
        return
    to, time = to or console(), said["time"]
    to.print(_head(said), markup=False, soft_wrap=True)
    to.print()
    to.print(_stages(time))
    to.print()
    to.print(_cells(time))
    to.print("Seconds are those of threads, without the stages inside; a cell is in ms a sample.")


def timing(out: Folder) -> dict[str, Any]:
    """The times in run.json. Raises BuildError if it has none."""
    try:
        run = json.loads(out.read(RUN))
        found = {name: run[name] for name in OF_THE_RUN}
    except (BadSample, ValueError, TypeError, KeyError) as err:
        raise BuildError(f"{out.url}: no times in {RUN}; a build writes them") from err
    return found


def _head(said: Mapping[str, Any]) -> str:
    time = said["time"]
    if not time["shards"]:
        return f"{said['status']}; no shard has been timed"
    mean = time["shard_seconds"] / time["shards"]
    runs = f" in {said['runs']} runs" if said["runs"] > 1 else ""
    return (
        f"{said['status']}; {time['samples']} samples in {time['shards']} shards{runs}: "
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
    for stage, spent in time["stages"].items():
        table.add_row(
            Text(stage),
            f"{spent['seconds']:.2f}",
            f"{spent['share']:.1%}",
            _each(spent, time["samples"]),
            f"{spent['samples_per_second']:.1f}",
            f"{spent['mb_per_second']:.1f}" if spent["bytes"] else "",
        )
    table.add_section()
    whole = sum(spent["seconds"] for spent in time["stages"].values())
    pace = f"{time['samples'] / whole:.1f}" if whole else ""
    each = _each({"seconds": whole}, time["samples"])
    table.add_row("all", f"{whole:.2f}", "", each, pace, "", style="bold")
    return table


def _cells(time: Mapping[str, Any]) -> Table:
    """Milliseconds a sample; what shards needed as a whole is spread over all samples."""
    stages = [stage for stage in STAGES if stage in time["stages"]]
    table = _table("Milliseconds a sample")
    for name in ("source", "task"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=6)
    for name in (*stages, "all"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in time["cells"]:
        count = cell["samples"] if cell["source"] else time["samples"]
        spent = cell["stages"]
        whole = {"seconds": sum(line["seconds"] for line in spent.values())}
        table.add_row(
            Text(cell["source"] or "(shards)"),
            Text(cell["task"]),
            *(_each(spent[stage], count) if stage in spent else "" for stage in stages),
            _each(whole, count),
        )
    return table


def _each(spent: Mapping[str, Any], samples: int) -> str:
    """Milliseconds a sample."""
    if not samples:
        return ""
    each = spent["seconds"] / samples * 1e3
    return f"{each:.0f}" if each >= 100 else f"{each:.1f}" if each >= 10 else f"{each:.2f}"
