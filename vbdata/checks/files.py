"""The listing of a build's folder against SHA256SUMS: files that are missing or extra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vbdata.layout import PLAN_FOLDER, RECEIPTS
from vbdata.manifest.sums import UNSUMMED, capped

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
