"""mlcroissant opens the folder; `mlcroissant validate` is clean."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mlcroissant
import numpy as np
import pytest

from tests.interop.truth import Make, Truth, run_the_card, truth_of

SETS = {"input": "inputs", "target": "targets"}  # record set, by role, else of that name


def validate(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = str(Path(sys.executable).with_name("mlcroissant"))
    command = [tool, "validate", "--jsonld", str(folder / "croissant.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_it_validates_without_a_warning(folder: Path) -> None:
    done = validate(folder)
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("I")
    assert lines[0].endswith("] Done.")


def test_every_row_of_the_manifest(folder: Path, truth: Truth) -> None:
    data = mlcroissant.Dataset(str(folder / "croissant.json"))
    found = []
    for record in data.records("manifest"):
        plain = {name.partition("/")[2]: value for name, value in record.items()}
        found.append({k: v.decode() if isinstance(v, bytes) else v for k, v in plain.items()})
    assert found == truth.rows


def test_every_image(folder: Path, truth: Truth) -> None:
    same_images(folder, truth)


def same_images(folder: Path, truth: Truth) -> None:
    data = mlcroissant.Dataset(str(folder / "croissant.json"))
    pictures = {name for key in truth.parts for name in truth.images(key)}
    for role in {name.partition(".")[0] for name in pictures}:
        name = SETS.get(role, role)
        keys = []
        for record in data.records(name):
            key = record[f"{name}/key"].decode()
            (member,) = (each for each in truth.parts[key] if each.startswith(f"{role}."))
            image = np.asarray(record[f"{name}/image"])
            assert np.array_equal(image, truth.pixels(key, member))
            keys.append(key)
        assert sorted(keys) == [k for k in truth.parts if any(role in n for n in truth.images(k))]


def test_a_second_build_does_not_return_the_first_ones_pixels(make_build: Make) -> None:
    """Both are of one name, with shards of one name, and share a cache."""
    for seed in (1, 2):
        build = make_build(f"twin-{seed}", seed=seed, samples=6, shard_size=6)
        same_images(build, truth_of(build))


def test_a_changed_shard_is_seen(demo_build: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(demo_build, tmp_path / "copy")
    tar = next(copy.rglob("*.tar"))
    damaged = bytearray(tar.read_bytes())
    damaged[5000] ^= 1
    tar.write_bytes(damaged)
    data = mlcroissant.Dataset(str(copy / "croissant.json"))
    with pytest.raises(mlcroissant.GenerationError, match=r"Download\(shards/") as caught:
        list(data.records("targets"))
    assert "not identical with the reference" in str(caught.value.__cause__)


def test_a_wrong_description_does_not_validate(demo_build: Path, tmp_path: Path) -> None:
    described = json.loads((demo_build / "croissant.json").read_text())
    del described["distribution"][1]["sha256"]
    (tmp_path / "croissant.json").write_text(json.dumps(described))
    done = validate(tmp_path)
    assert done.returncode == 1
    assert "sha256" in done.stderr


def test_the_card(folder: Path, truth: Truth) -> None:
    run_the_card(folder, "Croissant", "assert record['targets/image'].mode == 'RGB'")
