"""vbdata: raw vision datasets to instruction-paired RGB shards, at an exact mixture, bit for bit.

    import vbdata

    vbdata.build("manifests/demo.yaml", "out")      # index, plan, shards, manifest; resumes
    sample = vbdata.open_build("out")[0]            # sample.input, .target, .label, .instruction
    vbdata.verify("out")                            # what is wrong with it: []
    vbdata.codecs.encode("depth", metres)           # a label as RGB; .decode reads it back

The way of the data is: recipe -> index -> plan -> shards -> manifest. The engine names no dataset
and no task. Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vbdata import codecs, errors
    from vbdata.api import build, load_recipe, open_build, plan, verify

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "build",
    "codecs",
    "errors",
    "load_recipe",
    "open_build",
    "plan",
    "verify",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("codecs", "errors"):
        return importlib.import_module(f"vbdata.{name}")
    if name in __all__:
        return getattr(importlib.import_module("vbdata.api"), name)
    raise AttributeError(f"module 'vbdata' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
