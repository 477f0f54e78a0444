"""Locks: what they promise, who breaks a promise and how that is said, and which files are none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from tests.helpers.builds import REPOSITORY, demo_recipe_over, manifest_of, sums_of
from tests.helpers.locks import build_small, run, write_recipe
from vbdata import plugins
from vbdata.errors import BuildError, RecipeError
from vbdata.index.cache import Traced
from vbdata.layout import TRACE
from vbdata.locks import lock
from vbdata.locks.lock import read_lock
from vbdata.locks.make import make_lock
from vbdata.machine.environment import environment
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder

DEMO = REPOSITORY / "manifests" / "demo.lock.json"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, demo_data: Path) -> Path:
    """small.yaml, its build in out/ and its lock small.lock.json. Read only."""
    folder = tmp_path_factory.mktemp("small")
    out = build_small(folder, demo_data)
    (folder / "small.lock.json").write_text(make_lock(Folder(str(out))).text())
    return folder


@pytest.fixture
def data(demo_data: Path, tmp_path: Path) -> Path:
    """The raw data of the small recipe, to be damaged."""
    for name in ("coco", "kitti"):
        shutil.copytree(demo_data / name, tmp_path / "data" / name)
    return tmp_path / "data"


def locked(small: Path, data: Path, folder: Path, *changes: tuple[str, str]) -> Any:
    recipe = write_recipe(folder, data, *changes)
    shutil.copy(small / "small.lock.json", folder)
    return run("build", recipe, "--local", "--locked", "--out", folder / "out")


def test_a_lock_holds_what_the_build_is(small: Path) -> None:
    made, manifest = read_lock(str(small / "small.lock.json")), manifest_of(small / "out")
    assert [s.sha256 for s in made.shards] == [s["sha256"] for s in manifest["shards"]]
    assert made.recipe_sha256 == manifest["recipe_sha256"]
    assert made.environment == environment()
    assert {s.source: s.fingerprint for s in made.sources} == {
        s["source"]: s["fingerprint"] for s in manifest["sources"]
    }
    assert set(made.code.modules) == set(plugins.engine_files())
    assert made.code.tasks.keys() == made.code.templates.keys() == {"semantic", "generate", "depth"}
    assert len(made.members) == 12
    assert set(made.members["00000000"]) == {
        *("input.jpg", "target.png", "valid.png", "instruction.txt", "json")
    }
    assert made.text() == make_lock(Folder(str(small / "out"))).text()


def test_a_lock_names_no_place_and_no_time(small: Path) -> None:
    text = (small / "small.lock.json").read_text()
    assert str(small) not in text
    assert all(len(line) < 1000 for line in text.splitlines())


def test_the_environment_is_in_no_digest(small: Path) -> None:
    made = read_lock(str(small / "small.lock.json"))
    assert made.model_copy(update={"environment": {}}).own_digest() == made.digest
    assert made.model_copy(update={"samples": 13}).own_digest() != made.digest


def test_the_lock_of_a_build_elsewhere_is_the_same(small: Path) -> None:
    far = fsspec.filesystem("memory")
    far.put(f"{small}/out/", "/locks/out/", recursive=True)
    try:
        assert make_lock(Folder("memory://locks/out")).text() == (
            (small / "small.lock.json").read_text()
        )
    finally:
        far.rm("/locks", recursive=True)


def test_lock_and_build_lock_write_the_same_file(
    small: Path, demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(tmp_path / "recipes", demo_data)
    built = run("build", recipe, "--local", "--lock", "--out", tmp_path / "out")
    assert built.exit_code == 0, built.output
    beside = (tmp_path / "recipes" / "small.lock.json").read_bytes()
    assert beside == (small / "small.lock.json").read_bytes()
    monkeypatch.chdir(tmp_path)
    said = json.loads(run("lock", "out", "--json").stdout)
    assert (tmp_path / "manifests" / "small.lock.json").read_bytes() == beside
    assert said["lock"] == str(Path("manifests", "small.lock.json"))
    assert said["digest"] == manifest_of(tmp_path / "out")["digest"]


def test_a_build_that_is_the_same_passes(small: Path, data: Path, tmp_path: Path) -> None:
    done = locked(small, data, tmp_path / "again")
    assert done.exit_code == 0, done.output
    assert "locked: the same bytes" in done.stdout
    assert done.stderr == ""
    assert sums_of(tmp_path / "again" / "out") == sums_of(small / "out")


def test_finished_shards_are_read_again(small: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(small / "out", folder / "out")
    tar = next(iter(sorted((folder / "out").glob("shards/*/*.tar"))))
    damaged = bytearray(tar.read_bytes())
    damaged[700] ^= 1
    tar.write_bytes(bytes(damaged))
    assert locked(small, data, folder).exit_code == 0
    assert tar.read_bytes() != bytes(damaged)


def used(small: Path, task: str) -> dict[str, Any]:
    rows = pq.read_table(small / "out" / "manifest" / "train.parquet").to_pylist()
    return next(row for row in rows if row["task"] == task)


def requantised(small: Path, data: Path) -> tuple[str, ...]:
    """Another image in a file of the same size: only the shard tells."""
    row = used(small, "semantic")
    path = f"train2017/{row['sample_id']}.jpg"
    image = bytearray((data / "coco" / path).read_bytes())
    image[image.index(b"\xff\xdb") + 10] ^= 1
    (data / "coco" / path).write_bytes(bytes(image))
    named = f"{row['key']} (coco / semantic, record '{row['sample_id']}')"
    return (
        f"shard {row['shard']}, shards/",
        f"the raw files of sample {named} are not those of the lock [{path}]",
        f"the first of 1 samples that differ is {named}: input.jpg\n",
        "the manifest's rows differ in raw_sha256\n",
    )


def cut_short(small: Path, data: Path) -> tuple[str, ...]:
    """An image that is damaged without a change of size: a spare steps in."""
    row = used(small, "generate")
    path = data / "coco" / "train2017" / f"{row['sample_id']}.jpg"
    image = path.read_bytes()
    path.write_bytes(image[: len(image) // 2] + bytes(len(image) - len(image) // 2))
    named = f"{row['key']} (coco / generate, record '{row['sample_id']}')"
    return (
        f"quarantined, and not so in the lock: {named}: ",
        f"but in the lock {row['key']} (coco / generate / {row['sample_id']})",
    )


def image_gone(small: Path, data: Path) -> tuple[str, ...]:
    name = used(small, "semantic")["sample_id"]
    (data / "coco" / "train2017" / f"{name}.jpg").unlink()
    return (
        f"source 'coco': record '{name}' [train2017/{name}.jpg is not there] "
        "is not as it is in the lock",
    )


def record_gone(small: Path, data: Path) -> tuple[str, ...]:
    name = "2011_09_26_drive_0001_sync/image_02/0000000005"
    drive, camera, frame = name.split("/")
    labels = data / "kitti" / "depth" / "train" / drive / "proj_depth" / "groundtruth"
    (labels / camera / f"{frame}.png").unlink()
    return (
        f"source 'kitti': record '{name}' of the lock is not there",
        "source 'kitti': it has 9 records, in the lock 10",
    )


def annotation_changed(small: Path, data: Path) -> tuple[str, ...]:
    file = data / "coco" / "annotations" / "captions_train2017.json"
    captions = json.loads(file.read_text())
    first = captions["annotations"][0]
    first["caption"] += " And more."
    file.write_text(json.dumps(captions))
    name = f"{first['image_id']:012d}"
    return (f"source 'coco': record '{name}' [train2017/{name}.jpg] is not as it is in the lock",)


DAMAGE = [requantised, cut_short, image_gone, record_gone, annotation_changed]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_changed_data_is_named(
    small: Path, data: Path, tmp_path: Path, damage: Callable[[Path, Path], tuple[str, ...]]
) -> None:
    expected = damage(small, data)
    done = locked(small, data, tmp_path / "again")
    assert done.exit_code == 1
    for part in expected:
        assert part in done.stderr


def test_nothing_is_rendered_if_the_sources_differ(small: Path, data: Path, tmp_path: Path) -> None:
    image_gone(small, data)
    locked(small, data, tmp_path / "again")
    assert not list((tmp_path / "again" / "out").rglob("*.tar"))


def test_all_that_differs_is_told_at_once(small: Path, data: Path, tmp_path: Path) -> None:
    image = image_gone(small, data)
    record = record_gone(small, data)
    done = locked(small, data, tmp_path / "again", ("seed: 3", "seed: 4"), ("0.5}", "0.4}"))
    assert done.exit_code == 1
    for part in (
        "the recipe's seed is 4, in the lock 3",
        "the recipe's sources.kitti.tasks.depth is 0.4, in the lock 0.5",
        *image,
        *record,
    ):
        assert part in done.stderr


def test_the_order_of_sources_counts(small: Path, data: Path, tmp_path: Path) -> None:
    swap = ("{semantic: 0.25, generate: 0.25}", "{generate: 0.25, semantic: 0.25}")
    done = locked(small, data, tmp_path / "again", swap)
    assert "sources, in order is coco.generate, coco.semantic, kitti.depth, in the lock" in (
        done.stderr
    )


def elsewhere(small: Path, data: Path, folder: Path, *edits: tuple[str, str, str]) -> Any:
    """The locked build by a copy of the code with some of its text changed."""
    for package in ("vbdata", "pipelines", "transforms"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, folder / package, ignore=ignored)
    for file, old, new in edits:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
    recipe = write_recipe(folder, data)
    arguments = ["build", recipe, "--local", "--locked", "--out", folder / "out"]
    return subprocess.run(
        [sys.executable, "-m", "vbdata", *map(str, arguments)],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_code_that_changes_no_byte_is_a_warning(small: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    shutil.copy(small / "small.lock.json", folder)
    edit = ("transforms/depth.py", "\nTOLERANCE", "\nREMARK = 1\nTOLERANCE")
    done = elsewhere(small, data, folder, edit)
    assert done.returncode == 0, done.stderr
    assert "the code of task depth is not the lock's; whether" in done.stderr
    assert "locked: the same bytes" in done.stdout
    assert sums_of(folder / "out") != sums_of(small / "out")  # the path has the code's digest


@pytest.mark.slow
def test_code_that_changes_bytes_is_named_first(small: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    shutil.copy(small / "small.lock.json", folder)
    done = elsewhere(
        small, data, folder,
        ("transforms/depth.py", "label.valid", "(label.valid & (label.metres >= 9))"),
        ("transforms/prompts/depth.yaml", '{scale}."', '{scale}!"'),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    lines = done.stderr[done.stderr.index("this is not what") :].splitlines()
    assert lines[1] == "likely cause: the code of task depth is not the lock's"
    assert "likely cause: the prompts of depth are not the lock's" in lines
    key, record = used(small, "depth")["key"], used(small, "depth")["sample_id"]
    first = f"the first of 6 samples that differ is {key} (kitti / depth, record '{record}'): "
    assert f"{first}instruction.txt, target.png, valid.png" in lines
    assert lines[-1].startswith("the manifest's rows differ in instruction, ")


def edited(path: Path, **changes: Any) -> None:
    """A lock with other content and the digest that belongs to it."""
    plain = json.loads(path.read_text()) | changes
    forged = lock.Lock(**plain)
    path.write_text(forged.model_copy(update={"digest": forged.own_digest()}).text())


@pytest.mark.slow
def test_other_libraries_are_a_warning_or_the_likely_cause(
    small: Path, data: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.lock.json"
    shutil.copy(small / "small.lock.json", forged)
    edited(forged, environment=environment() | {"torch": "0.0.1"})
    recipe = write_recipe(tmp_path / "again", data)
    build = ["build", recipe, "--local", "--locked", "--lock-file", forged, "--json", "--out"]
    done = run(*build, tmp_path / "same")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert "in the lock 0.0.1; whether" in next(e["text"] for e in events if e["event"] == "lock")
    assert events[-1]["event"] == "locked"
    requantised(small, data)
    done = run(*build, tmp_path / "other")
    assert done.exit_code == 1
    text = json.loads(done.stdout.splitlines()[-1])["text"]
    assert text.splitlines()[1] == (
        f"likely cause: torch is {environment()['torch']}, in the lock 0.0.1"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no lock; vbdata build --lock and vbdata lock write one"),
        ("", "the file: Invalid JSON"),
        ("[" * 10_000, "the file: Invalid JSON"),
        ("[]", "the file: "),
        ({"format": 2}, "format: should be 1, got 2"),
        ({"samples": -1}, "samples: should be greater than or equal to 0, got -1"),
        ({"samples": "12"}, "samples: should be a valid integer, got '12'"),
        ({"samples": 13}, "digest: its content has another, "),
        ({"shards": [{"sha256": "x", "samples": 4, "bytes": 1, "job": "0" * 16}]},
         "shards.0.sha256: String should match pattern"),
        ({"extra": 1}, "extra: Extra inputs are not permitted, got 1"),
        ({"raw": {"count": 9, "table": "AAAA"}}, "raw.table: String should match pattern"),
        ({"shards": [1] * 30}, "and 20 more faults"),
    ],
)  # fmt: skip
def test_a_broken_lock(
    small: Path, demo_data: Path, tmp_path: Path, content: Any, said: str
) -> None:
    path = tmp_path / "broken.lock.json"
    if isinstance(content, dict):
        plain = json.loads((small / "small.lock.json").read_text())
        path.write_text(json.dumps(plain | content))
    elif content is not None:
        path.write_text(content)
    recipe = write_recipe(tmp_path, demo_data)
    done = run("build", recipe, "--locked", "--lock-file", path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert f"{path}: {said}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_key_that_a_lock_lacks(small: Path, tmp_path: Path) -> None:
    plain = json.loads((small / "small.lock.json").read_text())
    del plain["shards"]
    (tmp_path / "x.json").write_text(json.dumps(plain))
    with pytest.raises(RecipeError, match=r"x\.json: shards: Field required"):
        read_lock(str(tmp_path / "x.json"))


def test_what_is_no_lock_file_at_all(tmp_path: Path) -> None:
    huge = tmp_path / "huge.lock.json"
    with huge.open("wb") as file:
        file.truncate(lock.LARGEST + 1)
    os.mkfifo(tmp_path / "pipe.lock.json")
    pipe = tmp_path / "pipe.lock.json"
    known = {huge: "a lock has at most", pipe: "no lock", tmp_path: "no lock"}
    for path, said in (known | {"nosuch://x/y": "nosuch"}).items():
        with pytest.raises(RecipeError, match=said):
            read_lock(str(path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lock", "--locked"], "a build writes its lock or is held against it"),
        (["--lock-file", "x"], "only together with --lock or --locked"),
        (["--locked"], "small.lock.json: there is no lock"),
    ],
)
def test_options_that_make_no_sense(
    demo_data: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    recipe = write_recipe(tmp_path, demo_data)
    done = run("build", recipe, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert said in done.stderr


def damage_rows(out: Path) -> None:
    path = out / "manifest" / "train.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 11), path)


def damage_manifest(out: Path) -> None:
    path = out / "manifest.json"
    path.write_text(path.read_text().replace('"samples": 12', '"samples": 13'))


def damage_shard(out: Path) -> None:
    tar = next(out.glob("shards/*/*.tar"))
    tar.write_bytes(tar.read_bytes()[:-1] + b"x")


def damage_quarantine(out: Path) -> None:
    (out / "quarantine" / "quarantine.jsonl").write_text("{")


def damage_index(out: Path) -> None:
    shutil.copy(out / "plan" / "index" / "kitti.parquet", out / "plan" / "index" / "coco.parquet")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_rows, "train.parquet: its SHA-256 is not the one in SHA256SUMS"),
        (damage_manifest, "it was edited; run vbdata verify"),
        (damage_quarantine, "quarantine.jsonl: its SHA-256 is not the one in SHA256SUMS"),
        (damage_shard, "tar: its SHA-256 is not the one in manifest.json"),
        (damage_index, "coco.parquet is of another state of the data"),
        (shutil.rmtree, "holds no finished build: manifest.json is missing"),
    ],
)
def test_a_damaged_build_has_no_lock(
    small: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    shutil.copytree(small / "out", tmp_path / "out")
    damage(tmp_path / "out")
    with pytest.raises(BuildError, match=said):
        make_lock(Folder(str(tmp_path / "out")))


def test_without_its_plan_a_build_has_a_lock_that_says_less(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small / "out", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "plan")
    made = make_lock(Folder(str(tmp_path / "out")))
    assert made.plan_sha256 == ""
    assert all(source.records is None for source in made.sources)
    (tmp_path / "x.json").write_text(made.text())
    assert read_lock(str(tmp_path / "x.json")) == made


def test_an_annotation_file_is_named_where_the_index_has_a_trace(
    small: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(small / "out", out)
    root = Traced(open_root([str(data / "coco")]))
    list(plugins.dataset("coco").index(root, split="train2017"))
    lines = [[*question.parts(), answer] for question, answer in root.trace.items()]
    (out / "plan" / "index" / f"coco{TRACE}").write_text(json.dumps(lines))
    files = next(s.files for s in make_lock(Folder(str(out))).sources if s.source == "coco")
    assert files is not None
    assert "annotations/captions_train2017.json" in files.plain


@pytest.mark.slow
def test_the_demo_is_built_as_its_lock_says(demo_data: Path, tmp_path: Path) -> None:
    kept = read_lock(str(DEMO)).environment
    here = {name: version.partition("+")[0] for name, version in environment().items()}
    other = {
        name: (version, here.get(name))
        for name, version in kept.items()
        if name != "python" and version.partition("+")[0] != here.get(name)
    }
    if other:
        pytest.skip(f"the lock was made with other versions than are installed here: {other}")
    roots = [f"--root={s.name}={s.roots[0]}" for s in demo_recipe_over(demo_data).sources]
    recipe = REPOSITORY / "manifests" / "demo.yaml"
    done = run("build", recipe, "--local", "--locked", "--out", tmp_path / "out", *roots)
    assert done.exit_code == 0, done.stderr
    assert f"locked: the same bytes as {DEMO} has" in done.stdout.replace("\n", "")
