"""Lists of frames as benchmarks publish them: a text file, a frame a line, its files in words.

They lie below the source's root, like all other files: a root may be several folders and archives
over one another, of which one has the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vbdata.errors import SourceError

from . import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LONGEST = 1 << 26  # bytes of a list
NONE = "None"  # what Marigold's lists have where a frame has no depth


def rows(root: Root, path: str, what: str) -> list[tuple[str, ...]]:
    """The words of each line of a list, in its order; blank lines are left out.

    what: its role, for messages. Raises SourceError if it is not there, not UTF-8, or names
    nothing.
    """
    if root.size(path) > LONGEST:
        raise SourceError(f"{root.url}: {path} ({what}) has more than {LONGEST} bytes")
    data = records.without_mark(records.source_bytes(root, path, what))
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as err:
        raise SourceError(f"{root.url}: {path} ({what}) is not UTF-8: {err}") from err
    found = [tuple(line.split()) for line in lines if line.strip()]
    if not found:
        raise SourceError(f"{root.url}: {path} ({what}) names nothing")
    return found


def names(root: Root, path: str, what: str) -> list[str]:
    """The lines of a list of one name a line, each once, in its order; spaces are part of names.

    what: its role, for messages. Raises SourceError as `rows` does.
    """
    return list(dict.fromkeys(" ".join(words) for words in rows(root, path, what)))
