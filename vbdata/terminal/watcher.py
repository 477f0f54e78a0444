"""What people and scripts see of a running build: a live table, plain lines, lines of JSON."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live

from vbdata.engine.progress import Progress, Watcher
from vbdata.manifest.tally import cell_lines
from vbdata.planning.plan import Plan
from vbdata.run.events import Failed, Retried, Waiting
from vbdata.terminal import events
from vbdata.terminal.account import Account, clock_text
from vbdata.terminal.live import View
from vbdata.terminal.tables import COLUMNS, console, mixture, print_barred, print_warnings

PLAIN_EVERY_S = 10.0
DRAWS_PER_S = 2.0
BUILT = (
    *("requested", "apportioned", "realised", "unique", "repeated", "passes"),
    *("quarantined", "replaced"),
)


class Terminal(Watcher):
    """A live table on a terminal, a line now and then elsewhere, or lines of JSON."""

    def __init__(self, as_json: bool, to: Console | None = None) -> None:
        self._json, self._start, self._last = as_json, time.monotonic(), float("-inf")
        self._console = to or console()
        self._account: Account | None = None
        self._view, self._live = View(), None
        if self._console.is_terminal and not as_json:
            self._live = Live(self._view, console=self._console, refresh_per_second=DRAWS_PER_S)

    def __enter__(self) -> Terminal:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def planned(self, plan: Plan) -> None:
        """Show the mixture before work starts."""
        self._start, self._account = time.monotonic(), Account(plan)
        if self._json:
            events.planned(plan)
            return
        title = f"{plan.recipe.name}: {plan.shards} shards planned"
        self._console.print(mixture(title, list(cell_lines(plan)), COLUMNS, self._console.width))
        print_barred(self._console, plan)
        print_warnings(plan)

    def step(self, state: Progress) -> None:
        """Show how far it is."""
        if self._json:
            events.step(state)
            return
        assert self._account
        self._account.step(state)
        self._say(state)
        if self._live:
            self._view.account, self._view.state = self._account, state
            return
        if state.event is None or time.monotonic() - self._last > PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._console.print(_line(self._account, state), soft_wrap=True)

    def _say(self, state: Progress) -> None:
        """What is worth a line of its own."""
        if isinstance(state.event, Retried | Failed):
            verb = "given up" if isinstance(state.event, Failed) else "tried again"
            text = f"shard {state.event.shard:05d} {verb}: {state.event.cause}"
            self._console.print(text, markup=False, soft_wrap=True)
        if isinstance(state.event, Waiting):
            self._console.print(f"no worker yet after {state.event.seconds} s")

    def finish(self, manifest: dict[str, Any], out: str) -> None:
        """The closing statement."""
        if self._json:
            digest, samples = manifest["digest"], manifest["samples"]
            events.say("built", out=out, digest=digest, samples=samples)
            return
        title, width = f"{manifest['name']}: built", self._console.width
        self._console.print(mixture(title, manifest["cells"], BUILT, width))
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


def _line(account: Account, state: Progress) -> str:
    pace = account.pace()
    samples, megabytes = (sum(numbers) for numbers in zip(*pace, strict=True))
    left = account.left(state)
    parts = [
        f"{state.samples_done}/{state.samples} samples",
        f"{state.shards_done}/{state.shards} shards",
        f"{state.shards_kept} kept" if state.shards_kept else "",
        f"{state.reused} reused" if state.reused else "",
        f"{samples:.1f} samples/s, {megabytes:.1f} MB/s" if samples else "",
        f"{clock_text(left)} left" if left else "",
        f"{state.workers} workers" if state.workers else "",
        f"{state.retries} retries" if state.retries else "",
        f"{state.quarantined} quarantined" if state.quarantined else "",
    ]
    return ", ".join(part for part in parts if part)
