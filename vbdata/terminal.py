"""What people and scripts see of a running build: a live progress line, lines of JSON."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vbdata.build import Progress as State
from vbdata.build import Watcher
from vbdata.plan import Plan
from vbdata.prints import COLUMNS, console, mixture, print_barred, print_warnings
from vbdata.run import Done, Failed, Retried, Waiting
from vbdata.tally import cell_lines, warnings

PLAIN_EVERY_S = 10.0
BUILT = (
    *("requested", "apportioned", "realised", "unique", "repeated", "passes"),
    *("quarantined", "replaced"),
)


class Terminal(Watcher):
    """A live bar on a terminal, a line now and then elsewhere, or lines of JSON."""

    def __init__(self, as_json: bool) -> None:
        self._json, self._start, self._last = as_json, time.monotonic(), 0.0
        self._console = console()
        self._bar: Progress | None = None
        if self._console.is_terminal and not as_json:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("indexing", total=None, rate="", note="")

    def __enter__(self) -> Terminal:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, plan: Plan) -> None:
        """Show the mixture before work starts."""
        self._start = time.monotonic()
        if self._json:
            for text in warnings(plan):
                print(json.dumps({"event": "warning", "text": text}), flush=True)
        else:
            title = f"{plan.recipe.name}: {plan.shards} shards planned"
            self._console.print(mixture(title, list(cell_lines(plan)), COLUMNS))
            print_barred(self._console, plan)
            print_warnings(plan)

    def step(self, state: State) -> None:
        """Show how far it is."""
        if self._json:
            print(json.dumps(_event(state)), flush=True)
            return
        if isinstance(state.event, Retried | Failed):
            verb = "given up" if isinstance(state.event, Failed) else "tried again"
            self._console.print(f"shard {state.event.shard:05d} {verb}: {state.event.cause}")
        if isinstance(state.event, Waiting):
            self._console.print(f"no worker yet after {state.event.seconds} s")
        rate = self._rate(state)
        note = f"{state.quarantined} quarantined" if state.quarantined else ""
        if self._bar:
            shown = f"{rate:.1f} samples/s"
            self._bar.update(
                self._task,
                description="samples",
                completed=state.samples_done,
                total=state.samples,
                rate=shown,
                note=note,
            )
        elif state.event is None or time.monotonic() - self._last > PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._console.print(self._line(state, rate, note))

    def _rate(self, state: State) -> float:
        seconds = time.monotonic() - self._start
        return (state.samples_done - state.samples_kept) / seconds if seconds > 0 else 0.0

    def _line(self, state: State, rate: float, note: str) -> str:
        left = (state.samples - state.samples_done) / rate if rate else None
        parts = [
            f"{state.samples_done}/{state.samples} samples",
            f"{state.shards_done}/{state.shards} shards",
            f"{state.shards_kept} kept" if state.shards_kept else "",
            f"{state.reused} reused" if state.reused else "",
            f"{rate:.1f} samples/s" if rate else "",
            f"{left:.0f} s left" if left else "",
            note,
        ]
        return ", ".join(part for part in parts if part)

    def finish(self, manifest: dict[str, Any], out: str) -> None:
        """The closing statement."""
        if self._json:
            digest = {"event": "built", "out": out, "digest": manifest["digest"]}
            print(json.dumps(digest | {"samples": manifest["samples"]}))
            return
        self._console.print(mixture(f"{manifest['name']}: built", manifest["cells"], BUILT))
        bad = sum(manifest["quarantine"].values())
        if bad:
            reasons = ", ".join(f"{n} {reason}" for reason, n in manifest["quarantine"].items())
            self._console.print(f"quarantined: {reasons}; see quarantine/quarantine.jsonl")
        if "round trip" in manifest["quarantine"]:
            self._console.print(
                f"[bold red]BUG: {manifest['quarantine']['round trip']} targets do not decode to "
                "their labels[/bold red] and were left out; please report them"
            )
        self._console.print("licences: " + "; ".join(map(_licence, manifest["licenses"])))
        if manifest["shortfall"]:
            self._console.print(f"shortfall: {manifest['shortfall']} slots, no spare was left")
        self._console.print(
            f"{manifest['samples']} samples in {len(manifest['shards'])} shards, "
            f"{manifest['bytes'] / 1e6:.1f} MB, in {time.monotonic() - self._start:.1f} s; "
            f"digest {manifest['digest'][:16]}"
        )


def _licence(line: dict[str, Any]) -> str:
    allowed = (
        "" if line["commercial"] else f", not for commercial use: {', '.join(line['sources'])}"
    )
    return f"{line['license']} ({line['samples']}{allowed})"


def _event(state: State) -> dict[str, Any]:
    line: dict[str, Any] = {
        "event": "progress",
        "samples": state.samples_done,
        "of": state.samples,
        "shards": state.shards_done,
        "kept": state.shards_kept,
        "quarantined": state.quarantined,
        "reused": state.reused,
    }
    if isinstance(state.event, Retried | Failed):
        kind = "failed" if isinstance(state.event, Failed) else "retried"
        line |= {"event": kind, "shard": state.event.shard, "cause": state.event.cause}
    elif isinstance(state.event, Waiting):
        line |= {"event": "waiting", "seconds": state.event.seconds}
    elif isinstance(state.event, Done):
        line |= {"event": "shard", "shard": state.event.receipt.shard}
    return line
