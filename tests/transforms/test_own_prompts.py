"""Prompts of one's own stand in samples in place of the task's, and change nothing else."""

from __future__ import annotations

from pathlib import Path

from vbdata.core.types import Ask
from vbdata.engine.build import planned
from vbdata.jobs.specs import ShardSpecs, context_of
from vbdata.recipe.recipe import load_recipe
from vbdata.shard.asking import ask_for

MINE = "{version: 1, slots: {legend: a, background: b}, templates: ['MINE: {legend}{background}']}"
RECIPE = """
name: own
seed: 3
samples: 12
tasks: {{semantic: {{prompts: {prompts}}}}}
sources:
  coco: {{dataset: coco, root: {root}, tasks: {{semantic: 1, instance: 1}}}}
"""


def asked(text: str, folder: Path) -> dict[tuple[str, str], Ask]:
    """What is asked by task and record."""
    (folder / "recipe.yaml").write_text(text)
    with planned(load_recipe(folder / "recipe.yaml")) as plan:
        job = context_of(plan).job(ShardSpecs(plan)[0])
        return {(row.task, row.entry.id): ask_for(row, job) for row in job.rows}


def test_prompts_of_ones_own_are_what_samples_say(demo_data: Path, tmp_path: Path) -> None:
    text = RECIPE.format(prompts=MINE, root=demo_data / "coco")
    mine = asked(text, tmp_path)
    usual = asked(text.replace(f"{{prompts: {MINE}}}", "{}"), tmp_path)
    assert mine.keys() == usual.keys()
    assert {task for task, _ in mine} == {"semantic", "instance"}
    for (task, record), ask in mine.items():
        own = task == "semantic"
        assert ask.instruction.startswith("MINE: ") == own
        assert (ask == usual[task, record]) == (not own)
        assert {e["name"] for e in ask.params.get("legend", ())} == {
            e["name"] for e in usual[task, record].params.get("legend", ())
        }
