"""Hugging Face datasets opens the folder, whole and streaming."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from datasets.exceptions import DatasetGenerationError, NonMatchingSplitsSizesError

from tests.interop.truth import Truth, run_the_card

INT = {**dict.fromkeys(("int32", "int64"), int), "string": str, "bool": bool}


@pytest.mark.parametrize("streaming", [False, True])
def test_every_sample(folder: Path, truth: Truth, streaming: bool) -> None:
    data = datasets.load_dataset(str(folder), split=truth.split, streaming=streaming)
    keys = []
    for sample in data:
        key = sample.pop("__key__").rpartition("/")[2]
        assert sample.pop("__url__").endswith(tuple(truth.tars))
        same_sample(sample, truth, key)
        keys.append(key)
    assert keys == list(truth.parts)


def same_sample(sample: dict[str, Any], truth: Truth, key: str) -> None:
    assert set(sample) == truth.members
    assert {name for name in sample if sample[name] is not None} == set(truth.parts[key])
    for name in truth.images(key):
        assert np.array_equal(np.asarray(sample[name]), truth.pixels(key, name))
    assert sample["instruction.txt"] == truth.text(key)
    assert sample["json"] == truth.facts(key)
    for name, value in truth.facts(key).items():
        assert type(sample["json"][name]) is type(value)


def test_one_config_of_one_split(folder: Path, truth: Truth) -> None:
    assert datasets.get_dataset_config_names(str(folder)) == ["default"]
    assert datasets.get_dataset_split_names(str(folder)) == [truth.split]


def test_the_features_are_those_of_the_card(folder: Path, truth: Truth) -> None:
    builder = datasets.load_dataset_builder(str(folder))
    data = datasets.load_dataset(str(folder), split=truth.split)
    assert builder.info.features == data.features
    facts = data.features["json"]
    assert {name: INT[facts[name].dtype] for name in facts} == {
        name: type(value) for name, value in truth.facts(next(iter(truth.parts))).items()
    }
    pictures = {name for key in truth.parts for name in truth.images(key)}
    assert all(isinstance(data.features[name], datasets.Image) for name in pictures)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("num_examples: 96", "num_examples: 95", NonMatchingSplitsSizesError),
        ("name: sample_id\n      dtype: string", "name: sample_id\n      dtype: int64",
         DatasetGenerationError),
        ("train-*.tar", "train-*.tar*", DatasetGenerationError),  # the offsets as archives
    ],
)  # fmt: skip
def test_a_wrong_card_is_seen(
    demo_build: Path, tmp_path: Path, old: str, new: str, error: type[Exception]
) -> None:
    copy = shutil.copytree(demo_build, tmp_path / "copy")
    card = copy / "README.md"
    assert card.read_text().count(old) == 1
    card.write_text(card.read_text().replace(old, new))
    with pytest.raises(error):
        datasets.load_dataset(str(copy))


def test_the_card(folder: Path, truth: Truth) -> None:
    last = list(truth.parts)[-1]
    run_the_card(folder, "Hugging Face datasets", f"assert sample['__key__'].endswith('{last}')")
