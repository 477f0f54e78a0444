"""A finished build, opened: its samples, and one sentence for a manifest that is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.helpers.builds import manifest_of, remanifest
from vbdata.cli.app import app
from vbdata.core import images
from vbdata.errors import BuildError
from vbdata.layout import MANIFEST
from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.manifest.opened import Build, open_build
from vbdata.shard.tar import members
from vbdata.storage.folder import Folder


@pytest.fixture(scope="module")
def build(demo_build: Path) -> Build:
    return open_build(Folder(str(demo_build)))


@pytest.fixture
def out(demo_build: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_build, tmp_path / "out"))


def test_it_is_a_sequence_of_the_samples_in_the_tars(build: Build, demo_build: Path) -> None:
    packed: dict[str, dict[str, bytes]] = {}
    for shard in build.manifest.shards:
        for member in members(demo_build / shard.tar):
            packed.setdefault(member.key, {})[member.extension] = member.data
    assert len(build) == len(packed) == 96
    assert build.keys == list(packed)
    for place, (key, parts) in enumerate(packed.items()):
        assert build.members(place) == build.members(key) == parts
        assert build.row(place)["key"] == key
    for sample in (build[0], build[-1], build["00000040"]):
        parts = packed[sample.key]
        assert np.array_equal(sample.target, images.decode_rgb(parts["target.png"]))
        assert np.array_equal(sample.valid, images.decode_png_raw(parts["valid.png"]) > 0)
        assert sample.instruction == parts["instruction.txt"].decode()
        assert sample.params == json.loads(json.loads(parts["json"])["params"])
    assert build[-1].key == build.keys[-1]
    assert [sample.key for sample in build] == build.keys


def test_labels_are_arrays_in_their_units(build: Build) -> None:
    seen = {}
    for sample in build:
        seen.setdefault(sample.task, sample)
    size = seen["depth"].input.shape[:2]
    depth = seen["depth"].label
    assert (depth.dtype, depth.shape) == (np.float32, size)
    assert np.nanmin(depth) > 0
    normals = seen["normals"].label
    assert normals.shape == (*seen["normals"].input.shape[:2], 3)
    lengths = np.linalg.norm(normals[np.isfinite(normals).all(-1)], axis=-1)
    assert np.abs(lengths - 1).max() < 1e-5
    ids = seen["semantic"].label
    assert ids.dtype.kind == "i"
    assert 0 < ids.max() <= len(seen["semantic"].params["legend"])
    assert np.array_equal(seen["generate"].label, seen["generate"].target)


def test_a_notebook_shows_pictures_and_no_markup_of_the_data(build: Build) -> None:
    sample = next(sample for sample in build if sample.task == "depth")
    shown = sample._repr_html_()
    assert shown.count("data:image/png;base64,") == 3
    hostile = type(sample)(
        input=sample.input,
        target=sample.target,
        valid=sample.valid,
        instruction="<script>alert(1)</script>",
        row={**sample.row, "source": "<b>"},
    )
    assert "<script>" not in hostile._repr_html_()
    assert "&lt;b&gt;" in hostile._repr_html_()


def test_places_and_keys_that_are_not_there(build: Build) -> None:
    for place in (96, -97):
        with pytest.raises(IndexError, match="of 96"):
            build[place]
    with pytest.raises(KeyError, match="has the key 'nobody'"):
        build["nobody"]
    for wrong in (1.5, None, [1]):
        with pytest.raises(TypeError):
            build[wrong]  # type: ignore[call-overload]


def test_slices_numpy_integers_and_membership(build: Build) -> None:
    assert [sample.key for sample in build[2:5]] == build.keys[2:5]
    assert [sample.key for sample in build[::-40]] == build.keys[::-40]
    assert build[np.int64(3)].key == build.keys[3]  # type: ignore[call-overload]
    assert "00000007" in build
    assert build[7] in build
    assert "nobody" not in build
    assert "<td>hypersim</td><td>depth</td>" in build._repr_html_()


def test_it_may_be_pickled_and_lie_behind_a_url(build: Build, demo_build: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(demo_build), "/opened", recursive=True)
    try:
        far = open_build(Folder("memory://opened"))
        again = pickle.loads(pickle.dumps(build))
        for place in (0, 50, 95):
            assert far.members(place) == again.members(place) == build.members(place)
    finally:
        memory.rm("/opened", recursive=True)


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def set_in(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        part: Any = manifest
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = to

    return change


# Edits by a forger who makes the digest fit again, each with a part of the one sentence.
FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a cell that is text": (set_in("cells", 0, to="coco"), "cells.0: Input should be"),
    "cells that are text": (set_in("cells", to="none"), "cells: Input should be"),
    "a count that is text": (set_in("samples", to="96"), "samples: Input should be"),
    "negative bytes": (set_in("bytes", to=-1), "bytes: Input should be greater"),
    "a changed count": (set_in("samples", to=95), "samples is 95, its parts add up to 96"),
    "an unknown task": (set_in("cells", 0, "task", to="juggle"), "its cells are not those"),
    "a unit that is none": (set_in("roundtrip", "depth", "unit", to=3), "roundtrip.depth.unit"),
    "no digest": (set_in("shards", 0, "sha256", to="abc"), "shards.0.sha256: String should match"),
    "another format": (set_in("format", to=2), "of format 2, this vbdata reads 1"),
    "versions that are a list": (set_in("environment", to=[]), "environment: Input should be"),
    "not a number": (set_in("roundtrip", "depth", "mean", to="NaN"), "roundtrip.depth.mean"),
    "a path as a source": (set_in("sources", 0, "source", to="../x"), "sources.0.source"),
}


def rename_task(manifest: dict[str, Any]) -> None:
    """A task that is not known here, in every part that names it."""
    for cell in manifest["cells"]:
        cell["task"] = cell["task"].replace("depth", "juggle")
    for source in manifest["recipe"]["sources"].values():
        source["tasks"] = {k.replace("depth", "juggle"): v for k, v in source["tasks"].items()}
    for part in (manifest["roundtrip"], manifest["code"]["tasks"]):
        part["juggle"] = part.pop("depth")


def two_lines(manifest: dict[str, Any]) -> None:
    manifest["environment"]["a\nb"] = 1


FORGED |= {
    "an unknown task throughout": (rename_task, "unknown task 'juggle'"),
    "a task of code alone": (set_in("code", "tasks", "zz", to="0" * 64), "its code and round"),
    "a key of two lines": (two_lines, "environment.a\\nb: Input should be"),
    "half a character": (set_in("licenses", 0, "license", to="\ud800"), "cannot be read"),
    "a name that is a path": (set_in("name", to="../../evil"), "name: String should match"),
    "a key that is not known": (set_in("more", to=1), "more: Extra inputs"),
}
# Bytes that are no manifest.
DAMAGED = {
    "truncated": (lambda text: text[: len(text) // 2], "cannot be read: "),
    "empty": (lambda text: "", "cannot be read: "),
    "edited": (lambda text: text.replace('"samples": 96', '"samples": 95'), "it was edited"),
    "nested 5,000 deep": (
        lambda text: text.replace('"holdout": []', f'"holdout": {deep(5000)}', 1),
        "manifest.json: ",
    ),
    "nested 200,000 deep": (
        lambda text: text.replace('"holdout": []', f'"holdout": {deep(200_000)}', 1),
        "cannot be read: nested too deeply",
    ),
    "a byte order mark": (lambda text: "\ufeff" + text, "manifest.json: "),
    "a key that stands twice": (
        lambda text: text.replace('"samples": 96', '"samples": 95, "samples": 96'),
        "not laid out as it was written",
    ),
    "a list": (lambda text: "[]", "not a JSON object"),
    "a number of 5,000 digits": (
        lambda text: text.replace('"samples": 96', f'"samples": {"9" * 5000}'),
        "cannot be read: ",
    ),
}


def commands(out: Path, more: Path) -> dict[str, list[str]]:
    """Every command that reads a finished build, with what it needs."""
    config = more / "train.yaml"
    config.write_text(
        f"data: {{builds: ['{out}'], width: 32, height: 32}}\nmodel: {{kind: flow}}\nsteps: 1\n"
    )
    return {
        "show": ["show", str(out), "--out", str(more / "sheet.png")],
        "stats": ["stats", str(out)],
        "report": ["report", str(out), "--out", str(more / "report.html")],
        "lock": ["lock", str(out), "--out", str(more / "made.lock.json")],
        "export": ["export", str(out), "--to", "imagefolder", "--out", str(more / "exported")],
        "eval": ["eval", str(out)],
        "verify": ["verify", str(out)],
    }


def sentences(out: Path, tmp_path: Path) -> dict[str, str]:
    """What each command says of a build, each with exit code 1."""
    said = {}
    for name, words in commands(out, tmp_path).items():
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1, (name, done.output, done.exception)
        said[name] = done.output
    return said


def assert_one_sentence(out: Path, tmp_path: Path, expected: str) -> None:
    said = sentences(out, tmp_path)
    found = said.pop("verify")
    lines = {" ".join(text.split()) for text in said.values()}
    assert len(lines) == 1, lines
    (line,) = lines
    assert expected in line
    assert line.startswith(f"vbdata: {out}: manifest.json")
    fault = line.removeprefix(f"vbdata: {out}: ").removesuffix("; run vbdata verify")
    assert fault in " ".join(found.split())


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGED)
def test_a_forged_manifest_is_one_sentence_in_every_command(
    what: str, out: Path, tmp_path: Path
) -> None:
    change, expected = FORGED[what]
    remanifest(out, change)
    assert_one_sentence(out, tmp_path, expected)


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_manifest_is_one_sentence_in_every_command(
    what: str, out: Path, tmp_path: Path
) -> None:
    change, expected = DAMAGED[what]
    text = (out / MANIFEST).read_text()
    assert change(text) != text
    (out / MANIFEST).write_text(change(text))
    assert_one_sentence(out, tmp_path, expected)


def test_training_and_comparing_say_it_too(out: Path, tmp_path: Path, demo_build: Path) -> None:
    from vbdata.train.data import open_builds

    (out / MANIFEST).write_text((out / MANIFEST).read_text().replace('"demo"', '"omed"'))
    with pytest.raises(BuildError, match="it was edited; run vbdata verify"):
        open_builds([str(out)])
    done = CliRunner().invoke(app, ["diff", str(demo_build), str(out)])
    assert done.exit_code == 2  # 1 is for builds that differ
    assert "it was edited; run vbdata verify" in " ".join(done.output.split())


def test_a_manifest_that_is_not_the_summed_one(out: Path) -> None:
    """Edited with a fitting digest, but for the sums."""
    manifest = manifest_of(out)
    manifest["environment"]["python"] = "2.7"
    manifest["digest"] = manifest_digest(manifest)
    (out / MANIFEST).write_bytes(canonical(manifest))
    with pytest.raises(BuildError, match="its SHA-256 is not the one in SHA256SUMS"):
        open_build(Folder(str(out)))


@pytest.mark.parametrize("name", [MANIFEST, "SHA256SUMS"])
def test_a_build_that_is_not_finished(name: str, out: Path, tmp_path: Path) -> None:
    (out / name).unlink()
    for command, text in sentences(out, tmp_path).items():
        assert "holds no finished build" in " ".join(text.split()), command


def test_a_damaged_picture_names_its_sample(out: Path, build: Build) -> None:
    tar = out / build.manifest.shards[0].tar
    data = tar.read_bytes()
    tar.write_bytes(data[:700] + bytes(100) + data[800:])
    with pytest.raises(Exception, match="00000000"):
        open_build(Folder(str(out)))[0]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("plan/plan.parquet", b"PAR1"),
        ("plan/index/coco.parquet", b"PAR1"),
        ("plan/index/coco.trace.json", b"[[["),
        ("plan/index/coco.trace.json", b"{}1"),
        ("quarantine/quarantine.jsonl", b"{]\n"),
        ("quarantine/quarantine.jsonl", b"[" * 100_000 + b"\n"),
    ],
)
def test_other_damaged_files_are_one_line_of_a_lock(
    path: str, content: bytes, out: Path, tmp_path: Path
) -> None:
    (out / path).write_bytes(content)
    remanifest(out, lambda manifest: None)
    done = CliRunner().invoke(app, ["lock", str(out), "--out", str(tmp_path / "x.lock.json")])
    assert done.exit_code == 1, done.exception
    (line,) = done.output.splitlines()
    assert Path(path).name in line
    assert "cannot be read" in line


def test_a_store_that_is_none_is_one_line(tmp_path: Path) -> None:
    for words in (["verify", "bogus://x"], ["stats", "bogus://x"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1, done.exception
        (line,) = done.output.splitlines()
        assert line.startswith("vbdata: bogus://x cannot be read: ValueError: ")
