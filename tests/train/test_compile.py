"""`run.compile`: the same numbers but for rounding, the same names, and runs go on either way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import train_runs as runs

pytestmark = pytest.mark.slow
STEPS = 3


def config(build: Path, **run: Any) -> Any:
    """One size and one block of each kind: few graphs, since each takes seconds to compile."""

    watch = {"log_every": 1, "save_every": 1} | run
    data = {"aspects": ["1:1"], "size": 16}
    model = {"depth": 1, "text_length": 16}
    return runs.tiny(build, steps=STEPS, batch=4, data=data, model=model, run=watch)


def test_a_run_goes_on_compiled_and_plain_again(
    demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import torch._inductor.config
    from torch._dynamo.utils import counters

    from vbdata.train.loop import train

    if not (shutil.which("g++") or shutil.which("clang++")):  # then of torch's own kernels
        monkeypatch.setattr(torch._inductor.config, "fallback_by_default", True)
    plain, mixed = tmp_path / "plain", tmp_path / "mixed"
    train(config(demo_build), plain)
    shutil.copytree(plain, mixed)
    for step in (2, 3):
        shutil.rmtree(mixed / "checkpoints" / f"step-{step:08d}")
    counters.clear()
    assert train(config(demo_build, compile=True, stop=2), mixed)["step"] == 2
    graphs = counters["stats"]["unique_graphs"]
    assert graphs >= 2  # a block of the text and one of the picture
    assert train(config(demo_build), mixed)["step"] == STEPS
    assert counters["stats"]["unique_graphs"] == graphs
    one, other = runs.lines(plain), runs.lines(mixed)
    assert [line["step"] for line in other] == [1, 2, 3]
    losses = [line["loss"] for line in one]
    assert [line["loss"] for line in other] == pytest.approx(losses, rel=1e-4)
    for step in (2, STEPS):  # what a compiled step has saved, and what a plain one after it
        right, found = runs.state(plain, step), runs.state(mixed, step)
        assert found.keys() == right.keys()
        for name, value in right.items():
            torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-3)
