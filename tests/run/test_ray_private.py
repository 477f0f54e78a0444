"""A Ray of our own is reached by nobody else, and tells Prometheus how the build goes."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.waiting import LONG_S
from vbdata.core.images import encode_jpeg
from vbdata.core.types import Source
from vbdata.engine.build import planned
from vbdata.errors import SourceError
from vbdata.index import joined
from vbdata.index.index import build_index
from vbdata.jobs.context import JobContext, code_digests
from vbdata.jobs.job import ShardReport
from vbdata.jobs.specs import job_digests, make_job
from vbdata.recipe.recipe import Recipe
from vbdata.run.events import Done, Event, Failed, Retried, Workers
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.xdist_group("ray")

INTERVAL = "RAY_metrics_report_interval_ms"
LISTEN = "0A"
ASK_GCS = """
import sys
from ray._raylet import GcsClient
print(len(GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None, timeout=600)))
"""
LOOPBACK_VAR = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
START_THERE = """
import sys
from vbdata.errors import BuildError
from vbdata.run.ray.cluster import start
try:
    start(sys.argv[1], None)
except BuildError as err:
    sys.exit(str(err))
"""


@pytest.fixture(scope="module")
def running() -> Iterator[None]:
    """Ray as a build starts it, with a worker, but for the pace at which metrics are told."""
    import ray

    from vbdata.run.ray import run as ray_run
    from vbdata.run.ray import worker as ray_worker

    os.environ[INTERVAL] = "500"
    try:
        ray_run.start("local", 1)
        remote = ray.remote(ray_worker.Worker).remote("/nonexistent", "cpu", no_jobs())
        ray.get(remote.ready.remote(), timeout=LONG_S)
        yield
    finally:
        del os.environ[INTERVAL]
        ray_run.stop()


def no_jobs() -> JobContext:
    """Those of a build without sources."""
    numbers = {"seed": 0, "samples": 0, "shard_size": 1, "shards": 0}
    return JobContext(
        image={}, options={}, split="train", cells=(), inputs={}, code=code_digests(()), **numbers
    )


def family(pid: int) -> set[int]:
    """A process, its children, and theirs."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= family(int(child))
    return found


def listening(pids: set[int]) -> dict[str, str]:
    """Addresses as the kernel writes them on which some processes listen -> by whom."""
    holders: dict[str, str] = {}
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(fd)
            except OSError:
                continue
            if match := re.fullmatch(r"socket:\[(\d+)\]", target):
                holders[match[1]] = Path(f"/proc/{pid}/comm").read_text().strip()
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in holders:
                found[fields[1]] = holders[fields[9]]
    return found


def loopback(address: str) -> bool:
    host = address.partition(":")[0]
    mapped = "0000000000000000FFFF0000"  # ::ffff:a.b.c.d, words in the machine's order
    return host in ("0100007F", f"{mapped}0100007F", "00000000000000000000000001000000")


@pytest.mark.usefixtures("running")
def test_ray_is_asked_for_a_node_that_is_known_or_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    from vbdata.run.ray import private

    monkeypatch.setattr(private, "NODE_TICK_S", "no pause")  # for which it cannot sleep
    context = ray.get_runtime_context()
    here = context.gcs_address, context.get_node_id()
    assert private._node(lambda *given: given, *here) == here
    monkeypatch.setattr(private, "NODE_S", 0.0)
    unknown = here[0], "0" * len(here[1])
    assert private._node(lambda *given: given, *unknown) == unknown


@pytest.mark.usefixtures("running")
def test_every_port_of_every_process_is_on_loopback() -> None:
    found = listening(family(os.getpid()))
    holders = " ".join(found.values())
    assert "gcs_server" in holders
    assert "raylet" in holders
    assert "ray::" in holders  # a worker or an agent
    assert not {who: at for at, who in found.items() if not loopback(at)}


@pytest.mark.usefixtures("running")
def test_nothing_runs_that_nobody_asked_for() -> None:
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in family(os.getpid())]
    scripts = {word.rpartition("/")[2] for line in lines for word in line.split("\0")[:4]}
    assert {"gcs_server", "raylet"} <= scripts
    assert not scripts & {"dashboard.py", "monitor.py", "log_monitor.py"}


@pytest.mark.usefixtures("running")
def test_processes_for_workers_have_loaded_what_these_need() -> None:
    import ray

    from vbdata.run.ray import private

    loaded = ray.remote(lambda names: [name in __import__("sys").modules for name in names])
    wanted = [*private.SETTINGS["preload_python_modules"], "vbdata.shard.shard"]
    assert ray.get(loaded.remote(wanted), timeout=LONG_S) == [True, True]


@pytest.mark.usefixtures("running")
def test_no_port_answers_at_another_address() -> None:
    """127.0.0.2 stands for the machine's other addresses: on all of them would be on it, too."""
    for address in listening(family(os.getpid())):
        port = int(address.rpartition(":")[2], 16)
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):  # noqa: PT011
            pass
    port = int(address.rpartition(":")[2], 16)
    socket.create_connection(("127.0.0.1", port), timeout=LONG_S).close()


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("shown", ["none", "another", "ours"])
def test_who_has_no_token_is_refused(shown: str, tmp_path: Path) -> None:
    import ray

    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    env |= {"HOME": str(tmp_path)}
    if shown != "none":
        ours = os.environ["RAY_AUTH_TOKEN"]
        token = ours if shown == "ours" else secrets.token_hex(32)
        env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    line = [sys.executable, "-c", ASK_GCS, ray.get_runtime_context().gcs_address]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=LONG_S)
    assert (done.returncode == 0) == (shown == "ours"), done.stderr
    assert ("InvalidAuthToken" in done.stderr) == (shown != "ours")


@pytest.mark.slow
@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("set_here", "said"),
    [
        ({}, "asks for a token: set RAY_AUTH_MODE=token, and set RAY_AUTH_TOKEN, or"),
        ({"RAY_AUTH_MODE": "token"}, "RAY_AUTH_MODE=token, but there is no token for the Ray clu"),
        (
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "another"},
            "does not accept the token of RAY_AUTH_TOKEN: set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_P",
        ),
    ],
    ids=["not asked for", "missing", "wrong"],
)
def test_a_token_that_is_missing_or_wrong_is_one_sentence(
    set_here: dict[str, str], said: str, tmp_path: Path
) -> None:
    import ray

    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    env |= {"HOME": str(tmp_path), LOOPBACK_VAR: "0", **set_here}  # as this cluster has it
    line = [sys.executable, "-c", START_THERE, ray.get_runtime_context().gcs_address]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert said in sentence
    assert "another" not in sentence


@pytest.mark.usefixtures("running")
def test_the_token_stands_in_no_file_and_sockets_are_private() -> None:
    from vbdata.run.ray import private as ray_private

    (folder,) = map(Path, ray_private._folders)
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.stat().st_uid == os.getuid()
    assert list(folder.rglob("plasma_store"))
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    assert len(token) == 64
    logs = [path for path in folder.rglob("*") if path.is_file()]
    assert len(logs) > 5
    assert not [path for path in logs if token in path.read_bytes()]


def scraped(until: str) -> dict[str, float]:
    """vbdata's lines of Ray's Prometheus page, their labels cut to ours, once one is there."""
    import ray

    port = ray.nodes()[0]["MetricsExportPort"]
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LONG_S) as page:
            lines = page.read().decode().splitlines()
        found = {}
        for line in lines:
            if match := re.fullmatch(r"ray_vbdata_(\w+)\{(.*)\} (\S+)", line):
                labels = re.findall(r'(source|task|stage|reason|le)="([^"]*)"', match[2])
                found[" ".join([match[1], *(f"{k}={v}" for k, v in labels)])] = float(match[3])
        if until in found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{until} not on the page: {lines}")


@pytest.mark.usefixtures("running")
def test_prometheus_reads_what_was_built(demo_recipe: Recipe, tmp_path: Path) -> None:
    from vbdata.run.ray import metrics as ray_metrics

    with planned(demo_recipe) as plan:
        job = make_job(plan, 0, "shards/x", job_digests(plan)[0])
        receipt = build_shard(job, Folder(str(tmp_path)))
    bad = {"source": "coco", "task": "depth", "reason": "truncated"}
    told: list[Event] = [
        Workers(3),
        Retried(0, "x"),
        Done(replace(ShardReport.of(receipt), quarantine=(bad, bad))),
        Failed(1, "x"),
    ]

    def events() -> Iterator[Event]:
        yield from told
        page.update(scraped("failed_total"))

    page: dict[str, float] = {}
    assert list(ray_metrics.counted(events())) == told
    assert page["workers"] == 3
    assert page["retries_total"] == page["shards_total"] == page["failed_total"] == 1
    assert page["quarantined_total reason=truncated source=coco task=depth"] == 2
    samples = {k: v for k, v in page.items() if k.startswith("samples_total")}
    assert sum(samples.values()) == len(receipt.samples)
    assert len(samples) == len({(s["source"], s["task"]) for s in receipt.samples})
    written = sum(v for k, v in page.items() if k.startswith("bytes_total"))
    assert 0 <= receipt.size - written <= 1024  # the archive's end is of no cell
    assert receipt.spent is not None
    stages = sum(v for k, v in page.items() if k.startswith("stage_seconds_total"))
    assert stages == pytest.approx(sum(s.seconds for s in receipt.spent.stages), rel=1e-3)
    assert page["shard_seconds_count"] == page["shard_seconds_bucket le=+Inf"] == 1
    assert scraped("workers")["workers"] in (3, 0)


def test_parts_of_a_source_are_indexed_by_ray_as_by_this_process(
    running: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vbdata.run.ray import indexing

    data = tmp_path / "data"
    data.mkdir()
    for name in "abc":
        rows = {"image": [encode_jpeg(np.full((6, 8, 3), 90, np.uint8))], "text": [name]}
        pq.write_table(pa.table(rows), data / f"{name}.parquet")
    source = Source(name="x", dataset="captioned", roots=(str(data),), tasks={})
    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "one"))
    one = build_index(source, tmp_path / "one")
    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "several"))
    monkeypatch.setattr(joined, "BYTES", 0)
    several = build_index(source, tmp_path / "several", indexing.pool(lambda: None))
    assert len(several) == 3
    assert list(one.stored) == list(several.stored)
    assert one.facts.equals(several.facts)
    pq.write_table(pa.table({"image": [b""], "name": ["a"]}), data / "bb.parquet")
    with pytest.raises(SourceError, match=r"bb\.parquet: caption_key is to be set"):
        build_index(source, tmp_path / "several", indexing.pool(lambda: None))


def test_the_folder_goes_with_the_cluster_and_handlers_of_signals_stay() -> None:
    """Runs after the others: pytest keeps the order of a file."""
    import ray

    from vbdata.run.ray import private as ray_private
    from vbdata.run.ray import run as ray_run

    assert ray.is_initialized()
    (folder,) = ray_private._folders
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        leaving = threading.Thread(target=ray_run.stop)
        leaving.start()
        leaving.join(LONG_S)
        caught = re.search(r"SigCgt:\s*(\w+)", Path("/proc/self/status").read_text())
        assert caught
        assert int(caught[1], 16) >> signal.SIGTERM - 1 & 1, "SIGTERM would end the process"
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
    assert not Path(folder).exists()
    assert folder not in repr(ray_private.SETTINGS), "the next cluster would look for it"
    assert ray_private.LOOPBACK_VAR not in os.environ
