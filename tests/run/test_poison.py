"""A record that ends its process is found, named and left out, with the same bytes everywhere."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.builds import manifest_of, quarantine_of, sums_of
from tests.helpers.faulty import Listener, faulty
from tests.helpers.waiting import LONG_S
from vbdata.checks.verify import verify
from vbdata.engine.build import build, planned
from vbdata.jobs.job import ShardReport
from vbdata.jobs.specs import ShardSpecs, make_job
from vbdata.layout import IN_WORK
from vbdata.recipe.recipe import Recipe
from vbdata.run.attempts import ATTEMPTS, LOSSES, Attempts, KilledFromOutside
from vbdata.run.guarded import build_guarded
from vbdata.run.how import How
from vbdata.run.poison import PoisonRecords
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder

ray_group = pytest.mark.xdist_group("ray builds")

POISON = 7


def in_a_process_of_its_own(recipe: Recipe, out: Path) -> int:
    """Build without Ray in another process; its exit code."""
    code = (
        "import sys; from pathlib import Path; from vbdata.engine.build import How, build\n"
        "from vbdata.recipe.recipe import parse_recipe; from vbdata.storage.folder import Folder\n"
        "recipe = parse_recipe(sys.argv[1], 'faulty.yaml', Path(sys.argv[2]), {})\n"
        "build(recipe, Folder(sys.argv[3]), How())"
    )
    words = [sys.executable, "-c", code, recipe.text, recipe.folder, str(out)]
    return subprocess.run(words, timeout=LONG_S, env=_paths()).returncode


def _paths() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@ray_group
def test_a_poison_record_is_left_out_with_the_same_bytes_on_workers_and_in_process(
    tmp_path: Path,
) -> None:
    recipe = faulty(tmp_path / "data", {POISON: ("crash", "")})
    seen = Listener()
    build(recipe, Folder(str(tmp_path / "two")), How(ray="local", workers=2), seen)
    found = {(q["source"], q["sample_id"], q["file"]) for q in quarantine_of(tmp_path / "two")}
    assert found == {("tiny", f"{POISON:08d}", f"{POISON:08d}.png")}
    assert {q["reason"] for q in quarantine_of(tmp_path / "two")} == {"poison record"}
    assert not seen.failed
    assert all("its worker died" in event.cause for event in seen.retried)
    manifest = manifest_of(tmp_path / "two")
    assert manifest["cells"][0]["realised"] == 40
    assert manifest["cells"][0]["replaced"] == len(quarantine_of(tmp_path / "two"))
    assert verify(Folder(str(tmp_path / "two"))) == []
    run = json.loads((tmp_path / "two" / "run.json").read_text())
    assert run["time"]["shards"] == len(manifest["shards"]), "children tell their times, too"

    alone = tmp_path / "alone"
    assert in_a_process_of_its_own(recipe, alone) == -signal.SIGSEGV
    assert in_a_process_of_its_own(recipe, alone) == 0
    assert sums_of(alone) == sums_of(tmp_path / "two")
    assert not (alone / IN_WORK).exists()


@pytest.mark.slow
def test_what_is_done_to_a_process_from_outside_is_no_records_fault(tmp_path: Path) -> None:
    recipe = faulty(tmp_path / "data", {POISON: ("killed", "")}, samples=8, size=8, records=8)
    with planned(recipe) as plan:
        job = make_job(plan, 0, "shards", "0" * 64)
    text = rf"ended by SIGKILL \(by hand or for want of memory\) at tiny .*'{POISON:08d}' \(load\)"
    with pytest.raises(KilledFromOutside, match=text) as caught:
        build_guarded(job, Folder(str(tmp_path / "out")), "cpu", lambda *_: None)
    assert caught.value.row_id == ("tiny", "generate", f"{POISON:08d}", 0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.row_id) == (str(caught.value), caught.value.row_id)


def test_shards_that_hold_a_known_poison_record_are_built_in_a_child(tmp_path: Path) -> None:
    recipe = faulty(tmp_path / "data", {}, samples=10, size=5, records=10)
    with planned(replace(recipe, spares=0)) as plan:
        jobs = [make_job(plan, number, "shards", str(number) * 64) for number in range(2)]
        specs = ShardSpecs(plan)
        made = ShardReport.of(build_shard(jobs[0], Folder(str(tmp_path / "out"))))
        poison = PoisonRecords(specs.record)
        poison.shards.add(0)
        assert poison.may_hold(specs[0])
        record = jobs[1].rows[2].entry.id
        line = {"reason": "poison record", "source": "tiny", "sample_id": record}
        poison.learn(replace(made, quarantine=(line,)))
        assert [poison.may_hold(specs[number]) for number in range(2)] == [False, True]


def test_what_counts_against_a_shard() -> None:
    attempts, row_id = Attempts(), ("tiny", "generate", "00000007", 0)
    assert [attempts.failed(0, OSError()) for _ in range(ATTEMPTS)] == [True, True, False]
    assert [attempts.failed(1, KilledFromOutside("", row_id)) for _ in range(ATTEMPTS)] == [
        True,
        True,
        False,
    ]
    for number, struck in ((2, lambda n: (*row_id[:3], n)), (3, lambda n: None)):
        found = [
            attempts.failed(number, KilledFromOutside("", struck(n))) for n in range(LOSSES + 1)
        ]
        assert found == [True] * LOSSES + [False]
    assert [attempts.lost(4) for _ in range(LOSSES + 1)] == [True] * LOSSES + [False]
    assert attempts.failed(4)
    attempts.forget(0)
    assert attempts.failed(0)
