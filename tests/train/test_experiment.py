"""The experiment: its tasks, its arms, its numbers, and what its report may claim."""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import results as results_of
from experiments.arms import ARMS, all_runs, config, mixture
from experiments.arms import Run as RunOf
from experiments.run import begin, run_all
from experiments.size import GENERATIVE, MANIFESTS, TASKS, load_size, task
from experiments.statistics import interval, paired
from pipelines import procedural
from pipelines.demo import procedural as demo
from vbdata import plugins
from vbdata.core.rng import Stream
from vbdata.errors import RecipeError
from vbdata.evaluation.truth import kind_of
from vbdata.recipe.recipe import load_recipe
from vbdata.storage.folder import Folder
from vbdata.train.config import check_config


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    demo.write(folder, seed=3, counts={"train": 10, "compositions": 6})
    return folder


@pytest.mark.parametrize("name", [*TASKS, *GENERATIVE])
def test_a_task_asks_in_few_words_and_decodes(name: str, scenes: Path) -> None:
    import torch

    module, root = plugins.task(task(name)), Folder(str(scenes))
    assert kind_of(task(name)) == kind_of(name)
    asked = 0
    for entry in procedural.index(root):
        if "edited" not in entry.labels or not any(
            fact.thing and fact.smallest >= 16 for fact in entry.classes
        ):
            continue
        ask = module.ask(entry, Stream("experiment", entry.id))
        assert ask == module.ask(entry, Stream("experiment", entry.id))
        assert len(ask.instruction) < (64 if name in GENERATIVE else 32)
        kinds = [need for need in module.NEEDS if need != "image"]
        sample = procedural.load(root, entry, kinds)
        label = torch.from_numpy(np.ascontiguousarray(sample.image))
        if module.NEEDS[0] != "image":
            label = sample.labels[module.NEEDS[0]]
            label = torch.from_numpy(label) if isinstance(label, np.ndarray) else label
        rgb = module.render(label, ask.params)
        assert module.roundtrip(label, rgb, ask.params) <= module.TOLERANCE
        asked += 1
    assert asked > 3


def test_instances_decode_by_their_place(scenes: Path) -> None:
    import torch

    module = plugins.task(task("instance"))
    params = {"class": "ball", "palette": [[255, 0, 0], [0, 255, 0]], "background": [0, 0, 0]}
    rgb = torch.zeros(8, 8, 3, dtype=torch.uint8)
    rgb[:3, :3] = torch.tensor([240, 20, 10])
    rgb[5:, 5:] = torch.tensor([10, 230, 30])
    rgb[0, 7] = torch.tensor([0, 0, 255])  # too small to be one
    found = module.decode(rgb, params)
    assert found.classes == ("ball", "ball")
    assert found.ids[0, 0] == 1
    assert found.ids[7, 7] == 2
    assert found.ids[0, 7] == 0


def test_the_depth_prompt_states_the_field_of_view(scenes: Path) -> None:
    for entry in procedural.index(Folder(str(scenes))):
        said = plugins.task(task("depth")).ask(entry, Stream("x")).instruction
        assert entry.camera is not None
        half = math.degrees(math.atan(entry.width / 2 / entry.camera[0]))
        assert f"{round(2 * half)} degrees" in said


@pytest.mark.parametrize("recipe", sorted(MANIFESTS.glob("[gtv][e-i]*.yaml")), ids=lambda p: p.stem)
def test_recipes_are_valid(recipe: Path) -> None:
    assert load_recipe(recipe).sources


@pytest.mark.parametrize("name", ["ci", "cpu", "gpu"])
def test_arms_differ_in_just_what_they_say(name: str, tmp_path: Path) -> None:
    size = load_size(name)
    runs = {run.arm: config(run, size, tmp_path) for run in all_runs(size) if run.seed == 1}
    for raw in runs.values():
        check_config(raw, tmp_path)
    assert {arm for arm in runs if "init" in runs[arm]} == {"A", "D"}
    assert runs["A"]["data"] == runs["C"]["data"]
    assert runs["B"]["data"] == runs["D"]["data"] == runs["E"]["data"]
    assert (
        len({json.dumps([runs[a]["model"], runs[a]["optim"], runs[a]["batch"]]) for a in runs}) == 1
    )
    assert {runs[arm]["steps"] for arm in "ABCD"} == {size.tuning}
    assert runs["E"]["steps"] == runs["pretraining"]["steps"] + runs["A"]["steps"]


def test_a_mixture_keeps_the_proportions_of_the_labels() -> None:
    for arm in ARMS:
        weights = mixture(RunOf(arm=arm, seed=1, labelled=16), 0.75)
        labels = sum(float(weights[task(name)]) for name in TASKS)
        assert labels == pytest.approx(0.75 if arm in "AC" else 1.0)
        assert sum(map(float, weights.values())) == pytest.approx(1.0)
        parts = {name: float(weights[task(name)]) / labels for name in TASKS}
        assert parts == pytest.approx(TASKS)


def test_an_interval_is_students() -> None:
    found = interval([1.0, 2.0, 4.0])  # mean 7/3, sd 1.52753, half 4.303 * sd / sqrt(3)
    assert found.mean == pytest.approx(7 / 3)
    assert found.deviation == pytest.approx(1.527525)
    assert found.half == pytest.approx(3.79488, rel=1e-4)
    assert found.shows == 0
    assert interval([2.0, 2.1, 2.2]).shows == 1
    assert interval([-2.0, -2.1, -2.2]).shows == -1
    assert interval([5.0]).shows == 0


def test_pairs_are_by_seed() -> None:
    found = paired({1: 3.0, 2: 5.0, 3: 9.0}, {2: 4.0, 1: 1.0})
    assert found is not None
    assert (found.mean, found.count) == (1.5, 2)
    assert paired({1: 1.0}, {2: 1.0}) is None


def made_up(folder: Path) -> results_of.Results:
    """Results without runs: the best trivial rows are 0.5 or 0.2, ceilings 0 or 1."""
    rows = {}
    for metric in results_of.METRICS:
        low, high = (0.2, 1.0) if metric.better > 0 else (0.5, 0.0)
        cell = rows.setdefault(
            (results_of.SEEN, task(metric.task)), {"none": {}, "ceiling": {}, "worse": {}}
        )
        cell["none"][metric.key], cell["ceiling"][metric.key] = low, high
        cell["worse"][metric.key] = low - 0.1 * metric.better
    size = load_size("ci")
    return results_of.Results(folder, {"size": size.model_dump()}, size, rows)


def test_skill_is_the_way_from_the_best_trivial_row_to_the_ceiling(tmp_path: Path) -> None:
    results = made_up(tmp_path)
    depth, miou = results_of.METRICS[0], results_of.METRICS[3]
    assert results.best_trivial(depth) == ("none", 0.5)
    assert results.way(0.5, depth) == 0
    assert results.way(0.25, depth) == 0.5
    assert results.way(0.0, depth) == 1
    assert results.way(0.6, depth) < 0
    assert results.way(0.6, miou) == pytest.approx(0.5)


def made_up_run(arm: str, seed: int, absrel: float) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {
            "source": results_of.SEEN,
            "task": task(metric.task),
            "rows": [{"name": "prediction", "metrics": {}}],
        }
        for metric in results_of.METRICS
    ]
    for cell, metric in zip(cells, results_of.METRICS, strict=True):
        same = [one for one in results_of.METRICS if one.task == metric.task]
        cell["rows"][0]["metrics"] = {one.key: 0.6 for one in same}
        if metric.task == "depth":
            cell["rows"][0]["metrics"]["absrel"] = absrel
    return {"run": {"arm": arm, "seed": seed, "labelled": 16}, "scores": {"results": cells}}


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ((0.1, 0.11, 0.12), "A is better"),
        ((-0.1, -0.11, -0.12), "C is better"),
        ((-0.1, 0.11, 0.02), "no difference shown"),
        ((0.1,), "one seed, no interval"),
    ],
)
def test_the_report_claims_only_what_intervals_show(
    tmp_path: Path, ahead: tuple[float, ...], said: str
) -> None:
    from experiments import report, report_tables

    results = made_up(tmp_path)
    for seed, step in enumerate(ahead, 1):
        results.runs["A", 16, seed] = made_up_run("A", seed, 0.3 - step)
        results.runs["C", 16, seed] = made_up_run("C", seed, 0.3)
    (first, *_) = report.findings(results)
    assert first == f"- **A against C**: n = 16: {said}."
    rows = list(report_tables.comparisons(results, [("A", "C")]))
    assert rows[2].endswith(f"| {said} |")
    assert any("AbsRel" in row and said in row for row in report_tables.by_metric(results))


def test_a_folder_of_another_registration_is_refused(tmp_path: Path) -> None:
    size = load_size("ci")
    begin(size, tmp_path)
    begin(size, tmp_path)
    file = tmp_path / "experiment.json"
    said: dict[str, Any] = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"registration_sha256": "0" * 64}))
    with pytest.raises(SystemExit, match="another size or registration"):
        begin(size, tmp_path)


@pytest.mark.slow
def test_data_is_made_apart_and_no_run_is_begun_late(tmp_path: Path) -> None:
    import torch

    size = load_size("ci")
    here, there = tmp_path / "here", tmp_path / "there"
    assert run_all(size, here, 1, runs=False)
    assert {path.name for path in (here / "builds").iterdir()} == {
        "generative", "test", "validation", "vision-16-s1",
    }  # fmt: skip
    made = (here / "baselines.json").read_bytes()
    shutil.rmtree(here / "scenes" / "train")  # what is carried to another machine
    shutil.rmtree(here / "recipes")
    here.rename(there)
    assert run_all(size, there, 1, until=time.monotonic() - 1) == len(all_runs(size)) == 6
    assert (there / "baselines.json").read_bytes() == made
    assert not (there / "runs").exists()
    assert not (there / "scenes" / "train").exists()
    said = json.loads((there / "experiment.json").read_text())
    assert "finished" not in said
    assert said["machine"]["torch"] == torch.__version__


def test_a_size_that_lacks_scenes_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (MANIFESTS / "ci.yaml").read_text().replace("seeds: [1]", "seeds: [1, 2]")
    (tmp_path / "few.yaml").write_text(text)
    monkeypatch.setattr("experiments.size.MANIFESTS", tmp_path)
    with pytest.raises(RecipeError, match="labelled for some seed"):
        load_size("few")
