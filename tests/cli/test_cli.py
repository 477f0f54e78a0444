"""The command line as people and scripts use it: exit codes, JSON, tables, help, pictures."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from tests.helpers.builds import REPOSITORY, demo_copied
from tests.helpers.waiting import LONG_S, started
from vbdata.cli.app import app
from vbdata.recipe.recipe import Recipe

RECIPE = str(REPOSITORY / "manifests" / "demo.yaml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def roots(demo_recipe: Recipe) -> list[str]:
    return [f"--root={s.name}={s.roots[0]}" for s in demo_recipe.sources]


@pytest.mark.slow
def test_help_teaches_with_examples() -> None:
    assert "vbdata demo" in run("--help").stdout
    for command in typer.main.get_command(app).commands:
        text = run(command, "--help").stdout
        assert f"vbdata {command}" in text
        assert "Example" in text


@pytest.mark.slow
def test_build_verify_show(roots: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    built = run("build", RECIPE, "--local", "--out", out, *roots)
    assert built.exit_code == 0, built.stdout
    assert "96 samples in 3 shards" in built.stdout
    assert "hypersim  normals" in built.stdout
    assert run("verify", out).stdout.strip() == f"{out}: whole"
    sheet = tmp_path / "sheet.png"
    assert run("show", out, "--out", str(sheet), "--samples", "7").exit_code == 0
    pixels = np.asarray(Image.open(io.BytesIO(sheet.read_bytes())))
    assert pixels.shape[1] > 1000
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


@pytest.mark.slow
def test_json_lines(roots: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    built = run("build", RECIPE, "--local", "--json", "--out", out, *roots)
    lines = [json.loads(line) for line in built.stdout.splitlines()]
    events = ["planned", "progress", "shard", "shard", "shard", "built"]
    assert [line["event"] for line in lines] == events
    assert lines[-1]["samples"] == 96
    plan = json.loads(run("plan", RECIPE, "--json", "--show", "3", *roots).stdout)
    assert sum(cell["apportioned"] for cell in plan["cells"]) == 96
    assert len(plan["prompts"]) == 3
    next((tmp_path / "out").glob("shards/*/*.tar")).unlink()
    checked = run("verify", "--json", out)
    assert checked.exit_code == 1
    assert not json.loads(checked.stdout)["ok"]


@pytest.mark.slow
def test_a_plan_without_times_opens_no_image(
    roots: list[str], demo_data: Path, tmp_path: Path
) -> None:
    data = demo_copied(demo_data, tmp_path / "data")
    for image in [*data.rglob("*.jpg"), *data.rglob("*.png")]:
        if "triplets" not in image.parts:  # their sizes stand nowhere but in their headers
            image.write_bytes(bytes(image.stat().st_size))
    hollow = [root.replace(str(demo_data), str(data)) for root in roots]
    plans = [run("plan", RECIPE, "--timed", "0", *given).stdout for given in (hollow, roots)]
    assert plans[0] == plans[1] != ""


def test_planned_prompts_are_those_that_are_built(roots: list[str], demo_build: Path) -> None:
    import pyarrow.parquet as pq

    plan = json.loads(run("plan", RECIPE, "--json", "--show", "96", *roots).stdout)
    rows = pq.read_table(demo_build / "manifest" / "train.parquet").to_pylist()
    assert [p["prompt"] for p in plan["prompts"]] == [row["instruction"] for row in rows]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["build", "absent.yaml", "--out", "x"], 2, "cannot be read"),
        (["build", RECIPE, "--out", "x", "--root", "coco"], 2, "expected SOURCE=URL"),
        (["build", RECIPE, "--out", "x", "--root", "cocoo=/x"], 2, "did you mean 'coco'"),
        (["plan", RECIPE, "--root", "coco=/no/such/folder"], 2, "/no/such/folder does not exist"),
        (["verify", "/no/such/build"], 1, "holds no finished build"),
        (["show", "/no/such/build", "--out", "/tmp/x.png"], 1, "holds no finished build"),
        (["build"], 2, "Missing argument"),
        (["build", RECIPE, "--local", "--out", __file__], 1, "cannot be used"),
        (["build", RECIPE, "--local", "--out", "nosuch://x"], 1, "cannot be used"),
        (["build", RECIPE, "--local", "--out", "/proc/nosuch"], 1, "cannot be used"),
        (["build", RECIPE, "--local", "--out", "x", "--device", "banana"], 1, "known: cpu, cuda"),
        (["plan", RECIPE, "--root", "coco=nosuch://x"], 2, "nosuch://x cannot be read: Protocol"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, text: str) -> None:
    done = run(*arguments)
    assert done.exit_code == code
    assert text in done.stderr + done.stdout


def test_demo_data_goes_into_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run("demo-data", str(tmp_path))
    assert done.exit_code == 1
    assert "is not empty" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_says_so_and_goes_on(
    roots: list[str], tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    out, recipe = tmp_path / "out", tmp_path / "long.yaml"
    recipe.write_text(Path(RECIPE).read_text().replace("samples: 96", "samples: 256"))
    build = ["build", str(recipe), "--local", "--out", str(out), *roots]
    command = [sys.executable, "-m", "vbdata", *build]
    process = started(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ)
    while process.poll() is None and not list(out.glob("receipts/*.json")):
        time.sleep(0.005)
    process.send_signal(sent)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode == code
    assert b"what is finished is kept" in said
    assert not (out / "manifest.json").exists()
    again = run(*build)
    assert again.exit_code == 0
    assert json.loads((out / "run.json").read_text())["shards_kept"] >= 1
    assert run("verify", str(out)).exit_code == 0
