"""A record that ends its process is found, named and left out, with the same bytes everywhere."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import manifest_of, quarantine_of, sums_of
from faulty import Listener, faulty

from vbdata.build import How, build
from vbdata.recipe import Recipe
from vbdata.storage import Folder
from vbdata.verify import verify

ray_group = pytest.mark.xdist_group("ray")

KILLERS = {7: ("exit", ""), 23: ("crash", "")}


def in_a_process_of_its_own(recipe: Recipe, out: Path) -> int:
    """Build without Ray in another process; its exit code."""
    code = (
        "import sys; from pathlib import Path; from vbdata.build import How, build\n"
        "from vbdata.recipe import parse_recipe; from vbdata.storage import Folder\n"
        "recipe = parse_recipe(sys.argv[1], 'faulty.yaml', Path(sys.argv[2]), {})\n"
        "build(recipe, Folder(sys.argv[3]), How())"
    )
    words = [sys.executable, "-c", code, recipe.text, recipe.folder, str(out)]
    return subprocess.run(words, timeout=120, env={**_paths()}).returncode


def _paths() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@ray_group
def test_killers_are_left_out_with_the_same_bytes_on_workers_and_in_process(
    tmp_path: Path,
) -> None:
    recipe = faulty(tmp_path / "data", KILLERS)
    began, seen = time.monotonic(), Listener()
    build(recipe, Folder(str(tmp_path / "two")), How(ray="local", workers=2), seen)
    assert time.monotonic() - began < 120
    found = {(q["source"], q["sample_id"], q["file"]) for q in quarantine_of(tmp_path / "two")}
    assert found == {("tiny", f"{n:08d}", f"{n:08d}.png") for n in KILLERS}
    assert {q["reason"] for q in quarantine_of(tmp_path / "two")} == {"kills its worker"}
    assert not seen.failed
    assert all("its worker died" in event.cause for event in seen.retried)
    manifest = manifest_of(tmp_path / "two")
    assert manifest["cells"][0]["realised"] == 40
    assert manifest["cells"][0]["replaced"] == len(quarantine_of(tmp_path / "two"))
    assert verify(Folder(str(tmp_path / "two"))) == []

    ends = [in_a_process_of_its_own(recipe, tmp_path / "alone") for _ in range(2)]
    assert ends[0] == 3
    while ends[-1]:
        assert ends[-1] in (3, -11)
        assert len(ends) <= 1 + len(KILLERS)
        ends.append(in_a_process_of_its_own(recipe, tmp_path / "alone"))
    assert sums_of(tmp_path / "alone") == sums_of(tmp_path / "two")
