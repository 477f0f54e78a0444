"""`run.compile`: the same numbers but for rounding, the same names, and runs go on either way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import train_runs as runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("g++") or shutil.which("clang++")),
        reason="torch.compile needs a C++ compiler",
    ),
]
STEPS = 3


def config(build: Path, **run: Any) -> Any:
    """One size and one block of each kind: few graphs, since each takes seconds to compile."""

    watch = {"log_every": 1, "save_every": 1} | run
    data = {"aspects": ["1:1"], "size": 16}
    model = {"depth": 1, "text_length": 16}
    return runs.tiny(build, steps=STEPS, batch=4, data=data, model=model, run=watch)


def losses(out: Path) -> list[float]:

    return [line["loss"] for line in runs.lines(out)]


def test_a_compiled_run_is_the_same_run(demo_build: Path, tmp_path: Path) -> None:
    import torch
    from torch._dynamo.utils import counters

    from vbdata.train.loop import train

    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    train(config(demo_build), plain)
    counters.clear()
    train(config(demo_build, compile=True), compiled)
    assert counters["stats"]["unique_graphs"] >= 2  # a block of the text and one of the picture
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)
    one, other = runs.state(plain, STEPS), runs.state(compiled, STEPS)
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-4, rtol=1e-3)

    # The plain run's first step, gone on with compiled.
    shutil.copytree(plain, tmp_path / "resumed")
    for step in (2, 3):
        shutil.rmtree(tmp_path / "resumed" / "checkpoints" / f"step-{step:08d}")
    assert train(config(demo_build, compile=True), tmp_path / "resumed")["step"] == STEPS
    kept = [json.loads(line)["step"] for line in (tmp_path / "resumed/log.jsonl").open()]
    assert kept == [1, 2, 3]
    assert losses(tmp_path / "resumed") == pytest.approx(losses(plain), rel=1e-4)
