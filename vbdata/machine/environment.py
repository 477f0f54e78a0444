"""Versions of everything outside vbdata that can change the bytes of a build."""

from __future__ import annotations

import functools
import importlib.metadata
import platform

PACKAGES = (
    "numpy",
    "torch",
    "opencv-python-headless",
    "simplejpeg",
    "deflate",
    "orjson",
    "msgspec",
    "h5py",
    "pycocotools",
    "pyarrow",
)


@functools.cache
def environment() -> dict[str, str]:
    """Version by package, and of "python" itself.

    A build states them, and all runs of a build that is resumed must agree on them.
    """
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}
