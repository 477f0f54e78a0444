"""Versions of everything outside this package that can change bytes."""

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
    "h5py",
    "pycocotools",
    "pyarrow",
)


@functools.cache
def environment() -> dict[str, str]:
    """Package to version; a build says what it was made with, a resumed one was made with one."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}
