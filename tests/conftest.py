"""Shared fixtures: real samples where they exist, one demo tree and one demo build a session."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.builds import REPOSITORY, demo_recipe_over
from vbdata.demo import write_all
from vbdata.engine.build import build
from vbdata.machine.process import one_thread
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

# Two processes share two cores here, so slowness says nothing; CI tries the same cases every time.
settings.register_profile(
    "shared",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("shared")

# Worker processes find tests.helpers.readers, too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])
)


OF_FIXTURES = {
    "browser": "browser",
    "proxy": "s3",
    "s3": "s3",
    "scheme": "s3",
    "server": "s3",
    "written_twice": "slow",
}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a test needs, and keep a file's tests in one process: what they share is made once.

    Who needs Ray is in a group whose name begins so; who needs a server or a browser asks for its
    fixture.
    """
    group = item.get_closest_marker("xdist_group")
    if group is None:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    elif group.args[0].startswith("ray"):
        item.add_marker("ray")
    for name in getattr(item, "fixturenames", ()):
        if name in OF_FIXTURES:
            item.add_marker(OF_FIXTURES[name])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a GPU where there is none, and import torch only to see whether."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("this machine has no CUDA device")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    one_thread()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches of this session: in no test does one of another time play a part."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base
    os.environ["VBDATA_CACHE"] = str(base / "cache")


def _once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Path:
    """A folder made by the first test process that asks, and shared by all of the session."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = base / name
        if not folder.exists():
            part = base / f"{name}.part"
            make(part)
            part.rename(folder)
    return folder


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo datasets. Read only: copy what you damage."""
    return _once(tmp_path_factory, "demo-data", lambda folder: list(write_all(folder, 0)))


@pytest.fixture(scope="session")
def demo_recipe(demo_data: Path) -> Recipe:
    """manifests/demo.yaml over the session's demo data."""
    return demo_recipe_over(demo_data)


@pytest.fixture(scope="session")
def demo_build(tmp_path_factory: pytest.TempPathFactory, demo_recipe: Recipe) -> Path:
    """The demo recipe built in-process. Read only."""
    return _once(
        tmp_path_factory, "demo-build", lambda out: build(demo_recipe, Folder(str(out)), How())
    )
