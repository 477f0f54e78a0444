"""Run a command and measure it from outside, with all the processes that it starts.

A process belongs to the run if its environment has the run's mark or its parent belongs to it, so
daemons that have left their parents are counted, too. Linux only (/proc).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# Looking takes processor time from what is measured: 2 ms, and some 30 for the memory of a Ray. So
# both are seldom, except until the first sample is seen.
BEGIN_TICK_S, TICK_S = 0.02, 0.25
MEMORY_EVERY_S = 2.0
MARK = "VBDATA_BENCH_RUN"
CLOCK = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Process = tuple[int, str]  # id and start time: ids are used again


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run. wall_s: command start to exit; loop_s: first sample begun to last written.

    cpu_s, peak_bytes: of all its processes together (memory as PSS); out_bytes: of its tars.
    """

    name: str
    round: int
    samples: int
    wall_s: float
    loop_s: float
    cpu_s: float
    peak_bytes: int
    out_bytes: int


@dataclass(slots=True)
class Watch:
    """The processes of one run while it lasts, and what they have used.

    mine, others: processes that do and do not belong to it; ticks: CPU time of each.
    """

    mark: str
    root: int
    mine: set[Process] = field(default_factory=set)
    others: set[Process] = field(default_factory=set)
    ticks: dict[Process, int] = field(default_factory=dict)
    peak_bytes: int = 0

    def look(self, memory: bool) -> None:
        """Read the CPU times, and with `memory` the memory, of all processes of the run."""
        processes = dict(sorted(_stats().items()))
        ids = {process[0] for process in self.mine}
        for process, (parent, ticks) in processes.items():
            if process not in self.mine and process not in self.others:
                belongs = process[0] == self.root or parent in ids or self._marked(process[0])
                (self.mine if belongs else self.others).add(process)
                ids |= {process[0]} if belongs else set()
            if process in self.mine:
                self.ticks[process] = ticks
        if memory:
            alive = [process[0] for process in processes if process in self.mine]
            self.peak_bytes = max(self.peak_bytes, sum(map(_pss, alive)))

    def alive(self) -> list[int]:
        """Ids of processes of the run that have not ended."""
        return [process[0] for process in _stats() if process in self.mine]

    @property
    def cpu_s(self) -> float:
        """User and system time of all processes, as last seen."""
        return sum(self.ticks.values()) / CLOCK

    def _marked(self, pid: int) -> bool:
        try:
            return self.mark.encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False


def run(name: str, number: int, arguments: Sequence[str], out: Path, samples: int) -> Run:
    """Run `python -m benchmarks.NAME ...` afresh. Raises RuntimeError if it fails."""
    mark = uuid.uuid4().hex
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | dict.fromkeys(THREADS, "1") | {MARK: mark}
    env["PYTHONPATH"] = os.pathsep.join(paths)
    log = out.parent / f"{out.name}.log"
    with log.open("w+") as stderr:
        start = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        watch = Watch(mark=mark, root=child.pid)
        first, look_at, memory_at = None, start, start
        try:
            while child.poll() is None:
                now = time.monotonic()
                if now >= look_at:
                    watch.look(memory=now >= memory_at)
                    memory_at = now + MEMORY_EVERY_S if now >= memory_at else memory_at
                    look_at = now + TICK_S
                if first is None and _begun(out):
                    first = now
                with suppress(subprocess.TimeoutExpired):  # its end is seen at once
                    child.wait(BEGIN_TICK_S if first is None else TICK_S)
        finally:
            child.terminate()  # interrupted: leave nothing behind
        end = time.monotonic()
        output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"{name} failed ({child.returncode}):\n{log.read_text()[-4000:]}")
    _wait_for_the_last(watch)
    last = float(json.loads(output.strip().splitlines()[-1])["end"])
    return Run(
        name=name,
        round=number,
        samples=samples,
        wall_s=end - start,
        loop_s=last - (first if first is not None else start),
        cpu_s=watch.cpu_s,
        peak_bytes=watch.peak_bytes,
        out_bytes=sum(path.stat().st_size for path in out.rglob("*.tar")),
    )


def _wait_for_the_last(watch: Watch, patience_s: float = 10.0) -> None:
    """Let daemons that outlive the command end, so that the next run has the machine."""
    until = time.monotonic() + patience_s
    while watch.alive() and time.monotonic() < until:
        watch.look(memory=False)
        time.sleep(TICK_S)


def _begun(out: Path) -> bool:
    """Whether a first sample is being made: a tar is open, or a worker has left its mark."""
    return any(
        file.endswith((".tar", ".started")) for _, _, files in os.walk(out) for file in files
    )


def _stats() -> dict[Process, tuple[int, int]]:
    """(id, start time) -> (parent, CPU ticks) of every process that can be seen."""
    processes = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        if fields[0] != "Z":
            processes[int(name), fields[19]] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    return processes


def _pss(pid: int) -> int:
    """Memory of a process in bytes, shared pages divided among those who share them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
