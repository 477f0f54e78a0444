"""Enumerated recipes: every query of every record once, in order, in the same words, counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.own_folders import DEPTH, HEIGHT, WIDTH, metres, put
from vbdata.bench.count import count_of, write_count
from vbdata.bench.facts import benchmark
from vbdata.checks.verify import verify
from vbdata.engine.build import build, planned
from vbdata.engine.progress import Watcher
from vbdata.errors import BuildError, RecipeError
from vbdata.manifest.opened import open_build
from vbdata.planning.plan import Plan
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

NAMES = st.text(st.sampled_from("ab01 _-.é(["), min_size=1, max_size=6).filter(
    lambda name: name.strip(" .") == name and not name.startswith("-")
)
PATTERNS = f"images: 'rgb/{{id}}.jpg', depth: {json.dumps({'files': 'depth/{id}.npy', **DEPTH})}"


def enumerated(root: Path, source: str, tasks: str, more: str = "") -> Recipe:
    text = (
        f"name: mine\nseed: 3\nsamples: all\nshard_size: 4\n{more}\n"
        f"sources:\n  mine: {{{source}, root: {json.dumps(str(root))}, tasks: {{{tasks}}}}}\n"
    )
    return parse_recipe(text, "r.yaml", root, {})


def rows_of(plan: Plan) -> list[tuple[str, str, int]]:
    """(task, record, pass) of every slot of a plan, in order."""
    found = []
    for number in range(plan.shards):
        shard = plan.shard(number)
        assert (shard["slot"] == np.arange(len(shard["slot"]))).all(), "no spares, no shuffle"
        for c, row, pass_ in zip(shard["cell"], shard["row"], shard["pass"], strict=True):
            cell = plan.cells[c]
            ids = plan.indices[cell.source].facts["id"]
            found.append((cell.task, ids[int(row)].as_py(), int(pass_)))
    return found


def coco(root: Path, classes: dict[int, list[str]], without: set[int]) -> None:
    """A COCO set: of each picture the classes that it shows, each once; some pictures missing."""
    names = sorted({name for shown in classes.values() for name in shown} | {"thing"})
    numbers = {name: k + 1 for k, name in enumerate(names)}
    document = {
        "images": [
            {"id": k, "file_name": f"{k:012d}.jpg", "width": WIDTH, "height": HEIGHT}
            for k in classes
        ],
        "categories": [{"id": k, "name": name} for name, k in numbers.items()],
        "annotations": [
            {
                "id": 100 * k + place,
                "image_id": k,
                "category_id": numbers[name],
                "bbox": [place, 1, 1, 2],
                "area": 2,
                "iscrowd": 0,
                "segmentation": [[place, 1, place + 1, 1, place + 1, 3, place, 3]],
            }
            for k, shown in classes.items()
            for place, name in enumerate(shown)
        ],
    }
    put(root, "annotations/instances_val2017.json", data=json.dumps(document))
    put(root, *(f"val2017/{k:012d}.jpg" for k in classes if k not in without))


@pytest.mark.slow
@settings(max_examples=8)
@given(
    classes=st.dictionaries(
        st.integers(1, 30),
        st.lists(st.sampled_from(["cup", "cat", "dog", "a b"]), max_size=3, unique=True),
        min_size=1,
        max_size=6,
    ),
    without=st.sets(st.integers(1, 30), max_size=3),
    votes=st.integers(1, 3),
)
def test_every_query_of_every_record_stands_once_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    classes: dict[int, list[str]],
    without: set[int],
    votes: int,
) -> None:
    root = tmp_path_factory.mktemp("coco")
    coco(root, classes, without)
    wanted = [
        ("instance", f"{k:012d}", place)
        for k in sorted(classes)
        if k not in without
        for place in range(len(classes[k]) * votes)
    ]
    recipe = enumerated(root, "dataset: coco, split: val2017", "instance: 1", f"votes: {votes}")
    if not wanted:
        with pytest.raises(RecipeError), planned(recipe):
            pass
        return
    with planned(recipe) as plan:
        assert rows_of(plan) == wanted
        assert plan.recipe.samples == len(wanted)
        assert plan.recipe.digest() == recipe.digest(), "the count is no part of the recipe"


class Kept(Watcher):
    plan: Plan

    def planned(self, plan: Plan) -> None:
        self.plan = plan


@pytest.mark.slow
@settings(max_examples=4)
@given(
    files=st.dictionaries(NAMES, st.sampled_from(["whole", "no depth", "no picture", "torn"]),
                          min_size=2, max_size=6),
    listed=st.sets(NAMES, max_size=2),
)  # fmt: skip
def test_what_is_absent_is_named_with_its_cause(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str], listed: set[str]
) -> None:
    tmp = tmp_path_factory.mktemp("folders")
    root, out = tmp / "raw", tmp / "out"
    files = {"a whole one": "whole", **files}
    for name, state in files.items():
        if state != "no picture":
            put(root, f"rgb/{name}.jpg")
        if state != "no depth":
            put(root, f"depth/{name}.npy", data=b"torn" if state == "torn" else metres())
    put(root, "list.txt", data="\n".join(f"rgb/{name}.jpg" for name in (*files, *listed)))
    recipe = enumerated(
        root,
        f"dataset: folders, {PATTERNS}, only: {{file: list.txt}}",
        "depth: 1",
        "max_bad: 1",
    )
    kept = Kept()
    manifest = build(recipe, Folder(str(out)), How(workers=1, ray=None, device="cpu"), kept)
    digest = manifest["digest"]
    counted = write_count(benchmark("nyuv2-depth"), kept.plan, Folder(str(out)), digest)
    assert counted == count_of(Folder(str(out)), digest)
    with pytest.raises(BuildError, match="is of another build"):
        count_of(Folder(str(out)), "0" * 64)
    line, unbuilt = counted["sources"]
    assert (unbuilt["source"], unbuilt["built"], unbuilt["official"]) == ("nyuv2", 0, 654)
    whole = sorted(f"rgb/{name}.jpg" for name, state in files.items() if state == "whole")
    assert open_build(Folder(str(out))).columns(("sample_id",))["sample_id"].to_pylist() == whole
    assert (line["built"], line["official"]) == (len(whole), None)
    named = sorted(name for each in line["absent"] for name in each["names"])
    lost = {f"rgb/{name}.jpg" for name in {*files, *listed}}
    assert named == sorted(lost - set(whole))


@pytest.mark.slow
def test_all_records_are_asked_in_the_same_words_and_votes_pass_colours_on(tmp_path: Path) -> None:
    coco(tmp_path / "raw", {1: ["cup", "cat"], 2: ["dog"], 3: []}, set())
    legend = "{cup: [255, 0, 0], cat: [0, 255, 0], dog: [0, 0, 255]}"
    recipe = enumerated(
        tmp_path / "raw",
        "dataset: coco, split: val2017",
        "semantic: 1",
        f"votes: 3\ntasks: {{semantic: {{legend: {legend}}}}}",
    )
    out = Folder(str(tmp_path / "out"))
    build(recipe, out, How(workers=1, ray=None, device="cpu"))
    rows = open_build(out).columns(("sample_id", "pass", "instruction", "params")).to_pylist()
    assert [(row["sample_id"], row["pass"]) for row in rows] == [
        (f"{k:012d}", vote) for k in (1, 2, 3) for vote in range(3)
    ], "a picture that shows nothing of the legend is asked, too"
    by_vote = [{row["instruction"] for row in rows if row["pass"] == vote} for vote in range(3)]
    assert [len(texts) for texts in by_vote] == [1, 1, 1]
    legends = [
        [(entry["name"], tuple(entry["rgb"])) for entry in json.loads(row["params"])["legend"]]
        for row in rows[:3]
    ]
    assert [[name for name, _ in each] for each in legends] == [["cup", "cat", "dog"]] * 3
    for name in ("cup", "cat", "dog"):
        assert len({dict(each)[name] for each in legends}) == 3
    assert verify(out) == []


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("samples: all\nspares: 2", "spares: with samples: all there are none"),
        ("samples: all\nexhaustion: stop", "exhaustion: has no meaning with samples: all"),
        ("samples: all\nimage: {multiple_of: 16}", "image.multiple_of: with samples: all"),
        ("samples: all\nimage: {size: [64, 64]}", "image.size: with samples: all"),
        ("samples: 3\nvotes: 2", "votes: only with samples: all"),
        ("samples: every", "samples: should be a valid integer"),
        ("samples: all\ntasks: {depth: {other_palettes: 0}}", "tasks.depth.other_palettes"),
        ("samples: all\ntasks: {semantic: {legend: {a: [1, 2]}}}", "a should be [r, g, b]"),
        ("samples: all\ntasks: {semantic: {legend: {a: [0, 0, 0]}}}", "colour of the background"),
    ],
)
def test_a_recipe_that_cannot_be_enumerated_says_why(tmp_path: Path, keys: str, fault: str) -> None:
    source = f"{{dataset: folders, root: ., {PATTERNS}, tasks: {{depth: 1}}}}"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"name: m\nseed: 1\n{keys}\nsources: {{m: {source}}}", "r", tmp_path, {})
    assert fault in str(caught.value)
