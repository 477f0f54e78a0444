"""Builds amid faults and kills, again and again: the bytes must be those of a quiet build.

    python -m benchmarks.soak --minutes 30 --workers 2

The demo data, in many small shards, is read from and written to an S3 server of this machine
behind a proxy that answers 5 % of the requests with an error, a reset or half of what was asked
for, and 1 % with silence. A Ray cluster of this machine has one node a worker. Every 20 s
(`--every`) a worker or a node is killed with SIGKILL, now and then the driver, which is started
again; a node that is lost is replaced. Rounds follow one another until time is up; the last is
finished without kills. All that happens goes to stderr, a line of JSON each; at the end stdout gets
the checks, the faults by kind and the kills. Exit code 1 if a byte differs, a sample is missing, or
a build does not come to its end. All temporary files, also of those that were killed, lie in a
folder that is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from ray.cluster_utils import Cluster

from benchmarks.faulty_store import Faults, Proxy, faulty
from benchmarks.marked import mark, workers
from benchmarks.soak_store import (
    BUCKET,
    KEYS,
    build_quietly,
    checked,
    served,
    upload,
    write_recipe,
)

FAULTS = Faults(error=0.03, reset=0.008, lost=0.004, cut=0.004, short=0.004, hang=0.01)
KILLS = {"worker": 6, "node": 3, "driver": 1}  # odds
GIVES_UP = 8  # after so many drivers in a row that ended by themselves, with an error
LATE_S = 900.0  # that the last round may take once time is up
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}
QUICK |= {"health_check_timeout_ms": 1000, "health_check_failure_threshold": 5}


@dataclass(kw_only=True)
class Soak:
    """A soak while it runs.

    ends: by time.monotonic(); every_s: seconds between two kills; driver_log: what the driver
    prints; number: of the round; kills: how often each kind was killed; gave_up: exit codes and
    last words of drivers that ended with an error.
    """

    recipe: Path
    roots: list[str]
    cluster: Cluster
    proxy: Proxy
    luck: random.Random
    ends: float
    every_s: float
    driver_log: Path
    number: int = 0
    began: float = field(default_factory=time.monotonic)
    kills: Counter[str] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Print an event to stderr, as a line of JSON."""
        seconds, requests = round(time.monotonic() - self.began, 1), self.proxy.counts.total()
        line = {"at_s": seconds, "round": self.number, "event": what, "requests": requests}
        print(json.dumps(line), file=sys.stderr, flush=True)

    def round(self) -> str:
        """Build once amid faults and kills; returns the folder's URL.

        Raises TimeoutError if the build does not come to its end.
        """
        out, errors = f"s3://{BUCKET}/out-{self.number}", 0
        self.proxy.faults = FAULTS
        while True:
            with self.driver_log.open("wb") as log:
                driver = self._driver(out, log)
                killed = self._killed(driver)
            if not killed and driver.returncode == 0:
                break
            if not killed:
                last = self.driver_log.read_text(errors="replace").strip()[-400:]
                self.gave_up.append(f"{driver.returncode}: {last}")
                self.note(f"driver ended with {self.gave_up[-1]}")
            errors = 0 if killed else errors + 1
            if errors == GIVES_UP:
                raise TimeoutError(f"round {self.number}: {errors} drivers in a row gave up")
        self.proxy.faults = Faults()
        return out

    def _driver(self, out: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        words = ["build", str(self.recipe), "--out", out, "--ray", self.cluster.address]
        command = [sys.executable, "-m", "vbdata", *words, "--patience", "120", *self.roots]
        return subprocess.Popen(command, stdout=log, stderr=log)

    def _killed(self, driver: subprocess.Popen[bytes]) -> bool:
        """Kill workers, nodes or the driver until the driver ends; whether it was killed itself."""
        while True:
            with suppress(subprocess.TimeoutExpired):
                driver.wait(timeout=self.every_s)
                return False
            if time.monotonic() > self.ends + LATE_S:
                driver.kill()
                driver.wait()
                raise TimeoutError(f"round {self.number}: no end {LATE_S:.0f} s after time was up")
            if time.monotonic() > self.ends:
                self.note("the last round is being finished")
                continue
            (kind,) = self.luck.choices([*KILLS], [*KILLS.values()])
            if kind == "driver":
                driver.kill()
                driver.wait()
                self._count(kind)
                return True
            self._kill_worker() if kind == "worker" else self._replace_node()

    def _count(self, kind: str) -> None:
        self.kills[kind] += 1
        self.note(f"{kind} killed")

    def _kill_worker(self) -> None:
        if alive := sorted(workers()):
            with suppress(ProcessLookupError):
                os.kill(self.luck.choice(alive), signal.SIGKILL)
                self._count("worker")

    def _replace_node(self) -> None:
        node = self.luck.choice(sorted(self.cluster.worker_nodes, key=id))
        self.cluster.remove_node(node, allow_graceful=False)
        self._count("node")
        self.cluster.add_node(num_cpus=1)


def main() -> int:
    """Soak, print the result; returns the exit code."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=30.0)
    asked.add_argument("--every", type=float, default=20.0, help="Seconds between two kills.")
    asked.add_argument("--hang", type=float, default=30.0, help="Seconds of silence, then a reset.")
    asked.add_argument("--log", type=Path, help="Gets a line for each request that met a fault.")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--samples", type=int, default=300, help="Of one round.")
    asked.add_argument("--shard-size", type=int, default=8)
    asked.add_argument("--seed", type=int, default=0, help="Of the faults and kills.")
    options = asked.parse_args()
    mark()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["VBDATA_CACHE"] = str(folder / "cache")
        os.environ["TMPDIR"] = str(folder / "t")  # short: Ray's sockets lie below it
        (folder / "t").mkdir()
        recipe = write_recipe(folder, options.samples, options.shard_size)
        build_quietly(recipe, folder / "quiet")
        with served(folder) as upstream, faulty(upstream, seed=options.seed) as proxy:
            result = _soak(options, recipe, folder, proxy)
        if options.log:
            met = [f"{kind}\t{asked}\n" for asked, kind in proxy.log if kind != "passed"]
            options.log.write_text("".join(met))
    print(json.dumps(result, indent=1))
    sound = result["digests_equal"] and not result["samples_lost"] and not result["unfinished"]
    return 0 if sound else 1


def _soak(options: argparse.Namespace, recipe: Path, folder: Path, proxy: Proxy) -> dict[str, Any]:
    os.environ.update(KEYS | {"AWS_ENDPOINT_URL": proxy.url, "AWS_DEFAULT_REGION": "us-east-1"})
    proxy.hang_s = options.hang
    roots = list(upload(recipe, folder / "data"))
    head = {"num_cpus": 0, "_system_config": QUICK}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    rounds: list[dict[str, Any]] = []
    unfinished = ""
    try:
        for _ in range(options.workers):
            cluster.add_node(num_cpus=1)
        ends = time.monotonic() + 60 * options.minutes
        soak = Soak(
            recipe=recipe,
            roots=roots,
            cluster=cluster,
            proxy=proxy,
            luck=random.Random(options.seed),
            ends=ends,
            every_s=options.every,
            driver_log=folder / "driver.log",
        )
        while not rounds or time.monotonic() < ends:
            soak.number = len(rounds)
            rounds.append(checked(soak.round(), folder / "quiet"))
            soak.note(f"round checked: {rounds[-1]}")
    except TimeoutError as err:
        unfinished = str(err)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    faults = {kind: n for kind, n in proxy.counts.items() if kind != "passed"}
    return {
        "minutes": round((time.monotonic() - soak.began) / 60, 1),
        "rounds": len(rounds),
        "samples": sum(one["samples"] for one in rounds),
        "samples_lost": sum(one["samples_lost"] for one in rounds),
        "digests_equal": bool(rounds) and all(one["digests_equal"] for one in rounds),
        "retries": sum(one["retries"] for one in rounds),
        "kills": dict(soak.kills),
        "requests": proxy.counts.total(),
        "faults": faults,
        "drivers_that_gave_up": soak.gave_up,
        "unfinished": unfinished,
    }


if __name__ == "__main__":
    sys.exit(main())
