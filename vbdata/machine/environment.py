"""Versions of everything outside vbdata that can change the bytes of a build."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import re

VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
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
    versions = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


def _version(name: str) -> str:
    """A distribution's version, without parsing its whole description as an e-mail."""
    stated = VERSION.search(importlib.metadata.distribution(name).read_text("METADATA") or "")
    return stated[1] if stated else importlib.metadata.version(name)
