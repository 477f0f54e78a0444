"""The driver is killed with SIGKILL at random moments, again and again; the bytes stay the same.

VBDATA_KILLS says how often (default 4).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.waiting import LONG_S
from vbdata.checks.verify import verify
from vbdata.recipe.recipe import Recipe
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("VBDATA_KILLS", "4"))


@pytest.fixture
def recipe_of_many_shards(demo_recipe: Recipe, tmp_path: Path) -> tuple[Path, list[str]]:
    """The demo recipe with three samples a shard, and the options that say where its data is."""
    text = (REPOSITORY / "manifests" / "demo.yaml").read_text()
    size = next(line for line in text.splitlines() if line.startswith("shard_size:"))
    path = tmp_path / "many.yaml"
    path.write_text(text.replace(size, "shard_size: 3"))
    return path, [f"--root={s.name}={s.roots[0]}" for s in demo_recipe.sources]


def start(recipe: Path, roots: list[str], out: Path) -> subprocess.Popen[bytes]:
    """A driver in a process of its own, with a folder for temporary files that is its kind's."""
    words = [sys.executable, "-m", "vbdata", "build", str(recipe), "--local", "--json"]
    words += ["--out", str(out), *roots]
    (temporary := out.parent / "temporary").mkdir(exist_ok=True)
    env = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, env=env)


def tear(out: Path, luck: random.Random) -> None:
    """Half of the finished shards are gone, so that a driver has something to do again."""
    tars = sorted(out.glob("shards/*/*.tar"))
    for tar in luck.sample(tars, len(tars) // 2):
        tar.unlink()


def test_kill_9_of_the_driver_at_random_moments(
    recipe_of_many_shards: tuple[Path, list[str]], tmp_path: Path
) -> None:
    recipe, roots = recipe_of_many_shards
    quiet, out, luck = tmp_path / "quiet", tmp_path / "out", random.Random(20)
    began = time.monotonic()
    assert start(recipe, roots, quiet).wait(timeout=LONG_S) == 0
    whole = time.monotonic() - began

    killed = 0
    while killed < KILLS:
        driver = start(recipe, roots, out)
        with suppress(subprocess.TimeoutExpired):
            driver.wait(timeout=luck.uniform(0, whole))
        driver.kill()
        if driver.wait(timeout=LONG_S) == -9:
            killed += 1
        else:  # it was done before
            assert driver.returncode == 0
            tear(out, luck)
    assert start(recipe, roots, out).wait(timeout=LONG_S) == 0
    assert sums_of(out) == sums_of(quiet)
    assert verify(Folder(str(out))) == []
    left = [path for path in out.rglob("*") if path.name.startswith((".", "vbdata-"))]
    assert [path for path in left if ".nv-meta" not in path.parts] == []
    assert list((tmp_path / "temporary" / f"vbdata-{os.getuid()}").iterdir()) == []
