"""Everything resident: the loader's batches, the same runs, and steps that wait for nothing."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers import train_runs as runs
from tests.train.test_data import assert_same
from vbdata.core import images
from vbdata.train.config import Config
from vbdata.train.data import open_builds
from vbdata.train.sampling import Sampler

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    from vbdata.train.loader import Batch

HALF = {"drop_text": 0.2, "drop_image": 0.2, "drop_both": 0.2, "t_zero": 0.5}


def both(
    config: Config, device: torch.device, rank: int = 0, size: int = 1
) -> list[tuple[Batch, Batch]]:
    """Micro-batches of some steps: the loader's, and those that were resident."""
    import torch

    from vbdata.train.adapter import HasTextTable, make_editor
    from vbdata.train.loader import Loader
    from vbdata.train.resident import Resident

    corpus, editor = open_builds(config.data.builds), make_editor(config.model)
    loader = Loader(config, corpus, Sampler(config, corpus, 4), rank, size)
    there = Resident(loader, editor, device).steps(1, 12)
    pairs = []
    for (a, ours), (b, theirs) in zip(loader.steps(1, 12), there, strict=True):
        assert a == b
        pairs += list(zip(ours, theirs, strict=True))
    assert isinstance(editor, HasTextTable)
    for one, other in pairs:
        assert other.given.device.type == device.type
        encoded = editor.encode_text(one.texts, torch.device("cpu"))
        assert torch.equal(encoded, torch.as_tensor(other.text).cpu())
    return pairs


@pytest.mark.slow
@pytest.mark.parametrize("aspects", [["1:1"], ["4:3", "1:1"], ["3:4", "1:1", "2:1"]])
def test_the_batches_are_the_loaders(demo_build: Path, aspects: list[str]) -> None:

    import torch

    config = runs.tiny(demo_build, data={"aspects": aspects, "size": 20}, loss=HALF)
    pairs = both(config, torch.device("cpu"))
    for one, other in pairs:
        assert_same(one, other)
    assert len({one.given.shape for one, _ in pairs}) == len(aspects)
    assert any("" in one.texts and any(one.texts) for one, _ in pairs)
    assert len({int(one.weight) for one, _ in pairs}) > 1


@pytest.mark.slow
def test_processes_and_micro_batches_have_their_slots(demo_build: Path) -> None:

    import torch

    config = runs.tiny(demo_build, run={"micro": 3})
    pairs = both(config, torch.device("cpu"), 1, 2)
    assert [len(one.texts) for one, _ in pairs[:2]] == [3, 1]
    for one, other in pairs:
        assert_same(one, other)


@pytest.mark.slow
def test_a_resident_run_is_the_same_run(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train.loop import train

    plain = train(runs.tiny(demo_build), tmp_path / "plain")
    kept = train(runs.tiny(demo_build, run={"resident": True, "workers": 3}), tmp_path / "kept")
    assert kept["loss"] == plain["loss"]
    assert runs.lines(tmp_path / "kept") == runs.lines(tmp_path / "plain")
    runs.same(runs.state(tmp_path / "kept", 6), runs.state(tmp_path / "plain", 6))


def test_rows_of_a_table_of_texts_are_as_long_as_their_longest() -> None:
    import torch

    from vbdata.train.adapter import HasTextTable, make_editor

    editor = make_editor({"dim": 32, "heads": 2, "text_dim": 32, "text_length": 40})
    assert isinstance(editor, HasTextTable)
    texts = ["", "a red ball", "word " * 20, "word " * 100]
    some = editor.text_table(texts, torch.device("cpu"))
    for rows in ([0], [1, 0], [2, 1], [3, 3, 0]):
        picked = some(np.array(rows), torch.tensor(rows))
        assert torch.equal(
            picked, editor.encode_text([texts[k] for k in rows], torch.device("cpu"))
        )


def on_gpu(build: Path, **run: Any) -> Config:

    return runs.tiny(build, precision="bf16", run={"resident": True, "device": "cuda"} | run)


@pytest.mark.gpu
def test_batches_on_a_gpu_are_the_loaders(demo_build: Path) -> None:
    import torch

    from vbdata.train.loader import Batch

    for one, other in both(runs.tiny(demo_build, loss=HALF), torch.device("cuda")):
        parts = {f.name: getattr(other, f.name) for f in fields(other)}
        moved = {k: v.cpu() if isinstance(v, torch.Tensor) else v for k, v in parts.items()}
        assert_same(one, Batch(**moved))


@pytest.mark.gpu
def test_a_step_on_a_gpu_waits_for_nothing(demo_build: Path) -> None:
    import torch

    from vbdata.train.adapter import make_editor
    from vbdata.train.loader import Loader
    from vbdata.train.resident import Resident

    config = on_gpu(demo_build)
    corpus, editor = open_builds(config.data.builds), make_editor(config.model)
    loader = Loader(config, corpus, Sampler(config, corpus, 4))
    steps = Resident(loader, editor, torch.device("cuda")).steps(0, 8)
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert sum(len(batches) for _, batches in steps) == 7
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("resident", [True, False])
def test_a_run_on_a_gpu_is_resumed_exactly(
    demo_build: Path, tmp_path: Path, resident: bool
) -> None:
    from vbdata.train.loop import train

    straight, cut = tmp_path / "straight", tmp_path / "cut"
    train(on_gpu(demo_build, resident=resident), straight)
    train(on_gpu(demo_build, resident=resident, stop=3), cut)
    train(on_gpu(demo_build, resident=not resident), cut)
    assert runs.lines(cut) == runs.lines(straight)
    runs.same(runs.state(cut, 6), runs.state(straight, 6))


@pytest.mark.gpu
def test_a_gpu_learns_what_a_cpu_learns(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train.loop import train

    here = train(runs.tiny(demo_build, run={"device": "cpu"}), tmp_path / "cpu")
    there = train(runs.tiny(demo_build, run={"device": "cuda"}), tmp_path / "cuda")
    low = train(on_gpu(demo_build), tmp_path / "low")
    assert there["loss"] == pytest.approx(here["loss"], rel=1e-3)
    assert low["loss"] == pytest.approx(here["loss"], rel=0.03)


@pytest.mark.gpu
def test_answers_of_a_gpu_are_those_of_a_cpu(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train.loop import train
    from vbdata.train.predict import predict

    train(runs.tiny(demo_build, run={"device": "cuda"}), tmp_path / "run")
    for device in ("cpu", "cuda"):
        predict(
            tmp_path / "run", str(demo_build), tmp_path / device, tasks=["depth"], device=device
        )
    names = sorted(path.name for path in (tmp_path / "cpu").iterdir())
    assert names
    for name in names:
        one, other = (
            images.decode_rgb((tmp_path / device / name).read_bytes()).astype(int)
            for device in ("cpu", "cuda")
        )
        assert np.abs(one - other).max() <= 1  # of 255: sums are rounded in another order
        assert (one == other).mean() > 0.98
