"""run.json: how the last run of a build went, with its times and its machine. No digest covers it.

It is written when a run starts ("running"), and again when it ends: "built", "failed" or
"interrupted". If it says "running" and nothing runs, the run was killed. `time` and the workers are
summed over `runs` runs, all of the same build.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vbdata.engine.times import Times
from vbdata.errors import BadSample
from vbdata.layout import RUN
from vbdata.manifest.json_text import canonical
from vbdata.run.events import Done, Event, Failed, Retried, Started
from vbdata.storage.folder import Folder

if TYPE_CHECKING:
    from vbdata.run.how import How

LONGEST_ERROR = 4000  # characters of an error's text


class Record:
    """Counts the events of a run. Used as a context manager, which writes run.json at both ends.

    build: name of the folder of shards, which tells builds apart; warnings: the plan's. kept: to be
    set to the shards that an earlier run finished; reused: to what `Library.statement` gives.
    """

    def __init__(self, out: Folder, how: How, build: str, warnings: list[str]) -> None:
        self._out, self._how, self._build, self._warnings = out, how, build, warnings
        self._start = time.monotonic()
        self.failed: list[Failed] = []
        self.retries = self.built = self.samples = self.kept = self.started = 0
        self.reuse, self.slow = Counter[str](), Counter[str]()
        self.reused: dict[str, Any] | None = None
        self.times, self.runs = Times(), 1

    def __enter__(self) -> Record:
        self._resume()
        self._write("running")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._write("built")
            return
        stopped = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
        try:
            self._write("interrupted" if stopped else "failed", error)
        except OSError as err:  # the first error is the one to report
            error.add_note(f"{RUN} could not be written either: {err}")

    def add(self, event: Event) -> None:
        """Count an event of the runner."""
        if isinstance(event, Failed):
            self.failed.append(event)
        if isinstance(event, Done):
            self.built += 1
            self.samples += sum(event.report.samples.values())
            self.reuse.update(event.report.reuse)
            self.times.add(event.report)
        if isinstance(event, Started):
            self.started += 1
            self.slow.update([event.slow] if event.slow else [])
        self.retries += isinstance(event, Retried)

    def _resume(self) -> None:
        """Take over the times of earlier runs, if they were of the same build."""
        try:
            if not self._out.exists(RUN):
                return
            earlier = json.loads(self._out.read(RUN))
            if earlier["build"] == self._build:
                times, runs = Times(), int(earlier["runs"]) + 1
                times.add_earlier(earlier["time"])
                self.times, self.runs = times, runs
                self.started += int(earlier["workers_started"])
                self.slow.update(_slow_of(earlier))
        except (LookupError, TypeError, ValueError, AttributeError, BadSample):
            return  # cut short, or of an older version: only the times of earlier runs are lost

    def _write(self, status: str, error: BaseException | None = None) -> None:
        seconds = time.monotonic() - self._start
        run: dict[str, Any] = {
            "status": status,
            "build": self._build,
            "runs": self.runs,
            "seconds": round(seconds, 3),
            "samples_per_second": round(self.samples / seconds, 3) if seconds else 0.0,
            "shards_built": self.built,
            "shards_kept": self.kept,
            "shards_failed": len(self.failed),
            "retries": self.retries,
            "workers_started": self.started,
            "workers_slow": dict(self.slow),
            "how": {k: v for k, v in asdict(self._how).items() if not callable(v)},
            "cpus": os.cpu_count(),
            "warnings": self._warnings,
            "time": self.times.block(),
        }
        if error is not None:
            run["error"] = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        if self.reused is not None:
            run["reuse"] = self.reused
        self._out.write(RUN, canonical(run))


def slow_workers(out: Folder) -> dict[str, int]:
    """How many workers made a build without the compiled loops, by why they lacked them.

    {} too, where there is no run.json or an older one.
    """
    try:
        return _slow_of(json.loads(out.read(RUN))) if out.exists(RUN) else {}
    except (LookupError, TypeError, ValueError, AttributeError, BadSample):
        return {}


def _slow_of(run: dict[str, Any]) -> dict[str, int]:
    return {str(why): int(count) for why, count in run["workers_slow"].items()}
