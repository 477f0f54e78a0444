"""Megatron-Energon opens the folder: typed, crude, as a blend; `energon lint` is clean."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    Sample,
    WorkerConfig,
    basic_sample_keys,
    edataclass,
    get_savable_loader,
    get_train_dataset,
    get_val_dataset,
    stateless,
)
from megatron.energon.cli.main import main as command_line

from tests.interop.truth import Truth, run_the_card

HERE = WorkerConfig(rank=0, world_size=1, num_workers=0)


@edataclass
class Whole(Sample):
    """All members of a sample, as energon decodes them."""

    members: dict[str, Any]


@stateless
def cook(raw: dict[str, Any]) -> Whole:
    members = {name: value for name, value in raw.items() if not name.startswith("__")}
    return Whole(**basic_sample_keys(raw), members=members)


class Encoder(DefaultTaskEncoder):
    cookers = [Cooker(cook)]  # noqa: RUF012 (energon's own way to say it)


def energon(*arguments: str) -> Result:
    """Its command; here, as importing it takes longer than all that it does."""
    return CliRunner().invoke(command_line, arguments)


def test_lint_is_clean(folder: Path, truth: Truth) -> None:
    done = energon("lint", str(folder))
    assert done.exit_code == 0, done.stderr
    assert f"{len(truth.parts)}/{len(truth.parts)}" in done.stderr
    assert "Error" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for part in {"train", "val", "test"} - {truth.split}:
        assert f"Skipping empty split part {part}" in done.stdout


@pytest.mark.parametrize("entry", ["", "metadataset.yaml"])
def test_every_sample_typed(folder: Path, truth: Truth, entry: str) -> None:
    path = str(folder / entry) if entry else str(folder)
    data = get_val_dataset(path, split_part=truth.split, worker_config=HERE, batch_size=None)
    keys = []
    for sample in get_savable_loader(data):
        picture, *more, text, target = sample.sequence
        names = sorted(n for n in truth.images(sample.__key__) if n.startswith("reference"))
        for each, name in zip(more, names, strict=True):
            same_pixels(each, truth, sample.__key__, name)
        same_pixels(picture, truth, sample.__key__, truth.input(sample.__key__))
        same_pixels(target, truth, sample.__key__, truth.target(sample.__key__))
        assert text == truth.text(sample.__key__)
        keys.append(sample.__key__)
    assert keys == list(truth.parts)


def test_every_member_crude(folder: Path, truth: Truth) -> None:
    data = get_val_dataset(
        str(folder), split_part=truth.split, dataset_config="crude.yaml", worker_config=HERE,
        task_encoder=Encoder(), batch_size=None,
    )  # fmt: skip
    keys = []
    for sample in get_savable_loader(data):
        key = sample.__key__
        assert set(sample.members) == set(truth.parts[key])
        for name in truth.images(key):
            same_pixels(sample.members[name], truth, key, name)
        assert sample.members["json"] == truth.facts(key)
        assert sample.members["instruction.txt"] == truth.text(key)
        keys.append(key)
    assert keys == list(truth.parts)


def same_pixels(found: torch.Tensor, truth: Truth, key: str, name: str) -> None:
    assert found.dtype == torch.uint8
    assert np.array_equal(found.permute(1, 2, 0).numpy(), truth.pixels(key, name, "RGB"))


def train_keys(folder: Path, split: str) -> list[str]:
    data = get_train_dataset(
        str(folder), split_part=split, worker_config=HERE, batch_size=None,
        shuffle_buffer_size=16, max_samples_per_sequence=5, repeat=False,
    )  # fmt: skip
    return [sample.__key__ for sample in get_savable_loader(data)]


def test_training_shuffles_all_samples_twice_the_same(folder: Path, truth: Truth) -> None:
    first = train_keys(folder, truth.split)
    assert sorted(first) == list(truth.parts)
    assert first != list(truth.parts)
    assert train_keys(folder, truth.split) == first


def test_a_saved_loader_goes_on(demo_build: Path) -> None:
    def loader() -> Any:
        data = get_train_dataset(
            str(demo_build), worker_config=HERE, batch_size=None, shuffle_buffer_size=16,
            max_samples_per_sequence=5,
        )  # fmt: skip
        return get_savable_loader(data)

    running = loader()
    steps = iter(running)
    for _ in range(30):
        next(steps)
    state = running.save_state_rank()
    rest = [next(steps).__key__ for _ in range(100)]
    resumed = loader()
    resumed.restore_state_rank(state)
    steps = iter(resumed)
    assert [next(steps).__key__ for _ in range(100)] == rest


def test_offsets_and_counts_are_those_that_energon_would_make(
    folder: Path, truth: Truth, tmp_path: Path
) -> None:
    for tar in truth.tars:
        (tmp_path / tar).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / tar, tmp_path / tar)
    parts = f"{truth.split}:shards/.*"
    said = ("--non-interactive", "--skip-dataset-yaml", "--num-workers", "1", "--split-parts")
    done = energon("prepare", str(tmp_path), *said, parts)
    assert done.exit_code == 0, done.stdout + done.stderr
    for tar in truth.tars:
        assert (tmp_path / f"{tar}.idx").read_bytes() == (folder / f"{tar}.idx").read_bytes()
    theirs, ours = (
        json.loads((where / ".nv-meta" / ".info.json").read_text()) for where in (tmp_path, folder)
    )
    assert list(theirs["shard_counts"].items()) == list(ours["shard_counts"].items())


def test_a_missing_offset_is_seen(demo_build: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(demo_build, tmp_path / "copy")
    index = next(copy.rglob("*.tar.idx"))
    index.write_bytes(index.read_bytes()[:-16] + index.read_bytes()[-8:])
    done = energon("lint", str(copy))
    assert done.exit_code == 1
    assert "Shard length in Info file 32 != 31" in done.stdout


def test_the_card(folder: Path, truth: Truth) -> None:
    check = f"assert len(instruction) and len(data) == {len(truth.parts)}"
    run_the_card(folder, "Megatron-Energon", check)
    check = (
        "assert sample.target.shape[1:] == (sample.facts['height'], sample.facts['width'])\n"
        "assert sample.valid is None or sample.valid.shape == sample.target.shape[1:]"
    )
    run_the_card(folder, "Megatron-Energon, all members", check)
