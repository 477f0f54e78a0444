"""Exact resume: what a killed run goes on with is what it would have done, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import train_runs as runs
from tests.helpers.waiting import LONG_S
from vbdata.errors import BuildError

pytestmark = pytest.mark.slow

STEPS, SAVED = 8, 3  # a line of the log every two steps, so one is half done when it is saved


@pytest.fixture(scope="module")
def straight(demo_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of STEPS steps without a break, with weights, log and state."""
    from vbdata.train.loop import train

    out = tmp_path_factory.mktemp("straight")
    train(runs.tiny(demo_build, steps=STEPS), out)
    return out


def kill_after(lines: int, config: Path, out: Path, *settings: str) -> None:
    """Start a run and kill -9 it once its log has some lines."""

    line = runs.command(config, out, *settings)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + LONG_S
    log = out / "log.jsonl"
    while time.monotonic() < end and process.poll() is None:
        if log.exists() and log.read_text().count("\n") >= lines:
            break
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be killed"
    process.kill()
    process.wait()


def test_a_killed_run_goes_on_bit_for_bit(straight: Path, demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train import checkpoint
    from vbdata.train.config import load_config
    from vbdata.train.loop import train

    config = runs.write(tmp_path / "config.yaml", demo_build, steps=STEPS)
    # It is the same run, only slowed by a checkpoint at every step.
    out = tmp_path / "run"
    kill_after(2, config, out, "run.save_every=1", "run.workers=3")
    reached = max(checkpoint.complete(out)).name
    assert reached < f"step-{STEPS:08d}", "it was killed too late to show anything"
    assert train(load_config(config, ["run.workers=0"]), out)["step"] == STEPS
    assert runs.lines(out) == runs.lines(straight)
    runs.same(runs.state(out, STEPS), runs.state(straight, STEPS))


@pytest.mark.parametrize("workers", [0, 2])
def test_another_worker_count_gives_the_same_run(
    straight: Path, demo_build: Path, tmp_path: Path, workers: int
) -> None:
    from vbdata.train.loop import train

    config = runs.tiny(demo_build, steps=STEPS, run={"workers": workers, "stop": SAVED})
    train(config, tmp_path)
    resumed = runs.tiny(demo_build, steps=STEPS, run={"workers": 2 - workers})
    assert train(resumed, tmp_path)["step"] == STEPS
    assert runs.lines(tmp_path) == runs.lines(straight)
    runs.same(runs.state(tmp_path, STEPS), runs.state(straight, STEPS))
    assert runs.exported(tmp_path, STEPS) == runs.exported(straight, STEPS)


def test_two_processes_resume_bit_for_bit(demo_build: Path, tmp_path: Path, straight: Path) -> None:
    from vbdata.train.loop import train

    config = runs.write(tmp_path / "c.yaml", demo_build, steps=STEPS, run={"parallel": "fsdp"})
    whole, broken, ddp, seen = (tmp_path / name for name in ("whole", "broken", "ddp", "seen"))
    settings = {
        whole: [],
        broken: [f"run.stop={SAVED}"],
        ddp: ["run.parallel=ddp", "run.micro=2"],
        seen: ["run.grid_every=2", "run.grid=2", "run.grid_steps=2"],
    }
    runs.run_several(config, [settings])
    runs.run(config, broken, "run.workers=3", processes=2)  # fresh processes, of torchrun
    assert runs.lines(whole) == runs.lines(broken)
    runs.same(runs.state(whole, STEPS), runs.state(broken, STEPS))
    assert (seen / "samples" / "step-00000006.png").exists()
    assert runs.lines(seen) == runs.lines(whole)  # looking changes nothing
    # The same samples, noise and mean as in one process; only the order of float32 sums differs.
    for out in (whole, ddp):
        for a, b in zip(runs.lines(out), runs.lines(straight), strict=True):
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
            assert a["task"].keys() == b["task"].keys()
    # What two processes have saved, one process can load.
    alone = runs.tiny(demo_build, steps=STEPS)
    assert train(alone, whole)["step"] == STEPS


def test_sigterm_saves_and_exits_with_0(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train import checkpoint
    from vbdata.train.loop import train

    slow = runs.write(tmp_path / "slow.yaml", demo_build, steps=100000)
    out = tmp_path / "run"
    process = subprocess.Popen(runs.command(slow, out), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "step 2/" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(LONG_S) == 0
    (saved,) = checkpoint.complete(out)
    done = int(saved.name.removeprefix("step-"))
    assert done - runs.lines(out)[-1]["step"] in (0, 1)
    with pytest.raises(BuildError, match=f"steps: 100000 -> {STEPS}"):
        train(runs.tiny(demo_build, steps=STEPS), out)


def test_torn_checkpoints_are_passed_over(demo_build: Path, tmp_path: Path, straight: Path) -> None:
    from vbdata.train import checkpoint
    from vbdata.train.loop import train

    out = tmp_path
    train(runs.tiny(demo_build, steps=STEPS, run={"save_every": 1, "stop": 5}), out)
    five, four, three = (out / "checkpoints" / f"step-{n:08d}" for n in (5, 4, 3))
    shard = next((five / "state").glob("*.distcp"))
    os.truncate(shard, shard.stat().st_size - 1)
    (four / "meta.json").write_text((four / "meta.json").read_text()[:-20])
    (out / "checkpoints" / ".step-00000006.part").mkdir()
    assert checkpoint.complete(out)[-1] == three
    train(runs.tiny(demo_build, steps=STEPS), out)
    assert runs.lines(out) == runs.lines(straight)
    runs.same(runs.state(out, STEPS), runs.state(straight, STEPS))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"optim": {"lr": 0.1}}, "optim.lr: 0.0003 -> 0.1"),
        ({"data": {"mixture": {"depth": 1}}}, "data.mixture.depth: None -> '1'"),
        ({"model": {"dim": 64}}, "model.dim: 32 -> 64"),
    ],
)
def test_another_config_is_refused_by_name(
    demo_build: Path, tmp_path: Path, straight: Path, change: dict[str, Any], said: str
) -> None:
    from vbdata.train.loop import train

    with pytest.raises(BuildError, match="belongs to another run") as refused:
        train(runs.tiny(demo_build, steps=STEPS, **change), straight)
    assert said in str(refused.value)


def test_another_build_is_refused(demo_build: Path, straight: Path) -> None:
    import torch

    from vbdata.train import checkpoint
    from vbdata.train.parallel import World

    path = checkpoint.complete(straight)[-1]
    meta = checkpoint.read_meta(path)
    assert meta is not None
    other = meta["identity"] | {"builds": ["0" * 64]}
    with pytest.raises(BuildError, match="builds: "):
        checkpoint.load(path, {}, other, World(0, 1, torch.device("cpu"), None))


def test_the_newest_and_the_best_are_kept(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train import checkpoint
    from vbdata.train.loop import train

    data = {"validation": [str(demo_build)], "validation_samples": 8}
    watch = {"save_every": 1, "keep": 2, "validate_every": 1}
    out = train(runs.tiny(demo_build, steps=5, data=data, run=watch), tmp_path)
    losses = {
        line["step"]: line["validation"]["loss"]
        for line in runs.lines(tmp_path)
        if "validation" in line
    }
    best = min(losses, key=lambda step: (losses[step], step))
    assert checkpoint.best_of(tmp_path) == {"step": best, "loss": losses[best]}
    kept = sorted({best, 4, 5})
    assert [p.name for p in checkpoint.complete(tmp_path)] == [f"step-{n:08d}" for n in kept]
    assert out["checkpoint"].endswith("step-00000005")
