"""wandb: refused by name where it is not installed; offline, it has the numbers of log.jsonl."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import train_runs as runs
from vbdata.errors import RecipeError

needs_wandb = pytest.mark.skipif(not find_spec("wandb"), reason="wandb is not installed")


@pytest.mark.slow
def test_it_is_refused_where_it_is_not_installed(
    demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vbdata.train.loop import train

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


def parsed(run: Path) -> list[Any]:
    """The records of the one offline run of a folder; its process may still write the last."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = (run / "wandb").glob("offline-run-*/*.wandb")
    for _ in range(300):
        found = [Record.FromString(data) for data in logged(file.read_bytes())]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise AssertionError("wandb did not finish its file")


def row(history: Any) -> dict[str, Any]:
    items = history.item
    return {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}


@needs_wandb
@pytest.mark.parametrize(("wanted", "project"), [(True, ""), ("mine", "mine")])
def test_offline_it_has_the_numbers_of_the_log(
    demo_build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool | str,
    project: str,
) -> None:
    from vbdata.train.log import PROJECT
    from vbdata.train.loop import train

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    section = {"wandb": wanted, "log_every": 2, "grid_every": 4, "grid": 1, "grid_steps": 1}
    train(runs.tiny(demo_build, steps=4, run=section), tmp_path / "run")
    found = parsed(tmp_path / "run")
    (started,) = (r.run for r in found if r.WhichOneof("record_type") == "run")
    assert started.project == (project or PROJECT)
    assert started.run_id.startswith("run-")
    kept = [r.history for r in found if r.WhichOneof("record_type") == "history"]
    numbers = {history.step.num: row(history) for history in kept}
    lines = runs.lines(tmp_path / "run")
    assert [line["step"] for line in lines] == sorted(numbers) == [2, 4]
    for line in lines:
        drawn = numbers[line["step"]]
        assert drawn["loss"] == line["loss"]
        assert {k: drawn[f"task/{k}"] for k in line["task"]} == line["task"]
    picture = tmp_path.glob(f"run/wandb/offline-run-*/files/{numbers[4]['samples/path']}")
    assert len(list(picture)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]  # nothing is left beside it
