"""cluster.yaml is what Ray's launcher accepts, and keeps its promises. No cloud is asked."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from tests.helpers.builds import REPOSITORY

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
def test_every_node_installs_the_checkout_at_its_pins(
    config: dict[str, Any], commands: str
) -> None:
    (mounted,) = config["file_mounts"]
    assert config["file_mounts"][mounted] == "."
    installs = [c for c in config[commands] if "pip install" in c and "-e ." in c]
    assert len(installs) == 1
    assert f"cd {mounted} " in installs[0]
    assert "-c constraints.txt" in installs[0]
    assert "torch==2.13.0" in installs[0]


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
