"""The files of a build's folder against SHA256SUMS: missing ones, extra ones, links elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from vbdata.layout import PLAN_FOLDER, RECEIPTS
from vbdata.manifest.sums import UNSUMMED, capped
from vbdata.storage.folder import Folder

WORK = (f"{PLAN_FOLDER}/", f"{RECEIPTS}/")  # what the next run resumes from; never published


def listing_faults(sums: Mapping[str, str], files: Mapping[str, int]) -> Iterator[str]:
    """A sentence for each file that is summed but missing, and for each that is extra.

    sums: SHA-256 by path, as SHA256SUMS has it; files: size in bytes by path, as the folder is
    listed.
    """
    yield from capped(f"{path}: missing" for path in sums if path not in files)
    yield from capped(
        f"{path}: not part of the build"
        for path in files
        if path not in sums and path not in UNSUMMED and not path.startswith(WORK)
    )


def link_faults(out: Folder) -> Iterator[str]:
    """A sentence for each link that leads out of a local folder: what lies there may change."""
    if out.local:
        top = os.path.realpath(out.base)
        yield from capped(
            f"{path}: a link out of the folder, to {target}"
            for path in _links(out.base, "")
            if not f"{path}/".startswith(WORK)
            and not _inside(target := os.path.realpath(os.path.join(out.base, path)), top)
        )


def _links(top: str, below: str) -> Iterator[str]:
    """The paths of all links below a folder, which are not followed."""
    try:
        with os.scandir(os.path.join(top, below)) as entries:
            found = sorted((entry.name, entry.is_symlink(), entry.is_dir()) for entry in entries)
    except OSError:  # gone, or not to be read: the listing says so
        return
    for name, is_link, is_folder in found:
        path = f"{below}/{name}" if below else name
        if is_link:
            yield path
        elif is_folder:
            yield from _links(top, path)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip(os.sep)}{os.sep}")
