"""The report: self-contained, complete, bounded in size and in what it reads, escaped."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.helpers.builds import manifest_of, quarantine_of
from tests.helpers.pages import CountingFolder, Page, changed, many_times
from vbdata.cli.app import app
from vbdata.engine.build import build
from vbdata.errors import BuildError, RecipeError
from vbdata.manifest.opened import open_build
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.report.page import PageOptions, page

FEW = PageOptions(samples=2, decoded=20)
HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror=pwned=2>\"'&amp;\0\x1b\u202e"


@pytest.fixture(scope="module")
def html(demo_build: Path) -> str:
    return page(Folder(str(demo_build)), FEW).decode()


@pytest.mark.slow
def test_a_models_answers_stand_beside_the_targets(demo_build: Path, tmp_path: Path) -> None:
    out, answers = Folder(str(demo_build)), tmp_path / "answers"
    answers.mkdir()
    opened = open_build(out)
    depth = [row["task"] == "depth" for row in opened.columns(["task"]).to_pylist()]
    for number, is_depth in enumerate(depth):
        if is_depth:
            sample = opened[number]
            small = Image.fromarray(sample.target).resize((64, 48))
            small.save(answers / f"{sample.key}.png")
    text = page(out, replace(FEW, answers=str(answers))).decode()
    assert text.count("<figcaption>answer</figcaption>") == 4
    assert text.count("<figcaption>decoded answer</figcaption>") == 4
    assert text.count('<p class="bad">no answer</p>') == 2 * 6
    for path in answers.iterdir():
        path.write_bytes(b"no picture")
    text = page(out, replace(FEW, answers=str(answers))).decode()
    assert text.count("its answer cannot be read") == 4
    with pytest.raises(RecipeError, match="no such folder"):
        page(out, replace(FEW, answers=str(tmp_path / "nowhere")))


@pytest.mark.slow
def test_the_page_needs_nothing_from_outside(html: str) -> None:
    found = Page(html)
    policies = [m["content"] for m in found.all("meta") if "content" in m and "http-equiv" in m]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    ]
    assert not any(
        tag in ("script", "link", "iframe", "object", "base") for tag, _ in found.elements
    )
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html


def test_it_reads_without_eyes(html: str) -> None:
    found = Page(html)
    assert all(image["alt"] for image in found.all("img"))
    assert all("scope" in head for head in found.all("th"))
    charts = [svg for svg in found.all("svg") if svg["class"] == "histogram"]
    assert charts
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in charts)
    assert all(s.get("aria-hidden") for s in found.all("svg") if s["class"] == "bar")
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    assert {link["href"][1:] for link in found.all("a")} <= ids
    assert found.all("html") == [{"lang": "en"}]


def test_every_number_of_the_statement_stands_there(html: str, demo_build: Path) -> None:
    text, manifest = Page(html).text, manifest_of(demo_build)
    for cell in manifest["cells"]:
        counts = ("requested", "apportioned", "realised", "unique", "repeated")
        row = " ".join(str(cell[name]) for name in ("source", "task", *counts))
        assert row.replace(" ", "") in text.replace(" ", "")
        shown = min(FEW.samples, cell["realised"])
        assert f"{cell['source']} / {cell['task']} {shown} of {cell['realised']}" in text
    for source in manifest["sources"]:
        assert all(source[key] in text for key in ("source", "license", "fingerprint", "code"))
    for line in manifest["licenses"]:
        assert line["license"] in text
    for line in manifest["roundtrip"].values():
        assert f"{line['largest']:.6g}" in text
    for digest in (
        manifest["digest"],
        manifest["recipe_sha256"],
        *manifest["code"]["tasks"].values(),
    ):
        assert digest in text


def test_the_prompts_are_those_of_the_samples_shown(html: str, demo_build: Path) -> None:
    rows = pq.read_table(demo_build / "manifest" / "train.parquet").to_pylist()
    text = Page(html).text
    shown = [row for row in rows if f"{row['key']}, {row['sample_id']}, pass {row['pass']}" in text]
    assert len(shown) == 8 * FEW.samples
    assert all(" ".join(row["instruction"].split()) in text for row in shown)


@pytest.mark.slow
def test_the_same_bytes_again_and_other_samples_by_another_seed(
    html: str, demo_build: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(demo_build, copy)
    again = page(Folder(str(copy)), FEW).decode()
    assert again == html
    assert str(demo_build) not in html, "no path of the machine"
    assert str(tmp_path) not in again
    assert page(Folder(str(copy)), PageOptions(samples=2, decoded=20, seed=1)).decode() != html


@pytest.mark.slow
def test_texts_from_data_are_only_text(demo_build: Path, tmp_path: Path) -> None:
    def attack(row: dict[str, object]) -> None:
        row |= {"instruction": HOSTILE, "sample_id": HOSTILE, "license": HOSTILE}

    copy = changed(demo_build, tmp_path / "hostile", attack)
    keys = ("source", "task", "sample_id", "stage", "reason", "detail")
    line = dict.fromkeys(keys, HOSTILE)
    bad = json.dumps(line | {"file": "\ud800" + HOSTILE, "key": "0"})
    (copy / "quarantine" / "quarantine.jsonl").write_text(f"{bad}\n" * 3)
    found = Page(page(Folder(str(copy)), FEW).decode())
    assert not found.all("script")
    assert all(image["src"].startswith("data:") for image in found.all("img"))
    assert found.text.count("<script>window.pwned=1</script>") > 8 * FEW.samples
    assert "\0" not in found.text
    assert "\x1b" not in found.text


def test_quarantined_records_stand_in_tables(demo_build: Path, tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(demo_build, copy)
    line = {
        "source": "kitti", "task": "depth", "stage": "load", "reason": "truncated",
        "detail": "ends after 12 bytes", "file": "a/b.png", "key": "1",
    }  # fmt: skip
    rows = [line | {"sample_id": f"record-{k}"} for k in range(130)]
    rows += [line | {"sample_id": "other", "reason": "missing", "detail": "y" * 2000}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (copy / "quarantine" / "quarantine.jsonl").write_text(text)
    found = Page(page(Folder(str(copy)), PageOptions(samples=0, decoded=0)).decode()).text
    assert "131 records were found damaged" in found
    assert re.search(r"kitti\s*depth\s*load\s*truncated\s*130\s*a file ends before", found)
    assert "The first 100 of 131 records" in found
    assert "record-99" in found
    assert "record-100" not in found
    (copy / "quarantine" / "quarantine.jsonl").write_text("{}\n")
    with pytest.raises(BuildError, match="line 1"):
        page(Folder(str(copy)), PageOptions(samples=0, decoded=0))


def test_no_whole_shard_is_read(demo_build: Path) -> None:
    folder = CountingFolder(str(demo_build))
    page(folder, PageOptions(samples=1, decoded=5))
    tars = [(path, size) for path, size in folder.reads if ".tar" in path]
    assert all(size > 0 for _, size in tars), "by range only"
    sample_reads = [size for path, size in tars if path.endswith(".tar")]
    assert 8 <= len(sample_reads) <= 8 + 5
    assert all(size == 16 for path, size in tars if path.endswith(".idx"))


@pytest.mark.slow
def test_a_hundred_thousand_samples(demo_build: Path, tmp_path: Path) -> None:
    large = many_times(demo_build, tmp_path / "large", 1042)
    folder = CountingFolder(str(large))
    html = page(folder, PageOptions(samples=2, decoded=40))
    text = Page(html.decode()).text
    assert "100,032 samples" in text
    assert "2 of 15,630" in text
    ranges = [path for path, _ in folder.reads if path.endswith(".tar")]
    assert len(ranges) <= 16 + 40
    assert len(html) < 2_000_000
    depth = next(c for c in manifest_of(demo_build)["cells"] if c["task"] == "depth")
    assert re.search(rf"\d+ of {depth['realised'] * 1042:,} samples: median", text)


@pytest.mark.slow
def test_the_page_does_not_outgrow_its_bound(demo_build: Path) -> None:
    folder = Folder(str(demo_build))
    whole = page(folder, PageOptions(samples=1000))
    small = page(folder, PageOptions(samples=1000, max_bytes=400_000))
    assert len(small) <= 400_000 < len(whole)
    shown = re.findall(r"<span>(\d+) of (\d+)</span>", small.decode())
    counts = [int(n) for n, _ in shown]
    assert len(counts) == 8
    assert max(counts) - min(counts) <= 1 or min(counts) == int(
        min(shown, key=lambda s: int(s[0]))[1]
    )
    assert sum(counts) < 96
    assert sum(int(n) for n, _ in re.findall(r"<span>(\d+) of (\d+)</span>", whole.decode())) == 96


def test_a_damaged_build_is_said_not_drawn(demo_build: Path, tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(demo_build, copy)
    tar = copy / manifest_of(copy)["shards"][1]["tar"]
    tar.write_bytes(tar.read_bytes()[:-4096].ljust(tar.stat().st_size, b"\0")[1000:])
    with pytest.raises(BuildError, match="run vbdata verify"):
        page(Folder(str(copy)), PageOptions(samples=50))


def small_build(folder: Path, data: Path, name: str) -> tuple[Recipe, Path]:
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "# my mixture\nname: small\nseed: 5\nsamples: 6\nsources:\n"
        f"  kitti: {{dataset: kitti, root: {data}/kitti, tasks: {{depth: 1}}}}\n"
        f"  mine: {{dataset: coco, root: {data}/coco, split: train2017, tasks: {{semantic: 1}}}}\n"
    )
    loaded = load_recipe(recipe)
    build(loaded, Folder(str(folder / name)), How())
    return loaded, folder / name


@pytest.mark.slow
def test_its_commands_make_the_same_bytes(tmp_path: Path, demo_data: Path) -> None:
    """The recipe and the commands are taken out of the page, and run."""
    recipe, out = small_build(tmp_path, demo_data, "out")
    html = page(Folder(str(out)), PageOptions(samples=0, decoded=0)).decode()
    text, commands = (unescape(pre) for pre in re.findall(r"<pre>(.*?)</pre>", html, re.DOTALL))
    assert text == recipe.text
    assert "its digest is that of the build" in html
    assert "has the code that made the build" in html
    again = tmp_path / "again"
    again.mkdir()
    (again / "recipe.yaml").write_text(text)
    (line,) = re.findall(r"vbdata build .*?[^\\]\n", commands, re.DOTALL)
    words = [word for word in shlex.split(line.replace("\\\n", " "))[1:] if word]
    for old, new in (
        ("recipe.yaml", str(again / "recipe.yaml")),
        ("rebuilt", str(again / "rebuilt")),
    ):
        words[words.index(old)] = new
    words = [word.replace("=data/kitti", f"={demo_data}/kitti") for word in words]
    words = [word.replace("=data/mine", f"={demo_data}/coco") for word in words]
    done = CliRunner().invoke(app, [*words, "--local"])
    assert done.exit_code == 0, done.output
    rebuilt = again / "rebuilt"
    assert manifest_of(rebuilt)["digest"] in commands
    assert (rebuilt / "SHA256SUMS").read_bytes() == (out / "SHA256SUMS").read_bytes()
    pins = manifest_of(out)["environment"]
    assert all(
        f"{name}=={pins[name].partition('+')[0]}" in commands for name in pins if name != "python"
    )


def test_without_its_plan_folder_the_recipe_comes_from_the_manifest(
    tmp_path: Path, demo_data: Path
) -> None:
    recipe, out = small_build(tmp_path, demo_data, "out")
    shutil.rmtree(out / "plan")
    html = page(Folder(str(out)), PageOptions(samples=0, decoded=0)).decode()
    assert "made from the manifest" in html
    text = unescape(re.findall(r"<pre>(.*?)</pre>", html, re.DOTALL)[0])
    (tmp_path / "second.yaml").write_text(text)
    assert load_recipe(tmp_path / "second.yaml").digest() == recipe.digest()


def test_another_order_in_the_folder_is_not_believed(tmp_path: Path, demo_data: Path) -> None:
    _, out = small_build(tmp_path, demo_data, "out")
    order = json.loads((out / "plan" / "order.json").read_text())
    order["recipe"] = order["recipe"].replace("seed: 5", "seed: 6")
    (out / "plan" / "order.json").write_text(json.dumps(order))
    html = page(Folder(str(out)), PageOptions(samples=0, decoded=0)).decode()
    assert "made from the manifest" in html
    assert "seed: 6" not in html


@pytest.mark.slow
def test_a_quarantine_of_a_real_build(tmp_path: Path, demo_data: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(demo_data / "kitti", data / "kitti")
    shutil.copytree(demo_data / "coco", data / "coco")
    damaged = sorted((data / "kitti").rglob("groundtruth/image_02/*.png"))[:3]
    for file in damaged:
        file.write_bytes(file.read_bytes()[:300])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"name: q\nseed: 1\nsamples: 7\nmax_bad: 0.9\nsources:\n"
        f"  kitti: {{dataset: kitti, root: {data}/kitti, tasks: {{depth: 1}}}}\n"
    )
    build(load_recipe(recipe), Folder(str(tmp_path / "out")), How())
    rows = quarantine_of(tmp_path / "out")
    assert rows
    text = Page(page(Folder(str(tmp_path / "out")), PageOptions()).decode()).text
    assert f"{len(rows)} records were found damaged" in text
    assert all(row["file"] in text and row["detail"] in text for row in rows)


@pytest.mark.slow
def test_the_command_writes_a_page(demo_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    few = ["--samples", "1", "--decoded", "3"]
    done = CliRunner().invoke(app, ["report", str(demo_build), "--out", str(out), *few])
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == page(Folder(str(demo_build)), PageOptions(samples=1, decoded=3))
    none = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "no.html")])
    assert none.exit_code == 1
    assert "holds no finished build" in none.output
    assert not (tmp_path / "no.html").exists()


@pytest.mark.parametrize("command", ["stats", "report"])
def test_help_has_examples(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"]).stdout
    assert f"vbdata {command} demo/build" in text
    assert "Example" in text
