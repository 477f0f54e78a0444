"""AdamW, the learning rate as a function of the step, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vbdata.train.config import Optim


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name: all of them, or the adapters of LoRA."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def adamw(config: Optim, parameters: Mapping[str, nn.Parameter]) -> torch.optim.AdamW:
    """Make the optimiser, with weight decay of matrices but not of biases and norms (1 dimension).

    Its moments are made at once, as zeros.
    """
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters.values() if p.ndim > 1]},
        {"params": [p for p in parameters.values() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )
    for p in parameters.values():  # torch would make them at the first step: too late to resume
        state: dict[str, Any] = optimizer.state[p]
        state["step"] = torch.zeros((), device=p.device)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
    return optimizer


def learning_rate(config: Optim, step: int, steps: int) -> float:
    """Return the rate of a step, counted from 0, of `steps`: a linear warm-up, then the schedule.

    cosine falls to 0 by half a cosine; wsd (warm-up, stable, decay) is constant, then falls
    linearly to 0 in the last share `decay` of the steps.
    """
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "wsd":
        tail = max(1, round(steps * config.decay))
        return config.lr * min(1.0, (steps - step) / tail)
    done = (step - config.warmup) / max(1, steps - config.warmup)
    return config.lr * (1 + math.cos(math.pi * done)) / 2


def set_rate(optimizer: torch.optim.Optimizer, config: Optim, step: int, steps: int) -> float:
    """Set the learning rate of a step, counted from 0, and return it."""
    rate = learning_rate(config, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


class Average:
    """The exponential moving average of the parameters, in float32, sharded as they are.

    In the first steps, n = 0, 1, ..., the decay is (1 + n) / (10 + n), so that the untrained start
    is soon forgotten. values: the average of each parameter, by name.
    """

    def __init__(self, decay: float, parameters: Mapping[str, nn.Parameter]) -> None:
        self._decay, self._parameters = decay, parameters
        self.values = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            local(self.values.values()), local(self._parameters.values()), 1 - decay
        )


def local(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return this process' part of each tensor, itself if it is not sharded."""
    return [getattr(t, "_local_tensor", t) for t in tensors]
