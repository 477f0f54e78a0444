"""Processes: who we are, what is agreed between all, and how the model is spread (DDP or FSDP2).

torchrun or Ray Train start the processes. Small agreements go through gloo on the CPU, so that
they never wait for a GPU.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint

from vbdata.errors import RecipeError
from vbdata.train.adapter import Editor
from vbdata.train.config import Config


class World:
    """rank: our number of `size` processes; device: where this process computes."""

    def __init__(self, rank: int, size: int, device: torch.device, control: Any) -> None:
        self.rank, self.size, self.device, self._control = rank, size, device, control

    @property
    def first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """Each value summed over all processes, in float64."""
        both = torch.tensor(values, dtype=torch.float64)
        if self.size > 1:
            dist.all_reduce(both, group=self._control)
        return both.tolist()

    def reduce(self, values: Tensor) -> Tensor:
        """A tensor on the device summed over all processes, without waiting for it."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier(group=self._control)


@contextmanager
def joined(config: Config) -> Iterator[World]:
    """The processes that this one belongs to; alone without torchrun."""
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if config.batch % size:
        raise RecipeError([f"batch: {config.batch} cannot be shared by {size} processes"])
    device = _device(config.run.device)
    torch.set_num_threads(config.run.threads)
    ours = size > 1 and not dist.is_initialized()
    if ours:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend)
    control = dist.new_group(backend="gloo") if size > 1 else None
    try:
        yield World(rank, size, device, control)
    finally:
        if ours:
            dist.destroy_process_group()


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        torch.cuda.set_device(name)
    return torch.device(name)


def spread(editor: Editor, config: Config, world: World) -> None:
    """Recompute and compile the blocks, wrap or shard the module, as `run:` says."""
    run = config.run
    for block in editor.blocks:
        if run.recompute:
            block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
        if run.compile:
            block.compile()
    if world.size == 1:
        return
    if run.parallel == "ddp":
        ids = [world.device.index] if world.device.type == "cuda" else None
        editor.module = nn.parallel.DistributedDataParallel(editor.module, device_ids=ids)
        return
    from torch.distributed.device_mesh import init_device_mesh

    mesh = init_device_mesh(world.device.type, (world.size,))
    low = torch.bfloat16 if config.precision == "bf16" else None  # None: each in its own
    policy = MixedPrecisionPolicy(
        param_dtype=low, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for part in [*editor.blocks, editor.module]:
        fully_shard(part, mesh=mesh, mp_policy=policy)


@contextmanager
def gradients_shared(module: nn.Module, share: bool) -> Iterator[None]:
    """Whether the coming backward pass adds up the gradients of all processes."""
    if isinstance(module, nn.parallel.DistributedDataParallel) and not share:
        with module.no_sync():
            yield
        return
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(share)
    yield


def whole(tensor: Tensor) -> Tensor:
    """All of a sharded tensor on every process; a call that all must make."""
    return tensor.full_tensor().detach() if isinstance(tensor, DTensor) else tensor.detach()


def bare(editor: Editor) -> nn.Module:
    """The editor's module without the wrapper of DDP, so that its names are its own."""
    module = editor.module
    return module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module


@contextmanager
def evaluating(module: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Run with other values of some parameters (the moving average), then put the old ones back."""
    parameters = {name: p for name, p in module.named_parameters() if name in values}
    with torch.no_grad():
        old = {name: p.detach().clone() for name, p in parameters.items()}
        for name, p in parameters.items():
            p.copy_(values[name])
        module.eval()
        try:
            yield
        finally:
            module.train()
            if isinstance(module, FSDPModule):
                module.reshard()  # or the next step would still find these values gathered
            for name, p in parameters.items():
                p.copy_(old[name])
