"""What a killed worker leaves on its disk is gone when the next one starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import tempfile
from vbdata.machine.scratch import own_scratch
own_scratch()
folder = tempfile.mkdtemp(prefix="vbdata-")
open(f"{folder}/shard.tar", "wb").write(b"half")
print(folder, flush=True)
input()
"""


def started(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that spools half a shard and waits; where."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_the_dead_are_cleared_away_and_the_living_are_not(tmp_path: Path) -> None:
    living, kept = started(tmp_path)
    killed, left = started(tmp_path)
    killed.kill()
    killed.wait(timeout=20)
    assert left.exists()
    third, other = started(tmp_path)
    assert not left.parent.exists()
    assert (kept / "shard.tar").exists()
    assert (other / "shard.tar").exists()
    for process in (living, third):
        process.kill()
        process.communicate(timeout=20)


def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path) -> None:
    (squatted := tmp_path / f"vbdata-{os.getuid()}").mkdir()
    squatted.chmod(0o777)
    process, folder = started(tmp_path)
    assert squatted not in folder.parents
    assert tmp_path in folder.parents
    process.kill()
    process.communicate(timeout=20)
