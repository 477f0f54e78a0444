r"""Files by the names that records give them.

Tools write names of files in many ways: with \ of Windows, with ./ or ../, with a folder that only
their machine has, without the sub-folder. A name is taken for a file only where it cannot mean
another one: a folder that is dropped from it must not exist here, a sub-folder that is added must
be the only one with such a file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property
from urllib.parse import unquote, urlsplit

from vbdata.errors import BadSample
from vbdata.storage.folder import safe

LOCAL_FILES = "?d="  # Label Studio: /data/local-files/?d=a/b.jpg


class Places:
    """The files that records may name.

    sizes: path -> bytes of all of them; folders: in which names are looked up, in this order; the
    first is where a file is expected that is in none.
    """

    def __init__(self, sizes: Mapping[str, int], folders: Sequence[str]) -> None:
        self.sizes, self.folders = sizes, tuple(dict.fromkeys(folders))

    def path(self, name: str) -> str:
        """The path of a file by a name in a record, where it is or where it should be.

        Raises BadSample: "unsafe path" for a name that leads out and means no file here, "garbled
        annotation" for one that means several.
        """
        for folder in self.folders:  # nearly all are found so
            if (path := _joined(folder, name)) in self.sizes:
                return path
        parts = _plain(name)
        for cut in range(len(parts)):
            tail = "/".join(parts[cut:])
            if path := self._there(tail) or self._only(tail, name):
                return path
            if parts[cut] in self._folder_names:
                break
        return safe(_joined(self.folders[0], name.replace("\\", "/").removeprefix("./")))

    def found(self, names: Sequence[str]) -> list[str]:
        """The path of each file that is in a folder by its very name, "" of any other."""
        found = [""] * len(names)
        for folder in self.folders:
            joined = map(_joined(folder, "").__add__, names)
            pairs = zip(found, joined, strict=True)
            found = [one or (other if other in self.sizes else "") for one, other in pairs]
            if all(found):
                break
        return found

    def _there(self, name: str) -> str:
        paths = (posixpath.normpath(_joined(folder, name)) for folder in self.folders)
        return next((path for path in paths if path in self.sizes), "")

    def _only(self, tail: str, name: str) -> str:
        """The only file whose path ends so, "" if there is none. Raises BadSample for several."""
        found = self._by_name.get(tail.rpartition("/")[2], ())
        found = [path for path in found if path.endswith(f"/{tail}")]
        if len(found) > 1:
            detail = f"file_name {name!r} may be {found[0]!r} or {found[1]!r}"
            raise BadSample("garbled annotation", detail)
        return found[0] if found else ""

    @cached_property
    def _folder_names(self) -> frozenset[str]:
        return frozenset(part for path in self.sizes for part in path.split("/")[:-1])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        by_name: dict[str, list[str]] = {}
        for path in self.sizes:
            by_name.setdefault(path.rpartition("/")[2], []).append(path)
        return by_name


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _plain(name: str) -> list[str]:
    """The parts of a name's path, the last .. and all before it left out, of a URL its path."""
    name = name.partition(LOCAL_FILES)[2] or name
    if "://" in name:
        name = unquote(urlsplit(name).path)
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    while ".." in parts:
        parts = parts[parts.index("..") + 1 :]
    return parts or [name]
