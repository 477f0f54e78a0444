"""Builds: the same bytes from any runner, resumption, refusals, damage, killed workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.helpers.builds import (
    REPOSITORY,
    demo_copied,
    demo_recipe_over,
    manifest_of,
    quarantine_of,
    sums_of,
)
from tests.helpers.ray_nodes import added, running
from vbdata import plugins
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.engine.progress import Progress, Watcher
from vbdata.errors import BuildError, SourceError
from vbdata.recipe.recipe import Recipe
from vbdata.run.events import Retried
from vbdata.run.how import How
from vbdata.storage.folder import Folder

ray_group = pytest.mark.xdist_group("ray builds")


@ray_group
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_ray_workers_make_the_same_bytes(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out"
    build(demo_recipe, Folder(str(out)), How(ray="local", workers=workers))
    assert sums_of(out) == sums_of(demo_build)


@ray_group
def test_a_killed_worker_costs_nothing_but_time(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    retries: list[str] = []

    class Listener(Watcher):
        def step(self, state: Progress) -> None:
            if isinstance(state.event, Retried):
                retries.append(state.event.cause)

    out = tmp_path / "out"
    stop = threading.Event()
    killer = threading.Thread(target=kill_a_busy_worker, args=(out, stop))
    killer.start()
    try:
        build(demo_recipe, Folder(str(out)), How(ray="local", workers=1), Listener())
    finally:
        stop.set()
        killer.join()
    assert any("worker died" in cause for cause in retries)
    assert sums_of(out) == sums_of(demo_build)
    assert verify(Folder(str(out))) == []


@ray_group
def test_a_running_cluster_of_two_nodes(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    with running(num_cpus=0) as cluster:
        for _ in range(2):
            added(cluster, num_cpus=1)
        build(demo_recipe, Folder(str(tmp_path / "out")), How(ray=cluster.address, workers=2))
    assert sums_of(tmp_path / "out") == sums_of(demo_build)


def kill_a_busy_worker(out: Path, stop: threading.Event) -> None:
    """SIGKILL the worker process as soon as its first unfinished shard is on disk."""
    while not stop.is_set():
        if list(out.glob("shards/*/vbdata-*/shard.tar")):
            for pid in _ray_workers():
                os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.002)


def _ray_workers() -> list[int]:
    """Worker processes of this test's own Ray: descendants of this process named ray::Worker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if name.startswith(b"ray::Worker"):
            found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_the_same_bytes_in_another_process_zone_locale_and_hash_seed(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    roots = [f"--root={s.name}={s.roots[0]}" for s in demo_recipe.sources]
    recipe = REPOSITORY / "manifests" / "demo.yaml"
    strange = {
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "77",
        "TMPDIR": str(tmp_path),
    }
    subprocess.run(
        [sys.executable, "-m", "vbdata", "build", str(recipe), "--local", "--json",
         "--out", str(tmp_path / "out"), *roots],
        check=True, env=os.environ | strange, capture_output=True,
    )  # fmt: skip
    assert sums_of(tmp_path / "out") == sums_of(demo_build)


def test_realised_counts_are_exact_in_every_shard(demo_build: Path) -> None:
    import webdataset

    manifest = manifest_of(demo_build)
    assert [c["realised"] for c in manifest["cells"]] == [
        c["apportioned"] for c in manifest["cells"]
    ]
    total = Counter({(c["source"], c["task"]): c["apportioned"] for c in manifest["cells"]})
    for shard in manifest["shards"]:
        dataset = webdataset.WebDataset(str(demo_build / shard["tar"]), shardshuffle=False)
        found = Counter()
        for sample in dataset:
            facts = json.loads(sample["json"])
            found[facts["source"], facts["task"]] += 1
        for cell, count in total.items():
            share = count * shard["samples"] / manifest["samples"]
            assert abs(found[cell] - share) < 1


def test_webdataset_reads_every_member(demo_build: Path) -> None:
    import webdataset

    tars = [str(demo_build / shard["tar"]) for shard in manifest_of(demo_build)["shards"]]
    keys = []
    for sample in webdataset.WebDataset(tars, shardshuffle=False).decode("rgb8"):
        (target,) = (sample[name] for name in sample if name.startswith("target."))
        assert target.dtype == np.uint8
        assert target.shape == sample["input.jpg"].shape
        assert sample.get("valid.png", target).shape[:2] == target.shape[:2]
        assert isinstance(sample["json"]["params"], str)
        keys.append(sample["__key__"])
    assert keys == sorted(set(keys))
    assert len(keys) == 96


def test_inputs_pass_through_byte_for_byte(demo_build: Path, demo_data: Path) -> None:
    import webdataset

    passed = 0
    for shard in manifest_of(demo_build)["shards"]:
        for sample in webdataset.WebDataset(str(demo_build / shard["tar"]), shardshuffle=False):
            facts = json.loads(sample["json"])
            file = demo_data / "coco" / "train2017" / f"{facts['sample_id']}.jpg"
            if facts["source"] == "coco" and not facts["blank_input"]:
                passed += sample["input.jpg"] == file.read_bytes()
    assert passed > 20


@pytest.mark.slow
def test_only_what_is_missing_is_built_again(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_build, out)
    tars = sorted(out.glob("shards/*/*.tar"))
    tars[1].unlink()
    before = {tar: tar.stat().st_mtime_ns for tar in tars if tar.exists()}
    build(demo_recipe, Folder(str(out)), How())
    run = json.loads((out / "run.json").read_text())
    assert (run["shards_built"], run["shards_kept"]) == (1, 2)
    assert {tar: tar.stat().st_mtime_ns for tar in before} == before
    assert sums_of(out) == sums_of(demo_build)


@pytest.mark.slow
def test_a_shard_without_its_receipt_was_never_finished(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_build, out)
    next(out.glob("receipts/*.json")).unlink()
    (out / "shards" / "12345678").mkdir()
    (out / "shards" / "12345678" / "train-00000-of-00009.tar").write_bytes(b"of another plan")
    build(demo_recipe, Folder(str(out)), How())
    assert json.loads((out / "run.json").read_text())["shards_built"] == 1
    assert verify(Folder(str(out))) == []


@pytest.mark.slow
def test_damage_to_a_finished_build_is_found_and_mended(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_build, out)
    tars = sorted(out.glob("shards/*/*.tar"))
    tars[0].with_suffix(".tar.idx").write_bytes(b"hi")
    data = bytearray(tars[1].read_bytes())
    data[3000] ^= 1
    tars[1].write_bytes(bytes(data))
    (out / "manifest" / ".train.parquet.77.part").write_bytes(b"left by a killed run")
    next(out.glob("receipts/*.json")).write_text("{")
    build(demo_recipe, Folder(str(out)), How(rehash=True))
    assert sums_of(out) == sums_of(demo_build)
    assert verify(Folder(str(out))) == []


def test_a_first_run_that_fails_does_not_lock_the_folder(
    demo_recipe: Recipe, tmp_path: Path
) -> None:
    coco, *rest = demo_recipe.sources
    wrong = replace(demo_recipe, sources=(replace(coco, options={"split": "trian"}), *rest))
    with pytest.raises(SourceError, match="trian"):
        build(wrong, Folder(str(tmp_path / "out")), How())
    small = replace(demo_recipe, samples=16)
    assert build(small, Folder(str(tmp_path / "out")), How())["samples"] == 16


def test_another_recipe_is_refused(demo_recipe: Recipe, demo_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_build, out)
    with pytest.raises(BuildError, match=r"another recipe: seed: 7 -> 8"):
        build(replace(demo_recipe, seed=8), Folder(str(out)), How())
    coco, *rest = demo_recipe.sources
    coco = replace(coco, tasks={**coco.tasks, "semantic": coco.tasks["generate"]})
    with pytest.raises(BuildError, match=r"sources\.coco\.tasks\.semantic: '0\.15' -> '0\.1'"):
        build(replace(demo_recipe, sources=(coco, *rest)), Folder(str(out)), How())
    assert sums_of(out) == sums_of(demo_build)


def test_a_folder_of_somebody_else_is_refused(demo_recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BuildError, match="not empty and holds no build"):
        build(demo_recipe, Folder(str(tmp_path)), How())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_changed_code_rebuilds_only_its_shards(
    demo_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # five samples a shard, so that some shards have no normals
    recipe, out = replace(demo_recipe, samples=40, shard_size=5), tmp_path / "out"
    build(recipe, Folder(str(out)), How())
    rows = manifest_of(out)["shards"]
    code_digest = plugins.code_digest

    def changed(package: str, name: str) -> str:
        return "0" * 64 if name == "normals" else code_digest(package, name)

    monkeypatch.setattr(plugins, "code_digest", changed)
    build(recipe, Folder(str(out)), How())
    run = json.loads((out / "run.json").read_text())
    assert 0 < run["shards_built"] < len(rows)
    assert run["shards_built"] + run["shards_kept"] == len(rows)
    assert verify(Folder(str(out))) == []
    assert [s["sha256"] for s in manifest_of(out)["shards"]] == [s["sha256"] for s in rows]


@pytest.fixture
def damaged(demo_data: Path, tmp_path: Path) -> Path:
    """Demo data with a truncated JPEG, a missing depth map, a NaN map and a garbled annotation.

    The depth map is known to be missing when it is indexed, so nothing draws it.
    """
    data = tmp_path / "data"
    demo_copied(demo_data, data)
    images = sorted((data / "coco" / "train2017").glob("*.jpg"))
    images[0].write_bytes(images[0].read_bytes()[:-900])
    depth = sorted((data / "kitti" / "depth" / "train").rglob("*.png"))
    depth[2].unlink()
    scene = data / "hypersim" / "evermotion_dataset" / "scenes" / "ai_001_001"
    with h5py.File(next(scene.rglob("frame.0000.depth_meters.hdf5")), "r+") as file:
        file["dataset"][...] = np.nan
    file_ = data / "coco" / "annotations" / "instances_train2017.json"
    instances = json.loads(file_.read_text())
    victim = int(images[3].stem)
    for annotation in instances["annotations"]:
        if annotation["image_id"] == victim:
            annotation["segmentation"] = [[1e6, 2.0, 3.0, 4.0, 5.0, 6.0]]
    file_.write_text(json.dumps(instances))
    return data


@pytest.mark.slow
def test_damage_ends_in_quarantine_and_counts_stay_exact(damaged: Path, tmp_path: Path) -> None:
    recipe, out = replace(demo_recipe_over(damaged), max_bad=Decimal(1)), tmp_path / "out"
    recipe = replace(recipe, spares=12)
    manifest = build(recipe, Folder(str(out)), How())
    reasons = {(line["source"], line["reason"]) for line in quarantine_of(out)}
    assert reasons == {
        ("coco", "truncated"),
        ("coco", "garbled annotation"),
        ("hypersim", "all invalid"),
    }
    for line in quarantine_of(out):
        assert line["file"], line
        assert line["stage"] == "load"
    for cell in manifest["cells"]:
        assert cell["realised"] == cell["apportioned"]
    assert sum(c["replaced"] for c in manifest["cells"]) > 0
    rows = pq.read_table(out / "manifest" / "train.parquet").to_pylist()
    for cell in manifest["cells"]:
        mine = {
            r["sample_id"]
            for r in rows
            if (r["source"], r["task"]) == (cell["source"], cell["task"])
        }
        assert cell["unique"] == len(mine)
    published = [
        f for f in out.rglob("*") if f.is_file() and "plan" not in f.relative_to(out).parts
    ]
    assert not [f for f in published if str(damaged).encode() in f.read_bytes()]
    assert manifest["shortfall"] == 0
    assert verify(Folder(str(out))) == []


@pytest.mark.slow
def test_without_spares_the_shortfall_is_recorded(damaged: Path, tmp_path: Path) -> None:
    recipe = replace(demo_recipe_over(damaged), max_bad=Decimal(1), spares=0)
    manifest = build(recipe, Folder(str(tmp_path / "out")), How())
    assert manifest["shortfall"] == 96 - manifest["samples"] > 0
    assert manifest["shortfall"] == sum(manifest["quarantine"].values())
    assert verify(Folder(str(tmp_path / "out"))) == []


@pytest.mark.slow
def test_too_much_damage_fails_the_build(damaged: Path, tmp_path: Path) -> None:
    recipe = replace(demo_recipe_over(damaged), max_bad=Decimal(0))
    with pytest.raises(BuildError, match=r"are quarantined \(.*\), more than max_bad = 0 allows"):
        build(recipe, Folder(str(tmp_path / "out")), How())
    assert quarantine_of(tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.slow
def test_mending_the_data_mends_the_build(
    damaged: Path, demo_data: Path, demo_build: Path, tmp_path: Path
) -> None:
    recipe, out = replace(demo_recipe_over(damaged), max_bad=Decimal(1)), tmp_path / "out"
    build(recipe, Folder(str(out)), How())
    shutil.rmtree(damaged)
    demo_copied(demo_data, damaged)
    manifest = build(recipe, Folder(str(out)), How())
    assert manifest["quarantine"] == {}
    healthy = [shard["sha256"] for shard in manifest_of(demo_build)["shards"]]
    assert [shard["sha256"] for shard in manifest["shards"]] == healthy


@pytest.mark.slow
def test_a_target_that_does_not_decode_is_quarantined_as_a_bug(
    demo_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = plugins.task("normals")
    render, calls = task.render, list[object]()

    def mirrored(label: object, params: object) -> object:
        calls.append(label)
        rgb = render(label, params)
        return np.flip(rgb, -1) if len(calls) % 3 == 1 else rgb

    monkeypatch.setattr(task, "render", mirrored)
    recipe = replace(demo_recipe, max_bad=Decimal(1))
    manifest = build(recipe, Folder(str(tmp_path / "out")), How())
    bugs = [q for q in quarantine_of(tmp_path / "out") if q["reason"] == "round trip"]
    assert len(bugs) == manifest["quarantine"]["round trip"] > 0
    assert {(q["task"], q["stage"]) for q in bugs} == {("normals", "render")}
    assert "a bug: the target decodes to its label only within" in bugs[0]["detail"]
    assert "degrees, not 0.4" in bugs[0]["detail"]


def test_the_manifest_states_the_proof(demo_build: Path, demo_recipe: Recipe) -> None:
    proof = manifest_of(demo_build)["roundtrip"]
    assert set(proof) == {task for source in demo_recipe.sources for task in source.tasks}
    assert 0.3 < proof["depth"]["largest"] <= proof["depth"]["tolerance"]
    assert 0.1 < proof["normals"]["mean"] < proof["normals"]["largest"] <= 0.4
    assert {proof[t]["largest"] for t in ("semantic", "instance", "refer", "edit")} == {0.0}


@ray_group
@pytest.mark.parametrize("ray", [None, "local"])
def test_a_bug_in_a_plug_in_ends_the_build_clearly(
    demo_recipe: Recipe, tmp_path: Path, ray: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    code = "from vbdata.plugins.pipelines.kitti import *\n"
    (package / "broken.py").write_text(code + "\n\ndef load(root, entry, kinds):\n    {}['lens']\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    sources = tuple(
        replace(s, dataset="mine.broken") if s.name == "kitti" else s for s in demo_recipe.sources
    )
    recipe = replace(demo_recipe, sources=sources)
    with pytest.raises(BuildError, match=r"3 of 3 shards failed") as caught:
        build(recipe, Folder(str(tmp_path / "out")), How(ray=ray, workers=1))
    assert "shard 00002: KeyError: 'lens' [kitti / depth, record '2011_" in str(caught.value)
    assert "(broken.py:" in str(caught.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.slow
def test_geometry_shrinks_image_and_label_alike(demo_recipe: Recipe, tmp_path: Path) -> None:
    import webdataset

    image = demo_recipe.image.model_copy(update={"max_pixels": 20_000, "multiple_of": 16})
    recipe = replace(demo_recipe, image=image, samples=30, shard_size=15)
    build(recipe, Folder(str(tmp_path / "out")), How())
    assert verify(Folder(str(tmp_path / "out"))) == []
    for shard in manifest_of(tmp_path / "out")["shards"]:
        tar = str(tmp_path / "out" / shard["tar"])
        for sample in webdataset.WebDataset(tar, shardshuffle=False):
            facts = json.loads(sample["json"])
            assert facts["width"] % 16 == facts["height"] % 16 == 0
            assert facts["width"] * facts["height"] <= 20_000
            (target,) = (sample[name] for name in sample if name.startswith("target."))
            size = cv2.imdecode(np.frombuffer(target, np.uint8), 1).shape
            assert size == (facts["height"], facts["width"], 3)


def test_stated_sizes_are_those_of_all_images(demo_recipe: Recipe, tmp_path: Path) -> None:
    """Of the nearest aspect ratio, and labels are cropped as their images are: verify decodes."""
    image = demo_recipe.image.model_copy(update={"buckets": ((144, 80), (80, 112))})
    recipe = replace(demo_recipe, image=image, samples=16, shard_size=16)
    build(recipe, Folder(str(tmp_path / "out")), How())
    assert verify(Folder(str(tmp_path / "out"))) == []
    rows = pq.read_table(tmp_path / "out" / "manifest" / "train.parquet").to_pylist()
    assert {(row["width"], row["height"]) for row in rows} == {(144, 80), (80, 112)}
    assert all(row["source_width"] > row["source_height"] or row["width"] == 80 for row in rows)
    assert manifest_of(tmp_path / "out")["recipe"]["image"]["buckets"] == [[144, 80], [80, 112]]


def test_png_inputs_are_lossless(demo_recipe: Recipe, tmp_path: Path) -> None:
    import webdataset

    recipe = replace(
        demo_recipe, image=demo_recipe.image.model_copy(update={"input": "png"}), samples=12,
        shard_size=12,
    )  # fmt: skip
    build(recipe, Folder(str(tmp_path / "out")), How())
    shard = manifest_of(tmp_path / "out")["shards"][0]
    sample = next(iter(webdataset.WebDataset(str(tmp_path / "out" / shard["tar"]))))
    assert "input.png" in sample
    assert verify(Folder(str(tmp_path / "out"))) == []
