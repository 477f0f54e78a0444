"""Plans: exact counts a shard and over all, whole passes, spares, exhaustion, empty cells."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vbdata.build import planned
from vbdata.errors import RecipeError
from vbdata.jobs import job_digests, make_job
from vbdata.mix import apportion
from vbdata.nouns import Source
from vbdata.plan import make_plan
from vbdata.recipe import Recipe


def test_counts_are_the_largest_remainders(demo_recipe: Recipe) -> None:
    with planned(demo_recipe) as plan:
        weights = [Fraction(w) for s in demo_recipe.sources for w in s.tasks.values()]
        want = apportion(weights, demo_recipe.samples)
        assert [cell.count for cell in plan.cells] == want
        for number in range(plan.shards):
            part = plan.shard(number)
            cells = part["cell"][part["slot"] >= 0]
            got = np.bincount(cells, minlength=len(plan.cells))
            share = apportion([Fraction(n) for n in want], len(cells))
            assert np.abs(got - share).max() <= 1


def test_a_shard_is_shuffled_and_its_spares_are_fresh(demo_recipe: Recipe) -> None:
    with planned(demo_recipe) as plan:
        seen: Counter[tuple[int, int, int]] = Counter()
        for number in range(plan.shards):
            part = plan.shard(number)
            slots = part["slot"][part["slot"] >= 0]
            assert slots.tolist() == list(range(len(slots)))
            cells = part["cell"][: len(slots)]
            assert (np.diff(cells) < 0).sum() > 3  # not sorted by cell
            seen.update(zip(part["cell"], part["row"], part["pass"], strict=True))
        assert max(seen.values()) == 1


def test_another_seed_is_another_plan(demo_recipe: Recipe) -> None:
    with planned(demo_recipe) as one, planned(replace(demo_recipe, seed=8)) as two:
        assert one.shard(0)["row"].tolist() != two.shard(0)["row"].tolist()
        assert not set(job_digests(one)) & set(job_digests(two))


def test_a_cell_that_nothing_can_serve(demo_recipe: Recipe, demo_data: Path) -> None:
    test_split = Source(
        name="kitti", dataset="kitti", roots=(str(demo_data / "coco"),),
        tasks={"depth": Decimal(1)}, options={},
    )  # fmt: skip
    with planned(demo_recipe) as plan:
        index = plan.indices["kitti"]
        none = replace(index, facts=index.facts.slice(0, 0), records=index.records.slice(0, 0))
        with pytest.raises(RecipeError, match=r"sources\.kitti\.tasks\.depth: none of"):
            make_plan(replace(demo_recipe, sources=(test_split,)), [none])


@pytest.mark.parametrize("exhaustion", ["repeat", "stop", "redistribute"])
def test_exhaustion(demo_recipe: Recipe, exhaustion: str) -> None:
    recipe = replace(demo_recipe, samples=80, exhaustion=exhaustion)  # type: ignore[arg-type]
    if exhaustion == "stop":
        with pytest.raises(RecipeError) as caught, planned(recipe):
            pass
        assert "tasks.depth: needs 12 samples, has 10" in str(caught.value)
        return
    with planned(recipe) as plan:
        assert sum(cell.count for cell in plan.cells) == recipe.samples
        repeated = sum(cell.count - cell.unique for cell in plan.cells)
        assert (repeated == 0) == (exhaustion == "redistribute")


def test_more_than_all_cells_have(demo_recipe: Recipe) -> None:
    recipe = replace(demo_recipe, samples=10_000, exhaustion="redistribute")
    with pytest.raises(RecipeError, match="10000 asked, all cells together have"), planned(recipe):
        pass


def test_the_plan_is_written_a_row_group_a_shard(demo_recipe: Recipe, tmp_path: Path) -> None:
    with planned(demo_recipe) as plan:
        plan.write(tmp_path / "plan.parquet")
        file = pq.ParquetFile(tmp_path / "plan.parquet")
        assert file.num_row_groups == plan.shards
        rows = file.read_row_group(1).to_pylist()
        job = make_job(plan, 1, "shards/x", "digest")
        flat = [(r.slot, r.source, r.task, r.entry.id, r.pass_) for r in (*job.rows, *job.spares)]
        keys = ("slot", "source", "task", "sample_id", "pass")
        assert flat == [tuple(row[k] for k in keys) for row in rows]


def test_digests_follow_content_not_place(demo_recipe: Recipe, tmp_path: Path) -> None:
    import shutil

    roots = {s.name: tmp_path / s.name for s in demo_recipe.sources}
    for source in demo_recipe.sources:
        shutil.copytree(source.roots[0], roots[source.name])
    moved = replace(
        demo_recipe,
        sources=tuple(replace(s, roots=(str(roots[s.name]),)) for s in demo_recipe.sources),
    )
    with planned(demo_recipe) as one, planned(moved) as two:
        assert job_digests(one) == job_digests(two)
    victim = next((roots["kitti"] / "depth").rglob("*.png"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    with planned(demo_recipe) as one, planned(moved) as two:
        assert job_digests(one) != job_digests(two)
