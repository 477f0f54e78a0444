"""A build as a Ray job: submitted to a cluster's dashboard, with the checkout as its working_dir.

Ray's dashboard takes half a minute and more to start, so this runs where VBDATA_RAY_JOB is set.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.ray_nodes import running
from tests.helpers.waiting import LONG_S
from vbdata.recipe.recipe import Recipe

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif("VBDATA_RAY_JOB" not in os.environ, reason="VBDATA_RAY_JOB is not set"),
]

SCRIPTS = Path(sys.executable).parent
PARTS = ("vbdata", "pipelines", "transforms", "manifests")


@pytest.fixture(scope="module")
def dashboard() -> Iterator[str]:
    """A cluster of this machine with one worker; where its jobs are submitted."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    head = {"num_cpus": 1, "include_dashboard": True, "dashboard_port": port}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{SCRIPTS}:{os.environ['PATH']}")  # of jobs, where vbdata is
        with running(**head) as cluster:
            yield f"http://{cluster.head_node.webui_url}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has of the code, and nothing else: a working_dir is uploaded whole."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        shutil.copytree(REPOSITORY / part, folder / part)
    return folder


def test_a_submitted_job_builds_the_same_bytes(
    dashboard: str, checkout: Path, demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    """With no word of how many workers: as many as the cluster has room for."""
    roots = [f"--root={s.name}={s.roots[0]}" for s in demo_recipe.sources]
    command = ["ray", "job", "submit", "--address", dashboard, "--working-dir", "."]
    words = ["build", "manifests/demo.yaml", "--ray", "auto", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--", "vbdata", *words, *roots],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "96 samples in 3 shards" in done.stdout
    assert sums_of(tmp_path / "out") == sums_of(demo_build)
