"""Digests of code that are kept: by their text, of this version, and never trusted if torn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from vbdata.machine.environment import PACKAGES, environment
from vbdata.plugins import known_code
from vbdata.plugins.source_text import python_code

TEXT = "import os  # the system\nfrom .a import (b, c)\n"
CODE = """
import sys
from vbdata.plugins import known_code
print(*known_code.python(sys.argv[1]))
"""


def found(text: str, cache: Path) -> str:
    """What a process of its own finds in a text, in words."""
    call = [sys.executable, "-c", CODE, text]
    done = subprocess.run(
        call, env={"VBDATA_CACHE": str(cache)}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_is_kept_is_of_the_text_and_of_nothing_else(tmp_path: Path) -> None:
    right = known_code.python(TEXT)
    code = python_code(TEXT)
    assert right == (known_code.sha256(code.text), code.imports)
    first = found(TEXT, tmp_path)
    assert first == " ".join(map(str, right))
    (file,) = (tmp_path / "code").glob("*.json")
    kept = json.loads(file.read_text())
    assert list(kept) == [f"python {known_code.sha256(TEXT)}"]

    file.write_text(json.dumps({name: ["f" * 64, []] for name in kept}))
    assert found(TEXT, tmp_path) == f"{'f' * 64} ()"  # it is read
    assert found(f"{TEXT}x = 1\n", tmp_path).startswith(known_code.python(f"{TEXT}x = 1\n").sha256)
    assert len(json.loads(file.read_text())) == 2

    file.write_text("{")
    assert found(TEXT, tmp_path) == first


def test_versions_are_those_of_the_distributions() -> None:
    from importlib.metadata import version

    assert {name: environment()[name] for name in PACKAGES} == {n: version(n) for n in PACKAGES}
