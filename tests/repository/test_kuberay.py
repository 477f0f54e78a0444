"""kuberay.yaml says what cluster.yaml says, in Kubernetes' words. No cluster is asked."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer
import yaml

from tests.helpers.builds import REPOSITORY
from vbdata.cli.app import app

ROOT = REPOSITORY


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    """The manifest, which is one document."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "kuberay.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The head's group and those of the workers."""
    spec = job["spec"]["rayClusterSpec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def test_it_is_a_ray_job(job: dict[str, Any], groups: list[dict[str, Any]]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["spec"]["shutdownAfterJobFinishes"]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        for container in group["template"]["spec"]["containers"]:
            assert {"name", "image", "resources"} <= container.keys()


def test_the_entrypoint_is_a_command_of_ours(job: dict[str, Any]) -> None:
    """Parsed by our own command line, to the last option."""
    name, command, *rest = shlex.split(job["spec"]["entrypoint"])
    assert (name, command) == ("vbdata", "build")
    click = typer.main.get_command(app).commands["build"]
    with click.make_context("build", rest) as context:
        assert context.params["ray"] == "auto"
        assert context.params["workers"] is None
        recipe, folder = context.params["recipe"], context.params["out"]
    assert folder.startswith("s3://")
    (mount,) = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0][
        "volumeMounts"
    ]
    assert str(recipe.parent) == mount["mountPath"]


def test_versions_are_those_of_the_pins_and_of_cluster_yaml(
    job: dict[str, Any], groups: list[dict[str, Any]]
) -> None:
    text = (ROOT / "constraints.txt").read_text()
    pins = dict(line.split("==", 1) for line in text.split() if "==" in line)
    version = job["spec"]["rayClusterSpec"]["rayVersion"]
    assert version == pins["ray"]
    images = {c["image"] for g in groups for c in g["template"]["spec"]["containers"]}
    assert len(images) == 1
    assert images.pop().endswith(f":ray-{version}-py311")
    launcher = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    image = (ROOT / "Dockerfile").read_text()
    assert f"ARG IMAGE={launcher['docker']['image']}" in image
    assert f"torch=={pins['torch'].partition('+')[0]}" in image
    (tag,) = {c["image"] for g in groups for c in g["template"]["spec"]["containers"]}
    written = (ROOT / "kuberay.yaml").read_text()
    assert f"make wheel && docker build -t {tag} .\n" in written
    assert f"docker build -t {tag} .\n" in image


def test_head_builds_nothing_and_is_not_public(groups: list[dict[str, Any]]) -> None:
    head = groups[0]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert head["serviceType"] == "ClusterIP"


def test_one_thread_a_worker_and_as_many_workers_as_cores(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        for container in group["template"]["spec"]["containers"]:
            said = {line["name"]: line["value"] for line in container["env"]}
            assert {said[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")} == {"1"}
    for group in groups[1:]:
        (container,) = group["template"]["spec"]["containers"]
        assert group["rayStartParams"]["num-cpus"] == container["resources"]["requests"]["cpu"]
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
