"""The processes of a run: their ranks, their collective calls, and the model on them (DDP, FSDP2).

torchrun or Ray Train start the processes. Numbers on the CPU are summed by gloo, so that they never
wait for a GPU.
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
    """This process among all of a run.

    rank: its number among `size` processes; device: where it computes; control: gloo's group of all
    of them, None if this is the only one.
    """

    def __init__(self, rank: int, size: int, device: torch.device, control: Any) -> None:
        self.rank, self.size, self.device, self._control = rank, size, device, control

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """Sum each value over all processes, in float64. A collective call."""
        sums = torch.tensor(values, dtype=torch.float64)
        if self.size > 1:
            dist.all_reduce(sums, group=self._control)
        return sums.tolist()

    def reduce(self, values: Tensor) -> Tensor:
        """Sum a tensor on the device over all processes, in place. A collective call.

        The result is returned before it is there, as that of any kernel.
        """
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            dist.barrier(group=self._control)


@contextmanager
def joined(config: Config) -> Iterator[World]:
    """Join the run's processes; without torchrun or Ray Train there is only this one.

    Raises RecipeError if the batch cannot be split evenly.
    """
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
    """Prepare an editor for training in place, as `run:` says.

    Its blocks are recomputed in the backward pass and compiled; its module is wrapped by DDP or
    sharded by FSDP2 if there are several processes.
    """
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
    low = torch.bfloat16 if config.precision == "bf16" else None  # None: each parameter's own
    policy = MixedPrecisionPolicy(
        param_dtype=low, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for part in [*editor.blocks, editor.module]:
        fully_shard(part, mesh=mesh, mp_policy=policy)


@contextmanager
def gradients_shared(module: nn.Module, share: bool) -> Iterator[None]:
    """Inside this, average gradients over all processes in the backward pass if `share` is True.

    Of several micro-batches, only the last has to.
    """
    if isinstance(module, nn.parallel.DistributedDataParallel) and not share:
        with module.no_sync():
            yield
        return
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(share)
    yield


def unsharded(tensor: Tensor) -> Tensor:
    """Gather a sharded tensor on every process; others are returned as they are. A collective call.

    The result is detached.
    """
    return tensor.full_tensor().detach() if isinstance(tensor, DTensor) else tensor.detach()


def unwrapped(editor: Editor) -> nn.Module:
    """Return the editor's module without DDP's wrapper, which prefixes its parameters' names."""
    module = editor.module
    return module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module


@contextmanager
def evaluating(module: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside this, the module has other values of some parameters and is in evaluation mode.

    values: by name; in training, the moving average. Afterwards it has its own again and is in
    training mode.
    """
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
                module.reshard()  # or the next step would compute with these values, still gathered
            for name, p in parameters.items():
                p.copy_(old[name])
