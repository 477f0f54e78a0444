"""What a process sets up and checks before it works: one thread a library, and its device."""

from __future__ import annotations

import os
import sys

from vbdata.errors import BuildError


def one_thread() -> None:
    """Keep every library of this process to one thread: the work is spread over processes."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # as long as it is not imported, which takes a while
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def check_device(device: str) -> None:
    """Raise BuildError if a device ("cpu", "cuda", "cuda:1") cannot hold a tensor."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:
        cause = str(err).splitlines()[0]
        raise BuildError(f"device {device!r} cannot be used: {cause}; known: cpu, cuda") from err
