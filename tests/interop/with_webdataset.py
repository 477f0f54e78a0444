"""webdataset opens the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import webdataset

from tests.interop.truth import Truth, run_the_card
from vbdata.publish.facts import braces


def test_every_member_of_every_sample(folder: Path, truth: Truth) -> None:
    shards = f"{folder}/{braces(truth.manifest)}"
    found = {}
    for sample in webdataset.WebDataset(shards, shardshuffle=False):
        found[sample["__key__"]] = {k: v for k, v in sample.items() if not k.startswith("__")}
    assert list(found) == list(truth.parts)
    assert found == truth.parts


def test_decoded_samples(folder: Path, truth: Truth) -> None:
    shards = [str(folder / tar) for tar in truth.tars]
    count = 0
    for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
        key = sample["__key__"]
        for name in truth.images(key):
            assert np.array_equal(sample[name], truth.pixels(key, name, "RGB"))
        assert sample["json"] == truth.facts(key)
        assert sample["instruction.txt"] == truth.text(key)
        count += 1
    assert count == len(truth.parts)


def test_the_card(folder: Path, truth: Truth) -> None:
    last = list(truth.parts)[-1]
    run_the_card(folder, "webdataset", f"assert sample['__key__'] == '{last}'")
    check = "assert facts['width'] and label.shape[:2] == target.shape[:2]"
    run_the_card(folder, "From colours back to numbers", check)
