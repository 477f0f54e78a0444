"""Meet every reader with hostile data.

    python -m tests.helpers.fuzzing.run --cases 2000 --reader coco --seed 1

A case is the reader's demo data with one to three seeded changes (damage.py), and is
made again from reader, seed and number. Its index is read, every entry loaded with all its labels,
and of every fourth case some entries made into finished samples. It must end in one of

    fine         nothing that the reader looks at was changed, or the change is legal
    BadSample    some records are refused, each with a reason of vbdata.errors.REASONS
    SourceError  the dataset as a whole is refused, with a message
    FAILURE      anything else: another exception, a label that breaks its contract, a file opened
                 outside the root, a process started, too much memory or time, a crash

Cases run in child processes with a limit of memory, so that a crash or a hang has a number.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from tests.helpers.fuzzing.guard import REPOSITORY
from tests.helpers.fuzzing.variants import readers, write

STARTING = 120.0  # seconds that a child may take for its imports
WORKER = (sys.executable, "-m", "tests.helpers.fuzzing.worker")
Case = tuple[str, int, int]  # reader, seed, number
Result = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a case may take: seconds, and megabytes on top of what its imports map."""

    seconds: float = 30.0
    megabytes: int = 3072


class Child:
    """A process that meets cases one after the other."""

    def __init__(self, folder: Path, limits: Limits, command: Sequence[str] = WORKER) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "work").mkdir(parents=True)
        self._folder, self._limits, self._buffer = folder, limits, b""
        self._log = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            [*command, str(folder), str(limits.megabytes)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"},
        )
        if self._line(STARTING) is None:
            raise RuntimeError(f"the child did not start: {self.end()}")

    def meet(self, case: Case) -> Result:
        """How a case went; the child is of no more use after a crash or a hang."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(case).encode() + b"\n")
        self._process.stdin.flush()
        begun = self._line(STARTING)
        told = self._line(self._limits.seconds) if begun else None
        if told is not None:
            return told
        hung = self._process.poll() is None
        said = self.end()
        detail = f"hang: more than {self._limits.seconds:g} s" if hung else f"crash: {said}"
        damage = (begun or {}).get("damage", "unknown")
        return {"case": case[2], "kind": "FAILURE", "detail": detail, "damage": damage}

    @property
    def usable(self) -> bool:
        """Whether it waits for the next case."""
        return self._process.poll() is None

    def end(self) -> str:
        """Kill it; its exit status, and what it said last."""
        if not self._log.closed:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._log):
                if stream is not None:
                    stream.close()
        said = (self._folder / "stderr").read_bytes()[-300:].decode("utf-8", "replace")
        return f"status {self._process.returncode}, stderr ...{' '.join(said.split())}"

    def _line(self, seconds: float) -> Result | None:
        """The next line that it writes, None if none comes in time; OpenEXR writes lines, too."""
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        while not (begin := self._buffer.find(b"{") + 1) or b"\n" not in self._buffer[begin:]:
            if not select.select([stream], [], [], seconds)[0]:
                return None
            if not (more := os.read(stream, 1 << 16)):
                self._process.wait()
                return None
            self._buffer += more
        line, _, self._buffer = self._buffer[begin - 1 :].partition(b"\n")
        found: Result = json.loads(line)
        return found


def run(
    cases: Iterable[Case], folder: Path, *, jobs: int = 1, limits: Limits | None = None
) -> dict[str, list[Result]]:
    """Meet cases on `jobs` children at once. Reader -> results by number."""
    waiting: SimpleQueue[Case] = SimpleQueue()
    results: dict[str, list[Result]] = {}
    for case in cases:
        if case[0] not in results:
            write(case[0], folder / "demo")
        results.setdefault(case[0], [])
        waiting.put(case)

    def serve(place: Path) -> None:
        child = None
        with contextlib.suppress(Empty):
            while True:
                case = waiting.get_nowait()
                if child is None or not child.usable:
                    child = Child(place, limits or Limits())
                results[case[0]].append(child.meet(case))
        if child is not None:
            child.end()

    threads = [threading.Thread(target=serve, args=(folder / f"child-{k}",)) for k in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {reader: sorted(found, key=itemgetter("case")) for reader, found in results.items()}


def table(results: dict[str, list[Result]]) -> str:
    """Outcomes and reasons of refused records, a line a reader."""
    kinds = ("fine", "BadSample", "SourceError", "FAILURE")
    lines = [f"{'reader':16}{'cases':>7}" + "".join(f"{kind:>13}" for kind in kinds)]
    reasons: collections.Counter[str] = collections.Counter()
    for reader, found in results.items():
        count = collections.Counter(result["kind"] for result in found)
        lines.append(
            f"{reader:16}{len(found):>7}" + "".join(f"{count[kind]:>13}" for kind in kinds)
        )
        for result in found:
            reasons.update(result.get("reasons", {}))
    said = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
    return "\n".join([*lines, f"records: {said}"])


def failures(reader: str, seed: int, found: Sequence[Result]) -> list[str]:
    """What failed, alike ones together, each with how to repeat one."""
    alike: dict[tuple[str, str], list[Result]] = collections.defaultdict(list)
    for result in found:
        if result["kind"] == "FAILURE":
            kind = result["detail"].partition(":")[0] + result["detail"][:40]
            alike[kind, result.get("where", "")].append(result)
    lines = []
    for (_, where), same in sorted(alike.items(), key=lambda item: -len(item[1])):
        first = min(same, key=lambda result: len(result["damage"]))
        lines.append(
            f"{len(same)} x {reader}: {first['detail'][:400]}\n    at {where}\n"
            f"    {first['damage'][:400]}\n"
            f"    python -m tests.helpers.fuzzing.run --reader {reader} --seed {seed} "
            f"--case {first['case']}"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if anything failed."""
    known = readers()
    parser = argparse.ArgumentParser(
        prog="python -m tests.helpers.fuzzing.run", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--reader", action="append", choices=known, help="default: all")
    parser.add_argument("--cases", type=int, default=200, help="of each reader (200)")
    parser.add_argument("--case", type=int, action="append", help="only this number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (1)")
    parser.add_argument("--seconds", type=float, default=30.0, help="a case may take (30)")
    parser.add_argument("--megabytes", type=int, default=3072, help="a case may map (3072)")
    parser.add_argument("--folder", type=Path, help="kept, with the last case's files")
    asked = parser.parse_args(arguments)
    numbers = asked.case or range(asked.cases)
    cases = [(reader, asked.seed, k) for reader in asked.reader or known for k in numbers]
    limits = Limits(asked.seconds, asked.megabytes)
    with tempfile.TemporaryDirectory(prefix="vbdata-fuzz-") as temporary:
        folder = (asked.folder or Path(temporary)).absolute()
        results = run(cases, folder, jobs=asked.jobs, limits=limits)
    if asked.case:
        print(json.dumps(results, indent=1))
    print(table(results))
    failed = [line for r, found in results.items() for line in failures(r, asked.seed, found)]
    print("\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
