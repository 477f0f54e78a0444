"""Shared fixtures: real samples where they exist, one demo tree and one demo build a session."""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.builds import REPOSITORY, demo_recipe_over, writers_digest
from vbdata import demo
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


# Ray's workers stand back for whatever else a machine does, by default: beside a few busy processes
# they hardly run at all.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (as Ray spells it)

OF_FIXTURES = {
    "browser": "browser",
    "drawn": "slow",
    "miniature": "slow",
    "proxy": "s3",
    "s3": "s3",
    "scheme": "s3",
    "server": "s3",
    "written_twice": "slow",
}


def pytest_collection(session: pytest.Session) -> None:
    """Import a share of the files first, where several processes import all of them.

    pytest rewrites a file's assertions where it finds none that it has kept: so each file is
    rewritten by one process, not by all at the same time.
    """
    given = getattr(session.config, "workerinput", None)
    if given is None:
        return
    folders = [Path(argument).resolve() for argument in session.config.args]
    files = sorted(file for folder in folders for file in folder.rglob("test_*.py"))
    for file in files[int(given["workerid"].removeprefix("gw")) :: given["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # pytest says it when it collects the file
            importlib.import_module(".".join(file.relative_to(REPOSITORY).with_suffix("").parts))


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
    os.environ["VBDATA_CACHE"] = str(_shared(tmp_path_factory) / "cache")


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all test processes of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


def _once(folder: Path, lock: Path, make: Callable[[Path], Any], wait: bool = True) -> bool:
    """Have a folder made by the first test process that asks; whether it is there.

    lock: a file that is held meanwhile; wait: for another process that makes it.
    """
    folder.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        if not folder.exists():
            part = lock.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)  # of a session that was killed
            make(part)
            part.rename(folder)
    return True


@pytest.fixture(scope="session")
def _demo_asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path | None]:
    """Has a data set of the demo written, once for all test processes; its folder.

    What one code has written is kept in pytest's cache for later sessions, which copy it. With
    `wait=False` it is None where another process writes it just now.
    """
    shared = _shared(tmp_path_factory)
    base, kept = shared / "demo-data", request.config.cache.mkdir("demo-data") / writers_digest()

    def make(name: str, folder: Path) -> None:
        def write(part: Path) -> None:
            demo.write(name, part, 0)

        if not kept.exists():
            for old in kept.parent.iterdir():
                if time.time() - old.stat().st_mtime > 86_400:  # newer ones may be in use
                    shutil.rmtree(old, ignore_errors=True)
        kept.mkdir(parents=True, exist_ok=True)
        _once(kept / name, kept / f"{name}.lock", write)
        shutil.copytree(kept / name, folder)

    def asked(name: str, wait: bool = True) -> Path | None:
        lock = shared / f"demo-data-{name}.lock"
        there = _once(base / name, lock, lambda folder: make(name, folder), wait)
        return base / name if there else None

    return asked


@pytest.fixture(scope="session")
def demo_of(_demo_asked: Callable[..., Path]) -> Callable[[str], Path]:
    """The folder of one demo data set, written when it is asked for. Read only."""
    return _demo_asked


@pytest.fixture(scope="session")
def demo_data(_demo_asked: Callable[..., Path | None]) -> Path:
    """The demo datasets, written by all test processes at once. Read only: copy what you damage."""
    names = demo.datasets()
    for name in [name for name in names if _demo_asked(name, wait=False) is None]:
        _demo_asked(name)
    return Path(_demo_asked(names[0]) or "").parent


@pytest.fixture(scope="session")
def demo_recipe(demo_data: Path) -> Recipe:
    """manifests/demo.yaml over the session's demo data."""
    return demo_recipe_over(demo_data)


@pytest.fixture(scope="session")
def demo_build(tmp_path_factory: pytest.TempPathFactory, demo_recipe: Recipe) -> Path:
    """The demo recipe built in-process. Read only."""
    out = _shared(tmp_path_factory) / "demo-build"
    _once(out, out.with_suffix(".lock"), lambda part: build(demo_recipe, Folder(str(part)), How()))
    return out
