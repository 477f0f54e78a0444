"""`vbdata export`: a finished build as folders of images, for trainers that do not read tars.

One file of this folder is one format, and its name is the registration: ai_toolkit.py is
`--to ai-toolkit`. What the formats share is in parts/. Every export has

    PART/target/KEY.png      the target, the bytes of the build; a photograph may be .jpg or .webp
    PART/control/KEY.jpg     the input image (.png if the build has those), the bytes of the build
    vbdata.jsonl             a line a sample: its row of the manifest, and the paths of its files
    README.md                contents, licences, how to train, how to decode
    SHA256SUMS  export.json  sums of all files; what was exported, written last

and what the format's trainer reads: captions as .txt files or in PART/metadata.jsonl, and a config.
The parts are `pairs` and `text2image` (samples without an input image), or with split_by_task one a
task. Every path is relative, so the folder can be moved; the same build gives the same bytes.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vbdata.export.parts.types import Format


def names() -> list[str]:
    """The known formats as the command line spells them, such as "ai-toolkit", sorted."""
    modules = pkgutil.iter_modules(__path__)
    return sorted(module.name.replace("_", "-") for module in modules if not module.ispkg)


def format_of(name: str) -> Format:
    """The module of a format, by its name on the command line.

    Raises RecipeError, with the nearest and all known formats, if there is none of that name.
    """
    from vbdata.errors import RecipeError, choices

    if name not in names():
        raise RecipeError([f"--to {name}: no such format{choices(name, names())}"])
    return cast("Format", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
