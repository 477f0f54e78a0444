"""The clock of a shard: own times, cells, threads, and what it costs."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from time import thread_time, thread_time_ns

import pytest

from vbdata.engine.build import planned
from vbdata.jobs.specs import job_digests, make_job
from vbdata.layout import receipt_path
from vbdata.machine.stages import STAGES, Clock, stage
from vbdata.recipe.recipe import Recipe
from vbdata.shard.receipt import read_receipt
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder


class Time:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns

    def passes(self, ns: int) -> None:
        self.ns += ns


def nanoseconds(clock: Clock) -> dict[tuple[str, str, str], int]:
    """What a clock has summed, by source, task and stage."""
    return {(s.source, s.task, s.stage): round(s.seconds * 1e9) for s in clock.spent().stages}


def test_a_stage_has_its_own_time_only() -> None:
    time = Time()
    clock = Clock(time)
    with clock.bind("a", "t"):
        time.passes(1)
        with stage("decode"):
            time.passes(20)
            with stage("read", 3) as span:
                time.passes(50)
                span.bytes += 4
            time.passes(7)
    cell = ("a", "t")
    assert nanoseconds(clock) == {(*cell, "decode"): 27, (*cell, "other"): 1, (*cell, "read"): 50}
    assert {s.stage: s.bytes for s in clock.spent().stages} == {"read": 7, "decode": 0, "other": 0}
    assert clock.spent().seconds == 78e-9


def test_a_cell_within_a_shard_has_its_own_time_only() -> None:
    time = Time()
    clock = Clock(time)
    with clock.bind(), stage("tar"):
        time.passes(3)
        with clock.bind("a", "t"), stage("render"):
            time.passes(40)
    assert nanoseconds(clock) == {
        ("", "", "other"): 0,
        ("", "", "tar"): 3,
        ("a", "t", "other"): 0,
        ("a", "t", "render"): 40,
    }


def test_an_error_ends_a_stage() -> None:
    time = Time()
    clock = Clock(time)
    with clock.bind("a", "t"):
        try:
            with stage("decode"), stage("read"):
                time.passes(5)
                raise KeyError
        except KeyError:
            pass
        with stage("tar"):
            time.passes(30)
    cell = ("a", "t")
    wanted = {"decode": 0, "other": 0, "read": 5, "tar": 30}
    assert nanoseconds(clock) == {(*cell, name): ns for name, ns in wanted.items()}


def test_threads_count_beside_one_another() -> None:
    """Two read while a third waits for them: each has the whole time."""
    time, gate = Time(), threading.Barrier(3)
    clock = Clock(time)

    def work(source: str) -> None:
        with clock.bind(source, "t"), stage("read", 1):
            gate.wait()
            gate.wait()

    with clock.bind():
        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        with stage("wait"):
            gate.wait()
            time.passes(50)
            gate.wait()
            for thread in threads:
                thread.join()
    spent = nanoseconds(clock)
    assert spent["a", "t", "read"] == spent["b", "t", "read"] == spent["", "", "wait"] == 50
    assert clock.spent().seconds == 50e-9


def test_a_thread_without_a_clock_measures_nothing() -> None:
    with stage("read") as span:
        span.bytes += 5
    clock = Clock()
    assert clock.spent().stages == ()


class Nothing:
    """The least that a block can cost."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def test_a_stage_costs_little() -> None:
    """A sample takes some 15 of them and no less than 2 ms, and a block that does nothing 0.2 us:
    ten of those each are below 2 %. Seconds of this thread's own, as others may run meanwhile.
    """

    def once(block: Callable[[], AbstractContextManager[object]]) -> float:
        start = thread_time()
        for _ in range(20_000):
            with block():
                pass
        return thread_time() - start

    with Clock().bind("a", "t"):
        stages, nothings = zip(
            *((once(lambda: stage("read", 5)), once(Nothing)) for _ in range(10)), strict=True
        )
    assert min(stages) < 10 * min(nothings)


def test_the_time_of_a_shard_is_told_and_not_written(
    demo_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of this thread's own time, so that others who run meanwhile change nothing."""
    monkeypatch.setattr("vbdata.shard.shard.Clock", partial(Clock, thread_time_ns))
    out = Folder(str(tmp_path))
    with planned(demo_recipe) as plan:
        digest = job_digests(plan)[0]
        receipt = build_shard(make_job(plan, 0, "shards/x", digest), out)
    assert receipt.spent is not None
    stages = receipt.spent.stages
    assert {s.stage for s in stages} == set(STAGES) - {"wait"}
    total = sum(s.seconds for s in stages)
    assert 0.97 * receipt.spent.seconds <= total <= receipt.spent.seconds
    cells = Counter((s["source"], s["task"]) for s in receipt.samples)
    assert {(s.source, s.task) for s in stages} == set(cells) | {("", "")}
    sizes = Counter[str]()
    for line in stages:
        sizes[line.stage] += line.bytes
    assert sizes["tar"] == sizes["upload"] == receipt.size
    assert sizes["hash"] > sizes["tar"]
    assert sizes["decode"] == sizes["read"] > 0
    written = json.loads(out.read(receipt_path(digest)))
    assert not {"spent", "reuse"} & written.keys()
    again = read_receipt(out, digest)
    assert again is not None
    assert again.spent is None
