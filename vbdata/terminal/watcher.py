"""The watcher of a build that prints: a live table, plain lines, or lines of JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from vbdata.engine.progress import Progress, Watcher
from vbdata.errors import visible
from vbdata.layout import QUARANTINE
from vbdata.manifest.quarantine import Quarantine
from vbdata.manifest.tally import cell_lines
from vbdata.planning.plan import Plan
from vbdata.run.events import Connecting, Failed, Retried, Started, Waiting
from vbdata.terminal import events
from vbdata.terminal.account import Account, clock_text
from vbdata.terminal.live import View
from vbdata.terminal.pace import Pace
from vbdata.terminal.tables import COLUMNS, console, mixture, print_barred, print_warnings

DRAWS_PER_S = 2.0  # of the live table
CAUSES = 8  # sources and reasons of damaged records that are printed
BUILT = (
    *("requested", "apportioned", "realised", "unique", "repeated", "passes"),
    *("quarantined", "replaced"),
)


class Terminal(Watcher):
    """Shows a build: as a live table on a terminal, in a line now and then elsewhere, or as JSON.

    as_json: print events (terminal.events) instead; to: the console, by default standard output.
    """

    def __init__(self, as_json: bool, to: Console | None = None) -> None:
        self._json, self._start, self._pace = as_json, time.monotonic(), Pace(at_once=True)
        self._console = to or console()
        self._account: Account | None = None
        self._view, self._live = View(), self._console.is_terminal and not as_json
        self._slow = False  # whether it was said that workers lack the compiled loops

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside, the live table is drawn, if there is one; its last state stays on the screen."""
        if not self._live:
            yield
            return
        with Live(self._view, console=self._console, refresh_per_second=DRAWS_PER_S):
            yield

    def planned(self, plan: Plan) -> None:
        """Print the mixture, what is held out, and the plan's warnings."""
        self._start, self._account = time.monotonic(), Account(plan)
        if self._json:
            events.planned(plan)
            return
        title = f"{plan.recipe.name}: {plan.shards} shards planned"
        self._console.print(mixture(title, list(cell_lines(plan)), COLUMNS, self._console.width))
        print_barred(self._console, plan)
        print_warnings(plan)

    def step(self, state: Progress) -> None:
        """Show how far the build is, and print what is worth a line of its own."""
        if isinstance(state.event, Started):
            self._started(state.event)
            return
        if self._json:
            events.step(state)
            return
        assert self._account
        self._account.step(state)
        self._print_event(state)
        if self._live:
            self._view.account, self._view.state = self._account, state
            return
        if isinstance(state.event, Connecting):
            return
        if self._pace.due() or state.event is None:
            self._console.print(_line(self._account, state), soft_wrap=True)

    def _print_event(self, state: Progress) -> None:
        """Print attempts that failed, shards that are given up, and waiting for a worker."""
        if isinstance(state.event, Retried | Failed):
            verb = "given up" if isinstance(state.event, Failed) else "tried again"
            text = f"shard {state.event.shard:05d} {verb}: {state.event.cause}"
            self._console.print(text, markup=False, soft_wrap=True)
        if isinstance(state.event, Waiting):
            self._console.print(f"no worker yet after {state.event.seconds} s")
        if isinstance(state.event, Connecting):
            self._view.starting = starting_text(state.event.address)
            if not self._live:
                self._console.print(self._view.starting, markup=False)
        elif state.workers:
            self._view.starting = ""

    def _started(self, worker: Started) -> None:
        """Warn of the first worker that lacks the compiled loops."""
        self._view.starting = ""
        if not worker.slow or self._slow:
            return
        self._slow = True
        text = slow_text(f"a worker on {worker.host}" if worker.host else "vbdata", worker.slow)
        if self._json:
            events.say("warning", text=text)
        else:
            print(visible(f"warning: {text}"), file=sys.stderr)

    def finish(
        self, manifest: dict[str, Any], out: str, quarantine: Quarantine | None = None
    ) -> None:
        """Print what a finished build holds.

        manifest: its manifest; out: its folder or URL; quarantine: its damaged records, if it has
        any.
        """
        if self._json:
            digest, samples = manifest["digest"], manifest["samples"]
            events.say("built", out=out, digest=digest, samples=samples)
            return
        title, width = f"{manifest['name']}: built", self._console.width
        self._console.print(mixture(title, manifest["cells"], BUILT, width))
        for line in quarantine_lines(quarantine) if quarantine else ():
            self._console.print(line, markup=False)
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


def starting_text(address: str) -> str:
    """What a build waits for while it has no cluster yet. address: of the cluster."""
    here = address == "local"
    return "starting Ray on this machine" if here else f"connecting to Ray at {address}"


def quarantine_lines(quarantine: Quarantine) -> Iterator[str]:
    """The damaged records by source and reason, a line each, and where all of them stand."""
    lines = quarantine.by_source()
    for source, reason, count, example in lines[:CAUSES]:
        such = f"such as {example}" if count > 1 else example
        yield f"quarantined: {source}: {count} {reason}, {such}"
    if more := len(lines) - CAUSES:
        yield from [f"quarantined: and {more} more sources and reasons"] if more > 0 else []
    if lines:
        yield f"quarantined: {QUARANTINE} has all {quarantine.total}"


def slow_text(who: str, why: str) -> str:
    """A sentence on workers without the compiled loops. who: which; why: they lack them."""
    return f"{who} works without the compiled loops, with the same bytes but much slower: {why}"


def _licence(line: dict[str, Any]) -> str:
    """A licence of the manifest in words: name, samples, sources that forbid commercial use."""
    allowed = (
        "" if line["commercial"] else f", not for commercial use: {', '.join(line['sources'])}"
    )
    return f"{line['license']} ({line['samples']}{allowed})"


def _line(account: Account, state: Progress) -> str:
    """How far the build is, in one line."""
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
