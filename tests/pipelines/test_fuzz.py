"""Hostile data, a little of it for every reader; and that the harness sees what it is for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.helpers.fuzzing import run as fuzz
from tests.helpers.fuzzing.damage import CONTENTS, damage, lay_out
from tests.helpers.fuzzing.guard import REPOSITORY
from tests.helpers.fuzzing.variants import readers, variants, write
from vbdata.errors import REASONS

CASES = 4  # of each reader; the command (see tests/helpers/fuzzing/run.py) meets any number
STUB = """
import json, os, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    reader, seed, case = json.loads(line)
    print(json.dumps({"begin": case, "damage": "none"}), flush=True)
    if reader == "hangs": time.sleep(100_000)
    if reader == "crashes": os.abort()
    print(json.dumps({"case": case, "kind": "fine", "detail": "", "damage": "none"}), flush=True)
"""


@pytest.fixture(scope="module")
def folder(demo_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What demos all tests share is there; the harness writes the others."""
    folder = tmp_path_factory.mktemp("fuzz")
    for reader in readers():
        for number, variant in enumerate(variants(reader)):
            if not variant.written and not variant.packed:
                shutil.copytree(demo_of(reader), folder / "demo" / f"{reader}-{number}")
    return folder


@pytest.mark.slow
def test_no_reader_fails_on_hostile_data(folder: Path) -> None:
    cases = [(reader, 0, number) for reader in readers() for number in range(CASES)]
    results = fuzz.run(cases, folder)
    failed = [line for reader in results for line in fuzz.failures(reader, 0, results[reader])]
    assert not failed, "\n".join(failed)
    kinds = [result["kind"] for found in results.values() for result in found]
    assert len(kinds) == CASES * len(readers())
    assert {"fine", "BadSample", "SourceError"} == set(kinds)
    assert set().union(*(r["reasons"] for found in results.values() for r in found)) <= {
        "fine",
        *REASONS,
    }


@pytest.mark.slow
def test_a_case_is_made_again_from_its_number(folder: Path, tmp_path: Path) -> None:
    reader = readers()[0]
    write(reader, folder / "demo")
    pristine = contents(folder / "demo")
    trees = []
    for name in "ab":
        place = tmp_path / name / "root"
        lay_out(folder / "demo" / f"{reader}-0", place)
        done = damage(place, Random("case")).replace(str(tmp_path / name), "")
        trees.append((done, contents(place)))
    assert trees[0] == trees[1]
    for number in range(30):
        place = tmp_path / str(number) / "root"
        lay_out(folder / "demo" / f"{reader}-0", place)
        damage(place, Random(number))
    assert contents(folder / "demo") == pristine


def contents(folder: Path) -> dict[str, object]:
    return {str(path.relative_to(folder)): content(path) for path in folder.rglob("*")}


def content(path: Path) -> object:
    if path.is_symlink() or not path.is_file():
        return "no file"
    return path.read_bytes() if path.stat().st_size < 1 << 30 else "huge"


@pytest.mark.parametrize(
    ("reader", "wanted"), [("hangs", "hang: more than"), ("crashes", "crash: status -6")]
)
def test_a_hang_and_a_crash_have_a_number(reader: str, wanted: str, tmp_path: Path) -> None:
    limits, command = fuzz.Limits(seconds=1.0), (sys.executable, "-c", STUB)
    child = fuzz.Child(tmp_path / "child", limits, command)
    assert child.meet(("fine", 0, 7))["kind"] == "fine"
    assert child.usable
    result = child.meet((reader, 0, 8))
    assert (result["case"], result["kind"]) == (8, "FAILURE")
    assert result["detail"].startswith(wanted)
    assert not child.usable


ESCAPES = {
    "open('{secret}/file.json')": "open",
    "open('{root}/../secret/file.json')": "open",
    "open('{root}/a', 'w')": "open",
    "os.listdir('{secret}')": "os.listdir",
    "os.rename('{root}/a', '{work}/a')": "os.rename",
    "os.system('true')": "os.system",
    "subprocess.run(['true'])": "subprocess.Popen",
    "socket.create_connection(('127.0.0.1', 9))": "socket",
    "pickle.loads(b'cos\\nsystem\\n.')": "pickle.find_class",
    "h5py.File('{secret}/file.hdf5')": "opened file.hdf5 beside the root",
    "np.fromfile('{secret}/file.json')": "file.json",
    "bytearray(1 << 31)": "MemoryError",
    "open('{root}/a').close(); open('{work}/b', 'w').close()": "",
}
GUARDED = """
import os, pickle, socket, subprocess, sys
from pathlib import Path
import h5py, numpy as np
from tests.helpers.fuzzing.guard import Guard, limit_memory
home = Path(sys.argv[1])
guard = Guard(home / "secret")
limit_memory(1 << 30)
with guard.watching(home / "root", home / "work"):
    try:
        exec(sys.argv[2])
    except Exception as err:
        said = type(err).__name__
    else:
        said = ""
print(guard.escapes or said)
"""


@pytest.mark.slow
@pytest.mark.parametrize("act", ESCAPES)
def test_the_guard_sees_what_may_not_be_done(act: str, tmp_path: Path) -> None:
    for name in ("root", "work", "secret"):
        (tmp_path / name).mkdir()
    for path in ("root/a", "secret/file.json", "secret/file.hdf5"):
        (tmp_path / path).write_bytes(b"{}")
    places = {name: str(tmp_path / name) for name in ("root", "work", "secret")}
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, str(tmp_path), act.format(**places)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    assert ESCAPES[act] in done.stdout
    assert bool(done.stdout.strip()) == bool(ESCAPES[act])


@pytest.mark.slow
def test_every_kind_of_demo_file_is_damaged_from_within(folder: Path) -> None:
    for reader in readers():
        write(reader, folder / "demo")
    kinds = {path.suffix for path in (folder / "demo").rglob("*") if path.is_file()}
    assert kinds <= set(CONTENTS)


@pytest.mark.slow
def test_the_command_prints_a_table_and_how_to_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--reader", readers()[0], "--case", "3", "--seed", "5"]) == 0
    printed = capsys.readouterr().out
    assert "FAILURE" in printed
    found = json.loads(printed[: printed.index("\nreader ")])
    assert found[readers()[0]][0]["case"] == 3
    failed = [{"case": 9, "kind": "FAILURE", "detail": "hang: x", "damage": "cut"}]
    (line,) = fuzz.failures("kitti", 5, failed)
    assert "python -m tests.helpers.fuzzing.run --reader kitti --seed 5 --case 9" in line
