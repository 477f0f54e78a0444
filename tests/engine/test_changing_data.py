"""Raw data that changes under a build: what came of it is named, and mended by the next run.

All bytes of a build are a function of the recipe and the data: whenever the data is changed, the
next run ends with the bytes of a build from nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.builds import quarantine_of, sums_of
from vbdata.checks.verify import verify
from vbdata.core.images import encode_jpeg
from vbdata.engine.build import build
from vbdata.engine.progress import Watcher
from vbdata.planning.plan import Plan
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

WIDTH, HEIGHT, RECORDS, SAMPLES = 48, 32, 12, 6
RECIPE = f"""
name: changing
seed: 1
samples: {SAMPLES}
shard_size: 3
max_bad: 1
sources:
  own: {{dataset: captioned, root: ROOT, tasks: {{generate: 1}}}}
"""


def picture(number: int, size: int) -> bytes:
    """A JPEG of noise, filled up to a size in bytes."""
    rgb = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    data = encode_jpeg(rgb)
    assert len(data) <= size - 4
    fill = size - len(data)
    return data[:2] + b"\xff\xfe" + (fill - 2).to_bytes(2, "big") + bytes(fill - 4) + data[2:]


OLD = {f"{n:03d}.jpg": picture(n, 6000) for n in range(RECORDS)}
# the first half of them again: other pictures, larger ones, and what is no picture
SAME_SIZE = {name: picture(100 + n, 6000) for n, name in enumerate(OLD) if n < RECORDS // 2}
RESIZED = {name: picture(200 + n, 6100) for n, name in enumerate(SAME_SIZE)}
DAMAGED = {name: bytes(6000) for name in SAME_SIZE}


def write(data: Path, content: dict[str, bytes]) -> None:
    """Write pictures, each with a caption."""
    data.mkdir(exist_ok=True)
    for name, picture_of in content.items():
        (data / name).write_bytes(picture_of)
        (data / name).with_suffix(".txt").write_text("a picture")


def recipe(tmp_path: Path, root: str = "data") -> Recipe:
    (tmp_path / "r.yaml").write_text(RECIPE.replace("ROOT", root))
    return load_recipe(tmp_path / "r.yaml")


class Swap(Watcher):
    """Calls a function when the plan is made, before an image is read."""

    def __init__(self, swap: Callable[[], object]) -> None:
        self._swap = swap

    def planned(self, plan: Plan) -> None:
        self._swap()


def run(recipe: Recipe, out: Path, swap: Callable[[], object] = lambda: None, **how: bool) -> str:
    """Build, and return the sums of the folder."""
    build(recipe, Folder(str(out)), How(**how), Swap(swap))
    assert verify(Folder(str(out))) == []
    return sums_of(out)


@pytest.fixture
def old(tmp_path: Path) -> str:
    """The sums of a build of the old data, which lies in tmp_path/data."""
    write(tmp_path / "data", OLD)
    return run(recipe(tmp_path), tmp_path / "old")


@pytest.mark.slow
@pytest.mark.parametrize("changed", [RESIZED, {"003.jpg": RESIZED["003.jpg"]}], ids=["half", "one"])
def test_a_file_replaced_after_indexing_is_named(
    tmp_path: Path, old: str, changed: dict[str, bytes]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    assert run(recipe(tmp_path), out, lambda: write(data, changed)) != old
    lines = quarantine_of(out)
    assert {line["reason"] for line in lines} == {"changed"}
    assert {line["file"] for line in lines} <= changed.keys()
    assert "it has 6100 bytes, and had 6000 when it was indexed" in lines[0]["detail"]
    write(data, OLD)  # the same command ends with what it should have made
    assert run(recipe(tmp_path), out) == old


@pytest.mark.slow
def test_a_file_replaced_for_good_is_used_by_the_next_run(tmp_path: Path, old: str) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    run(recipe(tmp_path), out, lambda: write(data, RESIZED))
    new = run(recipe(tmp_path), out)
    assert not quarantine_of(out)
    assert new == run(recipe(tmp_path), tmp_path / "new") != old


@pytest.mark.slow
def test_a_file_of_the_same_size_replaced_after_its_receipt(tmp_path: Path, old: str) -> None:
    """A folder says nothing of the content of its files: `rehash` reads them again."""
    data, out = tmp_path / "data", tmp_path / "old"
    write(data, SAME_SIZE)
    assert run(recipe(tmp_path), out) == old
    new = run(recipe(tmp_path), out, rehash=True)
    assert new == run(recipe(tmp_path), tmp_path / "new") != old
    write(data, OLD)
    assert run(recipe(tmp_path), out, rehash=True) == old


def test_rehash_builds_the_shards_again_that_have_changed(tmp_path: Path, old: str) -> None:
    out = tmp_path / "old"
    first = json.loads(next(iter(sorted((out / "receipts").rglob("*.json")))).read_text())
    name = json.loads(first["samples"][0]["reads"])[0][1]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.tar")}
    write(tmp_path / "data", {name: picture(300, 6000)})
    run(recipe(tmp_path), out, rehash=True)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.tar")}
    assert [path.name for path in before if before[path] != after[path]] == [
        Path(first["tar"]).name
    ]


@pytest.mark.parametrize("how", [{"retry": True}, {"retry": True, "rehash": True}])
def test_a_file_damaged_for_a_while(tmp_path: Path, old: str, how: dict[str, bool]) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    assert run(recipe(tmp_path), out, lambda: write(data, DAMAGED)) != old
    assert {line["reason"] for line in quarantine_of(out)} == {"undecodable"}
    write(data, OLD)
    assert run(recipe(tmp_path), out, **how) == old


@pytest.mark.slow
def test_a_member_of_the_same_size_in_another_zip(tmp_path: Path, old: str) -> None:
    path, out = tmp_path / "data.zip", tmp_path / "out"

    def pack(content: dict[str, bytes]) -> None:
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as packed:
            for name in sorted(OLD):
                packed.writestr(name, (OLD | content)[name])
                packed.writestr(f"{name[:3]}.txt", "a picture")
        (tmp_path / "new.zip").replace(path)

    pack(OLD)
    assert run(recipe(tmp_path, "data.zip"), out, lambda: pack(SAME_SIZE)) != old
    lines = quarantine_of(out)
    assert {line["reason"] for line in lines} == {"changed"}
    assert "it has crc32 " in lines[0]["detail"]
    pack(OLD)
    assert run(recipe(tmp_path, "data.zip"), out) == old


def test_samples_of_an_earlier_build_are_copied_of_the_same_bytes_alone(
    tmp_path: Path, old: str
) -> None:
    write(tmp_path / "data", SAME_SIZE)
    new = run(recipe(tmp_path), tmp_path / "new")
    copied = tmp_path / "copied"
    build(recipe(tmp_path), Folder(str(copied)), How(reuse=(str(tmp_path / "old"),)))
    assert sums_of(copied) == new != old
    swapped = tmp_path / "swapped"  # now of what the index does not know, if an earlier build does
    how = How(reuse=(str(tmp_path / "new"), str(tmp_path / "old")))
    build(
        recipe(tmp_path), Folder(str(swapped)), how, Swap(lambda: write(tmp_path / "data", RESIZED))
    )
    assert {line["reason"] for line in quarantine_of(swapped)} == {"changed"}
