"""What clusters do to builds at times: the bytes stay those of a quiet one, no wait is endless."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.builds import manifest_of, sums_of
from tests.helpers.faulty import HangingTime, Listener, faulty, happened, in_shards
from tests.helpers.ray_nodes import added, running
from tests.helpers.waiting import LONG_S, started, until
from vbdata.engine.build import build
from vbdata.engine.progress import Progress, Watcher
from vbdata.errors import BuildError
from vbdata.recipe.recipe import Recipe
from vbdata.run import attempts
from vbdata.run.how import How
from vbdata.storage.folder import Folder

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.xdist_group("ray")

# A node that is gone, and so refuses connections, is noticed after some 3 s, not 15; one that a
# busy machine keeps from answering has minutes.
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
QUICK |= {"health_check_timeout_ms": 60_000, "health_check_failure_threshold": 6}
QUICK |= {"worker_register_timeout_seconds": 600}
# Ray tells the dead cluster's agent its metrics still when a later one of this process ends, and
# waits up to a minute for an answer.
QUICK |= {"enable_metrics_collection": False}
STORE = 80 << 20  # bytes of object store
MARK = f"VBDATA_TESTED_BY={os.getpid()}".encode()  # in the environment of what is started here
os.environ.update([MARK.decode().split("=")])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that builds nothing, and no other node yet."""
    with running(num_cpus=0, _system_config=QUICK, object_store_memory=STORE) as cluster:
        yield cluster


@pytest.fixture
def node(cluster: Cluster) -> Iterator[Callable[..., Any]]:
    """Adds nodes, which are gone after the test."""
    nodes: list[Any] = []

    def add(**options: Any) -> Any:
        nodes.append(added(cluster, object_store_memory=STORE, **options))
        return nodes[-1]

    yield add
    for one in nodes:
        if one in cluster.worker_nodes:
            cluster.remove_node(one, allow_graceful=False)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 samples in 8 shards, built in-process and without faults. Read only."""
    folder = tmp_path_factory.mktemp("quiet")
    build(faulty(folder / "data", {}), Folder(str(folder / "out")), How())
    return folder / "out"


def test_hangs_are_ended_and_the_slow_is_left_alone(
    node: Callable[..., Any], cluster: Cluster, quiet: Path, tmp_path: Path
) -> None:
    """Asleep, in C with the interpreter's lock held, stopped as a whole: once each."""
    shards = in_shards(quiet)
    kinds = ("sleep", "hold", "freeze")
    faults = {shards[n][2]: (kind, str(tmp_path / kind)) for n, kind in enumerate(kinds)}
    slow = dict.fromkeys(shards[3], ("slow", ""))
    recipe = faulty(tmp_path / "data", faults | slow)
    node(num_cpus=4)
    out, seen = tmp_path / "out", Listener()

    def hanging() -> bool:
        acts = [line.split()[0] for line in happened(tmp_path / "data")]
        all_hang = set(kinds) <= set(acts) and len(seen.retried) < len(kinds)
        return all_hang and len(list(out.glob("receipts/*.json"))) >= len(shards) - len(kinds)

    how = How(ray=cluster.address, workers=4, clock=HangingTime(hanging))
    build(recipe, Folder(str(out)), how, seen)
    assert sums_of(tmp_path / "out") == sums_of(quiet)
    assert {event.shard for event in seen.retried} == {0, 1, 2}
    for event in seen.retried:
        assert "no heartbeat for 900 s; last seen at " in event.cause
    asleep = next(event.cause for event in seen.retried if event.shard == 0)
    assert f"tiny / generate, record '{shards[0][2]:08d}' (load)" in asleep


def test_a_record_that_always_hangs_is_named_and_the_rest_is_built(
    node: Callable[..., Any],
    cluster: Cluster,
    quiet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No clock may decide what is in a build, so it is not left out."""
    monkeypatch.setattr(attempts, "ATTEMPTS", 2)
    shards = in_shards(quiet)
    recipe = faulty(tmp_path / "data", {shards[5][0]: ("hold", "")})
    node(num_cpus=2)
    out, seen = tmp_path / "out", Listener()

    def hanging() -> bool:
        again = len(happened(tmp_path / "data")) > len(seen.retried)
        return again and len(list(out.glob("receipts/*.json"))) == 7

    how = How(ray=cluster.address, workers=2, clock=HangingTime(hanging))
    with pytest.raises(BuildError, match="1 of 8 shards failed") as caught:
        build(recipe, Folder(str(out)), how, seen)
    assert f"record '{shards[5][0]:08d}'" in str(caught.value)
    assert len(list((tmp_path / "out" / "receipts").iterdir())) == 7
    assert not (tmp_path / "out" / "manifest.json").exists()
    faulty(tmp_path / "data", {})
    build(recipe, Folder(str(tmp_path / "out")), How())
    assert sums_of(tmp_path / "out") == sums_of(quiet)


def test_a_node_is_lost_and_another_one_comes(
    node: Callable[..., Any],
    cluster: Cluster,
    quiet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its shard is not to blame: it may fail no attempt, and still goes on."""
    monkeypatch.setattr(attempts, "ATTEMPTS", 1)
    gate = tmp_path / "gate"
    gated = [record for shard in in_shards(quiet)[2:] for record in shard]
    recipe = faulty(tmp_path / "data", {n: ("gate", str(gate)) for n in gated})
    first, out, seen = node(num_cpus=1), tmp_path / "out", Listener()
    with building(gate, recipe, out, How(ray=cluster.address, workers=None), seen):
        until(lambda: len(list(out.glob("receipts/*.json"))) == 2)
        cluster.remove_node(first, allow_graceful=False)
        node(num_cpus=2)
        until(lambda: seen.retried and len(ray_workers()) == 2)
    assert sums_of(out) == sums_of(quiet)
    assert len(seen.retried) == 1
    # Ray may not know yet that it is the node
    assert seen.retried[0].cause.startswith(("its node was lost: ", "its worker was lost: "))


def test_workers_that_are_killed_from_outside_cost_their_shard_no_attempt(
    node: Callable[..., Any], cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first death the shard is built in a child, which dies of its records instead."""
    monkeypatch.setattr(attempts, "ATTEMPTS", 2)
    gate, seen = tmp_path / "gate", Listener()
    recipe = faulty(tmp_path / "data", {n: ("gate", str(gate)) for n in range(9)}, samples=5)
    node(num_cpus=1)
    out, how = tmp_path / "out", How(ray=cluster.address, workers=1)
    with building(gate, recipe, out, how, seen):
        for deaths in range(1, 3):
            until(lambda: ours(b"ray::Worker.build"))
            os.kill(ours(b"ray::Worker.build")[0], signal.SIGKILL)
            until(lambda deaths=deaths: len(seen.retried) == deaths)
    first, *others = [event.cause for event in seen.retried]
    assert first.startswith("its worker died: ")
    assert all(cause.startswith("its worker was ended from outside: ") for cause in others)
    build(recipe, Folder(str(tmp_path / "again")), How())
    assert sums_of(out) == sums_of(tmp_path / "again")


def test_a_share_of_a_gpu_and_workers_as_the_cluster_has_room(
    node: Callable[..., Any], cluster: Cluster, quiet: Path, tmp_path: Path
) -> None:
    """Four share the one declared GPU; a node with room for one more comes, and goes."""
    gate = tmp_path / "gate"
    recipe = faulty(tmp_path / "data", {n: ("gate", str(gate)) for n in range(40)})
    node(num_cpus=6, num_gpus=1)
    out, how = tmp_path / "out", How(ray=cluster.address, workers=None, gpus_per_worker=0.25)
    with building(gate, recipe, out, how):
        until(lambda: len(ray_workers()) == 4)
        more = node(num_cpus=1, num_gpus=1)
        until(lambda: len(ray_workers()) == 5)
        cluster.remove_node(more, allow_graceful=False)
        until(lambda: len(ray_workers()) == 4)
    assert sums_of(out) == sums_of(quiet)


def test_a_worker_that_cannot_start_ends_the_build_with_its_reason(
    node: Callable[..., Any], cluster: Cluster, tmp_path: Path
) -> None:
    node(num_cpus=2)
    how = How(ray=cluster.address, workers=2, device="cuda:99")
    with pytest.raises(BuildError, match=r"no worker can be started: .*CUDA"):
        build(faulty(tmp_path / "data", {}), Folder(str(tmp_path / "out")), how)


def test_no_job_goes_through_an_object_store_that_others_have_filled(
    node: Callable[..., Any], cluster: Cluster, tmp_path: Path
) -> None:
    """Annotations of 12 MB a shard beside stores of 80 MB; the head's is as full as can be."""
    recipe = faulty(tmp_path / "data", {}, samples=60, size=5, records=60, burden=1 << 20)
    build(recipe, Folder(str(tmp_path / "quiet")), How())
    node(num_cpus=2)
    with filled(cluster):
        build(recipe, Folder(str(tmp_path / "out")), How(ray=cluster.address, workers=2))
    assert sums_of(tmp_path / "out") == sums_of(tmp_path / "quiet")
    session = Path(cluster.head_node.get_session_dir_path())
    assert not [path for path in session.rglob("ray_spilled_objects*/*") if path.is_file()]
    assert len(manifest_of(tmp_path / "out")["shards"]) == 12


@contextmanager
def filled(cluster: Cluster) -> Iterator[None]:
    """Another driver holds of the head's object store what it can before Ray spills it."""
    code = (
        "import ray, sys\n"
        f"ray.init(address={cluster.address!r})\n"
        f"held = [ray.put(bytes({STORE // 10})) for _ in range(7)]\n"
        "print('full', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as driver:
        assert driver.stdout
        assert driver.stdin
        assert any(line == "full\n" for line in driver.stdout)
        yield
        driver.stdin.close()


def test_a_record_that_eats_all_memory_fails_its_shard_and_ends_no_other(
    quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray ends its worker, and that is an attempt: how much memory there is decides no byte."""
    monkeypatch.setattr(attempts, "ATTEMPTS", 1)
    recipe = faulty(tmp_path / "data", {in_shards(quiet)[5][0]: ("eat", "")})
    lines = map(str.split, Path("/proc/meminfo").read_text().splitlines())
    memory = {name: int(count) << 10 for name, count, *_ in lines}
    spare = memory["MemAvailable:"] - (4 << 30)
    if spare < 2 << 30:
        pytest.skip("it needs 6 GiB of free memory, so that Ray ends nobody else")
    limit = 1 - spare / memory["MemTotal:"]
    monitor = {"memory_usage_threshold": limit, "memory_monitor_refresh_ms": 100}
    system, seen = QUICK | monitor, Listener()
    with running(num_cpus=2, _system_config=system, object_store_memory=STORE) as cluster:
        how = How(ray=cluster.address, workers=1)
        with pytest.raises(BuildError, match=r"1 of 8 shards failed:\n.*OutOfMemoryError"):
            build(recipe, Folder(str(tmp_path / "out")), how, seen)
    assert not seen.retried
    assert len(list((tmp_path / "out" / "receipts").iterdir())) == 7
    faulty(tmp_path / "data", {})
    build(recipe, Folder(str(tmp_path / "out")), How())
    assert sums_of(tmp_path / "out") == sums_of(quiet)


def test_where_no_cluster_is_the_build_ends_at_once(tmp_path: Path) -> None:
    """By our own knock: Ray itself would go on trying for minutes."""
    with pytest.raises(
        BuildError, match=r"no Ray cluster at '127\.0\.0\.1:9': Connection"
    ) as caught:
        build(faulty(tmp_path / "data", {}), Folder(str(tmp_path / "out")), How(ray="127.0.0.1:9"))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_takes_its_workers_along(
    quiet: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    gated = [record for shard in in_shards(quiet)[2:] for record in shard]
    recipe = faulty(tmp_path / "data", {n: ("gate", str(tmp_path / "gate")) for n in gated})
    (tmp_path / "recipe.yaml").write_text(recipe.text)
    out = tmp_path / "out"
    words = ["build", str(tmp_path / "recipe.yaml"), "--out", str(out), "--workers", "2"]
    process = started(
        [sys.executable, "-m", "vbdata", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: process.poll() is not None or list(out.glob("receipts/*.json")))
    process.send_signal(sent)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode == code, said
    assert b"*** SIG" not in said, "Ray's own handler ran"
    assert b"what is finished is kept" in said
    assert not (out / "manifest.json").exists()
    until(lambda: not ray_workers())
    faulty(tmp_path / "data", {})
    build(recipe, Folder(str(out)), How())
    assert sums_of(out) == sums_of(quiet)


def test_an_interrupt_outside_of_ray_starts_no_other_ray(quiet: Path, tmp_path: Path) -> None:
    """Workers end before their cluster, not when garbage is collected, which would start one."""
    import ray

    class Interrupts(Watcher):
        def step(self, state: Progress) -> None:
            if state.shards_done:
                raise KeyboardInterrupt

    recipe, out = faulty(tmp_path / "data", {}), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt) as caught:
        build(recipe, Folder(str(out)), How(ray="local", workers=1), Interrupts())
    del caught
    gc.collect()
    assert not ray.is_initialized()
    until(lambda: not ray_workers())
    build(recipe, Folder(str(out)), How())
    assert sums_of(out) == sums_of(quiet)


def test_when_the_head_dies_the_driver_ends_and_publishes_nothing(
    quiet: Path, tmp_path: Path
) -> None:
    recipe = faulty(tmp_path / "data", {n: ("gate", str(tmp_path / "gate")) for n in range(40)})
    (tmp_path / "recipe.yaml").write_text(recipe.text)
    words = ["build", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out")]
    paths = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-m", "vbdata", *words, "--workers", "1"],
        env=os.environ | {"PYTHONPATH": paths, "RAY_gcs_rpc_server_reconnect_timeout_s": "5"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: process.poll() is not None or ray_workers())
    for pid in ours(b"/gcs_server"):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=LONG_S) != 0
    assert not (tmp_path / "out" / "manifest.json").exists()
    until(lambda: not ray_workers())


@contextmanager
def building(
    gate: Path, recipe: Recipe, out: Path, how: How, seen: Watcher | None = None
) -> Iterator[None]:
    """A build that goes on meanwhile; then the gate opens. Its errors come up at the end."""
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(build, recipe, Folder(str(out)), how, seen)
        try:
            yield
        finally:
            gate.touch()
            going.result(timeout=LONG_S)


def ray_workers() -> list[int]:
    """Processes of this test's Ray that build: named after their actor or its method."""
    return ours(b"ray::Worker")


def ours(name: bytes) -> list[int]:
    """Processes started from here whose command begins with the name, or is a file of it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().partition(b"\0")[0]
            named = command.startswith(name) or command.endswith(name)
            if named and MARK in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
