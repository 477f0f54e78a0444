"""Skeletons: a reader or a task of one's own, with a test that passes and a recipe that names it.

The templates are files of `guide/templates`, whose $$NAMEs are filled in.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Final, Literal

from vbdata.errors import RecipeError

Kind = Literal["reader", "task"]
KINDS: Final[tuple[Kind, ...]] = ("reader", "task")
TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def module_of(kind: Kind, name: str) -> str:
    """The module of a new plug-in: a dotted name itself, else that of a package of this name.

    Raises RecipeError for a name that Python could not import.
    """
    parts = name.split(".")
    wrong = [p for p in parts if not NAME.fullmatch(p) or keyword.iskeyword(p)]
    if wrong:
        text = f"{name!r}: {wrong[0]!r} is no name in Python: take letters, digits and _"
        raise RecipeError([text])
    if parts[0] in ("vbdata", "pipelines", "transforms"):
        raise RecipeError([f"{name!r}: {parts[0]} is vbdata's own; take another package"])
    return name if len(parts) > 1 else f"{name}.{kind}"


def write(kind: Kind, name: str, folder: Path) -> list[Path]:
    """Write the files of a new plug-in below a folder; their paths.

    Raises RecipeError for a name that cannot be, or if one of the files is there already.
    """
    module = module_of(kind, name)
    *packages, stem = module.split(".")
    inside = folder.joinpath(*packages)
    inits = [folder.joinpath(*packages[: n + 1]) / "__init__.py" for n in range(len(packages))]
    files = {
        inside / f"{stem}.py": f"{kind}.py.txt",
        inside / f"test_{stem}.py": f"test_{kind}.py.txt",
        inside / f"{stem}.yaml": f"{kind}.yaml.txt",
    }
    if there := [path for path in files if path.exists()]:
        raise RecipeError([f"{path}: exists; take another name" for path in there])
    words = {
        "module": module,
        "package": ".".join(packages),
        "stem": stem,
        "title": (packages[-1] if stem in KINDS else stem).replace("_", " ").capitalize(),
        "folder": "/".join(packages),
        "recipe": "/".join([*packages, f"{stem}.yaml"]),
        "up": "/".join([".."] * len(packages)),
    }
    inside.mkdir(parents=True, exist_ok=True)
    for init in inits:
        if not init.exists():
            init.write_text("")
    for path, template in files.items():
        text = Template((TEMPLATES / template).read_text(encoding="utf-8"))
        path.write_text(text.substitute(words), encoding="utf-8")
    return list(files)
