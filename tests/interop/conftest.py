"""What the five libraries read: two builds, and what our own reader says is in them.

`make interop` runs these files, each in the environment that has its library; they are named
with_*.py so that plain pytest, which has none of them, does not collect them. The builds lie in
$INTEROP_BUILDS, where the first of the environments puts them and the others find them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

# Before any of the libraries is imported: nothing is fetched, no cache of another time is read.
CACHES = TemporaryDirectory(prefix="vbdata-interop-")
os.environ |= {
    "HF_HOME": f"{CACHES.name}/huggingface",
    "HF_HUB_OFFLINE": "1",
    "CROISSANT_CACHE": f"{CACHES.name}/croissant",
    "WIDS_CACHE": f"{CACHES.name}/wids",
}

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from tests.interop.truth import Make, Truth, truth_of  # noqa: E402
from vbdata.core.types import Source  # noqa: E402
from vbdata.engine.build import build  # noqa: E402
from vbdata.recipe.recipe import Recipe  # noqa: E402
from vbdata.run.how import How  # noqa: E402
from vbdata.storage.folder import Folder  # noqa: E402


@pytest.fixture(scope="session")
def make_build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Builds the demo recipe with some of its keys changed, unless that build is there."""
    folder = Path(os.environ.get("INTEROP_BUILDS") or tmp_path_factory.mktemp("builds"))

    def make(name: str, **changes: object) -> Path:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / name / "SHA256SUMS").exists():
                recipe: Recipe = request.getfixturevalue("demo_recipe")
                png = recipe.image.model_copy(update={"input": "png"})
                changes |= {"image": png} if changes.pop("png", False) else {}
                changes |= {"sources": (*recipe.sources, *changes.pop("own", ()))}
                build(replace(recipe, **changes), Folder(str(folder / name)), How())
        return folder / name

    return make


@pytest.fixture(scope="session")
def demo_build(make_build: Make) -> Path:
    """The demo recipe as it is."""
    return make_build("demo")


@pytest.fixture(scope="session")
def odd_build(make_build: Make) -> Path:
    """Another split, PNG inputs, shards of 7, 7 and 6."""
    return make_build("odd", split="val", png=True, samples=20, shard_size=7)


@pytest.fixture(scope="session")
def mixed_build(
    make_build: Make, demo_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Labels beside photographs of every kind: edits with further pictures, drawn inputs."""
    data = tmp_path_factory.mktemp("photographs")
    sizes = ((40, 32), (40, 32), (24, 48), (17, 9))
    for number, (width, height) in enumerate(sizes):
        rgb = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        for kind in ("jpg", "png", "webp"):
            Image.fromarray(rgb).save(data / f"{number}.{kind}", quality=90)
    photos, edits = data / "photos", data / "edits"
    for folder in (photos, edits):
        folder.mkdir()
    for number, kind in enumerate(("jpg", "png", "webp")):
        (photos / f"{number}.{kind}").write_bytes((data / f"{number}.{kind}").read_bytes())
        (photos / f"{number}.txt").write_text("A dog on grass.")
    lines = []
    for number, kind in enumerate(("jpg", "png", "webp")):
        more = [f"{n}.{kind}" for n in (2, 3)[:number]]
        for name in (f"0.{kind}", f"1.{kind}", *more):
            (edits / name).write_bytes((data / name).read_bytes())
        given = [f"0.{kind}", *more] if more else f"0.{kind}"
        lines.append({"input_image": given, "output": f"1.{kind}", "instruction": "Put it in."})
    (edits / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    own = (
        Source(name="a", dataset="captioned", roots=(str(photos),), tasks={"generate": WEIGHT}),
        Source(name="b", dataset="triplets", roots=(str(edits),), tasks={"edit": WEIGHT}),
        Source(
            name="c",
            dataset="nyuv2",
            roots=(str(demo_of("nyuv2")),),
            tasks={"depth-reversed": WEIGHT},
        ),
    )
    return make_build("mixed", own=own, samples=36, shard_size=13)


WEIGHT = Decimal("0.5")


@pytest.fixture(scope="session", params=["demo", "odd", "mixed"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A finished build. It must be afterwards what it was before."""
    found: Path = request.getfixturevalue(f"{request.param}_build")
    before = files_of(found)
    yield found
    assert files_of(found) == before
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=found, check=True)


@pytest.fixture(scope="session")
def truth(folder: Path) -> Truth:
    """What is in the build."""
    return truth_of(folder)


def files_of(folder: Path) -> list[str]:
    """All files of a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
