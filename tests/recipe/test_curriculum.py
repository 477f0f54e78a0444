"""`reverse`, `permuted`, `balance`, and tables in files: what recipes say, and what is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from vbdata.errors import RecipeError
from vbdata.recipe.recipe import load_recipe

RECIPE = """
name: it
seed: 1
samples: 30
{more}
tasks: {{{tasks}}}
sources:
  coco: {{dataset: coco, root: c, tasks: {{semantic: 0.3, instance: 0.1, generate: 0.2{listed}}}}}
"""
WRONG = {
    "semantic: {reverse: 1.5}": "semantic.reverse: should be a share from 0 to 1 of 6 decimals at"
    " most, got 1.5",
    "semantic: {reverse: half}": "got 'half'",
    "semantic: {reverse: 0.1234567}": "6 decimals at most, got 0.1234567",
    "generate: {reverse: 0.5}": "generate has no reverse: it draws no label",
    "semantic-reversed: {absent: 0.5}": "its options are those of semantic: they stand there",
    "semantic: {permuted: 65}": "semantic.permuted: should be a whole number from 2 to 64, got 65",
    "instance: {permuted: 2}": "instance has no legend whose colours could be passed on",
    "instance: {balance: class}": "should be classes or {by: classes, t: a share}, got 'class'",
    "instance: {balance: {by: classes, t: 0}}": "t should be above 0, and 1 at most, got 0",
    "instance: {balance: {by: classes, tt: 1}}": "unknown key 'tt'; did you mean 't'?",
    "semantic: {lookalikes: [car]}": "should be a mapping, or a file that has one, got ['car']",
    "semantic: {lookalikes: {car: [car]}}": "lookalikes: car: no class is its own lookalike",
    "semantic: {lookalikes: {car: [1]}}": "lookalikes: car: should be classes of the data, got [1]",
    "semantic: {lookalikes: no.yaml}": "no.yaml: cannot be read: ",
    "semantic: {lookalikes: list.yaml}": "should hold a mapping, got ['car']",
    "refer: {lookalikes: bad.yaml}": "lookalikes: car: should be classes of the data, got []",
}


def recipe_of(tmp_path: Path, tasks: str, more: str = "", listed: str = "") -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(tasks=tasks, more=more, listed=listed))
    return path


@pytest.mark.parametrize("tasks", WRONG)
def test_what_is_wrong_is_said_with_key_and_value(tmp_path: Path, tasks: str) -> None:
    (tmp_path / "list.yaml").write_text("[car]")
    (tmp_path / "bad.yaml").write_text("car: []")
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_of(tmp_path, tasks))
    assert WRONG[tasks] in str(caught.value)
    assert f"tasks.{tasks.partition(':')[0]}" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "tasks", "listed", "said"),
    [
        ("exhaustion: stop", "semantic: {permuted: 2}", "", "only with exhaustion: repeat"),
        ("exhaustion: redistribute", "instance: {balance: classes}", "", "got 'redistribute'"),
        ("", "semantic: {reverse: 0.1}", ", semantic-reversed: 1", "gives it a weight, too"),
        ("", "", ", edit-reversed: 1", "edit has no reverse"),
        ("", "", ", semantics-reversed: 1", "unknown task 'semantics-reversed'"),
    ],
)
def test_what_contradicts_the_rest_of_a_recipe(
    tmp_path: Path, more: str, tasks: str, listed: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_of(tmp_path, tasks, more, listed))
    assert said in str(caught.value)


def test_a_benchmark_draws_nothing(tmp_path: Path) -> None:
    text = recipe_of(tmp_path, "semantic: {reverse: 0.5}").read_text()
    text = text.replace("samples: 30", "samples: all").replace("0.3", "1").replace("0.2", "0")
    (tmp_path / "all.yaml").write_text(
        text.replace("0.1", "0").replace("}}", ", depth-reversed: 1}}")
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "all.yaml")
    assert "tasks.semantic.reverse: with samples: all nothing is drawn" in str(caught.value)
    assert "depth-reversed: with samples: all a task is asked as it is" in str(caught.value)


def test_the_weights_of_both_directions_add_up_to_the_tasks(tmp_path: Path) -> None:
    tasks = "semantic: {reverse: 0.1}, instance: {reverse: 1}"
    (source,) = load_recipe(recipe_of(tmp_path, tasks)).sources
    assert dict(source.tasks) == {
        "semantic": Decimal("0.27"), "semantic-reversed": Decimal("0.03"),
        "instance-reversed": Decimal("0.1"), "generate": Decimal("0.2"),
    }  # fmt: skip
    written_out = "semantic: 0.27, semantic-reversed: 0.030, instance-reversed: 0.1, generate: 0.2"
    text = recipe_of(tmp_path, "").read_text()
    weights = text.partition("tasks: {{")[0].rpartition("tasks: {")[0] + "tasks: {" + written_out
    (tmp_path / "out.yaml").write_text(f"{weights}}}}}\n")
    recipe = load_recipe(recipe_of(tmp_path, tasks))
    assert load_recipe(tmp_path / "out.yaml").digest() == recipe.digest()


def test_a_table_is_the_same_in_the_recipe_and_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("# alike\ncar: [bus, truck]\n")
    (tmp_path / "t.json").write_text('{"car": ["bus", "truck"]}')
    given = ("{car: [bus, truck]}", "t.yaml", "t.json")
    recipes = [
        load_recipe(recipe_of(tmp_path, f"semantic: {{lookalikes: {table}}}")) for table in given
    ]
    assert len({recipe.digest() for recipe in recipes}) == 1
    assert recipes[1].tasks["semantic"]["lookalikes"] == {"car": ["bus", "truck"]}


def test_recipes_without_them_keep_their_digest_and_both_spellings_have_one(tmp_path: Path) -> None:
    plain = load_recipe(recipe_of(tmp_path, "")).digest()
    assert load_recipe(recipe_of(tmp_path, "semantic: {reverse: 0}")).digest() == plain
    short, long = (
        load_recipe(recipe_of(tmp_path, f"instance: {{balance: {value}}}"))
        for value in ("classes", "{by: classes, t: 0.0010}")
    )
    assert short.digest() == long.digest() != plain
