"""wandb: refused by name where it is not installed; offline, it has the numbers of log.jsonl."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import train_runs as runs

from vbdata.errors import RecipeError
from vbdata.train.log import PROJECT
from vbdata.train.loop import train

needs_wandb = pytest.mark.skipif(not find_spec("wandb"), reason="wandb is not installed")


def test_it_is_refused_where_it_is_not_installed(
    demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as Python marks what cannot be imported
    with pytest.raises(RecipeError, match="wandb is not installed: pip install wandb"):
        train(runs.tiny(demo_build, run={"wandb": True}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(runs.tiny(demo_build, steps=1), tmp_path / "run")  # nobody asked for it


BLOCK, HEAD, FULL, FIRST, LAST = 32768, 7, 1, 2, 4


def logged(data: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, as wandb writes it after seven bytes."""
    at, parts = HEAD, b""
    while at + HEAD <= len(data):
        if BLOCK - at % BLOCK < HEAD:  # the rest of a block is too short for a head
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        parts = (b"" if kind in (FULL, FIRST) else parts) + data[at + HEAD : at + HEAD + size]
        at += HEAD + size
        if kind in (FULL, LAST):
            yield parts


def records(run: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The project, and the numbers of each step, of the one offline run of a folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = (run / "wandb").glob("offline-run-*/*.wandb")
    found: dict[str, Any] = {}
    rows = []
    for data in logged(file.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "run":
            found = {"project": record.run.project, "id": record.run.run_id}
        if record.WhichOneof("record_type") == "history":
            items = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            rows.append({"_step": record.history.step.num} | items)
    return found, rows


@needs_wandb
@pytest.mark.parametrize(("wanted", "project"), [(True, PROJECT), ("mine", "mine")])
def test_offline_it_has_the_numbers_of_the_log(
    demo_build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool | str,
    project: str,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    section = {"wandb": wanted, "log_every": 2, "grid_every": 4, "grid": 1, "grid_steps": 1}
    train(runs.tiny(demo_build, steps=4, run=section), tmp_path / "run")
    run, rows = records(tmp_path / "run")
    assert run["project"] == project
    assert run["id"].startswith("run-")
    numbers = {row["_step"]: row for row in rows if "loss" in row}
    lines = runs.lines(tmp_path / "run")
    assert [line["step"] for line in lines] == sorted(numbers) == [2, 4]
    for line in lines:
        row = numbers[line["step"]]
        assert row["loss"] == line["loss"]
        assert {k: row[f"task/{k}"] for k in line["task"]} == line["task"]
    assert any("samples" in row for row in rows)
    assert sorted(os.listdir(tmp_path)) == ["run"]  # nothing is left beside the run
