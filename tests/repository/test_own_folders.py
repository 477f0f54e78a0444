"""A project's own transforms/, pipelines/ and experiments/, however vbdata is installed.

vbdata finds its own plug-ins, and the project its modules.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.waiting import LONG_S
from vbdata import plugins

FOLDERS = ("transforms", "pipelines", "experiments")
# With names of ours among them, which are none.
MODULES = ("mine", "depth", "coco", "parts/colours", "parts/records")
RECIPE = """\
name: shadowed
seed: 1
samples: 4
shard_size: 2
sources:
  kitti:  {{dataset: kitti, root: {data}/kitti, tasks: {{depth: 0.5}}}}
  things: {{dataset: my_readers.things, root: {data}/kitti, tasks: {{transforms.mine: 0.5}}}}
"""

PROBE = """\
import importlib, json, pickle, sys
def own():
    import transforms
    said = [getattr(transforms, "OWN", "")]
    for name in ("transforms.mine", "transforms.depth", "pipelines.coco", "experiments.mine"):
        try:
            said.append(importlib.import_module(name).OWN)
        except ModuleNotFoundError:
            said.append("not there")
    return said
before = own() if "first" in sys.argv else None
from vbdata import plugins
found = {package: plugins.names(package) for package in ("pipelines", "transforms")}
codes = [plugins.code_digest(package, name) for package in found for name in found[package]]
numbers = []
if "encode" in sys.argv:
    from vbdata import codecs
    assert pickle.loads(bytes.fromhex(sys.argv[-1])) is plugins.task("depth").decode
    rgb = codecs.encode("depth", [[2.5, 40.0]])
    numbers = codecs.decode("depth", rgb).tolist()
words = dict(found=found, engine=plugins.engine_digest(), codes=codes, numbers=numbers)
print(json.dumps(words | dict(before=before, after=own())))
"""


class Installed(NamedTuple):
    """A vbdata that can be run: a Python, and the environment of its processes."""

    python: Path
    environment: Mapping[str, str]

    def run(self, *words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
        """A command of this Python's, or of a script beside it, in a folder."""
        return subprocess.run(
            [self.python, *map(str, words)],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONG_S,
        )


def environment(**more: str) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name != "PYTHONPATH"} | more


@pytest.fixture(scope="module")
def checkout() -> Installed:
    return Installed(Path(sys.executable), environment(PYTHONPATH=str(REPOSITORY)))


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """vbdata in an environment of its own, which has our libraries but not our vbdata."""
    pytest.importorskip("setuptools", "77", reason="there is no setuptools to build a wheel with")
    folder = tmp_path_factory.mktemp(request.param)
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("vbdata", "pipelines", "transforms", "experiments"):
        shutil.copytree(REPOSITORY / part, folder / "source" / part, ignore=ignored)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / part, folder / "source")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python3*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    how = ["-e"] if request.param == "editable" else []
    words = [*pip, "-q", "--no-build-isolation", "--disable-pip-version-check", *how, "."]
    done = subprocess.run(
        words, cwd=folder / "source", env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return Installed(python, environment())


def packages(folder: Path) -> None:
    folders(folder)
    for name in FOLDERS:
        (folder / name / "__init__.py").write_text("OWN = 'its package'\n")


def folders(folder: Path) -> None:
    for name in FOLDERS:
        for module in MODULES:
            path = folder / name / f"{module}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("OWN = 'its module'\n")


def single_files(folder: Path) -> None:
    for name in FOLDERS:
        (folder / f"{name}.py").write_text("OWN = 'its file'\n")


OWN = {
    packages: ["its package", *["its module"] * 4],
    folders: ["", *["its module"] * 4],
    single_files: ["its file", *["not there"] * 4],
}


@pytest.fixture(params=OWN, ids=lambda kind: kind.__name__)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a project of one kind, and the probe."""
    request.param(tmp_path)
    (tmp_path / "probe.py").write_text(PROBE)
    return tmp_path


def probed(vbdata: Installed, folder: Path, *words: str) -> dict[str, Any]:
    done = vbdata.run("probe.py", *words, folder=folder)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.slow
def test_in_a_checkout(checkout: Installed, project: Path, request: pytest.FixtureRequest) -> None:
    """Whichever is imported first; and what another process pickled is found."""
    own = OWN[request.node.callspec.params["project"]]
    pickled = pickle.dumps(plugins.task("depth").decode).hex()
    first = probed(checkout, project, "first", "encode", pickled)
    last = probed(checkout, project)
    assert first["before"] == first["after"] == last["after"] == own
    assert np.allclose(first["numbers"], [[2.5, 40.0]], rtol=0.02)
    assert first["found"] == last["found"] == found()
    assert first["codes"] == last["codes"] == codes()


@pytest.mark.slow
def test_installed(installed: Installed, project: Path, request: pytest.FixtureRequest) -> None:
    """The code is that of the checkout, so a build may go on there."""
    said = probed(installed, project, "first")
    assert said["before"] == said["after"] == OWN[request.node.callspec.params["project"]]
    assert said["found"] == found()
    assert said["engine"] == plugins.engine_digest()
    assert said["codes"] == codes()


def found() -> dict[str, list[str]]:
    return {package: plugins.names(package) for package in ("pipelines", "transforms")}


def codes() -> list[str]:
    return [plugins.code_digest(package, name) for package in found() for name in found()[package]]


@pytest.mark.slow
def test_what_is_installed_has_the_public_names_and_no_experiments(
    installed: Installed, tmp_path: Path
) -> None:
    code = (
        "import importlib.util, pipelines.kitti; from transforms import depth; "
        "print(depth.NEEDS, pipelines.kitti.LABELS, importlib.util.find_spec('experiments'))"
    )
    done = installed.run("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["('depth',)", "('depth',)", "None"]


def with_plug_ins(folder: Path, data: Path) -> Path:
    """A project with a reader and a task of its own, each made of ours and of its own modules, and
    a recipe.
    """
    packages(folder)
    (folder / "my_readers").mkdir()
    (folder / "my_readers" / "base.py").write_text("SPLIT = 'train'\n")
    (folder / "my_readers" / "things.py").write_text(
        "from my_readers import base\nfrom vbdata.plugins.pipelines.kitti import *\n"
    )
    (folder / "transforms" / "mine.py").write_text(
        "from transforms import depth as own\nfrom vbdata.plugins.transforms.depth import *\n"
        "assert own.OWN == 'its module'\n"
    )
    (folder / "recipe.yaml").write_text(RECIPE.format(data=data))
    return folder


@pytest.mark.slow
def test_the_command_finds_both(installed: Installed, demo_data: Path, tmp_path: Path) -> None:
    """As a module and as a script, which does not have the working directory on its path."""
    project = with_plug_ins(tmp_path, demo_data)
    for words in (["-m", "vbdata"], [installed.python.parent / "vbdata"]):
        done = installed.run(*words, "plan", "recipe.yaml", "--json", folder=project)
        assert done.returncode == 0, done.stderr
        cells = json.loads(done.stdout.splitlines()[0])["cells"]
        assert {cell["task"] for cell in cells} == {"depth", "transforms.mine"}


@pytest.mark.slow
@pytest.mark.xdist_group("ray builds")
def test_ray_workers_find_both(checkout: Installed, demo_data: Path, tmp_path: Path) -> None:
    project = with_plug_ins(tmp_path, demo_data)
    for words in (["--out", "one", "--local"], ["--out", "two", "--workers", "1"]):
        done = checkout.run("-m", "vbdata", "build", "recipe.yaml", *words, folder=project)
        assert done.returncode == 0, done.stderr
    assert sums_of(project / "one") == sums_of(project / "two")
