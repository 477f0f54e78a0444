"""The clock of a shard: own times, cells, threads, and what it costs."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path

from vbdata.engine.build import planned
from vbdata.jobs.specs import job_digests, make_job
from vbdata.layout import receipt_path
from vbdata.machine.stages import STAGES, Clock, stage
from vbdata.recipe.recipe import Recipe
from vbdata.shard.receipt import read_receipt
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_stage_has_its_own_time_only() -> None:
    clock = Clock()
    with clock.at("a", "t"), stage("decode"):
        spin(0.02)
        with stage("read", 3) as span:
            spin(0.05)
            span.bytes += 4
    seconds = {(s.source, s.task, s.stage): s.seconds for s in clock.spent().stages}
    assert 0.05 <= seconds["a", "t", "read"] < 0.06
    assert 0.02 <= seconds["a", "t", "decode"] < 0.03
    assert seconds["a", "t", "other"] < 0.01
    assert {s.stage: s.bytes for s in clock.spent().stages} == {"read": 7, "decode": 0, "other": 0}


def test_an_error_ends_a_stage() -> None:
    clock = Clock()
    with clock.at("a", "t"):
        try:
            with stage("decode"), stage("read"):
                raise KeyError
        except KeyError:
            pass
        with stage("tar"):
            spin(0.01)
    assert {s.stage for s in clock.spent().stages} == {"read", "decode", "tar", "other"}
    decode = next(s for s in clock.spent().stages if s.stage == "decode")
    assert decode.seconds < 0.01


def test_threads_count_beside_one_another() -> None:
    clock = Clock()

    def work(source: str) -> None:
        with clock.at(source, "t"), stage("read", 1):
            time.sleep(0.05)

    with clock.at():
        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        with stage("wait"):
            for thread in threads:
                thread.join()
    found = {(s.source, s.stage): s for s in clock.spent().stages}
    assert all(0.05 <= found[name, "read"].seconds < 0.09 for name in "ab")
    assert found["", "wait"].seconds < 0.09
    assert clock.spent().seconds < 0.1


def test_a_thread_without_a_clock_measures_nothing() -> None:
    with stage("read") as span:
        span.bytes += 5
    clock = Clock()
    assert clock.spent().stages == ()


def test_a_stage_costs_little() -> None:
    """A sample takes some 15 of them and no less than 2 ms: 1 us each is below 1 %."""
    clock = Clock()

    def once() -> float:
        start = time.perf_counter()
        for _ in range(2000):
            with stage("read", 5):
                pass
        return (time.perf_counter() - start) / 2000

    with clock.at("a", "t"):
        assert min(once() for _ in range(10)) < 5e-6  # 1 us where nothing else runs


def test_the_time_of_a_shard_is_told_and_not_written(demo_recipe: Recipe, tmp_path: Path) -> None:
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
