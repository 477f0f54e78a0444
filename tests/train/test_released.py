"""Weights that are read from files: their digest is part of a run, where they lie is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import tiny_pipelines
from tests.helpers import train_runs as runs
from vbdata.errors import BuildError

pytestmark = [tiny_pipelines.needs_editors, pytest.mark.slow]

KIND = "instruct_pix2pix"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:

    folder = tmp_path_factory.mktemp("released") / "weights"
    tiny_pipelines.instruct_pix2pix(folder)
    return folder


def config(build: Path, path: Path, **run: Any) -> Any:

    raw = runs.raw(build, steps=2, batch=2, run=run, lora={"rank": 2, "targets": ".*to_q"})
    raw["model"] = {"kind": KIND, "path": str(path), "cache": {"texts": "no"}}
    raw["data"] |= {"size": 16, "aspects": ["1:1"]}
    return runs.check_config(raw, Path("/"))


def changed(folder: Path, part: str) -> None:
    """One number of one weight."""
    from safetensors.torch import load_file, save_file

    (file,) = (folder / part).glob("*.safetensors")
    weights = load_file(file)
    name = min(weights)
    weights[name] = weights[name].clone()
    weights[name].view(-1)[0] += 1
    save_file(weights, file, {"format": "pt"})


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_run_goes_on_over_the_same_weights_alone(
    released: Path, demo_build: Path, tmp_path: Path, part: str
) -> None:
    import torch

    from vbdata.train.loop import train
    from vbdata.train.predict import load_trained

    out = tmp_path / "run"
    train(config(demo_build, released, stop=1), out)
    moved, other = tmp_path / "moved", tmp_path / "other"
    shutil.copytree(released, moved)
    shutil.copytree(released, other)
    changed(other, part)
    with pytest.raises(BuildError, match="model_sha256: '"):
        train(config(demo_build, other), out)
    assert train(config(demo_build, moved), out)["step"] == 2
    load_trained(out, torch.device("cpu"))
    changed(moved, part)
    with pytest.raises(BuildError, match="not the weights that"):
        load_trained(out, torch.device("cpu"))


def test_only_what_is_used_counts(released: Path, tmp_path: Path) -> None:
    from vbdata.train.adapter import make_editor

    shutil.copytree(released, tmp_path / "copy")
    path = tmp_path / "copy"
    (path / "README.md").write_text("new")
    (path / "safety_checker").mkdir()
    (path / "safety_checker" / "model.safetensors").write_bytes(b"0")

    def digest(folder: Path) -> str:
        editor: Any = make_editor({"kind": KIND, "path": str(folder)})
        return str(editor.digest)

    one = digest(released)
    assert digest(path) == one
    settings = path / "scheduler" / "scheduler_config.json"
    settings.write_text(settings.read_text().replace("0.012", "0.013"))
    assert digest(path) != one


def test_large_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vbdata.train import caches

    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "cache"))
    file, small = tmp_path / "large", tmp_path / "small"
    file.write_bytes(b"a" * caches.LARGE)
    small.write_bytes(b"a")
    first = caches.file_digest(file), caches.file_digest(small)
    read: list[Path] = []
    usual = caches.file_sha256
    monkeypatch.setattr(caches, "file_sha256", lambda path: read.append(path) or usual(path))
    assert (caches.file_digest(file), caches.file_digest(small)) == first
    assert read == [small]
    (kept,) = (tmp_path / "cache" / "weights").glob("*.sha256")
    kept.write_text(kept.read_text()[:-1])
    assert caches.file_digest(file) == first[0]  # what is kept was damaged
    assert read == [small, file]
    stamp = file.stat()
    file.write_bytes(b"a" * (caches.LARGE - 1) + b"b")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as if it were unchanged
    assert caches.file_digest(file) != first[0]
