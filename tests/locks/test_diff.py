"""Comparisons of builds and locks: what came, went, moved and changed, and how that is said."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.builds import remanifest
from tests.helpers.locks import build_small, run
from vbdata.layout import build_digest
from vbdata.locks.diff import Diff, compare
from vbdata.locks.make import make_lock
from vbdata.storage.folder import Folder


def rows(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "manifest" / "train.parquet").to_pylist()
    return found


def identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["source"], row["task"], row["sample_id"], row["pass"]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, demo_data: Path) -> Path:
    """The small build and its lock, old.lock.json beside it. Read only."""
    out = build_small(tmp_path_factory.mktemp("old"), demo_data)
    (out.parent / "old.lock.json").write_text(make_lock(Folder(str(out))).text())
    return out


def counts(found: Diff) -> dict[str, int]:
    assert found.samples is not None
    return {name: kind.count for name, kind in found.samples.items() if kind.count}


@pytest.mark.slow
def test_a_build_is_the_same_as_itself_and_as_its_lock(old: Path) -> None:
    lock = old.parent / "old.lock.json"
    for a, b in ((old, old), (old, lock), (lock, old), (lock, lock)):
        done = run("diff", a, b)
        assert done.exit_code == 0, done.output
        assert "shards: 3 identical, of 3 in a and 3 in b" in done.stdout
        assert done.stdout.endswith("the same\n")


@pytest.mark.slow
def test_another_mixture(old: Path, demo_data: Path, tmp_path: Path) -> None:
    changed = ("semantic: 0.25, generate: 0.25", "semantic: 0.4, generate: 0.1")
    new = build_small(tmp_path, demo_data, changed)
    found = compare(str(old), str(new), limit=100)
    assert [tuple(change) for change in found.recipe] == [
        ("sources.coco.tasks.generate", "0.25", "0.1"),
        ("sources.coco.tasks.semantic", "0.25", "0.4"),
    ]
    assert ("coco / semantic", 3, 5) in [tuple(change) for change in found.counts]
    assert ("coco / generate", 3, 1) in [tuple(change) for change in found.counts]
    assert not found.sources
    assert not found.code
    assert not found.environment
    before, after = ({identity(row): row["key"] for row in rows(out)} for out in (old, new))
    assert found.samples is not None
    for kind, expected in (
        ("came", after.keys() - before.keys()),
        ("went", before.keys() - after.keys()),
        ("moved", {i for i in before.keys() & after.keys() if before[i] != after[i]}),
    ):
        assert {tuple(e[:4]) for e in found.samples[kind].examples} == expected
        assert found.samples[kind].count == len(expected)
    for example in found.samples["moved"].examples:
        assert before[example[:4]] == example.old_key
        assert after[example[:4]] == example.new_key
    assert not found.same


def test_a_moved_sample_keeps_its_bytes(old: Path, demo_data: Path, tmp_path: Path) -> None:
    new = build_small(tmp_path, demo_data, ("shard_size: 4", "shard_size: 6"))
    found = compare(str(old), str(new), members=True)
    assert found.shards == (3, 2, 0)
    assert set(counts(found)) == {"moved"}
    assert found.differing == [0, 1]


def test_another_prompt_and_target(old: Path, demo_data: Path, tmp_path: Path) -> None:
    recipe = ("sources:\n", "tasks: {depth: {other_palettes: 1}}\nsources:\n")
    new = build_small(tmp_path, demo_data, recipe)
    found = compare(str(old), str(new), limit=3, members=True)
    pairs = list(zip(rows(old), rows(new), strict=True))
    assert all(identity(a) == identity(b) for a, b in pairs)
    assert counts(found) == {
        "prompt": sum(a["instruction"] != b["instruction"] for a, b in pairs),
        "target": sum(a["params"] != b["params"] for a, b in pairs),
        "bytes": sum(a["params"] != b["params"] for a, b in pairs),
    }
    assert found.samples is not None
    example = found.samples["prompt"].examples[0]
    assert len(found.samples["prompt"].examples) == 3
    row = next(a for a, b in pairs if a["instruction"] != b["instruction"])
    assert (example.old_key, example.what, example.old) == (
        row["key"], "instruction", row["instruction"],
    )  # fmt: skip
    assert found.samples["bytes"].examples[0].what == "instruction.txt, json, target.png"


def test_other_raw_files(old: Path, demo_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("coco", "kitti"):
        shutil.copytree(demo_data / name, data / name)
    row = next(row for row in rows(old) if row["task"] == "semantic")
    image = data / "coco" / "train2017" / f"{row['sample_id']}.jpg"
    image.write_bytes(image.read_bytes() + b"more")
    new = build_small(tmp_path / "new", data)
    found = compare(str(old), str(new))
    touched = [r for r in rows(old) if r["sample_id"] == row["sample_id"]]
    assert counts(found) == {"raw files": len(touched)}
    assert [source.source for source in found.sources] == ["coco"]
    assert found.sources[0].records.changed == [row["sample_id"]]
    assert found.rows == ["raw_sha256"]
    assert found.shards == (3, 3, 3 - len({r["shard"] for r in touched}))
    with_lock = compare(str(old.parent / "old.lock.json"), str(new))
    assert with_lock.samples is None
    assert (with_lock.sources, with_lock.shards) == (found.sources, found.shards)


def test_shards_of_other_names_are_identical(old: Path, tmp_path: Path) -> None:
    """The path has a digest of the code, the bytes have none."""
    other = tmp_path / "out"
    shutil.copytree(old, other)

    def other_code(manifest: dict[str, Any]) -> None:
        for shard in manifest["shards"]:
            shard["job_sha256"] = shard["job_sha256"][::-1]
        digest = build_digest(shard["job_sha256"] for shard in manifest["shards"])
        for shard in manifest["shards"]:
            old_name = Path(shard["tar"]).parent.name
            shard["tar"] = shard["tar"].replace(f"/{old_name}/", f"/{digest[:8]}/")
        folder = next((other / "shards").iterdir())
        folder.rename(folder.with_name(digest[:8]))
        manifest["build_sha256"] = digest

    remanifest(other, other_code)
    found = compare(str(old), str(other))
    assert found.same
    assert found.shards == (3, 3, 3)


def test_a_build_on_a_url(old: Path) -> None:
    far = fsspec.filesystem("memory")
    far.put(f"{old}/", "/diffs/out/", recursive=True)
    far.put(str(old.parent / "old.lock.json"), "/diffs/far.lock.json")
    try:
        assert compare("memory://diffs/out", str(old), members=True).same
        assert compare("memory://diffs/far.lock.json", str(old)).same
    finally:
        far.rm("/diffs", recursive=True)


def test_json(old: Path, demo_data: Path, tmp_path: Path) -> None:
    new = build_small(tmp_path, demo_data, ("seed: 3", "seed: 4"))
    done = run("diff", old, new, "--json", "--limit", "2")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["recipe"] == [{"key": "seed", "old": 3, "new": 4}]
    assert not said["same"]
    assert len(said["samples"]["came"]["examples"]) == 2
    assert said["samples"]["came"]["examples"][0]["old_key"] == ""
    assert said["shards"] == {"a": 3, "b": 3, "identical": 0}


def test_tables(old: Path, demo_data: Path, tmp_path: Path) -> None:
    new = build_small(tmp_path, demo_data, ("depth: 0.5", "depth: 0.25"), ("seed: 3", "seed: 5"))
    done = run("diff", old, new, "--limit", "1")
    assert done.exit_code == 1
    for part in ("recipe", "sources.kitti.tasks.depth  0.5", "kitti / depth", "only in b", "moved"):
        assert part in done.stdout
    assert done.stdout.endswith("different\n")


def test_library_versions_alone_are_shown_and_make_no_difference(old: Path, tmp_path: Path) -> None:
    plain = json.loads((old.parent / "old.lock.json").read_text())
    plain["environment"]["torch"] = "0.0.1"
    (tmp_path / "other.lock.json").write_text(json.dumps(plain))
    done = run("diff", tmp_path / "other.lock.json", old)
    assert done.exit_code == 0
    assert "0.0.1" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [("nothing", "holds no finished build"), ("nothing.json", "there is no lock")],
)
def test_what_cannot_be_compared(old: Path, tmp_path: Path, name: str, said: str) -> None:
    done = run("diff", old, tmp_path / name)
    assert done.exit_code == 2
    assert said in done.stderr


def test_pairs_are_found_by_identity_in_whatever_order_rows_are(old: Path, tmp_path: Path) -> None:
    other = tmp_path / "out"
    shutil.copytree(old, other)
    path = other / "manifest" / "train.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(list(reversed(range(len(table)))))), path)
    sums = (other / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [f"{digest}  {line[66:]}" if line.endswith(".parquet") else line for line in sums]
    (other / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    found = compare(str(old), str(other))
    assert counts(found) == {}
    assert found.rows  # their order is not the same
