"""Jobs are made where they are done: of a few bytes a row, and the very ones that were planned."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builds import sums_of
from vbdata.core.types import ClassFact, Entry, Expression, FileRef
from vbdata.engine.build import build, planned
from vbdata.errors import BuildError, SourceError
from vbdata.index import rows
from vbdata.index.entries import Entries, Writer
from vbdata.index.facts import entry_digest
from vbdata.index.rows import BATCH
from vbdata.jobs.specs import ShardSpecs, context_of, job_digests, make_job, read_from
from vbdata.machine import cache
from vbdata.planning.plan import Plan
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage import replica
from vbdata.storage.folder import Folder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
NUMBERS = st.integers(0, 2**31 - 1)
FLOATS = st.floats(allow_nan=False)
ENTRIES = st.builds(
    Entry,
    id=TEXT,
    group=TEXT,
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    license=TEXT,
    files=st.dictionaries(TEXT, st.builds(FileRef, path=TEXT, size=st.integers(-1, 2**60))),
    labels=st.lists(TEXT).map(tuple),
    classes=st.lists(
        st.builds(ClassFact, name=TEXT, thing=st.booleans(), instances=NUMBERS, smallest=NUMBERS)
    ).map(tuple),
    captions=st.lists(TEXT).map(tuple),
    expressions=st.lists(
        st.builds(Expression, text=TEXT, targets=st.lists(NUMBERS).map(tuple))
    ).map(tuple),
    instructions=st.lists(TEXT).map(tuple),
    camera=st.none() | st.tuples(FLOATS, FLOATS, FLOATS, FLOATS),
    record=st.binary(max_size=40),
    fault=TEXT,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def plan(demo_recipe: Recipe) -> Iterator[Plan]:
    with planned(demo_recipe) as plan:
        yield plan


def written(path: Path, entries: list[Entry]) -> Entries:
    with Writer(path) as writer:
        for first in range(0, len(entries), BATCH):
            writer.write(entries[first : first + BATCH])
    return Entries(path)


@pytest.mark.slow
@given(st.lists(ENTRIES, max_size=4))
def test_entries_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    stored = written(tmp_path_factory.mktemp("entries") / "x.arrow", entries)
    assert list(stored) == entries
    assert stored.take(range(len(entries))) == entries
    assert len(stored) == len(entries)
    assert [*map(entry_digest, stored)] == [*map(entry_digest, entries)]


def bare(number: int) -> Entry:
    return Entry(id=f"{number:06d}", group="", width=1, height=1, license="", files={}, labels=())


def test_any_entry_is_read_without_the_others(tmp_path: Path) -> None:
    """In the order that was asked for, repeated ones too, over several batches."""
    stored = written(tmp_path / "x.arrow", [*map(bare, range(2 * BATCH + 7))])
    asked = [2 * BATCH + 6, 0, BATCH, BATCH - 1, 0, 3]
    assert [int(entry.id) for entry in stored.take(asked)] == asked
    assert len(stored) == 2 * BATCH + 7
    assert stored.take([]) == []


def test_numbers_of_numpy_become_plain_and_others_are_refused(tmp_path: Path) -> None:
    with Writer(tmp_path / "x.arrow") as writer:
        odd = replace(bare(1), width=np.int64(640), camera=(np.float32(0.5), 1, 2, 3))
        facts = writer.write([odd])
    (plain,) = Entries(tmp_path / "x.arrow")
    assert type(plain.width) is int
    assert rows.written([plain]).facts.equals(facts)
    with Writer(tmp_path / "y.arrow") as writer, pytest.raises(SourceError, match="a bytes"):
        writer.write([replace(bare(1), group=b"bytes")])


def test_a_file_that_is_written_anew_changes_nothing_for_its_readers(tmp_path: Path) -> None:
    stored = written(tmp_path / "x.arrow", [bare(1)])
    (tmp_path / "x.arrow").unlink()
    written(tmp_path / "x.arrow", [bare(2)])
    assert [entry.id for entry in stored.take([0])] == ["000001"]


def test_a_ticket_is_some_bytes_a_row_and_makes_the_job_that_was_planned(plan: Plan) -> None:
    digests = job_digests(plan)
    context = pickle.loads(pickle.dumps(context_of(plan, "shards/x")))
    for number in range(plan.shards):
        spec = ShardSpecs(plan, digests.__getitem__)[number]
        sent = pickle.dumps(spec)
        assert len(sent) < 500 + 8 * len(spec.cell)
        job = context.checked(pickle.loads(sent))
        assert job == make_job(plan, number, "shards/x", digests[number])
        assert len(job.rows) == spec.samples == 32
        assert [row.slot for row in job.spares] == [-1] * len(job.spares)
        assert all(row.digest == entry_digest(row.entry) for row in (*job.rows, *job.spares))
    assert len(pickle.dumps(context)) < 5000, "what was opened stays here"


def test_an_index_that_has_changed_is_refused(plan: Plan) -> None:
    """By whoever opens it later; who had it open goes on."""
    specs, early, late = (
        ShardSpecs(plan, job_digests(plan).__getitem__),
        context_of(plan),
        context_of(plan),
    )
    early.ready()
    for index in plan.indices.values():
        entries = [replace(entry, license="another") for entry in index.stored]
        index.stored.path.unlink()
        written(index.stored.path, entries)
    assert early.checked(specs[0]).rows
    with pytest.raises(BuildError, match=r"shard 0: the index has changed since .*coco\.arrow"):
        late.checked(specs[0])


def test_other_code_than_the_drivers_is_refused(plan: Plan) -> None:
    context = context_of(plan)
    context.ready()
    other = {"vbdata": "0", "transforms depth": "0"}
    with pytest.raises(BuildError, match=r"other code than the driver: vbdata, transforms depth$"):
        replace(context, code=context.code | other).ready()


def test_a_folder_that_is_not_shared_is_named(plan: Plan) -> None:
    context = context_of(plan)
    plan.indices["coco"].stored.path.unlink()
    with pytest.raises(BuildError, match=r"coco\.arrow is not there: .* all nodes share"):
        context.ready()


def test_a_machine_fetches_one_copy_and_checks_it(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, store = f"memory://{tmp_path.name}/plan", fsspec.filesystem("memory")
    local = next(iter(plan.indices.values())).stored.path.parent.parent
    for index in plan.indices.values():
        Folder(url).copy(index.stored.path, str(index.stored.path.relative_to(local)))
    context = read_from(context_of(plan), local, url)
    specs = ShardSpecs(plan, job_digests(plan).__getitem__)
    assert context.checked(specs[0]) == context_of(plan).checked(specs[0])
    store.rm(f"/{tmp_path.name}", recursive=True)
    again = pickle.loads(pickle.dumps(context))
    again.ready()
    kept = sorted((tmp_path / "cache" / replica.FOLDER).glob("[0-9a-f]*"))
    assert {path.name for path in kept} == {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in kept
    }
    monkeypatch.setattr(replica, "KEPT", 1)
    for path in kept:
        path.unlink()
    with pytest.raises(BuildError, match=r"memory://.*\.arrow is not there"):
        pickle.loads(pickle.dumps(context)).ready()
    for index in plan.indices.values():
        Folder(url).write(str(index.stored.path.relative_to(local)), b"another")
    with pytest.raises(BuildError, match=r"memory://.*\.arrow is not what it was"):
        pickle.loads(pickle.dumps(context)).ready()
    assert not [*(tmp_path / "cache" / replica.FOLDER).glob("[0-9a-f]*")]


def test_old_copies_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "KEPT", 2)
    url = f"memory://{tmp_path.name}/x"
    for number in range(5):
        Folder(url).write(f"{number}", data := bytes([number]))
        path = replica.local_copy(f"{url}/{number}", hashlib.sha256(data).hexdigest())
        assert path.read_bytes() == data
    assert len([*path.parent.glob("[0-9a-f]*")]) == 2


@pytest.mark.slow
def test_a_store_has_the_plan_before_the_first_shard(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Folder(f"memory://{tmp_path.name}/out")
    seen: list[bool] = []

    def look(*_: object) -> bool:
        seen.append(out.exists("plan/plan.parquet") and out.exists("plan/index/coco.arrow"))
        return False

    monkeypatch.setattr("vbdata.run.poison.PoisonRecords.may_hold", look)
    build(demo_recipe, out, How())
    assert seen == [True] * 3
    assert out.read("SHA256SUMS").decode() == sums_of(demo_build)
