"""Training in the processes of a Ray cluster: Ray Train starts them and sets up their group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vbdata.train.config import Config

ATTEMPTS = 3


def train_on_ray(config: Config, out: Path, address: str, processes: int) -> None:
    """Train in processes of a Ray cluster; `out` is a folder that all its nodes see.

    address: of the cluster; "local" starts a Ray of its own on this machine, with a CPU for each
    process. Each process has a GPU if the cluster has any. When one dies, all start again from the
    newest checkpoint, up to ATTEMPTS times in all. Raises what the training raises, wrapped by Ray.
    """
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    folder = out.absolute()
    ours = not ray.is_initialized()
    if ours:
        local: dict[str, Any] = {"num_cpus": processes + 1, "include_dashboard": False}
        ray.init(address=address, log_to_driver=True, **(local if address == "local" else {}))
    cluster: Any = ray
    gpu = config.run.device != "cpu" and "GPU" in cluster.cluster_resources()
    try:
        trainer = TorchTrainer(
            _process,
            train_loop_config={"config": config.model_dump(mode="json"), "out": str(folder)},
            scaling_config=ScalingConfig(num_workers=processes, use_gpu=gpu),
            run_config=RunConfig(
                name=config.name,
                storage_path=str(folder / "ray"),
                failure_config=FailureConfig(max_failures=ATTEMPTS - 1),
            ),
        )
        trainer.fit()
    finally:
        if ours:
            ray.shutdown()


def _process(given: dict[str, Any]) -> None:
    """One process: Ray Train has put it in the group, and set RANK and WORLD_SIZE."""
    from vbdata.train.loop import train

    train(Config.model_validate(given["config"]), Path(given["out"]))
