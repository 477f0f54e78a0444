"""What a process sets up and checks before it works: threads, memory, its device."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

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


@contextmanager
def settled() -> Iterator[None]:
    """Inside, the collector of cyclic garbage passes over what there was before: it stays anyway.

    A process that works has some hundred thousand objects of its libraries and its plan, and looks
    through all of them for every few thousand new ones.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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


def without_pandas() -> None:
    """Have pyarrow find no pandas in this process: it imports that to ask if a list is a Series.

    That takes a quarter of a second and 30 MB. pyarrow looks for it once, and its `to_pandas` would
    fail from then on: so this is for processes in which no code of others runs.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([""])
    finally:
        sys.meta_path.remove(hidden)


class _Hidden(MetaPathFinder):
    """Lets nobody import pandas."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
