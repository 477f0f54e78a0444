"""`vbdata eval` from end to end: the demo build's own targets, damaged answers, no answers."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tests.helpers.builds import demo_recipe_over
from vbdata.cli.eval import eval_
from vbdata.core.images import encode_jpeg
from vbdata.core.png import encode_png
from vbdata.engine.build import build
from vbdata.errors import BuildError, RecipeError
from vbdata.evaluation import pieces as evaluate_pieces
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.predictions import PredictionFolder
from vbdata.evaluation.report import faulty
from vbdata.evaluation.truth import BuildTruth, kind_of
from vbdata.run.how import How
from vbdata.storage.folder import Folder

app = typer.Typer()
app.command()(eval_)

BEST: dict[str, tuple[str, float]] = {
    "depth": ("absrel", 0.0),
    "normals": ("mean", 0.0),
    "classes": ("miou", 1.0),
    "instances": ("pq", 1.0),
    "regions": ("giou", 1.0),
    "image": ("psnr", 100.0),
}
PLAIN = EvaluationOptions(trivial=False)


@pytest.fixture(scope="module")
def truth(demo_build: Path) -> BuildTruth:
    return BuildTruth(Folder(str(demo_build)))


@pytest.fixture(scope="module")
def perfect(truth: BuildTruth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build's own targets as answers. Read only."""
    folder = tmp_path_factory.mktemp("perfect")
    for key in truth.keys:
        (folder / f"{key}.png").write_bytes(encode_png(truth.read(key).target))
    return folder


@pytest.fixture
def answers(perfect: Path, tmp_path: Path) -> Path:
    """Hard links to them, to be damaged by replacing."""
    for file in perfect.iterdir():
        (tmp_path / file.name).hardlink_to(file)
    return tmp_path


def first(truth: BuildTruth, kind: str) -> str:
    return next(key for key in truth.keys if kind_of(truth.row(key).task) == kind)


def rows(report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Rows by name, of each cell of a kind."""
    results = [result for result in report["results"] if result["kind"] == kind]
    return [{row["name"]: row for row in result["rows"]} for result in results]


@pytest.mark.slow
def test_the_targets_themselves_are_perfect(truth: BuildTruth, perfect: Path) -> None:
    report = evaluate(truth, PredictionFolder(str(perfect)), PLAIN)
    assert not faulty(report)
    assert report["samples"] == {"asked": len(truth), "scored": len(truth), "resized": 0}
    assert {result["kind"] for result in report["results"]} == {*BEST, "generated"}
    for result in report["results"]:
        assert result["samples"]["scored"] == sum(
            (row.source, row.task) == (result["source"], result["task"])
            for row in map(truth.row, truth.keys)
        )
        if result["kind"] == "generated":
            assert result["rows"] == []
            assert result["not_measured"]
            continue
        assert [row["name"] for row in result["rows"]] == ["prediction", "ceiling"]
        name, best = BEST[result["kind"]]
        for row in result["rows"]:
            assert row["samples"] == result["samples"]["scored"]
            assert row["metrics"][name] == best
            assert row["metrics"].get("rejected", 0) == 0
    json.dumps(report, allow_nan=False)


@pytest.mark.slow
def test_rows_to_beat_stand_beside_the_ceiling(truth: BuildTruth) -> None:
    report = evaluate(truth)
    assert not report["answered"]
    wanted = {
        "depth": ["constant median", "mean map"],
        "normals": ["constant normal", "mean map"],
        "classes": ["majority class", "mode map"],
        "instances": ["nothing", "everything"],
        "regions": ["nothing", "everything"],
        "image": [],
    }
    for kind, names in wanted.items():
        name, best = BEST[kind]
        for cell in rows(report, kind):
            assert [*cell] == [*names, "copied input", "ceiling"]
            assert len({row["samples"] for row in cell.values()}) == 1
            for row in [*names, "copied input"]:
                assert cell[row]["is"] == "trivial"
                assert abs(cell[row]["metrics"][name] - best) > 0.01
    published = {r["dataset"]: r["published"] for r in report["results"]}
    assert all(one["source"].startswith("arXiv") for one in published["refcoco"])


@pytest.mark.slow
@pytest.mark.parametrize("cap", [80.0, 12.0])
def test_a_constant_is_learnt_from_other_scenes(truth: BuildTruth, cap: float) -> None:
    """By hand: each scene is answered by the median of all others, below the cap."""
    keys = [k for k in truth.keys if truth.row(k).source == "kitti"]
    labels = {key: truth.read(key).label for key in keys}
    errors = []
    for key, label in labels.items():
        group = truth.row(key).group
        near = [
            other.metres[other.valid] for k, other in labels.items() if truth.row(k).group != group
        ]
        others = np.concatenate(near)
        constant = np.median(others[others < cap])
        t = label.metres[label.valid]
        t = t[(t > 0.001) & (t < cap)]
        errors.append(float(np.mean(np.abs(constant - t) / t)))
    how = EvaluationOptions(crop="none", max_depth=cap, tasks=("depth",))
    found = rows(evaluate(truth, None, how), "depth")
    kitti = next(cell for cell in found if cell["ceiling"]["samples"] == len(keys))
    # the median is read from steps of 0.7 %
    assert kitti["constant median"]["metrics"]["absrel"] == pytest.approx(np.mean(errors), rel=0.01)


@pytest.mark.slow
def test_the_raw_data_sharpens_the_truth(truth: BuildTruth, demo_data: Path) -> None:
    roots = {name: [str(demo_data / name)] for name in ("kitti", "hypersim")}
    how = EvaluationOptions(trivial=False, roots=roots, tasks=("depth", "normals"), crop="none")
    report = evaluate(truth, None, how)
    assert {result["truth"] for result in report["results"]} == {"raw"}
    for cell in rows(report, "depth"):
        metrics = cell["ceiling"]["metrics"]
        assert 0 < metrics["absrel"] < 0.005  # 1,786 codes; 254 of other palettes are coarser
        assert metrics["delta1"] == 1
    (cell,) = rows(report, "normals")
    assert 0 < cell["ceiling"]["metrics"]["mean"] < 0.4
    with pytest.raises(RecipeError, match="did you mean 'kitti'"):
        evaluate(truth, None, EvaluationOptions(roots={"kiti": [""]}))


def test_raw_data_that_has_changed(truth: BuildTruth, demo_data: Path, tmp_path: Path) -> None:
    key = next(key for key in truth.keys if truth.row(key).source == "kitti")
    frame = truth.row(key).sample_id.rpartition("/")[2]
    shutil.copytree(demo_data / "kitti", tmp_path / "kitti")
    for file in (tmp_path / "kitti").rglob(f"{frame}.*"):
        file.unlink()
    with pytest.raises(BuildError, match=r"source 'kitti' at .* lacks [0-9]+ records"):
        evaluate(truth, None, EvaluationOptions(roots={"kitti": [str(tmp_path / "kitti")]}))


@pytest.mark.slow
def test_every_fault_is_reported(truth: BuildTruth, answers: Path) -> None:
    depth, normals, edit = (first(truth, kind) for kind in ("depth", "normals", "image"))
    unlinked = [answers / f"{key}.png" for key in (depth, normals, edit)]
    for file in unlinked:
        file.unlink()
    (answers / f"{normals}.png").write_bytes(b"\x89PNG\r\n\x1a\nnot one")
    (answers / f"{edit}.png").write_bytes(encode_png(np.zeros((10, 200, 3), np.uint8)))
    other = first(truth, "classes")
    (answers / f"{other}.jpg").write_bytes(encode_jpeg(np.zeros((8, 8, 3), np.uint8)))
    (answers / "notes.txt").write_text("hello")
    (answers / "stranger.png").write_bytes(b"")
    report = evaluate(truth, PredictionFolder(str(answers)), PLAIN)
    assert faulty(report)
    assert report["faults"]["counts"] == {
        "missing": 1, "unreadable": 1, "stretched": 1, "twice": 1, "unknown key": 2,
    }  # fmt: skip
    by_cause = {one["cause"]: one for one in report["faults"]["list"]}
    assert by_cause["missing"]["key"] == depth
    assert normals in by_cause["unreadable"]["detail"]
    assert by_cause["stretched"] == {
        "key": edit, "cause": "stretched", "detail": "200x10, the truth is 160x120",
    }  # fmt: skip
    assert report["samples"]["scored"] == len(truth) - 2
    for cell in rows(report, "normals"):
        assert cell["prediction"]["samples"] == cell["ceiling"]["samples"]


@pytest.mark.slow
def test_answers_of_another_size(truth: BuildTruth, answers: Path) -> None:
    """Twice the size by repetition is the same answer."""
    for key in truth.keys:
        target = truth.read(key).target
        (answers / f"{key}.png").unlink()
        large = target.repeat(2, 0).repeat(2, 1)
        (answers / f"{key}.png").write_bytes(encode_png(np.ascontiguousarray(large)))
    report = evaluate(truth, PredictionFolder(str(answers)), PLAIN)
    assert not faulty(report)
    assert report["samples"]["resized"] == len(truth)
    for kind, (name, best) in BEST.items():
        for cell in rows(report, kind):
            assert cell["prediction"]["metrics"][name] == pytest.approx(best, abs=1e-9)


def test_pairs_and_functions_give_what_a_folder_gives(truth: BuildTruth, perfect: Path) -> None:
    how = EvaluationOptions(trivial=False, tasks=("refer", "edit"))
    keys = truth.keys_of(how.tasks)
    files = PredictionFolder(str(perfect))
    wanted = evaluate(truth, files, how)
    by_key = evaluate(truth, lambda key: files(key), how)
    pairs = [(key, files(key)) for key in keys[::-1]]
    assert by_key == wanted
    given: Any = iter([*pairs, pairs[0], ("nobody", pairs[0][1])])
    report = evaluate(truth, given, how)
    assert [row["rows"] for row in report["results"]] == [row["rows"] for row in wanted["results"]]
    assert report["faults"]["counts"]["twice"] == 1
    assert report["faults"]["counts"]["unknown key"] == 1
    some: Any = iter([(keys[0], np.zeros((4, 4), np.uint8)), (keys[1], pairs[-2][1])])
    report = evaluate(truth, some, how)
    assert report["faults"]["counts"]["unreadable"] == 1
    assert report["faults"]["counts"]["missing"] == len(keys) - 2


@pytest.mark.slow
def test_workers_change_no_bit(truth: BuildTruth, perfect: Path) -> None:
    files = PredictionFolder(str(perfect))
    one, two = (evaluate(truth, files, EvaluationOptions(trivial=False, workers=n)) for n in (1, 2))
    assert json.dumps(one) == json.dumps(two)
    with pytest.raises(RecipeError, match="several workers need a folder"):
        evaluate(truth, iter(()), EvaluationOptions(workers=2))


@pytest.mark.slow
def test_pieces_only_move_the_last_digits(
    truth: BuildTruth, perfect: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = EvaluationOptions(tasks=("depth", "normals", "semantic", "instance", "refer"), limit=40)
    files = PredictionFolder(str(perfect))
    whole = evaluate(truth, files, how)
    monkeypatch.setattr(evaluate_pieces, "PIECE", 7)
    for one, other in zip(whole["results"], evaluate(truth, files, how)["results"], strict=True):
        for row, again in zip(one["rows"], other["rows"], strict=True):
            assert row["name"] == again["name"]
            one_way, another = row["metrics"], again["metrics"]
            assert [v is None for v in one_way.values()] == [v is None for v in another.values()]
            known = [name for name, value in one_way.items() if value is not None]
            assert [one_way[n] for n in known] == pytest.approx([another[n] for n in known])


@pytest.mark.slow
def test_a_grey_answer_gains_nothing_by_being_rejected(truth: BuildTruth) -> None:
    def grey(key: str) -> Any:
        size = truth.row(key).geometry
        return np.full((size.height, size.width, 3), 128, np.uint8)

    report = evaluate(
        truth, grey, EvaluationOptions(trivial=False, tasks=("depth", "normals", "semantic"))
    )
    for cell in rows(report, "depth"):
        assert cell["prediction"]["metrics"]["rejected"] > 0.5
        assert cell["prediction"]["metrics"]["delta1"] < 0.2
    for cell in rows(report, "normals"):
        assert cell["prediction"]["metrics"]["rejected"] == 1
        assert cell["prediction"]["metrics"]["mean"] > 20
    for cell in rows(report, "classes"):
        assert cell["prediction"]["metrics"]["miou"] < 0.3


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
def test_the_command(truth: BuildTruth, demo_build: Path, answers: Path, tmp_path: Path) -> None:
    out = tmp_path / "more" / "report.json"
    given = ("--predictions", str(answers), "--task", "depth", "--no-trivial")
    done = run(str(demo_build), *given, "--out", str(out), "--crop", "eigen", "--max-depth", "50")
    assert done.exit_code == 0, done.output
    assert "prediction" in done.output
    assert "crop eigen" in done.output
    assert "no comparison under one protocol" in done.output
    report = json.loads(out.read_text())
    assert report["format"] == 1
    assert {r["protocol"]["max_depth"] for r in report["results"]} == {50.0}
    (answers / f"{first(truth, 'depth')}.png").unlink()
    done = run(str(demo_build), *given, "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["faults"]["counts"]["missing"] == 1
    assert run(str(demo_build), *given, "--allow-missing").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--predictions", "/nowhere"], 2, "no such folder"),
        (["--crop", "grag"], 2, "did you mean 'garg'"),
        (["--align", "mean"], 2, "unknown alignment"),
        (["--max-depth", "-1"], 2, "metres above 0.001"),
        (["--task", "depht"], 2, "did you mean 'depth'"),
        (["--root", "kitti"], 2, "expected SOURCE=URL"),
    ],
)
def test_wrong_commands(demo_build: Path, arguments: list[str], code: int, text: str) -> None:
    done = run(str(demo_build), *arguments)
    assert (done.exit_code, text in done.output) == (code, True), done.output


def test_no_build(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.exit_code == 1
    assert "holds no finished build" in done.output


@pytest.mark.slow
def test_negatives_reach_cgf1(demo_data: Path, tmp_path: Path) -> None:
    """Prompts for absent classes, so that presence can be scored."""
    from dataclasses import replace

    recipe = demo_recipe_over(demo_data)
    source = next(s for s in recipe.sources if s.name == "coco")
    tasks = {"instance": source.tasks["instance"] * 0 + 1}
    recipe = replace(
        recipe,
        samples=16,
        sources=(replace(source, tasks=tasks),),
        tasks={"instance": {"negatives": 0.5}},
    )
    build(recipe, Folder(str(tmp_path / "out")), How())
    truth = BuildTruth(Folder(str(tmp_path / "out")))
    (cell,) = rows(evaluate(truth), "instances")
    assert cell["ceiling"]["metrics"]["cgf1"] == 100
    assert cell["nothing"]["metrics"]["cgf1"] == cell["everything"]["metrics"]["il_mcc"] == 0
    assert not math.isclose(cell["nothing"]["metrics"]["il_mcc"], 1)
