"""Lines of JSON for scripts: each a whole object, with its event's name and the time.

README.md lists the events and their fields; `time` is UTC in ISO 8601.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vbdata.engine.progress import Progress
    from vbdata.planning.plan import Plan


def line(event: str, **fields: Any) -> str:
    """An event as a line of JSON, without the line's end."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"event": event, "time": now, **fields})


def say(event: str, **fields: Any) -> None:
    """Print an event to standard output, and flush it."""
    print(line(event, **fields), flush=True)


def planned(plan: Plan) -> None:
    """Print the event `planned` with the mixture, then a `warning` for each of the plan."""
    from vbdata.manifest.tally import warnings

    cells = [{"source": c.source, "task": c.task, "samples": c.count} for c in plan.cells]
    say(
        "planned",
        name=plan.recipe.name,
        samples=plan.recipe.samples,
        shards=plan.shards,
        cells=cells,
    )
    for text in warnings(plan):
        say("warning", text=text)


def step(state: Progress) -> None:
    """Print what has happened, under its own name, and how far the build is."""
    name, more = _event(state)
    say(
        name,
        samples=state.samples_done,
        of=state.samples,
        shards=state.shards_done,
        kept=state.shards_kept,
        quarantined=state.quarantined,
        reused=state.reused,
        retries=state.retries,
        workers=state.workers,
        **more,
    )


def _event(state: Progress) -> tuple[str, dict[str, Any]]:
    """The name of an event, and the fields that only it has."""
    from vbdata.run.events import Connecting, Done, Failed, Retried, Waiting, Workers

    match state.event:
        case Retried(shard, cause):
            return "retried", {"shard": shard, "cause": cause}
        case Failed(shard, cause):
            return "failed", {"shard": shard, "cause": cause}
        case Connecting(address):
            return "starting", {"address": address}
        case Waiting(seconds):
            return "waiting", {"seconds": seconds}
        case Workers():
            return "workers", {}
        case Done(report):
            took = round(report.spent.seconds, 3) if report.spent else None
            return "shard", {"shard": report.shard, "bytes": report.size, "seconds": took}
    return "progress", {}
