"""Exports hold the build's own bytes, in the forms that trainers read, whatever interrupts them.

Each format is read again here as its trainer's code reads it (the sources stand in the format's
docstring); imagefolder with the real library in tests/interop/with_export.py.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.json as paj
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.checks.test_verify import flip, forge, rerow, tars
from tests.cli.test_cli import run
from vbdata import codecs
from vbdata.core import images
from vbdata.engine.build import build
from vbdata.errors import BuildError, RecipeError
from vbdata.export import format_of, names
from vbdata.export.parts.run import export
from vbdata.export.parts.types import ExportOptions, Item, Summary
from vbdata.manifest.json_text import canonical
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.shard.picture import full_mask
from vbdata.shard.tar import TarWriter, members
from vbdata.storage.folder import Folder

FORMATS = ("ai-toolkit", "diffsynth", "diffusion-pipe", "imagefolder", "musubi")
BLANK_TASK = "generate"


@pytest.fixture(scope="module")
def built(demo_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of all tasks whose sides are multiples of 16, in three shards. Read only."""
    out = tmp_path_factory.mktemp("export") / "build"
    image = demo_recipe.image.model_copy(update={"multiple_of": 16})
    recipe = replace(demo_recipe, samples=24, shard_size=8, image=image)
    build(recipe, Folder(str(out)), How())
    return out


@pytest.fixture(scope="module")
def samples(built: Path) -> dict[str, dict[str, bytes]]:
    """The members of all samples, by key and extension."""
    found: dict[str, dict[str, bytes]] = {}
    for tar in tars(built):
        for member in members(tar):
            found.setdefault(member.key, {})[member.extension] = member.data
    return found


@pytest.fixture(scope="module")
def exported(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The build in each format. Read only."""
    folder = tmp_path_factory.mktemp("exported")
    for name in FORMATS:
        make(built, folder / name, format=name)
    return {name: folder / name for name in FORMATS}


def make(built: Path, out: Path, *, workers: int = 1, **options: Any) -> dict[str, Any]:
    return export(Folder(str(built)), Folder(str(out)), ExportOptions(**options), workers=workers)


def rows_of(built: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(built / "manifest" / "train.parquet").to_pylist()
    return rows


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def size_of(path: Path) -> tuple[int, int]:
    return images.size(path.read_bytes())


# --- what every format has -----------------------------------------------------------------------


def test_the_files_are_the_registry() -> None:
    assert tuple(names()) == FORMATS
    with pytest.raises(RecipeError, match="did you mean 'diffsynth'"):
        format_of("difsynth")


@pytest.mark.parametrize("name", FORMATS)
def test_the_bytes_are_those_of_the_build(
    name: str, built: Path, samples: dict[str, dict[str, bytes]], exported: dict[str, Path]
) -> None:
    out = exported[name]
    rows = {row["key"]: row for row in rows_of(built)}
    lines = lines_of(out / "vbdata.jsonl")
    assert [line["key"] for line in lines] == list(rows) == sorted(samples)
    expected = {"README.md", "SHA256SUMS", "export.json", "vbdata.jsonl"}
    for line in lines:
        parts, row = samples[line["key"]], rows[line["key"]]
        assert {key: line[key] for key in row if key != "shard"} == {
            key: value for key, value in row.items() if key != "shard"
        }
        assert (out / line["target"]).read_bytes() == target_of(parts)
        assert bool(line["control"]) is not row["blank_input"]
        part = line["part"].removesuffix("-2")  # two sizes that diffusion-pipe would mix up
        assert part == ("text2image" if row["blank_input"] else "pairs")
        mask = parts.get("valid.png", full_mask(row["height"], row["width"]))
        for path, data in ((line["control"], parts["input.jpg"]), (line["mask"], mask)):
            assert not path or (out / path).read_bytes() == data
            expected |= {path} if path else set()
        expected |= {line["target"]}
        assert {Path(line[k]).stem for k in ("target", "control", "mask") if line[k]} == {
            row["key"]
        }
        caption = (out / line["target"]).with_suffix(".txt")
        if format_of(name).CAPTION_FILES:
            assert caption.read_bytes() == parts["instruction.txt"]
            expected.add(str(caption.relative_to(out)))
        assert bool(line["mask"]) == format_of(name).MASKS
    more = set(tree(out)) - expected
    assert all(path.endswith(("metadata.jsonl", ".toml", ".yaml")) for path in more)
    assert not list(out.rglob(".*")), "nothing of the work is left"


@pytest.mark.parametrize("name", FORMATS)
def test_sums_report_and_card(name: str, built: Path, exported: dict[str, Path]) -> None:
    out = exported[name]
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=out, check=True)
    listed = {line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(tree(out)) - {"SHA256SUMS", "export.json"}
    report = json.loads((out / "export.json").read_text())
    rows = rows_of(built)
    assert report["samples"] == len(rows)
    assert {(c["source"], c["task"]): c["samples"] for c in report["cells"]} == Counter(
        (row["source"], row["task"]) for row in rows
    )
    assert {(c["license"], c["source"]): c["samples"] for c in report["licenses"]} == Counter(
        (row["license"], row["source"]) for row in rows
    )
    card = (out / "README.md").read_text()
    for row in rows:
        assert f"| {row['license']} | {row['source']} |" in card
    assert "All sides are multiples of 16 pixels" in card
    assert format_of(name).TRAINER in card
    for path, data in tree(out).items():
        if not path.endswith((".png", ".jpg")):
            assert str(out.parent).encode() not in data, "it can be moved"


@pytest.mark.parametrize("name", FORMATS)
def test_any_number_of_workers_gives_the_same_bytes(
    name: str, built: Path, exported: dict[str, Path], tmp_path: Path
) -> None:
    make(built, tmp_path / "out", format=name, workers=3)
    assert tree(tmp_path / "out") == tree(exported[name])


def test_labels_can_still_be_decoded(
    built: Path, samples: dict[str, dict[str, bytes]], exported: dict[str, Path]
) -> None:
    """By the code of the README, which is run as it stands there."""
    folder = exported["musubi"]
    scope: dict[str, Any] = {"decoded": []}
    here = os.getcwd()
    code = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    os.chdir(folder)
    try:
        exec(code + "    decoded.append((row['key'], label))\n", scope)
    finally:
        os.chdir(here)
    rows = {row["key"]: row for row in rows_of(built)}
    assert len(scope["decoded"]) == len(rows)
    for key, label in scope["decoded"]:
        rgb = images.decode_rgb(target_of(samples[key]))
        right = codecs.decode(rows[key]["task"], rgb, json.loads(rows[key]["params"]))
        assert np.array_equal(label, right, equal_nan=right.dtype.kind == "f")


def target_of(parts: dict[str, bytes]) -> bytes:
    (found,) = (data for name, data in parts.items() if name.startswith("target."))
    return found


# --- as the trainers read them -------------------------------------------------------------------


def test_imagefolder(built: Path, exported: dict[str, Path], tmp_path: Path) -> None:
    rows = {row["key"]: row for row in rows_of(built)}
    out, seen = exported["imagefolder"], set()
    for part, columns in (
        ("pairs", ["original_image_file_name", "edited_image_file_name", "edit_prompt"]),
        ("text2image", ["file_name", "text"]),
    ):
        table = paj.read_json(out / part / "metadata.jsonl")  # as datasets infers the types
        assert table.column_names == [*columns, "key", "task", "source", "license"]
        assert set(table.schema.types) == {pa.string()}
        for line in table.to_pylist():
            row = rows[line["key"]]
            assert line[columns[-1]] == row["instruction"]
            assert size_of(out / part / line[columns[-2]]) == (row["width"], row["height"])
            if part == "pairs":
                assert (out / part / line[columns[0]]).is_file()
            seen.add(line["key"])
    assert seen == set(rows)
    front = yaml.safe_load((out / "README.md").read_text().split("---\n")[1])
    assert [c["config_name"] for c in front["configs"]] == ["pairs", "text2image"]
    assert [c["data_dir"] for c in front["configs"]] == ["pairs", "text2image"]
    make(built, tmp_path / "out", format="imagefolder", tasks=("depth",))
    other = yaml.safe_load((tmp_path / "out" / "README.md").read_text().split("---\n")[1])
    (name,) = {c["description"] for c in front["configs"]}
    assert other["configs"][0]["description"] != name, "what datasets tells its caches apart by"


def test_ai_toolkit(built: Path, exported: dict[str, Path]) -> None:
    out = exported["ai-toolkit"]
    job = yaml.safe_load((out / "config.yaml").read_text())
    assert job["job"] == "extension"
    (process,) = job["config"]["process"]
    assert process["type"] == "sd_trainer"
    known = {
        *("folder_path", "control_path", "mask_path", "mask_min_value", "caption_ext"),
        *("caption_dropout_rate", "shuffle_tokens", "cache_latents_to_disk", "resolution"),
    }
    keys = set()
    for data in process["datasets"]:
        assert set(data) <= known
        found = [Path(top, f) for top, _, fs in os.walk(out / data["folder_path"]) for f in fs]
        targets = [path for path in found if path.suffix in (".jpg", ".jpeg", ".png", ".webp")]
        assert len(found) == 2 * len(targets)
        for target in targets:
            assert target.with_suffix(f".{data['caption_ext']}").read_text("utf-8").strip()
            for folder in ("control_path", "mask_path"):
                if folder in data:
                    beside = [out / data[folder] / f"{target.stem}{e}" for e in (".jpg", ".png")]
                    (path,) = filter(Path.exists, beside)
                    assert size_of(path) == size_of(target)
            width, height = size_of(target)
            assert width * height <= data["resolution"][0] ** 2, "no bucket is smaller"
            keys.add(target.stem)
    assert keys == {row["key"] for row in rows_of(built)}
    assert [("control_path" in data) for data in process["datasets"]] == [True, False]


def test_diffusion_pipe(exported: dict[str, Path], built: Path) -> None:
    """Two sizes of this build have one shape: they lie in two directories."""
    out = exported["diffusion-pipe"]
    config = tomllib.loads((out / "dataset.toml").read_text())
    assert "size_buckets" not in config
    keys = set()
    for directory in config["directory"]:
        assert set(directory) <= {"path", "control_path", "mask_path", "size_buckets"}
        buckets = np.asarray(directory["size_buckets"])
        logs = np.log(np.unique(np.round([w / h for w, h, _ in buckets], 3)))
        stems = {
            name: {path.stem for path in (out / directory[name]).glob("*")}
            for name in ("control_path", "mask_path")
            if name in directory
        }
        for file in sorted((out / directory["path"]).glob("*")):
            if file.suffix in (".txt", ".npz", ".json", ".parquet", ".bak", ".db"):
                continue
            assert all(file.stem in found for found in stems.values())
            assert file.with_suffix(".txt").read_text().strip()
            width, height = size_of(file)
            nearest = buckets[np.argmin(np.abs(np.log(width / height) - logs))]
            assert nearest.tolist() == [width, height, 1], "it is not resized"
            keys.add(file.stem)
    assert keys == {row["key"] for row in rows_of(built)}
    controls = {each["path"]: "control_path" in each for each in config["directory"]}
    assert controls == {"pairs/target": True, "pairs-2/target": True, "text2image/target": False}


def test_diffsynth(built: Path, exported: dict[str, Path]) -> None:
    rows = {row["key"]: row for row in rows_of(built)}
    out, keys = exported["diffsynth"], set()
    card = (out / "README.md").read_text()
    for part, wanted in (("pairs", {"image", "edit_image"}), ("text2image", {"image"})):
        command = card.partition(f"--dataset_base_path {part} ")[2].partition("```")[0]
        limit = int(command.partition("--max_pixels ")[2].split()[0])
        assert ("--extra_inputs" in command) is (part == "pairs")
        for line in lines_of(out / part / "metadata.jsonl"):
            assert set(line) == wanted | {"prompt"}
            target = out / part / line["image"]
            assert line["prompt"] == rows[target.stem]["instruction"]
            sizes = {size_of(out / part / line[name]) for name in wanted}
            ((width, height),) = sizes
            assert width * height <= limit
            assert width % 16 == height % 16 == 0, "it is not resized"
            keys.add(target.stem)
    assert keys == set(rows)


def test_musubi(built: Path, exported: dict[str, Path]) -> None:
    rows = {row["key"]: row for row in rows_of(built)}
    out, keys, caches = exported["musubi"], set(), []
    types = {"resolution": list, "batch_size": int, "enable_bucket": bool, "num_repeats": int}
    types |= {"bucket_no_upscale": bool, "image_jsonl_file": str, "cache_directory": str}
    for path, control in (("dataset.toml", True), ("dataset-text2image.toml", False)):
        config = tomllib.loads((out / path).read_text())
        assert set(config) == {"general", "datasets"}
        for part in (config["general"], *config["datasets"]):
            assert all(type(value) is types[key] for key, value in part.items())
        width, height = config["general"]["resolution"]
        for data in config["datasets"]:
            caches.append(data["cache_directory"])
            for line in lines_of(out / data["image_jsonl_file"]):
                assert ("control_path" in line) is control
                image = out / line["image_path"]
                assert line["caption"] == rows[image.stem]["instruction"]
                assert not control or size_of(out / line["control_path"]) == size_of(image)
                assert np.prod(size_of(image)) <= width * height
                keys.add(image.stem)
    assert keys == set(rows)
    assert len(set(caches)) == len(caches), "a cache of its own for each data set"


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blank", "parts"), [("keep", ["pairs"]), ("skip", ["pairs"])])
def test_samples_without_an_input(
    blank: str, parts: list[str], built: Path, tmp_path: Path
) -> None:
    report = make(built, tmp_path / "out", format="diffsynth", blank=blank)
    rows = rows_of(built)
    alone = sum(row["blank_input"] for row in rows)
    assert alone
    assert [part["part"] for part in report["parts"]] == parts
    assert report["samples"] == len(rows) - (alone if blank == "skip" else 0)
    assert report["skipped_without_input"] == (alone if blank == "skip" else 0)
    lines = lines_of(tmp_path / "out" / "vbdata.jsonl")
    assert all(line["control"] for line in lines)
    card = (tmp_path / "out" / "README.md").read_text()
    assert (f"{alone} samples without an input image were left out" in card) is (blank == "skip")
    assert ("have a black control image" in card) is (blank == "keep")
    for line in lines:
        if line["blank_input"]:
            pixels = np.asarray(Image.open(tmp_path / "out" / line["control"]))
            assert pixels.max() <= 1


@pytest.mark.parametrize("name", FORMATS)
def test_split_by_task(name: str, built: Path, tmp_path: Path) -> None:
    report = make(built, tmp_path / "out", format=name, split_by_task=True)
    counts = Counter(row["task"] for row in rows_of(built))
    found: Counter[str] = Counter()
    for part in report["parts"]:
        found[part["part"].removesuffix("-2")] += part["samples"]
        targets = (tmp_path / "out" / part["part"] / "target").iterdir()
        assert len([path for path in targets if path.suffix != ".txt"]) == part["samples"]
    assert found == counts
    assert [p["part"] for p in report["parts"] if not p["control"]] == [BLANK_TASK]


def test_only_some_tasks_and_sources(built: Path, tmp_path: Path) -> None:
    make(built, tmp_path / "out", format="musubi", tasks=("depth",), sources=("kitti",))
    lines = lines_of(tmp_path / "out" / "vbdata.jsonl")
    assert {(line["source"], line["task"]) for line in lines} == {("kitti", "depth")}
    assert len(lines) == sum(
        (row["source"], row["task"]) == ("kitti", "depth") for row in rows_of(built)
    )
    assert not (tmp_path / "out" / "dataset-text2image.toml").exists()
    assert "- of the build only: depth, kitti" in (tmp_path / "out" / "README.md").read_text()


def test_no_masks(built: Path, tmp_path: Path) -> None:
    make(built, tmp_path / "out", format="diffusion-pipe", masks=False)
    assert not list((tmp_path / "out").rglob("mask"))
    assert "mask" not in (tmp_path / "out" / "dataset.toml").read_text()


def test_png_inputs_stay_png(demo_recipe: Recipe, tmp_path: Path) -> None:
    image = demo_recipe.image.model_copy(update={"input": "png"})
    recipe = replace(demo_recipe, samples=6, shard_size=6, image=image)
    build(recipe, Folder(str(tmp_path / "build")), How())
    make(tmp_path / "build", tmp_path / "out", format="imagefolder")
    lines = lines_of(tmp_path / "out" / "pairs" / "metadata.jsonl")
    assert lines
    assert all(line["original_image_file_name"].endswith(".png") for line in lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "musubi2"}, "did you mean 'musubi'"),
        ({"tasks": ("dept",), "sources": ("coco2",)}, "--task dept: the build has none; did you"),
        ({"blank": "black"}, "--blank black: unknown"),
    ],
)
def test_options_that_cannot_be(
    options: dict[str, Any], said: str, built: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        make(built, tmp_path / "out", **{"format": "musubi", **options})
    assert not (tmp_path / "out").exists()


def test_nothing_left(built: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="nothing to export"):
        make(built, tmp_path / "out", format="musubi", tasks=(BLANK_TASK,), blank="skip")


def test_captions_of_any_text() -> None:
    text = 'A "quoted" prompt,\nwith [brackets], a tab\tand ünïcode \U0001f34c'
    item = Item(
        part="pairs", key="k", source="s", task="t", license="l", caption=text, width=16,
        height=16, target="pairs/target/k.png", control="pairs/control/k.jpg", mask="",
    )  # fmt: skip
    for name, key in (
        ("imagefolder", "edit_prompt"),
        ("diffsynth", "prompt"),
        ("musubi", "caption"),
    ):
        line = format_of(name).line(item, format_of(name).ANY)
        assert line is not None
        assert json.loads(json.dumps(line))[key] == text
    for name in FORMATS:
        layout = format_of(name).layout(Counter({(16, 16): 1}), format_of(name).ANY)
        summary = Summary(name='a "name"\n', order={}, layout=layout)
        summary.add(item)
        for path, config in format_of(name).configs(summary).items():
            assert (tomllib.loads if path.endswith("toml") else yaml.safe_load)(config)


# --- interrupted, finished, refused --------------------------------------------------------------


def test_an_interrupted_export_goes_on(
    built: Path, exported: dict[str, Path], tmp_path: Path
) -> None:
    out, options = tmp_path / "out", ExportOptions(format="musubi")

    def stop(done: int, of: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(Folder(str(built)), Folder(str(out)), options, step=stop)
    assert not (out / "export.json").exists()
    first = sorted(out.glob("*/target/*.png"))
    before = {path: path.stat().st_mtime_ns for path in first}
    assert 8 <= len(first) < 24
    with pytest.raises(BuildError, match=r"another export: format: 'musubi' -> 'diffsynth'"):
        make(built, out, format="diffsynth")
    steps: list[tuple[int, int]] = []
    export(Folder(str(built)), Folder(str(out)), options, step=lambda *s: steps.append(s))
    assert steps[0][0] >= 1, "what was done is kept"
    assert steps[-1] == (3, 3)
    kept = [path for path in first[:8] if path.stat().st_mtime_ns == before[path]]
    assert kept == first[:8]
    assert tree(out) == tree(exported["musubi"])


def test_a_finished_export_is_left_as_it_is(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = make(built, out, format="imagefolder")
    (out / "pairs" / "cache").mkdir()
    (out / "pairs" / "cache" / "latents.bin").write_bytes(b"a trainer's")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert make(built, out, format="imagefolder") == report
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(BuildError, match="another export: split_by_task: False -> True"):
        make(built, out, format="imagefolder", split_by_task=True)
    next(out.glob("pairs/target/*.png")).unlink()
    with pytest.raises(BuildError, match="1 of its files are missing, such as pairs/target/"):
        make(built, out, format="imagefolder")


def test_folders_that_are_refused(built: Path, demo_build: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").write_bytes(b"mine")
    with pytest.raises(BuildError, match=r"is not empty and holds no export \(photo.png\)"):
        make(built, tmp_path / "mine", format="musubi")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["photo.png"]
    with pytest.raises(RecipeError, match="lies in the build"):
        make(built, built / "folders", format="musubi")
    make(built, tmp_path / "out", format="musubi")
    with pytest.raises(BuildError, match="another export: build: "):
        make(demo_build, tmp_path / "out", format="musubi", odd_sizes="keep")
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="cannot be used"):
        make(built, tmp_path / "file" / "out", format="musubi")


# --- damaged and hostile builds ------------------------------------------------------------------


def damaged_tar(out: Path) -> None:
    flip(tars(out)[1])


def damaged_rows(out: Path) -> None:
    flip(out / "manifest" / "train.parquet", 0.3)


def edited_manifest(out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["licenses"] = []
    (out / "manifest.json").write_bytes(canonical(manifest))


def missing_tar(out: Path) -> None:
    tars(out)[1].unlink()


def no_build(out: Path) -> None:
    (out / "manifest.json").unlink()


def a_key_that_leads_out(out: Path) -> None:
    renamed(out, "../../../outside")


def a_hidden_key(out: Path) -> None:
    renamed(out, ".hidden")


def renamed(out: Path, name: str) -> None:
    samples: dict[str, dict[str, bytes]] = {}
    for member in members(tars(out)[1]):
        samples.setdefault(member.key, {})[member.extension] = member.data
    key = sorted(samples)[2]
    with TarWriter(tars(out)[1]) as writer:
        for each, parts in samples.items():
            writer.add(name if each == key else each, parts)
    rerow(out, lambda rows: rows[2].update(key=name))
    forge(out)


def a_task_that_leads_out(out: Path) -> None:
    rerow(out, lambda rows: rows[2].update(task="../../outside"))
    forge(out)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (damaged_tar, "its SHA-256 is not the one in manifest.json; run vbdata verify"),
        (damaged_rows, "its SHA-256 is not the one in SHA256SUMS; run vbdata verify"),
        (edited_manifest, "it was edited; run vbdata verify"),
        (missing_tar, "missing"),
        (no_build, "holds no finished build"),
        (a_task_that_leads_out, "'../../outside' cannot be the name of a file"),
    ],
)
def test_a_build_that_is_not_what_it_says(
    plant: Any, said: str, built: Path, tmp_path: Path
) -> None:
    shutil.copytree(built, tmp_path / "a" / "b" / "build")
    plant(tmp_path / "a" / "b" / "build")
    out = tmp_path / "a" / "b" / "c" / "out"
    with pytest.raises(BuildError, match=said):
        make(tmp_path / "a" / "b" / "build", out, format="ai-toolkit", split_by_task=True)
    assert not (out / "export.json").exists()
    assert list(tmp_path.rglob("*outside*")) == []


@pytest.mark.parametrize("plant", [a_key_that_leads_out, a_hidden_key])
def test_a_key_that_is_no_name(plant: Any, built: Path, tmp_path: Path) -> None:
    """A key has no dots in a tar, so such a row finds no sample, or none that is written."""
    shutil.copytree(built, tmp_path / "a" / "b" / "build")
    plant(tmp_path / "a" / "b" / "build")
    with pytest.raises(BuildError):
        make(tmp_path / "a" / "b" / "build", tmp_path / "a" / "b" / "out", format="musubi")
    assert [
        path for path in tmp_path.rglob("*") if path.name in ("outside.png", ".hidden.png")
    ] == []


# --- elsewhere, and the command ------------------------------------------------------------------


def test_from_and_to_urls(built: Path, exported: dict[str, Path]) -> None:
    memory = fsspec.filesystem("memory")
    try:
        folder, out = Folder("memory://build"), Folder("memory://out/folder")
        for path, data in tree(built).items():
            folder.write(path, data)
        export(folder, out, ExportOptions(format="diffsynth"), workers=2)
        found = {file.path: out.read(file.path) for file in out.files()}
        assert found == tree(exported["diffsynth"])
        assert export(folder, out, ExportOptions(format="diffsynth"))["samples"] == 24
    finally:
        for name in ("/build", "/out"):
            memory.rm(name, recursive=True)


@pytest.mark.slow
def test_the_command(built: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    done = run("export", str(built), "--to", "musubi", "--out", out, "--split-by-task")
    assert done.exit_code == 0, done.stderr
    assert f"{out}/depth: " in done.stdout
    assert f"{out}/README.md says how to train" in done.stdout
    again = run("export", str(built), "--to", "musubi", "--out", out, "--split-by-task", "--json")
    said = json.loads(again.stdout)
    assert (said["event"], said["samples"]) == ("exported", 24)
    assert run("export", str(built), "--to", "kohya", "--out", out).exit_code == 2
    assert run("export", str(built), "--to", "musubi", "--out", out).exit_code == 1
    assert run("export", str(built), "--to", "musubi").exit_code == 2
    told = run("export", "--help").stdout
    assert all(name in told for name in FORMATS)
    assert "vbdata export demo/build --to imagefolder" in told


def test_targets_open_as_what_they_are(exported: dict[str, Path]) -> None:
    for path in exported["ai-toolkit"].glob("*/target/*.png"):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert image.mode == "RGB"
