"""wids, of webdataset 0.2, opens the folder at any sample."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import wids
from PIL import Image
from wids import wids_index

from tests.interop.truth import Truth, run_the_card


def test_every_sample_in_any_order(folder: Path, truth: Truth) -> None:
    index = str(folder / f"{truth.split}.wids.json")
    data = wids.ShardListDataset(index, transformations=[])
    keys = list(truth.parts)
    assert len(data) == len(keys)
    for place in np.random.default_rng(0).permutation(len(keys)):
        sample, key = data[int(place)], keys[place]
        assert sample["__key__"] == key
        members = {k[1:]: v.read() for k, v in sample.items() if k.startswith(".")}
        assert members == truth.parts[key]


def test_decoded_samples(folder: Path, truth: Truth) -> None:
    data = wids.ShardListDataset(str(folder / f"{truth.split}.wids.json"))
    for place, key in enumerate(truth.parts):
        sample = data[place]
        for name in truth.images(key):
            image = sample[f".{name}"]
            if name.endswith(".webp"):  # which wids leaves as bytes
                image = Image.open(image)
            assert np.array_equal(np.asarray(image), truth.pixels(key, name))
        assert sample[".json"] == truth.facts(key)
        assert sample[".instruction.txt"] == truth.text(key)


def test_the_index_is_the_one_that_wids_would_make(
    folder: Path, truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, out = truth.manifest["name"], tmp_path / "index.json"
    command = ["wids-index", "create", "--output", str(out), "--name", name, *truth.tars]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", command)
    wids_index.main()
    ours = json.loads((folder / f"{truth.split}.wids.json").read_text())
    theirs = json.loads(out.read_text())
    for shard in theirs["shardlist"]:
        del shard["md5sum"]  # which no reader asks for
    assert theirs == ours


def test_a_wrong_digest_is_seen(demo_build: Path, tmp_path: Path) -> None:
    shard = json.loads((demo_build / "train.wids.json").read_text())["shardlist"][1]
    tar = shutil.copy(demo_build / shard["url"], tmp_path / "shard.tar")
    md5 = hashlib.md5(tar.read_bytes()).hexdigest()  # which only who asks for it pays for
    said = {"md5sum": md5, "expected_size": shard["nsamples"]}
    assert len(wids.wids.IndexedTarSamples(path=tar, **said)) == shard["nsamples"]
    damaged = bytearray(tar.read_bytes())
    damaged[5000] ^= 1
    tar.write_bytes(damaged)
    with pytest.raises(AssertionError, match="MD5 sum mismatch"):
        wids.wids.IndexedTarSamples(path=tar, **said)


def test_the_card(folder: Path, truth: Truth) -> None:
    last = list(truth.parts)[-1]
    run_the_card(folder, "wids", f"assert sample['__key__'] == '{last}'")
