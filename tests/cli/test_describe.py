"""`vbdata describe`: every reader and task, with what its own docstrings and signatures say."""

from __future__ import annotations

import io
import json
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from vbdata import plugins
from vbdata.cli.app import app
from vbdata.guide import docstrings
from vbdata.guide.describe import page, pages
from vbdata.terminal.pages import of_page, overview

READERS, TASKS = plugins.names(plugins.DATASETS), plugins.names(plugins.TASKS)


def described(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["describe", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_option_of_every_reader_and_task_is_explained() -> None:
    listed = pages()
    assert [each.name for each in listed] == [*READERS, *TASKS]
    for each in listed:
        module = (plugins.dataset if each.kind == "reader" else plugins.task)(each.name)
        function = module.index if each.kind == "reader" else module.ask
        assert [option.name for option in each.options] == list(plugins.options(function))
        for option in each.options:
            assert option.meaning, (each.name, option.name)
            assert "see above" not in option.meaning, (each.name, option.name)
            assert not option.meaning.endswith(".py"), (each.name, option.name)


def test_the_table_names_all_and_a_page_has_everything() -> None:
    table = described()
    assert all(f" {name} " in table for name in [*READERS, *TASKS])
    assert "min_area: 400" in table  # filters, which every source may have
    assert "TASK: {reverse: 0.2, permuted: 4, balance: classes}" in table  # and every task
    text = described("kitti")
    for words in ("CC-BY-NC-SA-3.0", "image_02 (left) or image_03 (right)", "proj_depth", "cvlibs"):
        assert words in text
    assert "share of the prompts that ask for another palette" in " ".join(
        described("depth").replace("\n", " ").split()
    )


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    to = Console(width=columns, record=True, file=io.StringIO())
    for part in [*overview(pages()), *of_page(page("folders"), columns)]:
        to.print(part)
    lines = to.export_text().splitlines()
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    assert "what must not be split" in text


def test_json_has_types_defaults_and_layouts() -> None:
    one: dict[str, Any] = json.loads(described("vkitti2", "--json"))
    options = {option["name"]: option for option in one["options"]}
    assert options["scenes"]["default"][0] == "Scene01"
    assert options["scenes"]["type"] == "text or list"
    assert options["max_invalid"]["meaning"].startswith("0 to 1: the share of pixels")
    assert "classSegmentation" in one["layout"]
    assert one["labels"] == ["depth", "normals", "segments", "flow"]
    assert one["serves"] == [
        "boxes",
        "depth",
        "flow",
        "instance",
        "normals",
        "panoptic",
        "relative_depth",
        "semantic",
    ]
    every = json.loads(described("--json"))
    assert {each["name"] for each in every} == {*READERS, *TASKS}


def test_an_unknown_name_names_the_nearest_and_all() -> None:
    done = CliRunner().invoke(app, ["describe", "vkiti2"])
    assert done.exit_code == 2
    assert "did you mean 'vkitti2'? Known: ade20k, " in done.output


def test_meanings_come_from_docstrings_wherever_they_stand() -> None:
    text = "A reader.\n\nWithout the option `far` it is near.\n\n- near: above; side: left.\n"
    module = ModuleType("pipelines.made_up", text)
    module.WAYS = ("up", "down")  # type: ignore[attr-defined]

    def index(*, way: str, near: str, far: str, none: str) -> None:
        """The entries.

        way: one of WAYS; near: see above. Raises SourceError for any other.
        """

    said = docstrings.meanings(module, index, ["way", "near", "far", "none"])
    assert said == {
        "way": "one of up, down",
        "near": "above; side: left",
        "far": "Without the option `far` it is near",
    }
