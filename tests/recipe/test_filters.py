"""Filters of a source, prompts of one's own and roots of the environment, as recipes say them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY
from vbdata.core.prompts import wording
from vbdata.errors import RecipeError
from vbdata.publish.rebuild import recipe_text, written_filters
from vbdata.recipe.canonical import recipe_digest
from vbdata.recipe.filters import KEYS
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.recipe.where import COLUMNS, FUNCTIONS
from vbdata.view.report.reproduce import written_out

RECIPE = """
name: few
seed: 7
samples: 12
tasks: {{{tasks}}}
sources:
  few:
    dataset: {dataset}
    root: {root}
    tasks: {{semantic: 1}}
{filters}
"""
TEMPLATES = """
version: 1
slots: {legend: "", background: ""}
templates:
  - "Paint {legend}.{background}"   # mine
"""


def recipe(
    folder: Path, filters: str = "", tasks: str = "", root: str = "data", dataset: str = "coco"
) -> Recipe:
    lines = "\n".join(f"    {line}" for line in filters.splitlines())
    text = RECIPE.format(filters=lines, tasks=tasks, root=root, dataset=dataset)
    (folder / "recipe.yaml").write_text(text)
    return load_recipe(folder / "recipe.yaml")


def fault(folder: Path, filters: str = "", **more: str) -> str:
    with pytest.raises(RecipeError) as caught:
        recipe(folder, filters, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ("only: []", "only: should be an id, a glob, {file: PATH} or a list of them"),
        ("only: [{files: a.txt}]", "only: should be {file: PATH}"),
        ("only: [[a]]", "only: should be an id, a glob or {file: PATH}, got ['a']"),
        ("without: {file: nowhere.txt}", "sources.few.without: "),
        ("without: true", "without: should be an id, a glob or {file: PATH}, got True"),
        ("classes: [cat]", "classes: should be a mapping of keep, drop, rename, merge"),
        ("classes: cat", "classes: should be a mapping"),
        ("classes: {kep: [a]}", "classes.kep: unknown key; did you mean 'keep'?"),
        ("classes: {keep: []}", "classes.keep: should be a class or a list of classes, got []"),
        ("classes: {keep: a, drop: [a]}", "classes.drop: 'a' stands in keep, too"),
        ("classes: {rename: [a, b]}", "classes.rename: should be a mapping of classes"),
        ("classes: {rename: {a: c, b: c}}", "'a' and 'b' would both be 'c': use merge"),
        ("classes: {rename: {a: ' '}}", "classes.rename: a class has a name of 1 to 100 plain"),
        ("classes: {merge: {c: [a], d: [a, b]}}", "classes.merge.d: 'a' stands in merge.c, too"),
        ("classes: {rename: {a: b}, merge: {c: a}}", "merge.c: 'a' stands in rename, too"),
        ("classes: {rename: {a: c}, merge: {c: [b]}}", "'c' is what 'a' is renamed to"),
        ("min_area: 0", "min_area: should be a whole number from 1, got 0"),
        ("min_area: 1.5", "min_area: should be a whole number from 1, got 1.5"),
        ("min_instances: many", "min_instances: should be a whole number from 1, got 'many'"),
        ("min_size: [1, 2, 3]", "min_size: should be the pixels of both sides or [width, height]"),
        ("where: 3", "where: should be a text: 3"),
        ("where: widht > 3", "where: 'widht > 3': unknown column 'widht'; did you mean 'width'?"),
        ("min_aera: 3", "min_aera: unknown key; did you mean 'min_area'?"),
    ],
)
def test_faults_hold_key_value_and_choices(filters: str, said: str, tmp_path: Path) -> None:
    got = fault(tmp_path, filters)
    assert said in got
    assert "sources.few." in got
    assert len(got.splitlines()) == 1


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    got = fault(tmp_path, "min_area: -1\nwhere: width\nonly: []\nsplitt: a", root="$NOT_SET_A/b")
    assert len(got.splitlines()) == 5


def test_filters_are_in_the_digest_and_no_filters_leave_it(tmp_path: Path) -> None:
    plain = recipe(tmp_path)
    assert "filters" not in plain.canonical()["sources"]["few"]
    seen = {plain.digest()}
    for filters in (
        "only: a",
        "only: b",
        "without: a",
        "classes: {keep: a}",
        "classes: {drop: a}",
        "classes: {rename: {a: b}}",
        "classes: {merge: {b: a}}",
        "min_area: 5",
        "min_instances: 5",
        "min_size: 5",
        "min_size: [5, 6]",
        "where: width > 5",
    ):
        filtered = recipe(tmp_path, filters)
        assert filtered.digest() not in seen, filters
        seen.add(filtered.digest())
        assert recipe_digest(json.loads(json.dumps(filtered.canonical()))) == filtered.digest()


def test_the_same_filters_in_other_words_are_the_same(tmp_path: Path) -> None:
    one = recipe(tmp_path, "only: [a, b]\nclasses: {keep: [x, y]}\nmin_size: 9").digest()
    two = recipe(tmp_path, "min_size: [9, 9]\nclasses: {keep: [y, x]}\nonly: [b, a]").digest()
    assert one == two


def test_list_files_count_by_their_lines(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb  # the second\n")
    one = recipe(tmp_path, "only: [{file: ids.txt}, c*]")
    (picked,) = [one.sources[0].filters.only]
    assert picked is not None
    assert picked.files == {"ids.txt": {"a", "b"}}
    assert picked.patterns == ("c*",)
    (tmp_path / "other.txt").write_text("\ufeffb\n\na\n", encoding="utf-8")
    assert recipe(tmp_path, "only: [c*, {file: other.txt}]").digest() == one.digest()
    (tmp_path / "ids.txt").write_text("a\n")
    assert recipe(tmp_path, "only: [{file: ids.txt}, c*]").digest() != one.digest()
    (tmp_path / "ids.txt").write_text("# a\n")
    assert "ids.txt names nothing" in fault(tmp_path, "only: {file: ids.txt}")


def test_classes_of_a_reader_that_has_such_an_option_stand_below_it(tmp_path: Path) -> None:
    plain = recipe(tmp_path, "classes: all", dataset="vkitti2").sources[0]
    assert (plain.options, bool(plain.filters)) == ({"classes": "all"}, False)
    both = recipe(tmp_path, "classes: {read: all, drop: sky}", dataset="vkitti2")
    assert both.sources[0].options == {"classes": "all"}
    assert both.sources[0].filters.classes.drop == ("sky",)
    assert "classes.read: unknown key" in fault(tmp_path, "classes: {read: all}")
    written = written_filters(both.canonical()["sources"]["few"])
    assert written == {"classes": {"read": "all", "drop": ["sky"]}}


def test_roots_are_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_DATA", "/data/mine")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("NOT_SET_A", raising=False)
    for root, wanted in (
        ("$MY_DATA/coco", "/data/mine/coco"),
        ("${MY_DATA}2", "/data/mine2"),
        ("~/coco", "/home/me/coco"),
        ("a$$b", str(tmp_path / "a$b")),
        ("a$", str(tmp_path / "a$")),
        ("s3://bucket$MY_DATA", "s3://bucket/data/mine"),
    ):
        assert recipe(tmp_path, root=root).sources[0].roots == (wanted,)
    assert recipe(tmp_path, root="$MY_DATA").digest() == recipe(tmp_path).digest()
    got = fault(tmp_path, root="[a, '$NOT_SET_A/${NOT_SET_B}']")
    assert "sources.few.root: '$NOT_SET_A/${NOT_SET_B}': the environment variable NOT_SET_A" in got
    assert "NOT_SET_B is not set" in got
    load_recipe(tmp_path / "recipe.yaml", {"few": "elsewhere"})
    given = load_recipe(tmp_path / "recipe.yaml", {"few": "/a$NOT_SET_A"})
    assert given.sources[0].roots == ("/a$NOT_SET_A",)


def test_prompts_of_ones_own_are_in_the_digest_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEMPLATES)
    one = recipe(tmp_path, tasks="semantic: {prompts: mine.yaml, absent: 0}")
    content = one.canonical()["tasks"]["semantic"]["prompts"]
    assert content["templates"] == ["Paint {legend}.{background}"]
    (tmp_path / "moved.yaml").write_text(f"# moved\n{TEMPLATES}")
    assert recipe(tmp_path, tasks="semantic: {prompts: moved.yaml, absent: 0}").digest() == (
        one.digest()
    )
    inline = recipe(tmp_path, tasks=f"semantic: {{absent: 0, prompts: {json.dumps(content)}}}")
    assert inline.digest() == one.digest()
    (tmp_path / "mine.yaml").write_text(TEMPLATES.replace("Paint", "Draw"))
    other = recipe(tmp_path, tasks="semantic: {prompts: mine.yaml, absent: 0}")
    assert other.digest() != one.digest()
    assert len(wording("semantic").templates) > 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{legend}.", "it."), "must have ['background', 'legend'], each once"),
        (("legend: ", "legends: "), "has the slots"),
        (("version: 1", "version: x"), "version must be an integer from 1"),
        (("Paint", "[Paint"), "'[' without ']'"),
        (("Paint", "Pa\\u200bint"), "characters that nobody sees"),
        (("templates:", "backgrounds: {blue: [' x']}\ntemplates:"), "no prompt asks for 'blue'"),
        (("templates:", "backgrounds: {black: [' x']}\ntemplates:"), "lacks phrases for 'unsaid'"),
        (("templates:", "scales: {a: [b]}\ntemplates:"), "unknown key 'scales'"),
        (("slots:", "slots: ["), "cannot be read"),
    ],
)
def test_prompts_of_ones_own_are_checked(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(TEMPLATES.replace(*change))
    got = fault(tmp_path, tasks="semantic: {prompts: mine.yaml}")
    assert f"tasks.semantic.prompts: {tmp_path}/mine.yaml: " in got
    assert said in got


def test_prompts_that_are_no_file_are_faults(tmp_path: Path) -> None:
    assert "prompts: should be a file on this machine" in fault(
        tmp_path, tasks="semantic: {prompts: 3}"
    )
    assert "nowhere.yaml: cannot be read" in fault(
        tmp_path, tasks="semantic: {prompts: nowhere.yaml}"
    )
    assert "did you mean 'prompts'?" in fault(tmp_path, tasks="semantic: {prompt: a.yaml}")


def test_the_page_about_filters_shows_a_valid_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs" / "filters.md").read_text()
    sources, tasks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    monkeypatch.setenv("DATA", "/data")
    (tmp_path / "ids.txt").write_text("a\n")
    (tmp_path / "my_semantic.yaml").write_text(TEMPLATES)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: a\nseed: 1\nsamples: 1\n{sources}{tasks}")
    assert set(load_recipe(path).canonical()["sources"]["street"]["filters"]) == set(KEYS)
    assert all(f"`{name}`" in page for name in COLUMNS)
    assert all(f"{name}(" in page for name in FUNCTIONS)


def test_the_recipe_of_a_card_and_of_a_report_is_the_one_that_was_built(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEMPLATES)
    (tmp_path / "ids.txt").write_text("a\nb\n")
    filters = """only: [{file: ids.txt}, "0*"]
without: "*1"
classes: {read: all, merge: {plants: [tree, grass]}, rename: {car: "auto: 1"}}
min_area: 7
min_size: [3, 4]
where: like(id, "a*") or "x" in classes"""
    built = recipe(tmp_path, filters, "semantic: {prompts: mine.yaml}", dataset="vkitti2")
    canonical = json.loads(json.dumps(built.canonical()))
    (listed,) = [each for each in canonical["sources"]["few"]["filters"]["only"] if each != "0*"]
    (tmp_path / f"{listed['sha256'][:16]}.txt").write_text("b\na\n")
    manifest = {"recipe": canonical, "cells": [{"source": "few", "task": "semantic"}]}
    for text in (recipe_text(manifest), written_out(canonical)):
        (tmp_path / "again.yaml").write_text(text)
        assert load_recipe(tmp_path / "again.yaml").digest() == built.digest()
