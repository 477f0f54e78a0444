"""The leak guard and the licence policy: what may not be drawn never is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.builds import manifest_of
from vbdata.checks.verify import verify
from vbdata.engine.build import build, planned
from vbdata.errors import RecipeError
from vbdata.layout import HOLDOUT, SUMS
from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.recipe.licences import commercial
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

TEXT = """\
name: guarded
seed: 3
samples: 24
shard_size: 12
sources:
  coco:
    dataset: coco
    root: {data}/coco
    tasks: {{semantic: 1, generate: 1}}
  refcoco:
    dataset: refcoco
    root: {data}/refcoco
    tasks: {{refer: 1}}
  kitti:
    dataset: kitti
    root: {data}/kitti
    tasks: {{depth: 1}}
"""


def recipe_of(folder: Path, data: Path, more: str = "", **roots: str) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(TEXT.format(data=data) + more)
    return load_recipe(path, roots)


def groups_of(recipe: Recipe) -> dict[str, set[str]]:
    """By source: the groups of all records that may be drawn, as samples or spares."""
    with planned(recipe) as plan:
        return {
            cell.source: set(plan.indices[cell.source].facts["group"].take(cell.rows).to_pylist())
            for cell in plan.cells
        }


def test_a_file_of_groups_and_ids_holds_out_across_sources(tmp_path: Path, demo_data: Path) -> None:
    before = groups_of(recipe_of(tmp_path, demo_data))
    shared = sorted(before["coco"] & before["refcoco"])
    assert len(shared) >= 2, "the demo's RefCOCO shows photographs of its COCO"
    by_id = shared[1].partition(":")[2]  # COCO's own id of the second
    (tmp_path / "ids.txt").write_text(
        f"# mine\n{shared[0]}\n{by_id}  # a sample\n\nkitti:no_such\n"
    )
    recipe = recipe_of(tmp_path, demo_data, "holdout: [{file: ids.txt}]\n")
    after = groups_of(recipe)
    assert not {*shared[:2]} & (after["coco"] | after["refcoco"])
    assert after["coco"] == before["coco"] - {*shared[:2]}
    with planned(recipe) as plan:
        (line,) = plan.held.lines()
        assert (line["set"], line["groups"], line["unmatched"]) == ("ids.txt", 3, 1)
        assert plan.barred["coco"] == {"holdout": 2, "licence": 0}


def test_a_set_known_by_name_needs_no_data(tmp_path: Path, demo_data: Path) -> None:
    drives = groups_of(recipe_of(tmp_path, demo_data))["kitti"]
    held = recipe_of(tmp_path, demo_data, "holdout: [kitti-eigen-test]\n").holdout[0].groups
    assert "kitti:2011_09_26_drive_0002_sync" in held
    left = drives - held
    if left:
        assert (
            groups_of(recipe_of(tmp_path, demo_data, "holdout: [kitti-eigen-test]\n"))["kitti"]
            == left
        )
        return
    with pytest.raises(RecipeError, match="barred by holdout"):
        groups_of(recipe_of(tmp_path, demo_data, "holdout: [kitti-eigen-test]\n"))


def test_a_set_found_in_the_data_of_a_source(tmp_path: Path, demo_data: Path) -> None:
    """RefCOCO's val photographs are COCO training images: they leave both sources."""
    recipe = recipe_of(tmp_path, demo_data, "holdout: [refcoco-val]\n")
    with planned(recipe) as plan:
        held = set(plan.held.sets["refcoco-val"])
    before, after = groups_of(recipe_of(tmp_path, demo_data)), groups_of(recipe)
    assert held
    assert held & before["coco"], "the demo's val photographs are among its COCO"
    for source in ("coco", "refcoco"):
        assert after[source] == before[source] - held


def test_a_root_of_its_own(tmp_path: Path, demo_data: Path) -> None:
    text = TEXT.replace("refcoco:\n    dataset: refcoco", "other:\n    dataset: kitti")
    text = text.replace(
        "{data}/refcoco\n    tasks: {{refer: 1}}", "{data}/kitti\n    tasks: {{depth: 1}}"
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(text.format(data=demo_data) + "holdout: [refcoco-val]\n")
    with pytest.raises(
        RecipeError, match="refcoco-val is found in the data of 'refcoco'"
    ) as caught:
        load_recipe(path)
    assert "--root refcoco-val=URL" in str(caught.value)
    recipe = load_recipe(path, {"refcoco-val": str(demo_data / "refcoco")})
    assert recipe.holdout[0].roots == (str(demo_data / "refcoco"),)
    given = f"holdout: [{{set: refcoco-val, root: {demo_data}/refcoco}}]\n"
    path.write_text(text.format(data=demo_data) + given)
    assert load_recipe(path).digest() == recipe.digest(), "a root is in no digest"
    path.write_text(text.format(data=demo_data) + "holdout: [{set: refcoco-val, root: absent}]\n")
    with pytest.raises(RecipeError, match=r"holdout\.0\.root: .*absent does not exist"):
        groups_of(load_recipe(path))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("holdout: refcoco-val", "should be a list"),
        ("holdout: [refcoco-vall]", "unknown set 'refcoco-vall'; did you mean 'refcoco-val'?"),
        ("holdout: [{set: refcoco-val, rot: x}]", "unknown key; did you mean 'root'?"),
        ("holdout: [refcoco-val, refcoco-val]", "stands twice"),
        ("holdout: [3]", "should be a set's name"),
        ("holdout: [{file: absent.txt}]", "absent.txt cannot be read"),
        ("holdout: [{file: empty.txt}]", "names nothing"),
        ("licence_policy: comercial", "'any' or 'commercial'"),
    ],
)
def test_faults(tmp_path: Path, demo_data: Path, more: str, said: str) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(RecipeError) as caught:
        recipe_of(tmp_path, demo_data, more + "\n")
    assert said in str(caught.value)


def test_a_file_that_matches_nothing_is_a_mistake(tmp_path: Path, demo_data: Path) -> None:
    (tmp_path / "ids.txt").write_text("ai_001_001\n")
    with pytest.raises(RecipeError, match=r"no line of ids.txt is a group .* such as 'coco:"):
        groups_of(recipe_of(tmp_path, demo_data, "holdout: [{file: ids.txt}]\n"))


@pytest.mark.slow
def test_the_build_states_and_proves_it(tmp_path: Path, demo_data: Path) -> None:
    recipe = recipe_of(tmp_path, demo_data, "holdout: [refcoco-val]\n")
    out = tmp_path / "out"
    build(recipe, Folder(str(out)), How())
    assert verify(Folder(str(out))) == []
    (line,) = manifest_of(out)["holdout"]
    held = {row.split("\t")[1] for row in (out / HOLDOUT).read_text().splitlines()}
    assert line["groups"] == len(held)
    rows = pq.read_table(out / "manifest" / "train.parquet")["group"].to_pylist()
    assert not held & set(rows)
    barred = {s["source"]: s["barred"]["holdout"] for s in manifest_of(out)["sources"]}
    assert barred["coco"]
    assert not barred["refcoco"], "another split of the same data"
    assert not barred["kitti"]

    # an overlap is found even where every sum has been mended
    text = (out / HOLDOUT).read_text() + f"refcoco-val\t{rows[0]}\n"
    (out / HOLDOUT).write_text("".join(sorted(text.splitlines(keepends=True))))
    faults = verify(Folder(str(out)))
    assert any(f"its group {rows[0]} is held out by refcoco-val" in fault for fault in faults)
    assert any("are not those of the manifest" in fault for fault in faults)
    assert any(HOLDOUT in fault and SUMS in fault for fault in faults)


def test_another_holdout_is_another_recipe(tmp_path: Path, demo_data: Path) -> None:
    one = recipe_of(tmp_path, demo_data)
    two = recipe_of(tmp_path, demo_data, "holdout: [kitti-val]\n")
    (tmp_path / "ids.txt").write_text("a:b\n")
    three = recipe_of(tmp_path, demo_data, "holdout: [{file: ids.txt}]\n")
    (tmp_path / "ids.txt").write_text("a:c\n")
    four = recipe_of(tmp_path, demo_data, "holdout: [{file: ids.txt}]\n")
    assert len({recipe.digest() for recipe in (one, two, three, four)}) == 4


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC-BY-4.0", True),
        ("CC-BY-SA-3.0", True),
        ("CC-BY-ND-2.0", True),
        ("CC BY 2.0", True),
        ("CC0-1.0", True),
        ("mit", True),
        ("No known copyright restrictions", True),
        ("CC-BY-NC-SA-3.0", False),
        ("CC-BY-NC-2.0", False),
        ("CC-BY-NC-ND-2.0", False),
        ("unknown", False),
        ("", False),
        ("research only", False),
        ("CC-BY-4.0 for some", False),
    ],
)
def test_what_is_commercial(licence: str, allowed: bool) -> None:
    assert commercial(licence) is allowed


def test_a_non_commercial_source_is_refused_by_name(tmp_path: Path, demo_data: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_of(tmp_path, demo_data, "licence_policy: commercial\n")
    assert "sources.kitti: licence_policy is 'commercial', and 'kitti' is CC-BY-NC" in str(
        caught.value
    )
    assert "sources.coco" not in str(caught.value)


@pytest.mark.slow
def test_records_of_other_licences_stay_out(tmp_path: Path, demo_data: Path) -> None:
    text = TEXT.partition("  kitti:")[0].format(data=demo_data)
    path = tmp_path / "recipe.yaml"
    path.write_text(text + "licence_policy: commercial\n")
    out = tmp_path / "out"
    build(load_recipe(path), Folder(str(out)), How())
    manifest = manifest_of(out)
    assert all(line["commercial"] for line in manifest["licenses"])
    assert sum(line["samples"] for line in manifest["licenses"]) == manifest["samples"]
    assert verify(Folder(str(out))) == []
    path.write_text(text)
    with planned(load_recipe(path)) as plan:
        found = set(plan.indices["coco"].facts["license"].to_pylist())
    assert any(not commercial(licence) for licence in found), "the demo's COCO has both kinds"
    assert {line["license"] for line in manifest["licenses"]} < found


def test_verify_finds_a_licence_that_the_recipe_refuses(tmp_path: Path, demo_data: Path) -> None:
    out = tmp_path / "out"
    build(recipe_of(tmp_path, demo_data), Folder(str(out)), How())
    manifest = manifest_of(out)
    manifest["recipe"]["licence_policy"] = "commercial"
    manifest |= {"digest": manifest_digest(manifest)}
    (out / "manifest.json").write_bytes(canonical(manifest))
    assert any("is not commercial" in fault for fault in verify(Folder(str(out))))


def test_all_records_refused(tmp_path: Path, demo_data: Path) -> None:
    recipe = recipe_of(tmp_path, demo_data)
    kitti = tuple(s for s in recipe.sources if s.name == "kitti")
    with (
        pytest.raises(
            RecipeError, match=r"sources\.kitti: licence_policy is 'commercial', and its"
        ),
        planned(replace(recipe, sources=kitti, licence_policy="commercial")),
    ):
        pass


def test_the_plan_says_what_is_barred(tmp_path: Path, demo_data: Path) -> None:
    from typer.testing import CliRunner

    from vbdata.cli.app import app

    recipe_of(tmp_path, demo_data, "holdout: [refcoco-val]\n")
    path = str(tmp_path / "recipe.yaml")
    said = CliRunner().invoke(app, ["plan", path])
    assert said.exit_code == 0
    assert "held out: refcoco-val" in said.stdout
    assert "barred by holdout" in said.stdout
    plain = json.loads(CliRunner().invoke(app, ["plan", path, "--json"]).stdout)
    assert plain["barred"]["coco"]["holdout"] > 0
