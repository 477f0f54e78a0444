"""Plans: exact counts a shard and over all, whole passes, spares, exhaustion, empty cells."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.helpers.builds import REPOSITORY, demo_recipe_over
from vbdata.cli.app import app
from vbdata.core.rng import mix64, word_of
from vbdata.core.types import Source
from vbdata.engine.build import planned
from vbdata.errors import BuildError, RecipeError
from vbdata.jobs.specs import job_digests, make_job
from vbdata.manifest.tally import cell_lines, hundredths, warnings
from vbdata.planning import plan as plan_module
from vbdata.planning.file import open_plan, read_shard, write_plan
from vbdata.planning.make import make_plan
from vbdata.planning.mixture import apportion, draw
from vbdata.planning.plan import Plan
from vbdata.recipe.keys import Image
from vbdata.recipe.recipe import Recipe, load_recipe

Row = tuple[int, int, int, int]  # slot, cell, row, pass


def rows_of(plan: Plan, number: int) -> list[Row]:
    part = plan.shard(number)
    columns = (part[name].tolist() for name in ("slot", "cell", "row", "pass"))
    return list(zip(*columns, strict=True))


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


def one_by_one(plan: Plan) -> Iterator[list[Row]]:
    """The plan's rows by its definition, a row at a time."""
    recipe, spares = plan.recipe, plan.recipe.spares
    drawn = []
    for cell in plan.cells:
        room = plan.shards * spares
        if recipe.exhaustion != "repeat":
            room = min(room, len(cell.rows) - cell.count)
        words = plan.indices[cell.source].words[cell.rows]
        which, passes = draw(words, cell.count + room, recipe.seed, "draw", cell.source, cell.task)
        drawn.append(list(zip(cell.rows[which].tolist(), passes.tolist(), strict=True)))
    done = [0] * len(plan.cells)
    for number, counts in enumerate(plan.table.tolist()):
        samples, left = [], []
        for c, count in enumerate(counts):
            samples += [(c, *drawn[c][done[c] + k]) for k in range(count)]
            done[c] += count
            first = plan.cells[c].count + number * spares
            left += [(-1, c, *each) for each in drawn[c][first : first + spares] if count]
        word = word_of(recipe.seed, "order", number)
        hashes = (mix64(np.arange(len(samples), dtype=np.uint64), word) >> np.uint64(32)).tolist()
        order = sorted(range(len(samples)), key=lambda k: (hashes[k], k))
        yield [(slot, *samples[k]) for slot, k in enumerate(order)] + left


@pytest.mark.parametrize(
    ("samples", "shard_size", "spares", "exhaustion"),
    [
        (500, 32, 4, "repeat"),
        (500, 7, 3, "repeat"),  # fewer slots than cells: some shards lack some cells
        (100, 100, 0, "repeat"),
        (3, 1000, 2, "repeat"),  # fewer samples than cells
        (1, 1, 1, "repeat"),
        (80, 9, 3, "redistribute"),  # spares run out
    ],
)
def test_columns_are_what_rows_one_by_one_are(
    demo_recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    samples: int,
    shard_size: int,
    spares: int,
    exhaustion: str,
) -> None:
    changes = {"samples": samples, "shard_size": shard_size, "spares": spares}
    with planned(replace(demo_recipe, **changes, exhaustion=exhaustion)) as plan:  # type: ignore[arg-type]
        want = list(one_by_one(plan))
        assert [rows_of(plan, number) for number in range(plan.shards)] == want
        digests, files = [], []
        for block_rows in (1, 3 * shard_size, 1 << 20):  # however many shards are made at once
            monkeypatch.setattr(plan_module, "BLOCK_ROWS", block_rows)
            digests.append(job_digests(plan))
            write_plan(plan, tmp_path / "plan.parquet")
            files.append((tmp_path / "plan.parquet").read_bytes())
        assert len(set(digests[0])) == plan.shards
        assert digests[0] == digests[1] == digests[2]
        assert files[0] == files[1] == files[2]
        for number, rows in enumerate(want):
            said = read_shard(tmp_path / "plan.parquet", number).to_pylist()
            assert [(row["slot"], row["sample_id"], row["pass"]) for row in said] == [
                (slot, id_of(plan, cell, row), pass_) for slot, cell, row, pass_ in rows
            ]


def id_of(plan: Plan, cell: int, row: int) -> str:
    return str(plan.indices[plan.cells[cell].source].facts["id"][row].as_py())


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
        none = replace(index, facts=index.facts.slice(0, 0))
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
        repeated = sum(cell.count - plan.unique(c) for c, cell in enumerate(plan.cells))
        assert (repeated == 0) == (exhaustion == "redistribute")
        assert (max(cell.passes for cell in plan.cells) > 1) == (exhaustion == "repeat")


def test_stop_names_every_cell_that_runs_out_and_passes_if_none_does(demo_recipe: Recipe) -> None:
    with planned(replace(demo_recipe, samples=24)) as plan:
        indices = list(plan.indices.values())
        stop = replace(demo_recipe, samples=24, exhaustion="stop")
        assert make_plan(stop, indices).table.tolist() == plan.table.tolist()
        with pytest.raises(RecipeError) as caught:
            make_plan(replace(stop, samples=10_000), indices)
        assert len(caught.value.faults) == len(plan.cells)


def test_redistribute_uses_no_sample_twice_and_the_spares_are_others(demo_recipe: Recipe) -> None:
    with planned(replace(demo_recipe, samples=80, exhaustion="redistribute")) as plan:
        used = [row[1:] for number in range(plan.shards) for row in rows_of(plan, number)]
        assert len({*used}) == len(used) > plan.recipe.samples
        assert all(pass_ == 0 for *_, pass_ in used)
        assert all(cell.count <= len(cell.rows) for cell in plan.cells)
        full = [cell for cell in plan.cells if cell.count == len(cell.rows)]
        assert 0 < len(full) < len(plan.cells)


def test_repeats_of_a_cells_samples_differ_by_at_most_one(demo_recipe: Recipe) -> None:
    with planned(replace(demo_recipe, samples=700)) as plan:
        used: Counter[tuple[int, int]] = Counter()
        for number in range(plan.shards):
            used.update(row[1:3] for row in rows_of(plan, number) if row[0] >= 0)
        for c, cell in enumerate(plan.cells):
            times = [used[c, row] for row in cell.rows.tolist()]
            assert max(times) - min(times) <= 1
            assert Fraction(sum(times), len(times)) == cell.passes


def test_more_than_all_cells_have(demo_recipe: Recipe) -> None:
    recipe = replace(demo_recipe, samples=10_000, exhaustion="redistribute")
    with pytest.raises(RecipeError, match="10000 asked, all cells together have"), planned(recipe):
        pass


@pytest.mark.parametrize(
    ("number", "text"),
    [("5/2", "2.50"), ("1/8", "0.12"), ("3/8", "0.38"), ("2/3", "0.67"), ("0", "0.00"),
     (f"{10**18 + 1}", f"{10**18 + 1}.00")],
)  # fmt: skip
def test_passes_are_said_in_hundredths(number: str, text: str) -> None:
    assert hundredths(Fraction(number)) == text


def test_a_warning_above_max_passes(demo_recipe: Recipe) -> None:
    with planned(replace(demo_recipe, samples=400)) as plan:
        passes = [Decimal(line["passes"]) for line in cell_lines(plan)]
        most = min(passes)
        indices = list(plan.indices.values())
        told = warnings(make_plan(replace(plan.recipe, max_passes=most), indices))
        above = [cell for cell in plan.cells if cell.passes > Fraction(most)]
        assert 0 < len(told) == len(above) < len(plan.cells)
        for text, cell in zip(told, above, strict=True):
            assert text.startswith(f"{cell.name}: {cell.count / len(cell.rows):.2f} passes over")
            assert f"max_passes = {most}" in text
        assert not warnings(make_plan(replace(plan.recipe, max_passes=max(passes) + 1), indices))


def test_max_passes_is_a_number_above_zero_that_changes_no_digest(tmp_path: Path) -> None:
    text = (REPOSITORY / "manifests" / "demo.yaml").read_text()
    (tmp_path / "plain.yaml").write_text(text)
    (tmp_path / "capped.yaml").write_text(f"{text}\nmax_passes: 1.5\n")
    plain, capped = (load_recipe(tmp_path / f"{name}.yaml") for name in ("plain", "capped"))
    assert [plain.max_passes, capped.max_passes] == [Decimal(4), Decimal("1.5")]
    assert plain.digest() == capped.digest()
    (tmp_path / "wrong.yaml").write_text(f"{text}\nmax_passes: 0\n")
    with pytest.raises(RecipeError, match="max_passes: should be greater than 0, got 0"):
        load_recipe(tmp_path / "wrong.yaml")


def passes_of(cells: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {(line["source"], line["task"]): line["passes"] for line in cells}


@pytest.mark.slow
def test_the_commands_say_passes_and_warn(demo_data: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    text = (REPOSITORY / "manifests" / "demo.yaml").read_text()
    recipe.write_text(text.replace("samples: 96", "samples: 40") + "\nmax_passes: 0.5\n")
    sources = demo_recipe_over(demo_data).sources
    roots = [part for s in sources for part in ("--root", f"{s.name}={s.roots[0]}")]
    table = CliRunner().invoke(app, ["plan", str(recipe), *roots])
    assert "passes" in table.stdout
    assert "warning: kitti / depth: 0.60 passes over 10 samples" in table.stderr
    said = json.loads(CliRunner().invoke(app, ["plan", str(recipe), *roots, "--json"]).stdout)
    assert passes_of(said["cells"])["kitti", "depth"] == "0.60"
    command = ["build", str(recipe), *roots, "--local", "--out", str(out), "--json"]
    built = CliRunner().invoke(app, command)
    events = [json.loads(line) for line in built.stdout.splitlines()]
    assert [e["text"] for e in events if e["event"] == "warning"] == said["warnings"] != []
    assert json.loads((out / "run.json").read_text())["warnings"] == said["warnings"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert passes_of(manifest["cells"]) == passes_of(said["cells"])
    assert "warnings" not in manifest
    assert "max_passes" not in manifest["recipe"]


def test_the_plans_file_says_what_the_jobs_are(demo_recipe: Recipe, tmp_path: Path) -> None:
    with planned(demo_recipe) as plan:
        write_plan(plan, tmp_path / "plan.parquet")
        rows = read_shard(tmp_path / "plan.parquet", 1).to_pylist()
        job = make_job(plan, 1, "shards/x", "digest")
        flat = [(r.slot, r.source, r.task, r.entry.id, r.pass_) for r in (*job.rows, *job.spares)]
        keys = ("slot", "source", "task", "sample_id", "pass")
        assert flat == [tuple(row[k] for k in keys) for row in rows]
        assert {row["shard"] for row in rows} == {1}


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.given += len(data)
        return data


@pytest.mark.parametrize(
    ("size", "groups"),
    [
        (5000, [[k] for k in range(8)]),  # alone, from FEWEST rows on
        (500, [[*range(k, min(k + 9, 80))] for k in range(0, 80, 9)]),
    ],
)
def test_a_shard_is_read_without_the_others(
    demo_recipe: Recipe, tmp_path: Path, size: int, groups: list[list[int]]
) -> None:
    with planned(replace(demo_recipe, samples=40_000, shard_size=size, spares=0)) as plan:
        write_plan(plan, tmp_path / "plan.parquet")
    data = (tmp_path / "plan.parquet").read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    about = pq.ParquetFile(tmp_path / "plan.parquet").metadata
    shards = [
        pq.ParquetFile(tmp_path / "plan.parquet").read_row_group(k)["shard"].unique().to_pylist()
        for k in range(about.num_row_groups)
    ]
    assert shards == groups
    for number in (0, 7):
        file = Counted(data)
        assert read_shard(file, number)["shard"].to_pylist() == [number] * size
        group = about.row_group(number // len(groups[0]))
        columns = [group.column(k) for k in range(about.num_columns)]
        own = sum(column.total_compressed_size for column in columns)
        assert file.given <= own + 2 * max(footer, 1 << 16)
        assert file.given < len(data)


def test_rows_of_a_build_on_disk_and_elsewhere(
    demo_build: Path, demo_recipe: Recipe, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["rows", str(demo_build), "1", "--json"])
    with planned(demo_recipe) as plan:
        job = make_job(plan, 1, "", "")
    got = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["sample_id"] for line in got] == [r.entry.id for r in (*job.rows, *job.spares)]
    assert "spare" in CliRunner().invoke(app, ["rows", str(demo_build), "1"]).stdout
    with fsspec.open("memory://plans/mine.parquet", "wb") as file:
        file.write((demo_build / "plan" / "plan.parquet").read_bytes())
    with open_plan("memory://plans/mine.parquet") as plan_file:
        assert read_shard(plan_file, 1).to_pylist() == got


def test_what_is_no_plan_is_said(demo_build: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet at all")
    (tmp_path / "cut.parquet").write_bytes((demo_build / "plan/plan.parquet").read_bytes()[:-9])
    for place, shard, text in (
        (tmp_path / "other.parquet", 0, "no plan: its columns are x"),
        (tmp_path / "text.parquet", 0, "no plan can be read"),
        (tmp_path / "cut.parquet", 0, "no plan can be read"),
        (tmp_path / "none.parquet", 0, "holds no plan"),
        (tmp_path, 0, "holds no plan"),
        (demo_build, 3, "no shard 3: the plan's are 0 to 2"),
    ):
        done = CliRunner().invoke(app, ["rows", str(place), str(shard)])
        assert (done.exit_code, text in done.stderr) == (1, True), done.stderr


def test_a_plan_that_cannot_be_written_leaves_the_old_one(
    demo_recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with planned(replace(demo_recipe, samples=10)) as plan:
        with pytest.raises(BuildError, match="cannot be written"):
            write_plan(plan, tmp_path / "file" / "plan.parquet")
        write_plan(plan, tmp_path / "new" / "plan.parquet")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["plan.parquet"]


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


def test_a_digest_tells_passes_slots_and_shards_apart(demo_recipe: Recipe) -> None:
    """Each shard of a single source that repeats its ten records for ever has its own digest."""
    kitti = next(s for s in demo_recipe.sources if s.name == "kitti")
    recipe = replace(demo_recipe, sources=(kitti,), samples=200, shard_size=10, spares=0)
    with planned(recipe) as plan:
        assert len(plan.cells[0].rows) == 10
        digests = job_digests(plan)
        assert len(set(digests)) == 20
        longer = job_digests(make_plan(replace(recipe, samples=210), list(plan.indices.values())))
        assert longer[:20] == list(digests)
        for other in (
            replace(recipe, tasks={"depth": {"other_palettes": 0.0}}),
            replace(recipe, image=Image(input="png")),
        ):
            others = job_digests(make_plan(other, list(plan.indices.values())))
            assert not set(others) & set(digests)


@pytest.mark.slow
def test_the_benchmark_plans_twenty_cells() -> None:
    command = [sys.executable, "-m", "benchmarks.plan_scale", "--rows", "20000"]
    done = subprocess.run(
        [*command, "--shard-size", "1500"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["shards"] == 14
    assert lines[-1]["rows_of_one_shard"] == 1580  # four spares of each of 20 cells
    assert all(line["rows_per_cpu_second"] > 0 for line in lines)
