"""cluster.yaml is what Ray's launcher accepts, and keeps its promises. No cloud is asked."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
import typer
import yaml

from tests.helpers.builds import REPOSITORY
from vbdata.cli.app import app
from vbdata.cli.common import given_roots
from vbdata.core import compiled

pytestmark = pytest.mark.skipif(not find_spec("jsonschema"), reason="no jsonschema here")

ROOT = REPOSITORY
ONE_THREAD = ("OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def config(written: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` sees it: with the provider's defaults, valid by Ray's own schema."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(written)
    validate_config(prepared)
    return prepared


@pytest.mark.slow
def test_an_unknown_key_would_be_refused(config: dict[str, Any]) -> None:
    import jsonschema
    from ray.autoscaler._private.util import validate_config

    with pytest.raises(jsonschema.ValidationError):
        validate_config(config | {"max_worker": 3})


def test_head_builds_nothing(config: dict[str, Any]) -> None:
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    (start,) = [c for c in config["head_start_ray_commands"] if "ray start" in c]
    assert "--num-cpus=0" in start
    assert "--num-gpus=0" in start
    assert head["max_workers"] == 0


def test_dashboard_stays_on_loopback(config: dict[str, Any]) -> None:
    (start,) = [c for c in config["head_start_ray_commands"] if "ray start" in c]
    assert "--dashboard-host=127.0.0.1" in start


def test_gpu_workers_start_at_zero_and_only_they_have_gpus(config: dict[str, Any]) -> None:
    types = config["available_node_types"]
    with_gpu = {name for name, kind in types.items() if kind["resources"].get("GPU")}
    assert with_gpu == {"gpu"}
    assert types["gpu"]["min_workers"] == 0
    assert types["gpu"]["max_workers"] > 0


def test_cpu_workers_are_spot_and_have_room_to_grow(config: dict[str, Any]) -> None:
    cpu = config["available_node_types"]["cpu"]
    assert cpu["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert 1 <= cpu["min_workers"] < cpu["max_workers"] <= config["max_workers"]


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_one_thread_a_worker(config: dict[str, Any], commands: str) -> None:
    (start,) = [c for c in config[commands] if "ray start" in c]
    assert all(variable in start for variable in ONE_THREAD)


@pytest.mark.parametrize("commands", ["head_setup_commands", "worker_setup_commands"])
def test_every_node_installs_the_wheel_at_its_pins(config: dict[str, Any], commands: str) -> None:
    mounted = {"/home/ray/dist": "dist", "/home/ray/constraints.txt": "constraints.txt"}
    assert config["file_mounts"] == mounted
    (install,) = [c for c in config[commands] if "pip install" in c and ".whl" in c]
    assert install.startswith("cd /home/ray && ")
    assert "dist/vbdata-*.whl" in install
    assert "-c constraints.txt" in install
    assert "torch==2.13.0" in install


def test_a_node_without_compiled_loops_is_not_set_up(config: dict[str, Any]) -> None:
    (check,) = [c for c in config["worker_setup_commands"] if "python -c" in c]
    program = shlex.split(check)[2]
    for off, code in (("", bool(compiled.missing())), ("0", True)):
        env = {**os.environ, "VBDATA_COMPILED": off}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True)
        assert done.returncode == code, done.stderr


def test_ray_up_finds_boto3_and_the_head_keeps_the_pinned_one(config: dict[str, Any]) -> None:
    assert config["provider"]["type"] == "aws"
    assert "boto3" in commands_of("README.md")[0]
    boto3 = [c for c in config["head_setup_commands"] if "boto3" in c]
    assert boto3 == ["cd /home/ray && pip install --no-cache-dir -c constraints.txt boto3"]


def commands_of(name: str) -> list[str]:
    """The lines from `make wheel` to the end of the job's submission, without comment signs."""
    text = (ROOT / name).read_text(encoding="utf-8")
    plain = re.sub(r"^#( {5})?", "", text, flags=re.MULTILINE)
    (block,) = re.findall(
        r"^make wheel && pip.*?--ray auto [^\n]*$", plain, re.MULTILINE | re.DOTALL
    )
    return block.splitlines()


@pytest.mark.parametrize("name", ["cluster.yaml", "docs/cluster.md"])
def test_the_same_six_lines_stand_everywhere(name: str) -> None:
    assert commands_of(name) == commands_of("README.md")
    assert len(commands_of(name)) == 6


def test_the_job_is_a_command_of_ours_and_gives_every_root(written: dict[str, Any]) -> None:
    _, line = " ".join(commands_of("README.md")).replace("\\ ", "").split(" -- ")
    name, command, *rest = shlex.split(line)
    assert (name, command) == ("vbdata", "build")
    build = typer.main.get_command(app).commands["build"]
    with build.make_context("build", rest) as context:
        recipe = yaml.safe_load((ROOT / context.params["recipe"]).read_text())
        given = given_roots(context.params["root"])
        assert context.params["ray"] == "auto"
    assert given.keys() == recipe["sources"].keys()
    job = yaml.safe_load((ROOT / "kuberay.yaml").read_text())["spec"]["entrypoint"]
    assert all(f"--root {name}={url}" in job for name, (url,) in given.items())


def test_the_dashboard_that_is_submitted_to_is_forwarded(config: dict[str, Any]) -> None:
    lines = commands_of("README.md")
    assert lines[2].split("#")[0].strip() == "ray dashboard cluster.yaml"  # to local port 8265
    assert "--address http://127.0.0.1:8265 " in lines[3]
    (start,) = [c for c in config["head_start_ray_commands"] if "ray start" in c]
    assert "--dashboard-port=8265" in start


def test_the_image_has_the_wheel_and_the_pins(config: dict[str, Any]) -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert f"ARG IMAGE={config['docker']['image']}\nFROM ${{IMAGE}}\n" in text
    (install,) = [c for c in config["worker_setup_commands"] if "pip install" in c]
    assert install.partition("&& ")[2].replace("dist/", "./") in text
    assert all(variable in text for variable in ONE_THREAD)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored == ["*", "!constraints.txt", "!dist"]


def test_images_have_one_python_and_one_ray(config: dict[str, Any]) -> None:
    images = {config["docker"]["image"]}
    for kind in config["available_node_types"].values():
        images |= {kind["docker"]["worker_image"]} if "docker" in kind else set()
    assert len({image.rpartition("-")[0] for image in images}) == 1
    assert all(image.startswith("rayproject/ray:") and "-py311-" in image for image in images)


def test_the_pins_are_those_of_the_images(config: dict[str, Any]) -> None:
    constraints = ROOT / "constraints.txt"
    if not constraints.exists():
        pytest.skip("no constraints.txt in this checkout")
    pins = dict(line.split("==", 1) for line in constraints.read_text().split() if "==" in line)
    version = config["docker"]["image"].rpartition(":")[2].partition("-")[0]
    assert pins["ray"].strip() == version
    assert pins["torch"].partition("+")[0] == "2.13.0"
