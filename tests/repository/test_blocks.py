"""What README and docs give to type in is typed in: every command here or by a test that is named.

Commands of vbdata run in this process, one page after the other, each in a folder of its own that
has what the page takes for granted. A line that is in no table fails.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from tests.helpers.builds import REPOSITORY
from vbdata import open_build
from vbdata.cli.app import app
from vbdata.engine.build import build
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

PAGES = ("README", "CONTRIBUTING", *sorted(p.stem for p in (REPOSITORY / "docs").glob("*.md")))
# Beginnings of lines that other tests run, and where; a cloud is nowhere: there its files are held
# against what reads them.
ELSEWHERE = {
    "make demo": "cli/test_demo.py::test_one_command_makes_a_build_a_picture_and_a_report",
    "make wheel": "run/test_ray_job.py::"
    "test_every_library_of_the_wheel_makes_the_bytes_of_the_plain_code",
    "pip install -c constraints.txt": "repository/test_own_folders.py::test_installed",
    "ray job submit": "run/test_ray_job.py::"
    "test_a_job_of_two_nodes_builds_the_same_bytes_without_a_compiler",
    "ray up": "repository/test_cluster.py::"
    "test_ray_up_finds_boto3_and_the_head_keeps_the_pinned_one",
    "ray dashboard": "repository/test_cluster.py::"
    "test_the_dashboard_that_is_submitted_to_is_forwarded",
    "python -m pytest": "cli/test_new.py::test_the_tests_of_skeletons_pass_in_an_empty_folder",
    "vbdata bench build": "bench/test_bench.py::test_from_a_raw_folder_to_a_line_of_the_table",
    "vbdata bench score": "bench/test_bench.py::test_from_a_raw_folder_to_a_line_of_the_table",
    "vbdata bench table": "bench/test_bench.py::test_the_page_shows_the_worst_answers_first",
    "vbdata bench export": "bench/test_bench.py::"
    "test_votes_over_permuted_legends_are_merged_and_handed_over",
    "vbdata predict": "train/test_loop.py::test_it_learns_eight_samples_and_its_answers_decode",
}
OF_CI = ("make setup", "make quick", "make check", "make interop", "make test")
GIVEN = {  # in the place of what a page's reader has
    "/data/mine": "demo/data/hypersim",
    "steps=400": "steps=2",
}
PYTHON = {  # pages whose blocks of Python are run, and where
    **dict.fromkeys(
        ("README", "python", "output", "tasks"), "repository/test_readme.py::test_the_snippets_run"
    ),
    "adapters": "train/test_adapters.py::test_the_blocks_of_the_page_run",
    "benchmarks": "bench/test_bench.py::test_the_block_of_the_page_runs",
    "metrics": "repository/test_blocks.py::test_the_block_of_metrics_runs",
}


def text_of(page: str) -> str:
    folder = REPOSITORY if page.isupper() else REPOSITORY / "docs"
    return (folder / f"{page}.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def lines(page: str) -> Iterator[str]:
    """The commands of a page: continued lines joined, comments cut off."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield shlex.join(words)


def run_here(page: str) -> list[str]:
    """The commands of a page that are run here; none if earlier pages have all of them."""
    before = {line for other in PAGES[: PAGES.index(page)] for line in lines(other)}
    mine = [line for line in lines(page) if not line.startswith((*ELSEWHERE, *OF_CI))]
    return mine if set(mine) - before else []


def small(recipe: Recipe) -> Recipe:
    """A recipe of a few pictures, all of whose sides are whole sixteens."""
    (rooms,) = (each for each in recipe.sources if each.name == "hypersim")
    return replace(recipe, samples=8, shard_size=4, sources=(rooms,))


def answer(out: str, folder: str) -> None:
    """Answers to a build: its own targets."""
    Path(folder).mkdir()
    for sample in open_build(out):
        Image.fromarray(sample.target).save(f"{folder}/{sample.key}.png")


@pytest.fixture
def here(
    demo_build: Path, demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder as pages take it for granted: with demo data and a build, with answers to it."""
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "data").symlink_to(demo_data)
    (tmp_path / "demo" / "build").symlink_to(demo_build)
    small = tmp_path / "manifests" / "train" / "demo.yaml"
    config = yaml.safe_load(small.read_text())
    config |= {"batch": 2, "model": config["model"] | {"dim": 16, "depth": 1}}
    config["data"] = config["data"] | {"size": 16}
    config["run"] = {"workers": 0}
    small.write_text(yaml.safe_dump(config))
    metres = np.linspace(256, 2560, 16 * 16).astype(np.uint16).reshape(16, 16)
    Image.fromarray(metres).save(tmp_path / "depth.png")
    monkeypatch.chdir(tmp_path)
    answer("demo/build", "answers")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [*filter(run_here, PAGES)])
def test_the_commands_of_a_page_run(page: str, here: Path, demo_recipe: Recipe) -> None:
    if page == "export":
        build(small(demo_recipe), Folder("out"), How())
    for line in run_here(page):
        words = [GIVEN.get(word, word) for word in shlex.split(line)]
        assert words.pop(0) == "vbdata", line
        words += ["--local"] * (words[0] == "build")  # on Ray it is a test of tests/cli
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, f"{line}\n{done.output[-2000:]}\n{done.exception!r}"


def test_the_block_of_metrics_runs(
    demo_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build(small(demo_recipe), Folder("out"), How())
    answer("out", "answers")
    (block,) = blocks("metrics", "python")
    seen: dict[str, object] = {}
    exec(block.replace("workers=8", "workers=1"), seen)
    assert seen["report"]["samples"]["scored"] == 8  # type: ignore[index]


def test_every_line_and_block_is_run_by_a_test_that_exists() -> None:
    for test in {*ELSEWHERE.values(), *PYTHON.values()}:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (REPOSITORY / "tests" / file).read_text(), test
    assert {page for page in PAGES if blocks(page, "python")} == {*PYTHON}
    named = {line for page in PAGES for line in lines(page)}
    for beginning in (*ELSEWHERE, *OF_CI):
        assert any(line.startswith(beginning) for line in named), beginning
