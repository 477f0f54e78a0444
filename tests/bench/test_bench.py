"""`vbdata bench` from a raw folder to a line of the table, on the demo writers' data."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as masks
from typer.testing import CliRunner

from tests.helpers.builds import REPOSITORY
from vbdata import plugins
from vbdata.bench import facts
from vbdata.bench.build import recipe_of
from vbdata.bench.export import forms, place
from vbdata.bench.rows import Rows
from vbdata.cli.app import app
from vbdata.errors import RecipeError
from vbdata.publish.rebuild import recipe_text
from vbdata.recipe.recipe import parse_recipe
from vbdata.storage.folder import Folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # of pycocotools
]

# benchmark: the demo writer's name and options, and what besides the root is to be said
DEMOS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "cityscapes-val": ("cityscapes", {}, []),
    "diode-indoor-depth": ("diode", {}, []),
    "dsine-ibims": ("dsine", {}, []),
    "dsine-nyuv2": ("dsine", {}, []),
    "dsine-oasis": ("dsine", {}, []),
    "dsine-scannet": ("dsine", {}, []),
    "dsine-sintel": ("dsine", {}, []),
    "dsine-vkitti": ("dsine", {}, []),
    "eth3d-depth": ("eth3d", {}, []),
    "genai-bench": ("genai_bench", {}, []),
    "grefcoco-val": ("grefcoco", {}, []),
    "ibims1-depth": ("ibims1", {}, []),
    "imgedit-bench-basic": ("imgedit_bench", {}, []),
    "imgedit-bench-uge": ("imgedit_bench", {}, []),
    "kitti-eigen-depth": ("kitti", {}, []),
    "marigold-diode": ("marigold", {}, []),
    "marigold-kitti": ("marigold", {}, []),
    "marigold-nyuv2": ("marigold", {}, []),
    "marigold-scannet": ("marigold", {}, []),
    "moge-nyuv2": ("moge", {}, []),
    "nuscenes-val-depth": ("nuscenes", {}, []),
    "nyuv2-depth": ("nyuv2", {"labeled": True}, []),
    "reasonseg-val": ("reasonseg", {}, []),
    "reasonseg-test": ("reasonseg", {}, []),
    "refcoco-val": ("refcoco", {}, []),
    "saco-gold": ("saco", {}, ["--source", "metaclip", "--source", "sa1b"]),
}
LEAST = {
    **{"delta1": 0.999, "miou": 1.0, "ciou": 1.0, "giou": 1.0, "giou_lisa": 0.999, "cgf1": 99.9},
    "answers": 4,
}
MOST = {"mean": 0.5}  # degrees


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Writes the demo data of a benchmark once, and returns its folder."""
    top = tmp_path_factory.mktemp("raw")

    def written(name: str) -> Path:
        reader, options, _ = DEMOS[name]
        folder = top / reader
        if not folder.exists():
            folder.mkdir()
            writer = importlib.import_module(f"{plugins.HOME}.{plugins.DATASETS}.demo.{reader}")
            writer.write(folder, seed=0, **options)
        return folder

    return written


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["bench", *map(str, words)])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def built(raw: Any, name: str, out: Path, *more: str) -> Path:
    run("build", name, "--root", raw(name), "--out", out, "--local", *DEMOS[name][2], *more)
    return out


def answered(build: Path, out: Path, change: Any, keys: slice = slice(None)) -> Path:
    """Answers made of the targets of a build by a function of their pixels."""
    out.mkdir()
    rows = Rows.of(Folder(str(build)), {})
    for key in rows.keys[keys]:
        Image.fromarray(change(rows.build[key].target)).save(out / f"{key}.png")
    return out


@pytest.mark.parametrize("name", sorted(DEMOS))
def test_from_a_raw_folder_to_a_line_of_the_table(raw: Any, tmp_path: Path, name: str) -> None:
    """Perfect answers have the best score that there is, and the line says of how many rows."""
    build = built(raw, name, tmp_path / "built")
    report = tmp_path / "scores" / "mine.json"
    run("score", name, "--targets", "--build", build, "--out", report)
    lines = json.loads(run("table", report, "--json"))
    known = facts.benchmark(name)
    mine = [line for line in lines if line["is"] == "score"]
    assert [line["variant"] for line in mine] == [variant.name for variant in known.variants]
    (first,) = (line for line in mine if line["variant"] == known.primary.variant)
    metric = known.primary.metric
    assert LEAST.get(metric, 0) <= first["value"] <= MOST.get(metric, 100)
    assert first["mark"] == "subset", "the demo data are no official set"
    assert len(lines) - len(mine) == len(known.published)


def test_every_benchmark_has_a_recipe_that_is_enumerated(tmp_path: Path) -> None:
    for name in facts.names():
        known = facts.benchmark(name)
        recipe = recipe_of(known, {"": [str(tmp_path)]})
        assert (recipe.name, recipe.votes) == (name, 1)
        assert [source.name for source in recipe.sources] == list(known.size)
        assert known.primary.variant in {variant.name for variant in known.variants}
        for row in known.published:
            assert row.comparable or row.why
    assert facts.names(), "there are some"
    with pytest.raises(RecipeError, match="did you mean 'cityscapes-val'"):
        facts.benchmark("cityscape-val")
    with pytest.raises(RecipeError, match="--root nyuv2=PATH: where its data lies"):
        recipe_of(facts.benchmark("nyuv2-depth"), {})


def test_missing_answers_are_named_and_the_score_is_marked(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "reasonseg-val", tmp_path / "built")
    answers = answered(build, tmp_path / "answers", lambda rgb: rgb, slice(1, None))
    (answers / "stranger.png").write_bytes(b"")
    report = tmp_path / "mine.json"
    text = run("score", "reasonseg-val", answers, "--build", build, "--out", report, code=1)
    assert "00000000: missing: no answer" in text
    assert "stranger.png is named after no sample" in text
    assert "not complete: these scores are of the other queries alone" in text
    (line, *_) = json.loads(run("table", report, "--json"))
    assert (line["mark"], line["why"]) == ("partial", "1 missing, of 4 queries")
    assert line["value"] == pytest.approx(1, abs=1e-3)
    nothing = answered(build, tmp_path / "black", np.zeros_like)
    text = run("score", "reasonseg-val", nothing, "--build", build, "--json")
    assert json.loads(text)["variants"]["official"]["ciou"] == 0


def test_votes_over_permuted_legends_are_merged_and_handed_over(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "cityscapes-val", tmp_path / "built", "--votes", "3")
    rows = Rows.of(Folder(str(build)), {})
    assert [len(query.votes) for query in rows.queries] == [3] * len(rows.queries)

    def spoilt(rgb: Any) -> Any:
        return np.roll(rgb, 9, 1)

    # two of three votes are right, so the majority is
    wrong = {query.votes[0].key for query in rows.queries}
    answers = tmp_path / "answers"
    answers.mkdir()
    for key in rows.keys:
        target = rows.build[key].target
        Image.fromarray(spoilt(target) if key in wrong else target).save(answers / f"{key}.png")
    report = json.loads(run("score", "cityscapes-val", answers, "--build", build, "--json"))
    assert (report["votes"], report["queries"]["asked"]) == (3, len(rows.queries))
    assert report["variants"]["official"]["miou"] == 1
    out = tmp_path / "results"
    run("export", "cityscapes-val", answers, "--build", build, "--as", "label-ids", "--out", out)
    for query in rows.queries:
        city = query.sample_id.partition("_")[0]
        folder = raw("cityscapes-val") / "gtFine" / "val" / city
        truth = np.array(Image.open(folder / f"{query.sample_id}_gtFine_labelIds.png"))
        mine = np.array(Image.open(out / f"{query.sample_id}.png"))
        counted = np.isin(truth, list(facts.benchmark("cityscapes-val").ids.values()))
        assert counted.any()
        assert (mine == truth)[counted].all()


def test_answers_of_several_folders_are_votes(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "ibims1-depth", tmp_path / "built")
    good = answered(build, tmp_path / "good", lambda rgb: rgb)
    also = answered(build, tmp_path / "also", lambda rgb: rgb)
    bad = answered(build, tmp_path / "bad", lambda rgb: np.roll(rgb, 20, 1))
    alone = json.loads(run("score", "ibims1-depth", bad, "--build", build, "--json"))
    voted = json.loads(run("score", "ibims1-depth", bad, good, also, "--build", build, "--json"))
    assert alone["variants"]["metric"]["delta1"] < 0.99
    assert voted["variants"]["metric"]["delta1"] == pytest.approx(1, abs=0.01)
    both = tmp_path / "both"
    both.mkdir()
    good.rename(both / "vote-0")
    also.rename(both / "vote-1")
    assert json.loads(run("score", "ibims1-depth", both, "--build", build, "--json"))["votes"] == 2
    out = tmp_path / "metres"
    run("export", "ibims1-depth", both, "--build", build, "--as", "depth-npy", "--out", out)
    rows = Rows.of(Folder(str(build)), {})
    for query in rows.queries:
        (truth,) = rows.truths(query, rows.entry(query))
        metres = np.load(out / f"{query.sample_id}.npy")
        off = np.abs(metres - truth.metres)[truth.valid & np.isfinite(metres)]
        assert off.max() < 0.1


def test_depth_and_normals_are_handed_over_as_pictures(raw: Any, tmp_path: Path) -> None:
    out, build = tmp_path / "depth", built(raw, "ibims1-depth", tmp_path / "of-depth")
    run("export", "ibims1-depth", "--targets", "--build", build, "--as", "depth-png", "--out", out)
    rows, units = Rows.of(Folder(str(build)), {}), facts.benchmark("ibims1-depth").units
    for query in rows.queries:
        (truth,) = rows.truths(query, rows.entry(query))
        stored = np.array(Image.open(out / f"{query.sample_id}.png"))
        assert (stored.dtype, stored.shape) == (np.uint16, truth.metres.shape)
        assert ((stored == 0) == ~truth.valid).all()
        off = np.abs(stored / units - truth.metres)[truth.valid]
        assert off.max() < 0.02 * truth.metres[truth.valid].max()
    out, build = tmp_path / "normals", built(raw, "dsine-nyuv2", tmp_path / "of-normals")
    run("export", "dsine-nyuv2", "--targets", "--build", build, "--as", "normals-png", "--out", out)
    rows = Rows.of(Folder(str(build)), {})
    for query in rows.queries:
        (truth,) = rows.truths(query, rows.entry(query))
        stored = np.array(Image.open(out / f"{query.sample_id}.png")).astype(float)
        found = -(2 * stored / 255 - 1).transpose(2, 0, 1)
        cosines = (found * truth.xyz).sum(0) / np.sqrt((found**2).sum(0))
        assert cosines[truth.valid].min() > np.cos(np.radians(1.5))


def test_instances_are_handed_over_as_the_official_script_reads_them(
    raw: Any, tmp_path: Path
) -> None:
    build = built(raw, "saco-gold", tmp_path / "built")
    out = tmp_path / "results"
    run("export", "saco-gold", "--targets", "--build", build, "--as", "coco", "--out", out)
    results = json.loads((out / "answers.json").read_text())
    folder = raw("saco-gold") / "gt-annotations"
    truth: dict[int, list[Any]] = {}
    for file in folder.glob("*_a_*.json"):
        for one in json.loads(file.read_text())["annotations"]:
            truth.setdefault(one["image_id"], []).append(masks.decode(one["segmentation"]))
    assert {one["image_id"] for one in results} <= set(truth)
    for one in results:
        assert one["category_id"] == 1
        assert one["score"] == pytest.approx(1)
        mask = masks.decode(one["segmentation"])
        assert one["bbox"] == masks.toBbox(one["segmentation"]).tolist()
        best = max((mask & t).sum() / (mask | t).sum() for t in truth[one["image_id"]])
        assert best > 0.95
    run("export", "saco-gold", "--targets", "--build", build, "--as", "depth-npy", code=2)


def test_what_is_judged_elsewhere_is_collected_under_its_names(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "imgedit-bench-basic", tmp_path / "built")
    answers = answered(build, tmp_path / "answers", lambda rgb: np.tile(255 - rgb, (2, 2, 1)))
    out = tmp_path / "judged"
    words = ("imgedit-bench-basic", answers, "--build", build, "--as", "pictures", "--out", out)
    run("export", *words)
    notes = json.loads(next(raw("imgedit-bench-basic").rglob("basic_edit.json")).read_text())
    assert {path.stem for path in out.glob("*.png")} <= set(notes)
    rows = Rows.of(Folder(str(build)), {})
    for query in rows.queries:
        mine = np.array(Image.open(out / f"{query.sample_id}.png"))
        assert (mine == np.array(Image.open(answers / f"{query.row.key}.png"))).all(), "as it is"
    (answers / f"{rows.keys[0]}.png").unlink()
    assert "1 unanswered" in run("score", *words[:4], code=1)
    run("export", "imgedit-bench-basic", answers, answers, *words[2:], code=2)


def test_the_page_shows_the_worst_answers_first(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "refcoco-val", tmp_path / "built")
    rows = Rows.of(Folder(str(build)), {})
    answers = answered(build, tmp_path / "answers", lambda rgb: rgb)
    worst = rows.queries[7].row.key
    Image.fromarray(np.zeros_like(rows.build[worst].target)).save(answers / f"{worst}.png")
    report, page = tmp_path / "mine.json", tmp_path / "page.html"
    named = ("--model", "<b>mine</b>")
    run("score", "refcoco-val", answers, "--build", build, "--out", report, *named)
    markdown = run("table", report, "--markdown", "--html", page)
    assert markdown.startswith("| benchmark | who | variant |")
    html = page.read_text()
    shown = html.index("worst answers by ciou")
    assert worst in html[shown : html.index("</figure>", shown)]
    assert "&lt;b&gt;mine&lt;/b&gt;" in html
    assert html.count("data:image") >= 4 * 6
    assert "<script" not in html
    report.write_text(report.read_text().replace(str(build), str(tmp_path / "gone")))
    run("table", report, "--html", page)
    assert "no pictures:" in page.read_text()


def test_its_build_is_one_like_any_other(raw: Any, tmp_path: Path) -> None:
    build = built(raw, "refcoco-val", tmp_path / "built")
    for words in (
        ["verify", build],
        ["stats", build],
        ["report", build, "--out", tmp_path / "page.html"],
        ["lock", build, "--out", tmp_path / "l.lock.json"],
        ["eval", build],
    ):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, (words, result.output, result.exception)
    text = recipe_text(json.loads((build / "manifest.json").read_text()))
    again = parse_recipe(text, "card", tmp_path, {"refcoco": [str(raw("refcoco-val"))]})
    digest = json.loads((build / "manifest.json").read_text())["recipe_sha256"]
    assert again.digest() == digest, "its card has the whole recipe"


def test_a_build_whose_samples_are_drawn_is_refused(demo_build: Path) -> None:
    result = CliRunner().invoke(
        app, ["bench", "score", "nyuv2-depth", "--targets", "--build", str(demo_build)]
    )
    assert result.exit_code == 1
    assert "its samples were drawn" in result.output + result.stderr


@pytest.mark.parametrize("name", ["../a", "a//b", "a\\b", "/a", "."])
def test_files_of_records_stay_below_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="is no name for a file"):
        place(tmp_path, name)


def test_the_page_of_benchmarks_names_all_of_them() -> None:
    page = (REPOSITORY / "docs" / "benchmarks.md").read_text()
    named = {name for name in facts.names() if f"`{name}`" in page}
    assert named == set(facts.names())
    for form in forms():
        assert f"`{form}`" in page


def test_the_block_of_the_page_runs(
    raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build = built(raw, "ibims1-depth", tmp_path / "built")
    (block,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "benchmarks.md").read_text(), re.DOTALL
    )
    keyed = Rows.of(Folder(str(build)), {}).build
    seen: dict[str, Any] = {"my_model": lambda key: keyed[key].target}
    exec(block, seen)
    (first, *_) = seen["report"]["variants"].values()
    assert first["delta1"] > 0.999
