"""A finished build as folders of images, for trainers that want those: `vbdata export`.

One file a format; its name is the registration, an underscore before it is a shared part. All have

    PART/target/KEY.png      the answer, the bytes of the build
    PART/control/KEY.jpg     the input image (.png if the build has those), the bytes of the build
    vbdata.jsonl             a line a sample: its row of the manifest, what its decoder needs, paths
    README.md                what it is, licences, how to train with it, how to decode
    SHA256SUMS  export.json  sums of all files; what was exported, written last

and what the format's trainer reads: captions as .txt files or in PART/metadata.jsonl, a config. A
part is `pairs` and `text2image` (samples without an input image), or with split_by_task a task.
Every path is relative, so the folder can be moved; the same build gives the same bytes.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vbdata.export.options import Format


def names() -> list[str]:
    """The known formats, as the command line calls them."""
    found = pkgutil.iter_modules(__path__)
    return sorted(m.name.replace("_", "-") for m in found if not m.name.startswith("_"))


def format_of(name: str) -> Format:
    """The module of a format. Raises RecipeError for an unknown one."""
    from vbdata.errors import RecipeError, choices

    if name not in names():
        raise RecipeError([f"--to {name}: no such format{choices(name, names())}"])
    return cast("Format", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
