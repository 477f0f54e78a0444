"""What is published of many shards: the same lines as of few, and no more memory."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.driver import RECIPE
from tests.helpers.builds import manifest_of, sums_of
from vbdata.engine.build import build, planned
from vbdata.engine.folder import receipts, sweep
from vbdata.jobs.job import Receipt
from vbdata.jobs.specs import JobDigests, planned_tar
from vbdata.layout import receipt_path
from vbdata.manifest.json_text import PIECE, Each, Pairs, json_bytes, json_pieces
from vbdata.manifest.shard_lines import ShardLines
from vbdata.manifest.write import write_manifest
from vbdata.recipe.recipe import parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of one tiny sample each. Read only."""
    folder = tmp_path_factory.mktemp("made")
    recipe = parse_recipe(RECIPE.format(samples=3, size=1), "tiny.yaml", folder, {})
    build(recipe, Folder(str(folder / "out")), How())
    return folder / "out"


def one_of(made: Path) -> Receipt:
    return next(receipts(Folder(str(made)), [manifest_of(made)["shards"][0]["job_sha256"]]))


def digest(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def test_lines_and_sums_are_those_of_the_receipts(made: Path) -> None:
    receipt = one_of(made)
    lines = ShardLines(lambda number: f"shards/{number:05d}.tar")
    for number in range(7):
        lines.add(replace(receipt, shard=number, sha256=digest(number), size=1 << (9 * number)))
    assert len(lines) == len(list(lines)) == 7
    assert (
        lines[-1]
        == lines[6]
        == {
            "tar": "shards/00006.tar",
            "samples": 1,
            "bytes": 1 << 54,
            "sha256": digest(6),
            "job_sha256": receipt.job,
        }
    )
    assert lines[2:4] == [lines[2], lines[3]]
    with pytest.raises(IndexError):
        lines[7]
    assert dict(lines.sums())["shards/00003.tar"] == digest(3)
    assert dict(lines.sums())["shards/00003.tar.idx"] == receipt.index_sha256


def test_sums_are_sorted_as_text_when_numbers_outgrow_their_zeros(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vbdata.manifest.shard_lines.IN_ORDER", 10)
    lines, receipt = ShardLines(lambda number: f"shards/{number}-of-12.tar"), one_of(made)
    for _ in range(12):
        lines.add(receipt)
    paths = [path for path, _ in lines.sums()]
    assert paths == sorted(paths)
    assert len(paths) == 24


def test_digests_are_kept_as_they_were() -> None:
    texts = [*map(digest, range(50)), "00" * 32, "ab" * 31 + "00", "ab" * 32]
    kept = JobDigests(texts)
    assert list(kept) == texts
    assert kept == JobDigests(texts) != JobDigests(texts[1:])
    assert all(text in kept for text in texts)
    assert kept[-2:] == texts[-2:]
    for other in (digest(50), "ab" * 31, "ab" * 30 + "0000", "no digest", "", 7):
        assert other not in kept
    assert digest(0) not in JobDigests([])


def test_a_sweep_leaves_what_is_wanted_and_nothing_else(made: Path, tmp_path: Path) -> None:
    out = Folder(str(tmp_path / "out"))
    digests = JobDigests(map(digest, range(2)))

    def tar(number: int) -> str:
        return f"shards/new/train-{number:05d}-of-00002.tar"

    wanted = [*map(receipt_path, digests), *(tar(n) + end for n in (0, 1) for end in ("", ".idx"))]
    others = [
        *(tar(2), tar(2) + ".idx", tar(0) + ".tmp", "shards/old/train-00000-of-00002.tar"),
        *("shards/new/train-0-of-00002.tar", "shards/new/notes.txt", receipt_path(digest(2))),
        *("receipts/x.json", "receipts/below/" + receipt_path(digest(0))),
        *("shards/new/vbdata-abc/shard.tar", "plan/.plan.parquet.7.7.part"),
    ]
    for path in (*wanted, *others):
        out.write(path, b"")
    sweep(out, tar, digests)
    assert sorted(file.path for file in out.files()) == sorted(wanted)
    assert [path.name for path in (tmp_path / "out" / "shards").iterdir()] == ["new"]
    assert not (tmp_path / "out" / "shards" / "new" / "vbdata-abc").exists()


@pytest.mark.slow
def test_json_is_written_in_pieces_as_in_one() -> None:
    many = {"b": [{"n": n, "x": [n / 3, None, "é"]} for n in range(20_000)], "a": {}}
    lazy = {
        "b": Each(lambda: ({"n": n, "x": (n / 3, None, "é")} for n in range(20_000))),
        "a": Pairs(lambda: ()),
    }
    for sort_keys in (False, True):
        text = json.dumps(many, sort_keys=sort_keys, indent=1) + "\n"
        pieces = list(json_pieces(lazy, sort_keys=sort_keys))
        assert b"".join(pieces) == text.encode()
        assert len(pieces) > 10
        assert max(map(len, pieces)) < 2 * PIECE
    pairs = Pairs(lambda: (("z", 1), ("a", [2])))
    assert json_bytes(pairs) == b'{\n "z": 1,\n "a": [\n  2\n ]\n}\n'
    assert json_bytes(pairs, sort_keys=True).startswith(b'{\n "a"')


def published(shards: int, receipt: Receipt, folder: Path) -> int:
    """Publish so many shards, which are no files; bytes of the largest memory meanwhile."""
    recipe = parse_recipe(RECIPE.format(samples=shards, size=1), "tiny.yaml", folder, {})
    (sample,) = receipt.samples

    def all_of_them() -> Iterator[Receipt]:
        for number in range(shards):
            mine = {**sample, "key": f"{number:08d}"}
            yield replace(receipt, shard=number, job=digest(number), samples=(mine,))

    with planned(recipe) as plan:
        tracemalloc.start()
        manifest = write_manifest(plan, "shards/x", all_of_them(), Folder(str(folder / "out")))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert manifest["shards"][shards - 1]["tar"] == planned_tar(plan, shards - 1, "shards/x")
    assert len(sums_of(folder / "out").splitlines()) > 2 * shards
    assert len(manifest_of(folder / "out")["shards"]) == shards
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shards_that_are_published(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is 17 bytes: the index's, to count different records."""
    monkeypatch.setattr("vbdata.planning.row_groups.FEWEST", 500)
    receipt, peaks = one_of(made), []
    for shards in (1_000, 6_000):
        (tmp_path / str(shards)).mkdir()
        peaks.append(published(shards, receipt, tmp_path / str(shards)))
    assert peaks[1] - peaks[0] < 5_000 * 40, peaks
