"""The files of a build against SHA256SUMS: missing, extra, changed, and lines that are no sums.

Nothing outside the folder is touched, whatever the lines say, and no file is read into memory that
is larger than any build's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vbdata.layout import PLAN_FOLDER, RECEIPTS
from vbdata.manifest.sums import UNSUMMED, capped

WORK = (f"{PLAN_FOLDER}/", f"{RECEIPTS}/")  # what a next run resumes from; published nowhere


def listing_faults(sums: Mapping[str, str], files: Mapping[str, int]) -> Iterator[str]:
    """What is listed and not there, and what is there and not listed."""
    yield from capped(f"{path}: missing" for path in sums if path not in files)
    yield from capped(
        f"{path}: not part of the build"
        for path in files
        if path not in sums and path not in UNSUMMED and not path.startswith(WORK)
    )
