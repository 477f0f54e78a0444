"""The statement: every count against the build's own files, and tables that fit the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.helpers.builds import manifest_of, quarantine_of
from tests.helpers.pages import Page
from tests.planning.test_holdout import TEXT, groups_of, recipe_of
from vbdata.cli.app import app
from vbdata.engine.build import build, planned
from vbdata.recipe.licences import commercial
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.report.page import PageOptions, page
from vbdata.view.stats import COUNTS, print_statement, statement

HELD = "holdout: [refcoco-val, {file: ids.txt}]\n"


def held_recipe(folder: Path, data: Path) -> Recipe:
    """A recipe that holds out RefCOCO's val set and, by a file, one more group that both show."""
    before = groups_of(recipe_of(folder, data))
    val = groups_of(recipe_of(folder, data, "holdout: [refcoco-val]\n"))
    more = sorted(val["coco"] & val["refcoco"])[0]
    (folder / "ids.txt").write_text(f"{more}\n")
    assert before["coco"] > val["coco"]
    return recipe_of(folder, data, HELD)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, demo_data: Path) -> tuple[Path, Recipe]:
    """A build with held-out sets and a damaged record. Read only."""
    folder = tmp_path_factory.mktemp("guarded")
    data = folder / "data"
    for name in ("coco", "refcoco", "kitti"):
        for file in (demo_data / name).rglob("*"):
            if file.is_file():
                copy = data / file.relative_to(demo_data)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    recipe = held_recipe(folder, data)
    depth = sorted((data / "kitti").rglob("groundtruth/image_02/*.png"))
    depth[0].write_bytes(depth[0].read_bytes()[:500])
    build(recipe, Folder(str(folder / "out")), How())
    return folder / "out", recipe


def place(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["source"], line["task"]


@pytest.mark.slow
def test_the_counts_of_a_cell_are_those_of_the_files(guarded: tuple[Path, Recipe]) -> None:
    out, recipe = guarded
    rows = pq.read_table(out / "manifest" / "train.parquet").to_pylist()
    bad = quarantine_of(out)
    assert bad, "the damaged record was tried"
    for cell in manifest_of(out)["cells"]:
        mine, lost = ([row for row in some if place(row) == place(cell)] for some in (rows, bad))
        filled = {row["key"] for row in mine}
        assert float(cell["requested"]) == recipe.samples / 4
        assert cell["apportioned"] == cell["realised"] == len(mine) == 6
        assert cell["unique"] == len({row["sample_id"] for row in mine})
        assert cell["repeated"] == len(mine) - cell["unique"]
        assert cell["quarantined"] == len(lost)
        assert cell["replaced"] == len({q["key"] for q in lost} & filled)
    assert sum(cell["replaced"] for cell in manifest_of(out)["cells"]) >= 1


def test_excluded_groups_are_counted_by_source_and_set(guarded: tuple[Path, Recipe]) -> None:
    out, recipe = guarded
    free = recipe_of(out.parent, out.parent / "data")
    held = recipe_of(out.parent, out.parent / "data", "holdout: [refcoco-val]\n")
    everything, without, left = groups_of(free), groups_of(held), groups_of(recipe)
    for line in manifest_of(out)["sources"]:
        name = line["source"]
        by_set = {cause["set"]: cause for cause in line["excluded"]}
        assert set(by_set) == {"refcoco-val", "ids.txt"}
        assert by_set["refcoco-val"]["groups"] == len(everything[name] - without[name])
        assert line["groups_excluded"] == len(everything[name] - left[name])
        assert line["barred"]["holdout"] >= line["groups_excluded"]
        assert line["license"]
        assert len(line["fingerprint"]) == 64
    coco = next(line for line in manifest_of(out)["sources"] if line["source"] == "coco")
    assert [cause["groups"] for cause in coco["excluded"] if cause["set"] == "ids.txt"] == [1]
    assert coco["groups_excluded"] > 1


def test_the_licence_policy_counts_as_a_cause(tmp_path: Path, demo_data: Path) -> None:
    path, out = tmp_path / "recipe.yaml", tmp_path / "out"
    text = TEXT.format(data=demo_data).partition("  kitti:")[0]
    path.write_text(f"{text}licence_policy: commercial\n")
    build(load_recipe(path), Folder(str(out)), How())
    with planned(load_recipe(path)) as plan:
        facts = {name: index.facts.to_pylist() for name, index in plan.indices.items()}
    for line in manifest_of(out)["sources"]:
        (cause,) = line["excluded"]
        allowed = {f["group"] for f in facts[line["source"]] if commercial(f["license"])}
        groups = {f["group"] for f in facts[line["source"]]}
        assert (cause["cause"], cause["set"]) == ("licence", "commercial")
        assert cause["records"] == line["barred"]["licence"] > 0
        assert line["groups"] == len(groups)
        assert 0 < cause["groups"] == line["groups_excluded"] == len(groups - allowed)


def test_json_is_the_manifests_part(guarded: tuple[Path, Recipe]) -> None:
    out, _ = guarded
    done = CliRunner().invoke(app, ["stats", str(out), "--json"])
    found, manifest = json.loads(done.stdout), manifest_of(out)
    assert found == json.loads(json.dumps(statement(manifest)))
    assert {"cells", "sources", "roundtrip", "licenses", "holdout", "quarantine"} <= set(found)
    assert all(found[key] == manifest[key] for key in found)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_tables_fit_and_say_every_number(guarded: tuple[Path, Recipe], width: int) -> None:
    out, _ = guarded
    manifest = manifest_of(out)
    to = Console(width=width, record=True, file=io.StringIO())
    print_statement(manifest, to)
    lines = to.export_text().splitlines()
    tables = [line.rstrip() for line in lines if not line.startswith(("held out:", "digest"))]
    assert max(map(len, tables)) <= width
    for cell in manifest["cells"]:
        (line,) = (one for one in lines if one.split()[:2] == [cell["source"], cell["task"]])
        assert line.split()[3:] == [str(cell[name]) for name in COUNTS]
    for source in manifest["sources"]:
        mark = source["fingerprint"] if width == 200 else source["fingerprint"][:12]
        assert any({source["source"], mark} <= set(line.split()) for line in lines)
    text = "\n".join(lines)
    if width > 80:
        assert all(name in text for name in COUNTS)
    largest = f"{manifest['roundtrip']['depth']['largest']:.6g}"
    assert largest in text
    assert "held out: refcoco-val" in text
    assert all(reason in text for reason in manifest["quarantine"])


def test_the_report_says_it_too(guarded: tuple[Path, Recipe]) -> None:
    out, _ = guarded
    text = Page(page(Folder(str(out)), PageOptions(samples=0, decoded=0)).decode()).text
    for line in manifest_of(out)["sources"]:
        for cause in line["excluded"]:
            said = f"{line['source']} holdout: {cause['set']} {cause['groups']} {cause['records']}"
            assert said.replace(" ", "") in text.replace(" ", "")


def test_a_manifest_from_before_exclusions_were_counted(
    guarded: tuple[Path, Recipe], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = manifest_of(guarded[0])
    for line in manifest["sources"]:
        for key in ("groups", "groups_excluded", "excluded"):
            del line[key]
    print_statement(manifest, Console(width=100))
    assert "?" in capsys.readouterr().out


def test_no_build_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["stats", str(tmp_path)])
    assert done.exit_code == 1
    assert "holds no finished build" in done.output
    (tmp_path / "manifest.json").write_text("[]")
    assert CliRunner().invoke(app, ["stats", str(tmp_path)]).exit_code == 1
