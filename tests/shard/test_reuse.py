"""Re-mixing: what an earlier build drew is copied; the bytes are those of a build from scratch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.helpers.builds import REPOSITORY, demo_copied, demo_recipe_over, quarantine_of, sums_of
from vbdata import plugins
from vbdata.checks.verify import verify
from vbdata.core import prompts
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.engine.build import build, planned
from vbdata.engine.earlier import opened
from vbdata.errors import BadSample, BuildError, RecipeError
from vbdata.jobs.specs import ShardSpecs
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.shard.made import pictures_sha256
from vbdata.shard.reads import Reads, still
from vbdata.shard.reuse import CHANGED, DAMAGED
from vbdata.shard.tar import TarWriter
from vbdata.storage.folder import Folder

NOT_OURS = "not a receipt of this version"
pytestmark = pytest.mark.slow  # many builds
ray_group = pytest.mark.xdist_group("ray builds")

Shape = tuple[Any, ...]
# What of a row decides its pictures, the code and the raw bytes left aside.
DECIDES = ("dataset", "task", "sample_id", "scaled_width", "crop_left", "width", "height", "params")


@pytest.fixture(scope="session")
def small(demo_recipe: Recipe) -> Recipe:
    """The demo recipe at a size that builds in a second."""
    return replace(demo_recipe, samples=40, shard_size=16)


@pytest.fixture(scope="session")
def tiny(demo_recipe: Recipe) -> Recipe:
    """One shard of it."""
    return replace(demo_recipe, samples=8, shard_size=8)


@pytest.fixture(scope="module")
def small_build(small: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small recipe from scratch. Read only."""
    return from_nothing(small, tmp_path_factory.mktemp("small") / "out")


@pytest.fixture(scope="module")
def tiny_build(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe from scratch. Read only."""
    return from_nothing(tiny, tmp_path_factory.mktemp("tiny") / "out")


def rows_of(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "manifest" / "train.parquet").to_pylist()
    return found


def shapes(out: Path) -> list[Shape]:
    return [tuple(row[name] for name in DECIDES) for row in rows_of(out)]


def reused(recipe: Recipe, out: Path, *old: Path | str, **how: Any) -> dict[str, Any]:
    """What a build says of its reuse."""
    build(recipe, Folder(str(out)), How(reuse=tuple(map(str, old)), **how))
    said: dict[str, Any] = json.loads((out / "run.json").read_text())["reuse"]
    assert said["reused"] + said["rendered"] == len(rows_of(out))
    return said


def from_nothing(recipe: Recipe, out: Path) -> Path:
    build(recipe, Folder(str(out)), How())
    return out


def assert_same(out: Path, other: Path) -> None:
    """All that is published, and the receipts."""
    assert sums_of(out) == sums_of(other)
    for receipt in (other / "receipts").iterdir():
        assert (out / "receipts" / receipt.name).read_bytes() == receipt.read_bytes()


def test_a_new_mixture_is_that_of_a_build_from_nothing(demo_recipe: Recipe, tmp_path: Path) -> None:
    """Other weights, counts and shards, a source less, a task more; repeats on both sides."""
    without = {"hypersim": {"depth": Decimal("0.3")}, "coco": {"semantic": Decimal("0.2")}}
    old = replace(
        demo_recipe,
        samples=60,
        shard_size=20,
        sources=tuple(
            replace(s, tasks=without.get(s.name, s.tasks))
            for s in demo_recipe.sources
            if s.name != "triplets"
        ),
    )
    from_nothing(old, tmp_path / "old")
    new = replace(
        demo_recipe,
        samples=75,
        shard_size=13,
        sources=tuple(s for s in demo_recipe.sources if s.name != "kitti"),
    )
    said = reused(new, tmp_path / "new", tmp_path / "old")
    assert_same(tmp_path / "new", from_nothing(new, tmp_path / "nothing"))
    there = set(shapes(tmp_path / "old"))
    expected = sum(shape in there for shape in shapes(tmp_path / "nothing"))
    assert 10 < expected < 65
    assert (said["reused"], said["rendered"], said["refused"]) == (expected, 75 - expected, {})
    assert said["folders"] == {str(tmp_path / "old"): {"shards": 3, "samples": 60}}


@ray_group
def test_two_ray_workers_copy_the_same(
    small: Recipe, small_build: Path, demo_build: Path, tmp_path: Path
) -> None:
    said = reused(small, tmp_path / "out", demo_build, ray="local", workers=2)
    assert said["reused"] == in_old(tmp_path / "out", demo_build) > 30
    assert_same(tmp_path / "out", small_build)


def test_several_builds_are_one_library(
    small: Recipe, small_build: Path, demo_build: Path, tmp_path: Path
) -> None:
    """Each serves what the other lacks; one named twice counts once."""
    parts = [tmp_path / "kitti", tmp_path / "rest"]
    for part, wanted in zip(parts, (True, False), strict=True):
        sources = tuple(s for s in small.sources if (s.name == "kitti") == wanted)
        from_nothing(replace(small, sources=sources), part)
    said = reused(small, tmp_path / "out", *parts, parts[1])
    there = {*shapes(parts[0]), *shapes(parts[1])}
    assert said["reused"] == sum(shape in there for shape in shapes(small_build)) > 30
    assert {line["samples"] for line in said["folders"].values()} == {40}
    assert_same(tmp_path / "out", small_build)


def changed_code(package: str, name: str, patch: pytest.MonkeyPatch) -> None:
    code_digest = plugins.code_digest

    def other(where: str, what: str) -> str:
        return "0" * 64 if (where, what) == (package, name) else code_digest(where, what)

    patch.setattr(plugins, "code_digest", other)


@pytest.mark.parametrize(
    ("package", "name", "column"),
    [(plugins.TASKS, "normals", "task"), (plugins.DATASETS, "coco", "dataset")],
)
def test_changed_code_renders_what_it_makes(
    small: Recipe,
    demo_build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    name: str,
    column: str,
) -> None:
    before = reused(small, tmp_path / "before", demo_build)
    changed_code(package, name, monkeypatch)
    said = reused(small, tmp_path / "out", demo_build)
    there = set(shapes(demo_build))
    made = [
        row[column] == name or shape not in there
        for row, shape in zip(rows_of(tmp_path / "out"), shapes(tmp_path / "out"), strict=True)
    ]
    assert said["rendered"] == sum(made) > before["rendered"]
    tars = (sorted((tmp_path / build_).glob("shards/*/*.tar")) for build_ in ("out", "before"))
    for one, other in zip(*tars, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_changed_engine_renders_everything(
    small: Recipe, demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "engine_digest", lambda: "0" * 64)
    said = reused(small, tmp_path / "out", demo_build)
    assert (said["reused"], said["rendered"]) == (0, 40)


def test_other_options_render_where_params_differ(
    small: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    recipe = replace(small, tasks={"depth": {"other_palettes": 0.9}})
    said = reused(recipe, tmp_path / "out", demo_build)
    assert_same(tmp_path / "out", from_nothing(recipe, tmp_path / "nothing"))
    assert said["reused"] == in_old(tmp_path / "out", demo_build)
    tasks = {row["task"] for row, known in known_rows(tmp_path / "out", demo_build) if not known}
    assert "depth" in tasks


def test_another_seed_reuses_what_is_asked_alike(
    small: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    """No random colour comes again, but a depth map in the standard palette does."""
    recipe = replace(small, seed=8)
    said = reused(recipe, tmp_path / "out", demo_build)
    assert_same(tmp_path / "out", from_nothing(recipe, tmp_path / "nothing"))
    assert said["reused"] == in_old(tmp_path / "out", demo_build)
    known = {row["task"]: known for row, known in known_rows(tmp_path / "out", demo_build)}
    assert known["normals"]
    assert not known["semantic"]


def test_another_image_size_renders_what_it_shrinks(
    small: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    pixels = sorted(row["width"] * row["height"] for row in rows_of(demo_build))
    image = small.image.model_copy(update={"max_pixels": pixels[len(pixels) // 2] - 1})
    recipe = replace(small, image=image)
    said = reused(recipe, tmp_path / "out", demo_build)
    assert_same(tmp_path / "out", from_nothing(recipe, tmp_path / "nothing"))
    assert 0 < said["reused"] == in_old(tmp_path / "out", demo_build) < 36


def test_lossless_inputs_are_not_copied_from_jpeg(
    small: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    recipe = replace(small, image=small.image.model_copy(update={"input": "png"}))
    assert reused(recipe, tmp_path / "out", demo_build)["reused"] == 0


def known_rows(out: Path, old: Path) -> Iterator[tuple[dict[str, Any], bool]]:
    there = set(shapes(old))
    for row, shape in zip(rows_of(out), shapes(out), strict=True):
        yield row, shape in there


def in_old(out: Path, old: Path) -> int:
    return sum(known for _, known in known_rows(out, old))


@pytest.fixture
def wording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the templates that is used instead of them."""
    folder = tmp_path / "prompts"
    shutil.copytree(REPOSITORY / "transforms" / "prompts", folder)
    monkeypatch.setattr(prompts, "_folder", lambda: folder)
    yield folder
    monkeypatch.undo()
    prompts.file_wording.cache_clear()
    prompts.prompt_digest.cache_clear()


def test_other_words_are_put_to_the_same_pictures(
    small: Recipe, demo_build: Path, tmp_path: Path, wording: Path
) -> None:
    file = wording / "normals.yaml"
    file.write_text(file.read_text().replace("templates:\n", "templates:\n  - Anew.: 99\n", 1))
    prompts.file_wording.cache_clear()
    prompts.prompt_digest.cache_clear()
    said = reused(small, tmp_path / "out", demo_build)
    assert_same(tmp_path / "out", from_nothing(small, tmp_path / "nothing"))
    assert said["reused"] == in_old(tmp_path / "out", demo_build)
    copied = [row for row, known in known_rows(tmp_path / "out", demo_build) if known]
    assert any(row["instruction"] == "Anew." for row in copied)


@pytest.fixture
def data(demo_data: Path, tmp_path: Path) -> Path:
    """Demo data of this test's own."""
    return demo_copied(demo_data, tmp_path / "data")


def test_a_replaced_raw_file_is_noticed(
    demo_build: Path, data: Path, small: Recipe, tmp_path: Path
) -> None:
    """Another picture of the same size in pixels and in bytes: the index cannot see it."""
    recipe = replace(demo_recipe_over(data), samples=small.samples, shard_size=small.shard_size)
    first = next(
        row for row in rows_of(demo_build) if (row["source"], row["task"]) == ("coco", "semantic")
    )
    file = data / "coco" / "train2017" / f"{first['sample_id']}.jpg"
    before = file.read_bytes()
    other = encode_jpeg(np.ascontiguousarray(decode_rgb(before)[::-1] // 2))
    assert len(other) <= len(before)
    file.write_bytes(other + bytes(len(before) - len(other)))
    said = reused(recipe, tmp_path / "out", demo_build)
    assert_same(tmp_path / "out", from_nothing(recipe, tmp_path / "nothing"))
    affected = [
        row
        for row, known in known_rows(tmp_path / "out", demo_build)
        if known and (row["source"], row["sample_id"]) == ("coco", first["sample_id"])
    ]
    assert said["refused"] == {CHANGED: len(affected)}
    assert len(affected) > 0


def test_damaged_records_are_tried_again_and_replaced_alike(
    demo_build: Path, data: Path, tmp_path: Path
) -> None:
    images = sorted((data / "coco" / "train2017").glob("*.jpg"))
    for image in images[:6]:
        image.write_bytes(image.read_bytes()[:-900])
    next((data / "kitti" / "depth" / "train").rglob("*.png")).unlink()
    recipe = replace(demo_recipe_over(data), samples=40, shard_size=20, max_bad=Decimal(1))
    nothing = from_nothing(recipe, tmp_path / "nothing")
    assert quarantine_of(nothing)
    for old in (demo_build, nothing):  # of whole data, and of data that was damaged already
        out = tmp_path / f"of-{old.name}"
        said = reused(recipe, out, old)
        assert said["reused"] > 20
        assert_same(out, nothing)
    assert said["rendered"] == 0


def test_without_spares_the_shortfall_is_the_same(
    demo_build: Path, data: Path, tmp_path: Path
) -> None:
    for image in sorted((data / "coco" / "train2017").glob("*.jpg"))[:6]:
        image.write_bytes(image.read_bytes()[:-900])
    recipe = replace(demo_recipe_over(data), samples=40, spares=0, max_bad=Decimal(1))
    said = reused(recipe, tmp_path / "out", demo_build)
    assert said["reused"] > 20
    assert len(rows_of(tmp_path / "out")) < 40
    assert_same(tmp_path / "out", from_nothing(recipe, tmp_path / "nothing"))


@pytest.fixture
def old(demo_build: Path, tmp_path: Path) -> Path:
    """An earlier build that may be damaged."""
    return Path(shutil.copytree(demo_build, tmp_path / "old"))


def test_a_damaged_tar_is_drawn_anew(
    small: Recipe, small_build: Path, old: Path, tmp_path: Path
) -> None:
    """One flipped byte in a picture of each sample of one tar."""
    tar = min(old.glob("shards/*/*.tar"))
    whole = bytearray(tar.read_bytes())
    at = 0
    while (at := whole.find(b"IDAT", at + 1)) >= 0:
        whole[at + 9] ^= 1
    tar.write_bytes(bytes(whole))
    said = reused(small, tmp_path / "out", old)
    assert_same(tmp_path / "out", small_build)
    (cause,) = said["refused"]
    assert cause == f"{DAMAGED}{old}/{tar.relative_to(old)}"
    assert said["refused"][cause] + said["reused"] == in_old(tmp_path / "out", old)
    assert said["reused"] > 0


def receipts(old: Path) -> list[Path]:
    return sorted((old / "receipts").glob("*.json"))


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    receipt = json.loads(path.read_text())
    change(receipt)
    path.write_text(json.dumps(receipt))


def test_another_library_version_is_said(small: Recipe, old: Path, tmp_path: Path) -> None:
    for path in receipts(old):
        rewritten(path, lambda receipt: receipt["environment"].update(numpy="1.0"))
    said = reused(small, tmp_path / "out", old)
    assert said["reused"] == 0
    (tally,) = said["folders"].values()
    here = np.__version__
    assert tally == {"shards": 3, f"made by other versions: numpy 1.0, here {here}": 3}


def test_an_unfinished_build_serves(
    small: Recipe, small_build: Path, old: Path, tmp_path: Path
) -> None:
    for name in ("manifest.json", "SHA256SUMS", "run.json"):
        (old / name).unlink()
    shutil.rmtree(old / "manifest")
    first, second, third = receipts(old)
    first.unlink()
    second.write_text(second.read_text()[:-50])
    said = reused(small, tmp_path / "out", old)
    (tally,) = said["folders"].values()
    assert tally.pop("shards") == 2
    assert tally.pop("samples") == len(json.loads(third.read_text())["samples"])
    assert tally == {"not a receipt of this version (as a whole: json_invalid)": 1}
    assert 0 < said["reused"] < 40
    assert_same(tmp_path / "out", small_build)


def offsets_to(old: Path, receipt: dict[str, Any], change: Callable[[list[int]], object]) -> None:
    """Other offsets, with the digest that belongs to them."""
    index = old / f"{receipt['tar']}.idx"
    offsets = list(struct.unpack(f"<{index.stat().st_size // 8}Q", index.read_bytes()))
    change(offsets)
    index.write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
    receipt["index_sha256"] = hashlib.sha256(index.read_bytes()).hexdigest()


def escaping(old: Path, receipt: dict[str, Any]) -> None:
    stolen = old.parent / "x.tar"
    shutil.copy(old / receipt["tar"], stolen)
    shutil.copy(old / f"{receipt['tar']}.idx", old.parent / "x.tar.idx")
    receipt["tar"] = "../x.tar"


def beyond(old: Path, receipt: dict[str, Any]) -> None:
    offsets_to(old, receipt, lambda offsets: offsets.__setitem__(1, 1 << 60))


def backwards(old: Path, receipt: dict[str, Any]) -> None:
    offsets_to(old, receipt, lambda offsets: offsets.__setitem__(2, 0))


def too_few(old: Path, receipt: dict[str, Any]) -> None:
    offsets_to(old, receipt, lambda offsets: offsets.pop(1))


def resized(old: Path, receipt: dict[str, Any]) -> None:
    with (old / receipt["tar"]).open("ab") as tar:
        tar.write(b"more")


def without_offsets(old: Path, receipt: dict[str, Any]) -> None:
    (old / f"{receipt['tar']}.idx").unlink()


def other_offsets(old: Path, receipt: dict[str, Any]) -> None:
    (old / f"{receipt['tar']}.idx").write_bytes(b"hi")


def no_digest(old: Path, receipt: dict[str, Any]) -> None:
    receipt["samples"][3]["pictures_sha256"] = "../../x"


def of_older_code(old: Path, receipt: dict[str, Any]) -> None:
    for sample in receipt["samples"]:
        del sample["origin_sha256"]


def not_a_number(old: Path, receipt: dict[str, Any]) -> None:
    receipt["samples"][0]["roundtrip_error"] = float("nan")


def no_list(old: Path, receipt: dict[str, Any]) -> None:
    receipt["samples"] = {"0": receipt["samples"][0]}


def beyond_64_bits(old: Path, receipt: dict[str, Any]) -> None:
    receipt["size"] = 1 << 70


@pytest.mark.parametrize(
    ("attack", "said_of_it"),
    [
        (escaping, "its receipt or tar cannot be read (unsafe path)"),
        (beyond, "its tar's offsets are not those of its samples"),
        (backwards, "its tar's offsets are not those of its samples"),
        (too_few, "its tar's offsets are not those of its samples"),
        (resized, "its tar is missing or of another size"),
        (beyond_64_bits, "its tar is missing or of another size"),
        (without_offsets, "its receipt or tar cannot be read (missing)"),
        (other_offsets, "its tar's offsets are damaged"),
        (no_digest, f"{NOT_OURS} (samples.pictures_sha256: string_pattern_mismatch)"),
        (of_older_code, f"{NOT_OURS} (samples.origin_sha256: missing)"),
        (not_a_number, f"{NOT_OURS} (samples.roundtrip_error: finite_number)"),
        (no_list, f"{NOT_OURS} (samples: list_type)"),
    ],
)  # fmt: skip
def test_a_receipt_that_is_not_right_is_left_out(
    tiny: Recipe, tiny_build: Path, old: Path, tmp_path: Path, attack: Any, said_of_it: str
) -> None:
    rewritten(receipts(old)[0], lambda receipt: attack(old, receipt))
    said = reused(tiny, tmp_path / "out", old)
    (tally,) = said["folders"].values()
    assert tally.pop("shards") == 3
    assert tally.pop("samples") < 96
    assert tally == {said_of_it: 1}
    assert_same(tmp_path / "out", tiny_build)


def other_key(sample: dict[str, Any]) -> None:
    sample["key"] = "../../x"


def unread(sample: dict[str, Any]) -> None:
    sample["reads"] = "[" * 100_000


def read_elsewhere(sample: dict[str, Any]) -> None:
    sample["reads"] = json.dumps([["read", "../../../etc/passwd", 1]])


def swapped_raw(sample: dict[str, Any]) -> None:
    sample["raw_sha256"] = "0" * 64


def too_wrong(sample: dict[str, Any]) -> None:
    sample["roundtrip_error"] = 1e9


@pytest.mark.parametrize(
    ("attack", "cause"),
    [
        (other_key, DAMAGED), (too_wrong, DAMAGED),
        (unread, CHANGED), (read_elsewhere, CHANGED), (swapped_raw, CHANGED),
    ],
)  # fmt: skip
def test_a_sample_that_is_not_right_is_drawn(
    tiny: Recipe, tiny_build: Path, old: Path, tmp_path: Path, attack: Any, cause: str
) -> None:
    for path in receipts(old):
        rewritten(path, lambda receipt: [attack(sample) for sample in receipt["samples"]])
    said = reused(tiny, tmp_path / "out", old)
    assert said["reused"] == 0
    assert all(each.startswith(cause) for each in said["refused"])
    assert sum(said["refused"].values()) == in_old(tmp_path / "out", old) > 4
    assert_same(tmp_path / "out", tiny_build)


def hollow(old: Path, receipt: dict[str, Any]) -> None:
    """A tar of samples without pictures, whose receipt says that this is as it should be."""
    with TarWriter(old / receipt["tar"]) as tar:
        for sample in receipt["samples"]:
            tar.add(sample["key"], {"txt": b"nothing to see"})
            sample["pictures_sha256"] = pictures_sha256({})
    (old / f"{receipt['tar']}.idx").write_bytes(tar.index())
    receipt |= {"size": tar.size, "index_sha256": hashlib.sha256(tar.index()).hexdigest()}


def test_a_sample_without_pictures_is_drawn(
    tiny: Recipe, tiny_build: Path, old: Path, tmp_path: Path
) -> None:
    for path in receipts(old):
        rewritten(path, lambda receipt: hollow(old, receipt))
    said = reused(tiny, tmp_path / "out", old)
    assert said["reused"] == 0
    assert sum(said["refused"].values()) == in_old(tmp_path / "out", old) > 4
    assert_same(tmp_path / "out", tiny_build)


def test_a_sample_that_stands_twice_is_taken_once(
    tiny: Recipe, tiny_build: Path, old: Path, tmp_path: Path
) -> None:
    """The same digests in many receipts: a job is told of each content once."""
    first = receipts(old)[0]
    for number in range(30):
        shutil.copy(first, old / "receipts" / f"{number:064d}.json")
    with planned(tiny) as plan, opened([str(old)]) as library:
        job = library.equipped(ShardSpecs(plan)[0], ShardSpecs(plan).draws)
    assert len(job.reuse) > 4
    for olds in job.reuse.values():
        assert len({each.content for each in olds}) == len(olds)
    said = reused(tiny, tmp_path / "out", old)
    assert said["folders"][str(old)]["shards"] == 33
    assert said["reused"] == in_old(tmp_path / "out", old)
    assert_same(tmp_path / "out", tiny_build)


def test_a_build_on_another_filesystem_serves(
    small: Recipe, small_build: Path, demo_build: Path, tmp_path: Path
) -> None:
    url = f"memory://{tmp_path.name}/old"
    fsspec.filesystem("memory").put(f"{demo_build}/", f"/{tmp_path.name}/old/", recursive=True)
    said = reused(small, tmp_path / "out", url)
    assert said["reused"] == in_old(tmp_path / "out", demo_build) > 30
    assert_same(tmp_path / "out", small_build)


def test_the_own_folder_after_a_change_of_code(
    small: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every shard has normals and must be built again, but only the normals are rendered."""
    out = from_nothing(small, tmp_path / "out")
    tars = [tar.read_bytes() for tar in sorted(out.glob("shards/*/*.tar"))]
    changed_code(plugins.TASKS, "normals", monkeypatch)
    said = reused(small, out, out)
    normals = sum(row["task"] == "normals" for row in rows_of(out))
    assert (said["reused"], said["rendered"]) == (40 - normals, normals)
    assert [tar.read_bytes() for tar in sorted(out.glob("shards/*/*.tar"))] == tars
    assert verify(Folder(str(out))) == []


def test_what_is_finished_is_kept_not_copied(
    small: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    reused(small, tmp_path / "out", demo_build)
    build(small, Folder(str(tmp_path / "out")), How(reuse=(str(demo_build),)))
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (run["shards_kept"], run["reuse"]["reused"], run["reuse"]["rendered"]) == (3, 0, 0)


def test_a_folder_without_a_build_is_refused_at_once(small: Recipe, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wrong = (str(tmp_path / "empty"), str(tmp_path / "none"))
    with pytest.raises(RecipeError) as caught:
        build(small, Folder(str(tmp_path / "out")), How(reuse=wrong))
    assert list(caught.value.faults) == [f"--reuse {url}: no build is there" for url in wrong]
    assert not (tmp_path / "out").exists()


def run_cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vbdata", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def test_the_command_says_how_much(demo_data: Path, demo_build: Path, tmp_path: Path) -> None:
    recipe = str(REPOSITORY / "manifests" / "demo.yaml")
    roots = [f"--root={s.name}={s.roots[0]}" for s in demo_recipe_over(demo_data).sources]
    out = str(tmp_path / "out")
    refused = run_cli("build", recipe, "--out", out, "--reuse", str(tmp_path / "no"), *roots)
    assert refused.returncode == 2
    assert refused.stderr == f"vbdata: --reuse {tmp_path / 'no'}: no build is there\n"
    text = run_cli("build", recipe, "--out", out, "--local", f"--reuse={demo_build}", *roots)
    assert text.returncode == 0
    assert "reused 96 samples, rendered 0\n" in text.stdout
    assert f"{demo_build}: 96 samples in 3 finished shards" in text.stdout
    assert sums_of(tmp_path / "out") == sums_of(demo_build)


def test_a_retry_renders_only_the_damaged(demo_build: Path, data: Path, tmp_path: Path) -> None:
    uses = Counter(r["sample_id"] for r in rows_of(demo_build) if r["source"] == "coco")
    file = data / "coco" / "train2017" / f"{min(uses, key=lambda name: uses[name])}.jpg"
    whole = file.read_bytes()
    file.write_bytes(whole[:-900])
    out = from_nothing(demo_recipe_over(data), tmp_path / "out")
    file.write_bytes(whole)
    done = run_cli("retry", str(out), "--local", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["event"] == "reuse"
    assert 0 < said["rendered"] <= 8 < said["reused"]
    tars = (sorted(folder.glob("shards/*/*.tar")) for folder in (out, demo_build))
    assert [tar.read_bytes() for tar in next(tars)] == [tar.read_bytes() for tar in next(tars)]


def test_an_unreadable_folder_ends_the_build(small: Recipe, old: Path, tmp_path: Path) -> None:
    shutil.rmtree(old / "receipts")
    os.symlink(old / "receipts", old / "receipts")
    with pytest.raises(BuildError, match=r"old cannot be read"):
        build(small, Folder(str(tmp_path / "out")), How(reuse=(str(old),)))


def test_reads_are_asked_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "sub").mkdir()
    reads = Reads(Folder(str(tmp_path)))
    assert (reads.read("a"), reads.read_range("a", 8, 5)) == (b"0123456789", b"89")
    assert (reads.size("a"), reads.exists("b"), reads.folders()) == (10, False, ["sub"])
    assert [file.path for file in reads.files()] == ["a"]
    with reads.open("a") as stream:
        assert stream.read(3) == b"012"
    with reads.local_copy("a") as copy:
        assert copy.read_bytes() == b"0123456789"
    with pytest.raises(BadSample, match="missing"):
        reads.read("b")
    noted, digest = reads.noted, reads.bytes_sha256
    assert digest == hashlib.sha256(b"012345678989" + 2 * b"0123456789").hexdigest()
    root = Folder(str(tmp_path))
    assert still(root, noted, digest)
    for path, data in (("a", b"012345678X"), ("a", b"0123456789a"), ("b", b""), ("sub/c", b"")):
        before = (tmp_path / path).read_bytes() if path == "a" else None
        (tmp_path / path).write_bytes(data)
        assert not still(root, noted, digest), path
        (tmp_path / path).unlink()
        if before is not None:
            (tmp_path / path).write_bytes(before)
        assert still(root, noted, digest)


@pytest.mark.parametrize(
    "noted",
    ["", "{", "7", "[7]", '[["read"]]', '[["read",3,4]]', '[["range","a",-3,4,1]]',
     '[["range","a",0,99999999999999,1]]', '[["exec","a",1]]', "[" * 99_999],
)  # fmt: skip
def test_garbled_questions_are_not_asked(tmp_path: Path, noted: str) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    assert not still(Folder(str(tmp_path)), noted, hashlib.sha256().hexdigest())
