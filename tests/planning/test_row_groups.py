"""Row groups of whole shards: few for many small shards, one each for large ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vbdata.errors import BuildError
from vbdata.manifest.json_text import json_bytes
from vbdata.planning.file import SCHEMA, read_shard
from vbdata.planning.row_groups import FEWEST, together


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([0, 0, 3], [[0, 0, 3]]),
        ([FEWEST, FEWEST + 1, 5], [[FEWEST], [FEWEST + 1], [5]]),
        ([1, FEWEST, 2], [[1], [FEWEST], [2]]),
        ([1500] * 7, [[1500] * 3, [1500] * 3, [1500]]),
        ([1] * 10_000, [[1] * FEWEST, [1] * FEWEST, [1] * (10_000 - 2 * FEWEST)]),
    ],
)
def test_whole_shards_share_a_group(sizes: list[int], groups: list[list[int]]) -> None:
    assert list(together(sizes, int)) == groups


def plan_of(path: Path, shards: list[int], size: int, **more: Any) -> Path:
    rows = [
        {"shard": n, "slot": k, "source": "a", "task": "b", "sample_id": f"{k}", "pass": 0}
        for k, n in enumerate(shards)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=size, **more)
    return path


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_shard_of_a_plan_is_found_however_the_groups_lie(tmp_path: Path, size: int) -> None:
    shards = [0, 0, 1, 1, 1, 1, 2, 4]  # the 3 has no rows
    path = plan_of(tmp_path / "p.parquet", shards, size)
    for number in (0, 1, 2, 4):
        own = [str(k) for k, n in enumerate(shards) if n == number]
        assert read_shard(path, number)["sample_id"].to_pylist() == own
    for number in (-1, 5, 1 << 40):
        with pytest.raises(BuildError, match=rf"no shard {number}: the plan's are 0 to 4"):
            read_shard(path, number)


def test_a_plan_without_statistics_is_none(tmp_path: Path) -> None:
    path = plan_of(tmp_path / "p.parquet", [0, 1], 1, write_statistics=False)
    with pytest.raises(BuildError, match="do not say which shards"):
        read_shard(path, 0)


@pytest.mark.parametrize("sort_keys", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "é\n\u2028",
        {"b": [1, 2.5, 1e-9, None, True, {}], "a": {"x": []}},
        {2: 1, 1: [()]},
        {None: 0},
    ],
)
def test_published_json_is_that_of_the_library(value: Any, sort_keys: bool) -> None:
    text = json.dumps(value, sort_keys=sort_keys, indent=1) + "\n"
    assert json_bytes(value, sort_keys=sort_keys) == text.encode()


def test_json_has_no_order_of_its_own() -> None:
    for value in ({1, 2}, b"bytes", iter([1])):
        with pytest.raises(TypeError):
            json_bytes([value])
