"""README and docs are true: snippets run, recipes are valid, every key, reader, task is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.main import get_command

from tests.helpers.builds import REPOSITORY, manifest_of
from vbdata import plugins
from vbdata.cli.app import app
from vbdata.errors import REASONS
from vbdata.recipe.keys import RecipeKeys
from vbdata.recipe.recipe import load_recipe

README = (REPOSITORY / "README.md").read_text()
LONGEST = 9_000  # bytes of the README


def page(name: str) -> str:
    return (REPOSITORY / "docs" / f"{name}.md").read_text()


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(README.encode()) <= LONGEST


@pytest.mark.slow
def test_the_snippets_run(
    demo_build: Path, demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(manifest_of(demo_build)["shards"][0]["tar"]).parent
    (reading,), (codec,) = blocks("python", page("output")), blocks("python", page("tasks"))
    (door,) = blocks("python", README)
    assert blocks("python", page("python")) == [door]
    seen: dict[str, object] = {}
    exec(reading.replace("out/shards/<digest>", str(demo_build / folder)), seen)
    assert np.isfinite(seen["metres"]).any()  # type: ignore[call-overload]
    exec(codec, seen)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "data").symlink_to(demo_data)
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    monkeypatch.chdir(tmp_path)
    exec(door, seen)
    assert len(seen["build"]) == 96  # type: ignore[arg-type]
    assert abs(seen["metres"] - 2.5).max() < 0.01  # type: ignore[operator]
    assert (seen["ids"] == np.eye(3)).all()  # type: ignore[attr-defined]


def test_every_named_test_exists() -> None:
    file = ""
    for path, name in re.findall(r"`(tests/\w+/\w+\.py)?(?:::(\w+))?`", page("promises")):
        file = path or file
        text = (REPOSITORY / file).read_text()
        assert not name or f"def {name}(" in text, f"{file}::{name}"
    assert file


def test_the_recipe_is_valid_and_every_key_is_explained(tmp_path: Path) -> None:
    (text,) = blocks("yaml", README)
    roots, held = blocks("yaml", page("datasets"))
    assert blocks("yaml", page("recipes")) == [text]
    (tmp_path / "recipe.yaml").write_text(text)
    load_recipe(tmp_path / "recipe.yaml")
    explained = {*yaml.safe_load(text), *re.findall(r"^\| `([a-z_.]+)` \|", page("recipes"), re.M)}
    assert set(RecipeKeys.model_fields) <= explained
    (tmp_path / "my_test_ids.txt").write_text("coco:000000000139\n")
    (tmp_path / "guarded.yaml").write_text(f"{text}\n{held}")
    guarded = load_recipe(tmp_path / "guarded.yaml", {"refcoco-val": "/data/refer"})
    assert len(guarded.holdout) == 4
    for line in roots.splitlines():
        alone = re.sub(r"root: \S+,", line.partition("#")[0] + ",", text, count=1)
        (tmp_path / "root.yaml").write_text(alone)
        assert load_recipe(tmp_path / "root.yaml").sources[0].roots


def test_every_reader_and_every_reason_stands_in_a_table() -> None:
    text = page("datasets")
    assert [n for n in plugins.names(plugins.DATASETS) if f"| `{n}` |" not in text] == []
    assert all(f"| {reason} | {meaning} |" in text for reason, meaning in REASONS.items())


def test_recipes_of_own_data_are_valid(tmp_path: Path) -> None:
    recipes = blocks("yaml", page("own_data"))
    for text in recipes:
        (tmp_path / "recipe.yaml").write_text(text)
        assert load_recipe(tmp_path / "recipe.yaml").sources
    assert len(recipes) == 4


def test_every_task_stands_in_the_table() -> None:
    assert all(f"| `{task}` |" in page("tasks") for task in plugins.names(plugins.TASKS))
    assert all(f"`{task}`" in README for task in plugins.names(plugins.TASKS))


def test_every_make_target_in_the_text_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    named = re.findall(
        r"^make (\w+)|`make (\w+)`", README + (REPOSITORY / "CONTRIBUTING.md").read_text(), re.M
    )
    assert {"test", "interop"} < {a or b for a, b in named}
    assert all(re.search(rf"^{a or b}:", makefile, re.MULTILINE) for a, b in named)


@pytest.mark.slow
def test_the_site_is_built_and_no_link_of_it_is_broken(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-b",
        "html",
        "docs",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert pages >= {path.stem for path in (REPOSITORY / "docs").glob("*.md")}


LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_links_of_the_repositorys_pages_lead_somewhere() -> None:
    for file in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")):
        for link in LINK.findall(file.read_text()):
            assert (file.parent / link).exists(), (file, link)


COMMAND = re.compile(r"(?:^ *|`|-- +)vbdata ([a-z][^`\n]*)", re.MULTILINE)


def test_commands_that_pages_name_exist() -> None:
    """Each `vbdata COMMAND` in a block or between backticks, with each of its --options."""
    known = {name: options_of(command) for name, command in commands().items()}
    for file in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")):
        text = re.sub(r"\\\n\s*", " ", file.read_text())
        code = "\n".join(blocks("sh", text) + re.findall(r"(?<!`)`[^`\n]+`(?!`)", text))
        for line in COMMAND.findall(code):
            name, *words = line.partition("#")[0].split()
            assert name in known, (file.name, line)
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given <= known[name], (file.name, line)


def commands() -> dict[str, Any]:
    group: Any = get_command(app)
    return dict(group.commands)


def options_of(command: Any) -> set[str]:
    """All options of a command, and of its own commands, if it has some."""
    params = [p for c in [command, *getattr(command, "commands", {}).values()] for p in c.params]
    return {option for p in params for option in (*p.opts, *p.secondary_opts)} | {
        "--help",
        "--json",
    }


def test_the_map_of_the_house_is_true() -> None:
    """docs/architecture.md names every folder of vbdata/, and no file that is not there."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    folders = {path.parent.name for path in (REPOSITORY / "vbdata").glob("*/__init__.py")}
    table = {
        name
        for line in re.findall(r"^\| (`.*?) \|", text, re.M)
        for name in re.findall(r"`(\w+)/`", line)
    }
    assert table == folders
    for name in re.findall(r"`((?:vbdata|pipelines|transforms|tests)/[\w/]+(?:\.py)?)`", text):
        assert (REPOSITORY / name).exists(), name
    trip = text.split("## A sample's trip")[1]
    for name in re.findall(
        r"`(?:vbdata/)?((?:index|planning|jobs|run|shard|core|manifest)/[\w/]+\.py)`", trip
    ):
        assert (REPOSITORY / "vbdata" / name).exists(), name
