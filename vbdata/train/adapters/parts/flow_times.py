"""The times at which the samplers of FLUX and Qwen-Image stop: uniform sigmas, shifted by size."""

from __future__ import annotations

import importlib

import numpy as np

from vbdata.train.adapters.parts.checkpoint import Checkpoint

SHIFT = {"base_image_seq_len": 256, "max_image_seq_len": 4096, "base_shift": 0.5, "max_shift": 1.15}


def own_times(checkpoint: Checkpoint, steps: int, tokens: int, pipeline: str) -> list[float]:
    """t = 1 - sigma at each of the steps of the checkpoint's scheduler.

    tokens: of the picture alone; pipeline: the diffusers module whose formula shifts sigmas
    (FLUX.1's is linear in the tokens, FLUX.2's was fitted to tokens and steps).
    """
    module = importlib.import_module(pipeline)
    scheduler = checkpoint.part("diffusers", "FlowMatchEulerDiscreteScheduler", "scheduler")
    if hasattr(module, "compute_empirical_mu"):
        mu = module.compute_empirical_mu(image_seq_len=tokens, num_steps=steps)
    else:
        mu = module.calculate_shift(
            tokens, *(scheduler.config.get(key, usual) for key, usual in SHIFT.items())
        )
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
    return [1 - float(sigma) for sigma in scheduler.sigmas[:-1]]
