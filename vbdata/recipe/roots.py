"""Roots as a recipe writes them: beside it, in the home folder, or where the environment says.

`~` and `~user` are home folders, `$NAME` and `${NAME}` variables of the environment, `$$` is a
dollar sign. Roots change no digest, so neither do these. Roots of the command line have been
through the shell already and are taken as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vbdata.errors import RecipeError, SourceError
from vbdata.storage.secrets import refuse_keys

VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def unset(root: Any) -> list[str]:
    """A fault for each variable that a root, or one of a list, names and the environment lacks."""
    faults = []
    for each in root if isinstance(root, list) else [root]:
        for _, plain, braced in VARIABLE.findall(each) if isinstance(each, str) else ():
            name = plain or braced
            if name and not os.environ.get(name):
                faults.append(f"{each!r}: the environment variable {name} is not set ($$ is a $)")
    return list(dict.fromkeys(faults))


def expanded(root: str) -> str:
    """A root with the values of its variables, which are set."""
    return VARIABLE.sub(lambda m: "$" if m[1] else os.environ[m[2] or m[3]], root)


def beside(folder: Path, root: str) -> str:
    """A root as an absolute path, or the URL that it is. folder: where relative ones begin.

    Raises RecipeError if it is no path, or an address with a key in it.
    """
    try:
        refuse_keys(root)
    except SourceError as err:
        raise RecipeError([str(err)]) from err
    try:
        return root if "://" in root else str((folder / Path(root).expanduser()).resolve())
    except (ValueError, RuntimeError, OSError) as err:
        raise RecipeError([f"root {root!r} is no path: {err}"]) from err


def overridden(roots: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The roots of the command line, by source or held-out set. Raises RecipeError."""
    return {name: tuple(beside(Path(), url) for url in urls) for name, urls in roots.items()}
