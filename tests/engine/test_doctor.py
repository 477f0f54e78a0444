"""`vbdata doctor` and `vbdata retry`: before a long build, and after the data is mended."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.helpers.builds import (
    REPOSITORY,
    demo_copied,
    demo_recipe_over,
    manifest_of,
    quarantine_of,
    sums_of,
)
from vbdata.checks.verify import verify
from vbdata.cli.app import app
from vbdata.core.exif import ORIENTATION
from vbdata.engine.build import build
from vbdata.engine.doctor import Finding, _summed, examine
from vbdata.engine.estimate import hours_text, size_text, time_text
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

RECIPE = REPOSITORY / "manifests" / "demo.yaml"


@pytest.fixture
def data(demo_data: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return demo_copied(demo_data, tmp_path / "data")


def roots(data: Path) -> list[str]:
    names = ("coco", "refcoco", "triplets", "kitti", "hypersim")
    return [f"--root={name}={data / name}" for name in names]


def of(findings: list[Finding], source: str) -> list[Finding]:
    return [finding for finding in findings if finding.source == source]


def test_whole_data_is_well(demo_data: Path) -> None:
    findings = list(examine(demo_recipe_over(demo_data), 2))
    assert {finding.level for finding in findings} <= {"ok", "warn"}
    trials = [finding.text for finding in findings if "read as a trial" in finding.text]
    assert len(trials) == 8  # one a cell of the recipe
    assert all("2 of 2 read as a trial are good" in text for text in trials)
    counted = next(f.text for f in of(findings, "coco") if "official release (" in f.text)
    assert "of 118,287 in the official release" in counted


def test_what_is_missing_and_where_to_get_it(data: Path) -> None:
    shutil.rmtree(data / "coco" / "train2017")
    (data / "coco" / "annotations" / "captions_train2017.json").unlink()
    findings = of(list(examine(demo_recipe_over(data), 2)), "coco")
    absent = next(f for f in findings if f.text.startswith("not below the root"))
    assert "train2017" in absent.text
    assert any("http" in line and "train2017.zip" in line for line in absent.remedies)
    assert any(finding.level == "fail" for finding in findings)


def test_all_roots_and_options_are_told_at_once(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    sources = {
        "a": "dataset: diode, root: gone, tasks: {depth: 1}",
        "b": "dataset: diode, root: [., lost], split: trian, tasks: {depth: 1}",
        "c": "dataset: folders, root: ., images: '{id}.png', depth: {files: '{id}.exr', scale: 1, "
        "kind: z}, tasks: {depth: 1}",
    }
    lines = "".join(f"  {name}: {{{text}}}\n" for name, text in sources.items())
    recipe.write_text(f"name: x\nseed: 1\nsamples: 1\nsources:\n{lines}")
    said = (
        *(f"root: {tmp_path}/gone does not exist", f"root: {tmp_path}/lost does not exist"),
        "split: 'trian' is not a choice; did you mean 'train'?",
    )
    for command in (["plan"], ["build", "--local", "--out", str(tmp_path / "out")], ["doctor"]):
        result = CliRunner().invoke(app, [command[0], str(recipe), *command[1:]])
        assert result.exit_code == 2, result.output
        assert [text for text in said if text not in result.output] == []
    assert not (tmp_path / "out" / "recipe.json").exists()


def test_many_missing_parts_are_summed_up() -> None:
    paths = [f"raw/{day}/{day}_drive_{n:04}" for day in (1, 2) for n in range(60)]
    assert _summed([*paths, "depth", "raw/1/calib"]) == (
        "120 such as raw/1/1_drive_0000, depth, raw/1/calib"
    )


@pytest.mark.slow
def test_a_build_is_estimated_from_samples_that_are_timed(demo_data: Path, tmp_path: Path) -> None:
    words = [str(RECIPE), *roots(demo_data), "--workers", "3", "--json"]
    out = ["--out", str(tmp_path / "out")]
    dry = json.loads(CliRunner().invoke(app, ["build", *words, *out, "--dry-run"]).stdout)
    assert (dry["shards_kept"], dry["shards_missing"]) == (0, 3)
    assert not (tmp_path / "out").exists()
    planned = json.loads(CliRunner().invoke(app, ["plan", *words]).stdout)["estimate"]
    done = CliRunner().invoke(app, ["build", *words[:-3], *out, "--local"])
    assert done.exit_code == 0, done.output
    size = manifest_of(tmp_path / "out")["bytes"]
    for estimate in (dry["estimate"], planned):
        assert (estimate["samples"], estimate["shards"], estimate["workers"]) == (96, 3, 3)
        assert estimate["timed"] == 24
        assert 0.7 < estimate["bytes"] / size < 1.4
        assert estimate["wall_seconds"] == pytest.approx(estimate["core_seconds"] / 3, abs=2e-3)
    again = CliRunner().invoke(app, ["build", *words[:-1], *out, "--dry-run"])
    assert "3 of 3 shards are finished; 0 would be built" in again.output
    assert "nothing is left to be built" in again.output


def test_estimates_are_told_in_units_that_people_use() -> None:
    assert [size_text(n) for n in (1, 4.2e6, 99e9, 999.6e9, 3e13)] == [
        *("0.0 kB", "4.2 MB", "99 GB", "1.0 TB", "30.0 TB"),
    ]
    assert [time_text(s) for s in (0.1, 99, 100, 7000, 172800, 3e6)] == [
        *("1 s", "99 s", "2 min", "1 h 57 min", "2 d 0 h", "34 d 17 h"),
    ]
    assert [hours_text(s) for s in (1.234, 359, 3600, 5e6)] == [
        *("1.2 core-seconds", "359 core-seconds", "1.0 core-hours", "1,389 core-hours"),
    ]


@pytest.mark.slow
def test_damage_is_counted_with_examples(data: Path) -> None:
    images = sorted((data / "coco" / "train2017").glob("*.jpg"))
    images[0].unlink()
    for image in images[1:]:
        image.write_bytes(image.read_bytes()[:-200])
    findings = of(list(examine(demo_recipe_over(data), 3)), "coco")
    lost = next(f for f in findings if "lack their image file" in f.text)
    assert lost.text.startswith("1 of ")
    assert f"such as train2017/{images[0].name}" in lost.text
    trial = next(f for f in findings if f.text.startswith("semantic"))
    assert trial.level == "fail"
    assert "0 of 3" in trial.text
    assert "truncated" in trial.text


@pytest.mark.slow
def test_the_command_and_its_exit_codes(data: Path) -> None:
    run = CliRunner()
    good = run.invoke(app, ["doctor", str(RECIPE), *roots(data), "--samples", "1"])
    assert good.exit_code == 0, good.output
    assert "fail" not in good.stdout
    shutil.rmtree(data / "kitti")
    bad = run.invoke(app, ["doctor", str(RECIPE), *roots(data), "--json"])
    assert bad.exit_code == 2, "a root is to be changed"
    lines = [json.loads(line) for line in bad.stdout.splitlines()]
    failed = next(line for line in lines if line["level"] == "fail")
    assert failed["source"] == "kitti"
    assert "does not exist" in failed["text"]
    assert any("data_depth_annotated.zip" in remedy for remedy in failed["remedies"])


@pytest.mark.slow
def test_retry_builds_only_what_was_quarantined(
    data: Path, demo_build: Path, tmp_path: Path
) -> None:
    """Damage of the same size: the index is the same, so a plain build keeps the spares."""
    victims = [
        *sorted((data / "coco" / "train2017").glob("*.jpg"))[:1],
        *sorted((data / "kitti" / "depth").rglob("*.png"))[:1],
    ]
    whole = [victim.read_bytes() for victim in victims]
    for victim, content in zip(victims, whole, strict=True):
        victim.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    out = tmp_path / "out"
    build(demo_recipe_over(data), Folder(str(out)), How())
    assert quarantine_of(out)
    hurt = {row["key"] for row in quarantine_of(out)}
    damaged = {int(key) // 32 for key in hurt}
    for victim, content in zip(victims, whole, strict=True):
        victim.write_bytes(content)
    build(demo_recipe_over(data), Folder(str(out)), How())
    assert quarantine_of(out), "nothing says that the same records are worth another try"
    done = CliRunner().invoke(app, ["retry", str(out), "--local"])
    assert done.exit_code == 0, done.output
    assert quarantine_of(out) == []
    assert json.loads((out / "run.json").read_text())["shards_built"] == len(damaged)
    assert manifest_of(out)["digest"] == manifest_of(demo_build)["digest"]
    assert sums_of(out) == sums_of(demo_build)
    assert verify(Folder(str(out))) == []


@pytest.mark.slow
def test_retry_where_data_has_moved(data: Path, demo_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    victim = sorted((data / "coco" / "train2017").glob("*.jpg"))[0]
    content = victim.read_bytes()
    victim.unlink()
    build(demo_recipe_over(data), Folder(str(out)), How())
    assert [row["reason"] for row in quarantine_of(out)] == ["missing"] * len(quarantine_of(out))
    victim.write_bytes(content)
    moved = data.rename(tmp_path / "moved")
    run = CliRunner()
    lost = run.invoke(app, ["retry", str(out), "--local"])
    assert lost.exit_code == 2
    assert lost.output.count("does not exist") == 5, "all roots at once"
    done = run.invoke(app, ["retry", str(out), "--local", *roots(moved)])
    assert done.exit_code == 0, done.output
    assert sums_of(out) == sums_of(demo_build)


def test_retry_of_no_build(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["retry", str(tmp_path), "--local"])
    assert done.exit_code == 1
    assert "holds no build that can be tried again" in done.output


@pytest.mark.slow
def test_too_much_damage_can_be_tried_again(data: Path, demo_build: Path, tmp_path: Path) -> None:
    """A build that failed over max_bad has no manifest, but what it built is there."""
    kept = Path(shutil.copytree(data / "kitti", tmp_path / "kitti"))
    for depth in (data / "kitti" / "depth").rglob("*.png"):
        depth.write_bytes(depth.read_bytes()[:-100])
    out = tmp_path / "out"
    run = CliRunner()
    failed = run.invoke(app, ["build", str(RECIPE), "--local", "--out", str(out), *roots(data)])
    assert failed.exit_code == 1
    assert "more than max_bad" in failed.output
    mended = [*roots(data)[:3], f"--root=kitti={kept}", roots(data)[4]]
    done = run.invoke(app, ["retry", str(out), "--local", *mended])
    assert done.exit_code == 0, done.output
    assert sums_of(out) == sums_of(demo_build)
    assert load_recipe(RECIPE).max_bad


def test_turned_pictures_and_the_range_of_depth_are_said(tmp_path: Path, demo_data: Path) -> None:
    tags = Image.Exif()
    tags[ORIENTATION] = 6
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    for number, exif in enumerate((tags, None, tags)):
        (tmp_path / "pairs").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(
            tmp_path / "pairs" / f"{number}.jpg", exif=exif or Image.Exif()
        )
        (tmp_path / "pairs" / f"{number}.txt").write_text("a rug")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "a.tar", "w") as tar:
        for file in sorted((tmp_path / "pairs").iterdir()):
            tar.add(file, file.name)
    recipe = {
        "name": "odd",
        "samples": 8,
        "seed": 1,
        "sources": {
            **{
                name: {
                    "dataset": "captioned",
                    "root": str(tmp_path / name),
                    "tasks": {"generate": 1},
                }
                for name in ("pairs", "tars")
            },
            "rooms": {
                "dataset": "nyuv2",
                "root": str(demo_data / "nyuv2"),
                "tasks": {"depth": 1},
                "min_depth_range": 0.1,
            },
        },
    }
    (tmp_path / "odd.yaml").write_text(json.dumps(recipe))
    findings = list(examine(load_recipe(tmp_path / "odd.yaml"), 2))
    turned = "2 of 3 pictures looked at are turned by their EXIF orientation: 2 of orientation 6"
    for name in ("pairs", "tars"):
        assert turned in [finding.text for finding in of(findings, name)]
    (said,) = [f.text for f in of(findings, "rooms") if f.text.startswith("depth: in ")]
    assert re.fullmatch(
        r"depth: in 2 records [\d.]+ to [\d.]+ m, median [\d.]+ m, for [\d.]+% of the pixels", said
    )
