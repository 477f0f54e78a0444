"""What a process needs before it works: one thread, and a device that is there.."""

from __future__ import annotations

import os
import sys

from vbdata.errors import BuildError


def one_thread() -> None:
    """Keep every library of this process to one thread: workers are the parallelism."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def check_device(device: str) -> None:
    """Raise BuildError if nothing can be rendered there."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:
        said = str(err).splitlines()[0]
        raise BuildError(f"device {device!r} cannot be used: {said}; known: cpu, cuda") from err
