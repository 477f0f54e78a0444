"""Encodings on disk and in memory: what is found is what would be made, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vbdata.errors import SourceError

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    from vbdata.train.caches import Caching

ENCODER = "e" * 64


class Maker:
    """Makes other values each time it is asked, so that it is seen whether it was."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> dict[str, torch.Tensor]:
        import torch

        self.asked += 1
        generator = torch.Generator().manual_seed(self.asked)
        wide = torch.randn(6, 5, generator=generator)
        return {"fine": wide.T, "half": wide.bfloat16(), "whole": torch.arange(self.asked)}


def on_disk(folder: Path, **more: Any) -> Caching:
    from vbdata.train.caches import Caching

    return Caching(folder=str(folder), texts="disk", images="disk", **more)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    import torch

    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


@pytest.mark.parametrize("keep", ["memory", "disk"])
def test_a_hit_is_the_miss_bit_for_bit(keep: Any, tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make, caching = Maker(), on_disk(tmp_path)
    encodings = Encodings(ENCODER, keep, caching)
    first = encodings.get(b"content", torch.device("cpu"), make)
    assert same(encodings.get(b"content", torch.device("cpu"), make), first)
    assert not same(encodings.get(b"other content", torch.device("cpu"), make), first)
    assert make.asked == 2
    later = Encodings(ENCODER, keep, caching).get(b"content", torch.device("cpu"), make)
    assert same(later, first) is (keep == "disk")


def test_nothing_is_kept_unasked(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make = Maker()
    encodings = Encodings(ENCODER, "no", on_disk(tmp_path))
    encodings.get(b"a", torch.device("cpu"), make)
    encodings.get(b"a", torch.device("cpu"), make)
    assert make.asked == 2
    assert not list(tmp_path.iterdir())


def test_another_encoder_or_number_of_threads_is_another_key(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make, caching = Maker(), on_disk(tmp_path)
    Encodings(ENCODER, "disk", caching).get(b"a", torch.device("cpu"), make)
    Encodings("f" * 64, "disk", caching).get(b"a", torch.device("cpu"), make)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        Encodings(ENCODER, "disk", caching).get(b"a", torch.device("cpu"), make)
    finally:
        torch.set_num_threads(threads)
    assert make.asked == 3
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make, caching = Maker(), on_disk(tmp_path)
    Encodings(ENCODER, "disk", caching).get(b"a", torch.device("cpu"), make)
    (file,) = tmp_path.rglob("*.safetensors")
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"", b"\xff" * len(whole)):
        file.write_bytes(damaged)
        made = Encodings(ENCODER, "disk", caching).get(b"a", torch.device("cpu"), make)
        assert same(Encodings(ENCODER, "disk", caching).get(b"a", torch.device("cpu"), make), made)
    assert make.asked == 4
    assert [path.name for path in tmp_path.rglob("*.*")] == [file.name]  # no parts are left


def test_memory_is_bounded_and_the_least_recently_used_go(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make = Maker()
    one = sum(tensor.nbytes for tensor in Maker()().values())
    encodings = Encodings(ENCODER, "memory", on_disk(tmp_path, memory_gb=2.5 * one / 1e9))
    for content in (b"a", b"b", b"a", b"c", b"a"):
        encodings.get(content, torch.device("cpu"), make)
    assert make.asked == 3
    encodings.get(b"b", torch.device("cpu"), make)
    assert make.asked == 4
    assert sum(t.nbytes for row in encodings._memory.values() for t in row.values()) <= 2.5 * one


def test_the_disk_is_bounded(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    make = Maker()
    caching = on_disk(tmp_path, disk_gb=6e-7, memory_gb=0)
    encodings = Encodings(ENCODER, "disk", caching)
    encodings.get(b"0", torch.device("cpu"), make)
    with pytest.warns(UserWarning, match="is full"):
        encodings.get(b"1", torch.device("cpu"), make)
    encodings.get(b"2", torch.device("cpu"), make)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert 0 < size <= 600
    with pytest.warns(UserWarning, match="is full"):  # also in the next run
        Encodings(ENCODER, "disk", caching).get(b"new", torch.device("cpu"), make)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    import torch

    from vbdata.train.caches import Encodings

    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SourceError, match="no encoding can be kept"):
        Encodings(ENCODER, "disk", on_disk(file)).get(b"a", torch.device("cpu"), Maker())


def test_a_digest_is_of_names_contents_and_settings(tmp_path: Path) -> None:
    from vbdata.train.caches import files_digest

    for name in ("a/x", "a/sub/y", "b/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    first = files_digest(tmp_path, ["a"], 512)
    assert files_digest(tmp_path, ["a"], 512) == first
    others = {files_digest(tmp_path, ["a"], 256), files_digest(tmp_path, ["a", "b"], 512)}
    (tmp_path / "a/sub/y").rename(tmp_path / "a/sub/w")
    others.add(files_digest(tmp_path, ["a"], 512))
    (tmp_path / "a/x").write_text("other")
    others.add(files_digest(tmp_path, ["a"], 512))
    assert len(others | {first}) == 5
