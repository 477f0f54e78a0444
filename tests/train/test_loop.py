"""Whole runs: a model that learns and answers, its log, LoRA, lower precision, Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.helpers import train_runs as runs
from vbdata import plugins
from vbdata.core import images
from vbdata.engine.build import build
from vbdata.errors import BuildError, RecipeError
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.slow

OVERFIT = {
    "batch": 8,
    "data": {"size": 28, "window": 1, "aspects": ["4:3"]},
    "model": {"dim": 64, "depth": 3, "heads": 4, "bottleneck": 64, "text_length": 48},
    "loss": {"t_zero": 1.0, "drop_text": 0.0, "drop_image": 0.0, "drop_both": 0.0},
    "optim": {"lr": 2e-3, "warmup": 20, "weight_decay": 0.0, "ema": 0.9},
}


@pytest.fixture(scope="module")
def eight(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four views with metric depth and normals each, at 32x24."""
    folder = tmp_path_factory.mktemp("eight")
    recipe = {
        "name": "eight",
        "seed": 3,
        "samples": 8,
        "image": {"max_pixels": 768, "multiple_of": 4, "input": "png"},
        "sources": {
            "hypersim": {
                "dataset": "hypersim",
                "root": str(demo_data / "hypersim"),
                "tasks": {"depth": 0.5, "normals": 0.5},
            }
        },
    }
    (folder / "eight.yaml").write_text(yaml.safe_dump(recipe))
    build(load_recipe(folder / "eight.yaml"), Folder(str(folder / "out")), How())
    return folder / "out"


@pytest.fixture(scope="module")
def learned(eight: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vbdata.train.loop import train

    out = tmp_path_factory.mktemp("learned")
    watch = {"log_every": 50, "grid_every": 250, "grid": 3, "grid_steps": 3, "tensorboard": True}
    train(runs.tiny(eight, steps=250, run=watch, **OVERFIT), out)
    return out


def errors(eight: Path, pictures: Path) -> list[tuple[str, float, float]]:
    """(task, error of the prediction, error of the best constant) by row: AbsRel, mean degrees."""
    import torch

    found = []
    for row in pq.read_table(eight / "manifest" / "train.parquet").to_pylist():
        task, params = plugins.task(row["task"]), json.loads(row["params"])
        rgb = images.decode_rgb((pictures / f"{row['key']}.png").read_bytes())
        answer = task.decode(torch.from_numpy(rgb), params)
        truth = task.decode(torch.from_numpy(target_of(eight, row["key"])), params)
        if row["task"] == "depth":
            at = truth.valid & truth.metres.isfinite()
            t, constant = truth.metres[at], truth.metres[at].median()
            found.append(("depth", float(((answer.metres[at] - t).abs() / t).mean()),
                          float(((constant - t).abs() / t).mean())))  # fmt: skip
        else:
            t, a = truth.xyz[:, truth.valid], answer.xyz[:, truth.valid]
            constant = t.mean(1, keepdim=True) / t.mean(1).norm()
            pair = [(x * t).sum(0).clamp(-1, 1).arccos().rad2deg().mean() for x in (a, constant)]
            found.append(("normals", float(pair[0]), float(pair[1])))
    return found


def target_of(eight: Path, key: str) -> images.Pixels:
    from vbdata.train.data import open_builds

    corpus = open_builds([str(eight)])
    return corpus.picture(corpus.keys.tolist().index(key)).target


def test_it_learns_eight_samples_and_its_answers_decode(
    eight: Path, learned: Path, tmp_path: Path
) -> None:
    from vbdata.train.predict import predict

    log = runs.lines(learned)
    assert log[0]["loss"] > 0.1
    assert log[-1]["loss"] < 0.01
    assert predict(learned, str(eight), tmp_path) == 8
    found = errors(eight, tmp_path)
    assert {task for task, _, _ in found} == {"depth", "normals"}
    for task, error, constant in found:
        assert error < constant / 2, (task, error, constant)
    assert np.mean([e for task, e, _ in found if task == "depth"]) < 0.08
    assert np.mean([e for task, e, _ in found if task == "normals"]) < 8


def test_prediction_depends_on_nothing_but_its_arguments(
    eight: Path, learned: Path, tmp_path: Path
) -> None:
    from vbdata.train.predict import predict

    one, two = tmp_path / "one", tmp_path / "two"
    options = {"steps": 3, "guidance": (2.0, 1.5), "tasks": ["depth"]}
    assert predict(learned, str(eight), one, **options, batch=4) == 4  # type: ignore[arg-type]
    assert predict(learned, str(eight), two, **options, batch=4) == 4  # type: ignore[arg-type]
    names = sorted(path.name for path in one.glob("*.png"))
    assert len(names) == 4
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    with pytest.raises(BuildError, match="no task 'dept'; did you mean 'depth'"):
        predict(learned, str(eight), one, tasks=["dept"])


def test_answers_are_made_in_parts_resumed_and_voted(
    eight: Path, learned: Path, tmp_path: Path
) -> None:
    from vbdata.evaluation.predictions import PredictionFolder
    from vbdata.train.predict import predict

    def keys(folder: Path) -> list[str]:
        return sorted(path.stem for path in folder.glob("*.png"))

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert predict(learned, str(eight), whole, batch=1) == 8
    assert predict(learned, str(eight), parts, batch=1, part=(1, 3)) == 3
    assert keys(parts) == keys(whole)[::3]
    (parts / f"{keys(whole)[0]}.png").unlink()
    told: list[tuple[int, int]] = []
    for number in (1, 2, 3):
        predict(learned, str(eight), parts, batch=1, part=(number, 3),
                said=lambda there, wanted: told.append((there, wanted)))  # fmt: skip
    assert told[0] == (3, 3), "two of the first part were there already"
    assert keys(parts) == keys(whole)
    for key in keys(whole):
        assert (parts / f"{key}.png").read_bytes() == (whole / f"{key}.png").read_bytes()
    assert not list(PredictionFolder(str(parts)).faults(keys(whole))), "its record is no answer"
    with pytest.raises(BuildError, match="holds answers of something else: seed: 0 -> 1"):
        predict(learned, str(eight), parts, seed=1)
    with pytest.raises(RecipeError, match="a part is from 1/3 to 3/3"):
        predict(learned, str(eight), parts, part=(4, 3))
    votes = tmp_path / "votes"
    assert predict(learned, str(eight), votes, 2, votes=2, tasks=["depth"]) == 8
    one, two = (votes / f"vote-{k}" for k in range(2))
    assert len(keys(one)) == 4
    assert keys(one) == keys(two)
    assert any(
        (one / f"{k}.png").read_bytes() != (two / f"{k}.png").read_bytes() for k in keys(one)
    )


def test_a_config_is_asked_as_the_model_it_starts_from(eight: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from vbdata.cli.app import app

    config = runs.write(tmp_path / "config.yaml", eight)
    words = ["predict", str(config), str(eight), "--out", str(tmp_path / "out"), "--task", "depth"]
    result = CliRunner().invoke(app, [*words, "--part", "1/2"])
    assert result.exit_code == 0, result.output
    assert "2 answers written" in result.output
    result = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(result.stdout.splitlines()[-1]) == {"written": 2}
    assert CliRunner().invoke(app, [*words, "--part", "half"]).exit_code == 2


def test_pictures_have_the_rows_sizes_whatever_the_training_size(
    demo_build: Path, tmp_path: Path
) -> None:
    from vbdata.train.loop import train
    from vbdata.train.predict import predict

    train(runs.tiny(demo_build, steps=1), tmp_path / "run")
    assert predict(tmp_path / "run", str(demo_build), tmp_path / "out") == 96
    for row in pq.read_table(demo_build / "manifest" / "train.parquet").to_pylist():
        with Image.open(tmp_path / "out" / f"{row['key']}.png") as picture:
            assert picture.size == (row["width"], row["height"])
            assert picture.mode == "RGB"


def test_a_run_leaves_curves_pictures_and_the_machines_speed(learned: Path) -> None:
    lines = [json.loads(line) for line in (learned / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [50, 100, 150, 200, 250]
    for line in lines:
        assert line["task"].keys() == {"depth", "normals"}
        assert line["t"].keys() == {"0.0"}  # every row is a step from pure noise
        assert line["loss"] == pytest.approx(np.mean(list(line["task"].values())), rel=0.1)
        speed = line["speed"]
        assert speed["images_per_s"] == pytest.approx(8 / (speed["data_s"] + speed["compute_s"]))
        assert 0 < speed["utilisation"] < 1.5
        assert speed["memory_gb"] > 0.1
    with Image.open(learned / "samples" / "step-00000250.png") as picture:
        assert picture.height >= 3 * 64
    assert list((learned / "tensorboard").glob("events.*"))


def test_lora_trains_adapters_alone_from_given_weights(
    eight: Path, learned: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    from vbdata.train.loop import train
    from vbdata.train.predict import predict

    lora = {"rank": 4, "targets": r"blocks\.\d+\.(attention|feed)\.(q|kv|out|up|down)"}
    config = runs.tiny(eight, steps=4, init=str(learned), lora=lora, **OVERFIT)
    done = train(config, tmp_path / "run")
    values = load_file(Path(done["checkpoint"]) / "model.safetensors")
    assert all("lora_" in name for name in values)
    assert any(bool(value.any()) for name, value in values.items() if "lora_B" in name)
    assert done["loss"] < 0.02  # it starts where the other run ended
    assert predict(tmp_path / "run", str(eight), tmp_path / "out") == 8
    assert all(error < constant for _, error, constant in errors(eight, tmp_path / "out"))
    with pytest.raises(RecipeError, match=r"lora\.targets"):
        train(runs.tiny(eight, lora={"rank": 2, "targets": "none"}, **OVERFIT), tmp_path / "b")
    with pytest.raises(RecipeError, match=r"lora\.rank: a model without weights"):
        train(runs.tiny(eight, lora=lora, **OVERFIT), tmp_path / "d")
    with pytest.raises(BuildError, match="not the weights of this model"):
        train(runs.tiny(eight, init=str(learned)), tmp_path / "c")


def test_bfloat16_and_recomputation_train_float32_weights(demo_build: Path, tmp_path: Path) -> None:
    import torch

    from vbdata.train.loop import train

    exact = train(runs.tiny(demo_build), tmp_path / "fp32")
    low = runs.tiny(demo_build, precision="bf16", run={"recompute": True, "micro": 4})
    done = train(low, tmp_path / "bf16")
    assert done["loss"] == pytest.approx(exact["loss"], rel=0.02)
    assert all(v.dtype == torch.float32 for v in runs.state(tmp_path / "bf16", 6).values()
               if v.ndim and v.dtype != torch.float64)  # fmt: skip


def test_a_loss_that_is_not_finite_ends_the_run(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train.loop import train

    wild = runs.tiny(demo_build, steps=60, optim={"lr": 1e30, "warmup": 0, "clip": 1e30})
    with pytest.raises(BuildError, match="is not finite"):
        train(wild, tmp_path)


def test_the_command_says_what_is_wrong(demo_build: Path, tmp_path: Path) -> None:

    config = runs.write(tmp_path / "c.yaml", demo_build)
    line = runs.command(config, tmp_path / "out", "optim.lrr=1", "batch=3")
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().endswith(
        "betas, clip, decay, ema, lr, schedule, warmup, weight_decay"
    )
    assert "Traceback" not in done.stderr


def test_the_command_is_quick_to_load() -> None:
    code = (
        "import sys, vbdata.cli.train\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.xdist_group("ray builds")
def test_ray_train_runs_the_same_training(demo_build: Path, tmp_path: Path) -> None:
    from vbdata.train.loop import train
    from vbdata.train.ray import train_on_ray

    config = runs.tiny(demo_build, steps=4)
    train_on_ray(config, tmp_path / "ray", "local", 2)
    train(config, tmp_path / "here")
    for a, b in zip(runs.lines(tmp_path / "ray"), runs.lines(tmp_path / "here"), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["task"].keys() == b["task"].keys()
