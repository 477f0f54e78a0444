"""Builds as the trainer reads them: any sample by its bytes, here and behind a URL; and batches."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import numpy as np
import pytest

from tests.helpers import train_runs as runs
from tests.helpers.builds import manifest_of
from vbdata.core import images
from vbdata.errors import BuildError
from vbdata.shard import tar
from vbdata.train.config import Config
from vbdata.train.data import Corpus, Picture, fit, nearest, open_builds
from vbdata.train.sampling import Sampler

if TYPE_CHECKING:
    from vbdata.train.loader import Batch


@pytest.fixture(scope="module")
def corpus(demo_build: Path) -> Corpus:
    return open_builds([str(demo_build)])


def batches(config: Config, corpus: Corpus, rank: int = 0, size: int = 1) -> list[list[Batch]]:
    from vbdata.train.loader import Loader

    loader = Loader(config, corpus, Sampler(config, corpus, 4), rank, size)
    found = list(loader.steps(1, 5))
    assert [number for number, _ in found] == [1, 2, 3, 4]
    return [step for _, step in found]


def assert_same(one: Batch, other: Batch) -> None:
    import torch

    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("texts", "weight"):
            assert a == b, field.name
        elif field.name != "text":  # what encode_text makes of the texts; test_resident.py
            assert (a.dtype, a.stride()) == (b.dtype, b.stride()), field.name
            assert torch.equal(a, b), field.name


def joined(parts: list[Batch]) -> Batch:
    """Micro-batches as one."""
    import torch

    from vbdata.train.loader import Batch

    values = {f.name: [getattr(part, f.name) for part in parts] for f in fields(Batch)}
    texts = tuple(text for part in values.pop("texts") for text in part)
    assert values.pop("text") == [None] * len(parts)
    weight = sum(values.pop("weight"))
    return Batch(
        texts=texts, weight=weight, **{name: torch.cat(part) for name, part in values.items()}
    )


def test_every_sample_is_that_of_the_tar(demo_build: Path, corpus: Corpus) -> None:
    row = 0
    for shard in manifest_of(demo_build)["shards"]:
        of_key: dict[str, dict[str, bytes]] = {}
        for member in tar.members(demo_build / shard["tar"]):
            of_key.setdefault(member.key, {})[member.extension] = member.data
        for key, parts in of_key.items():
            assert corpus.keys[row] == key
            assert corpus.builds[0].members(key) == parts
            picture = corpus.picture(row)
            (target,) = (data for name, data in parts.items() if name.startswith("target."))
            assert np.array_equal(picture.target, images.decode_rgb(target))
            assert picture.valid.all() or "valid.png" in parts
            assert picture.text == parts["instruction.txt"].decode()
            row += 1
    assert row == len(corpus) == manifest_of(demo_build)["samples"]


def test_a_build_behind_a_url_reads_the_same(demo_build: Path, corpus: Corpus) -> None:

    memory = fsspec.filesystem("memory")
    memory.put(str(demo_build), "/train-build", recursive=True)
    try:
        remote = open_builds(["memory://train-build"])
        assert remote.digests == corpus.digests
        config = runs.tiny(demo_build, run={"workers": 4})
        for here, there in zip(batches(config, corpus), batches(config, remote), strict=True):
            assert_same(here[0], there[0])
    finally:
        memory.rm("/train-build", recursive=True)


def test_two_builds_are_one_corpus(demo_build: Path, corpus: Corpus) -> None:
    twice = open_builds([str(demo_build)] * 2)
    assert len(twice) == 2 * len(corpus)
    assert twice.cells == corpus.cells
    last, same = twice.picture(len(twice) - 1), corpus.picture(len(corpus) - 1)
    assert last.text == same.text
    assert np.array_equal(last.given, same.given)


def test_damage_ends_the_run_with_its_place(demo_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_build, out)
    first = manifest_of(out)["shards"][0]["tar"]
    data = bytearray((out / first).read_bytes())
    data[130] ^= 1  # the size in a header
    (out / first).write_bytes(data)
    with pytest.raises(BuildError, match=r"of-00003\.tar: 00000000 is not where the index says"):
        open_builds([str(out)]).picture(0)
    (out / first).write_bytes(data[:5000])
    with pytest.raises(BuildError, match="ends before 00000001 does"):
        open_builds([str(out)]).picture(1)
    offsets = np.frombuffer((out / f"{first}.idx").read_bytes(), "<u8").copy()
    offsets[5] += 512
    (out / f"{first}.idx").write_bytes(offsets.tobytes())
    with pytest.raises(BuildError, match=r"\.tar\.idx: its SHA-256 is not the one in SHA256SUMS"):
        open_builds([str(out)]).picture(0)
    (out / f"{first}.idx").write_bytes(b"\0" * 8)
    with pytest.raises(BuildError, match=r"\.tar\.idx: 8 bytes, 264 for 32 samples"):
        open_builds([str(out)]).picture(0)
    (out / first).unlink()
    (out / f"{first}.idx").unlink()
    with pytest.raises(BuildError, match=r"\.tar\.idx: missing"):
        open_builds([str(out)]).picture(0)
    rows = bytearray((out / "manifest" / "train.parquet").read_bytes())
    rows[len(rows) // 3] ^= 1
    (out / "manifest" / "train.parquet").write_bytes(rows)
    with pytest.raises(
        BuildError, match=r"train\.parquet: its SHA-256 is not the one in SHA256SUM"
    ):
        open_builds([str(out)])
    (out / "manifest.json").write_text((out / "manifest.json").read_text().replace("demo", "d"))
    with pytest.raises(BuildError, match="it was edited"):
        open_builds([str(out)])
    with pytest.raises(BuildError, match="holds no finished build"):
        open_builds([str(tmp_path)])


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("cache_gb", [0, 1.0])
def test_any_number_of_workers_gives_the_same_batches(
    demo_build: Path, corpus: Corpus, workers: int, cache_gb: float
) -> None:

    inline = batches(runs.tiny(demo_build, run={"workers": 0, "cache_gb": 0}), corpus)
    config = runs.tiny(demo_build, run={"workers": workers, "cache_gb": cache_gb, "prefetch": 3})
    for one, other in zip(inline, batches(config, corpus), strict=True):
        assert_same(one[0], other[0])


def test_no_two_slots_share_their_noise(demo_build: Path, corpus: Corpus) -> None:
    import torch

    config = runs.tiny(demo_build, loss={"t_zero": 0.0})
    found = [batch for step in batches(config, corpus) for batch in step]
    for name in ("noise", "t"):
        values = torch.cat([getattr(batch, name) for batch in found])
        assert len(values.unique()) == len(values) == 32


def test_processes_and_micro_batches_only_cut(demo_build: Path, corpus: Corpus) -> None:

    whole = batches(runs.tiny(demo_build), corpus)
    cut = runs.tiny(demo_build, run={"micro": 2})
    ranks = [batches(cut, corpus, rank, 2) for rank in range(2)]
    for step, one in enumerate(whole):
        parts = [part for rank in ranks for part in rank[step]]
        assert [len(part.texts) for part in parts] == [2, 2, 2, 2]
        assert_same(one[0], joined(parts))


def test_dropped_and_blank_rows_say_so(demo_build: Path, corpus: Corpus) -> None:

    config = runs.tiny(demo_build, loss={"drop_text": 0.0, "drop_image": 0.0, "drop_both": 0.0})
    for step in batches(config, corpus):
        generated = [corpus.tasks[task] == "generate" for task in step[0].task]
        assert (~step[0].known).tolist() == generated
        assert all(step[0].texts)
    config = runs.tiny(demo_build, loss={"drop_text": 0.0, "drop_image": 0.0, "drop_both": 1.0})
    for step in batches(config, corpus):
        assert not step[0].known.any()
        assert not any(step[0].texts)


def test_fit_covers_then_crops_the_centre_and_mixes_no_label_colours() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (5, 3), np.uint8)
    ids = rng.integers(0, 5, (60, 100))
    picture = Picture(given=colours[ids], target=colours[ids], valid=ids > 0, text="", blank=False)
    label = fit(picture, 24, 24, label=True)
    assert label.given.shape == label.target.shape == (24, 24, 3)
    found = {tuple(c) for c in label.target.reshape(-1, 3)}
    assert found <= {tuple(c) for c in colours}
    assert np.array_equal(label.valid, ~(label.target == colours[0]).all(-1))
    # The 40 columns in the middle: 100x60 is scaled to 40x24, columns 8 to 31 are kept.
    columns, rows = nearest(100, 40, 8, 24), nearest(60, 24, 0, 24)
    assert np.array_equal(label.target, picture.target[np.ix_(rows, columns)])
    smooth = fit(picture, 24, 24, label=False)
    assert abs(int(smooth.target.mean()) - int(picture.target[:, 20:80].mean())) <= 2
    back = fit(picture, 24, 24, label=False, drawn_input=True)
    assert np.array_equal(back.given, label.target), "the input of the other way round is a label"
    assert np.array_equal(back.target, smooth.target)
    assert fit(picture, 100, 60, label=True) is picture
    assert fit(picture, 200, 200, label=True).target.shape == (200, 200, 3)
