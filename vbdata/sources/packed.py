"""What lies in a root that would have to be unpacked or joined first, for messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vbdata.errors import SourceError
from vbdata.storage.folder import Folder

# parts of one file: a.zip.001, a.tar.gz.aa, a.tar.part02; a.z01 (the last of which is a.zip)
PART = re.compile(r"(.+\.(?:zip|tar|tgz|tar\.\w+|7z))\.(?:\d{2,3}|part\w+|a[a-z])", re.IGNORECASE)
DISK = re.compile(r"(.+)\.z\d\d+", re.IGNORECASE)
UNREAD = re.compile(r".+\.(?:7z|rar|t(?:ar\.)?(?:bz2?|xz|zst|lz4?)|part\d+\.rar)", re.IGNORECASE)


def hint(urls: Sequence[str]) -> str:
    """A sentence about parts of split archives, and archives that are not read, at roots.

    "" if there are none, or if the root cannot be asked.
    """
    for url in urls:
        try:
            names = sorted(name for name, is_folder in Folder(url).names().items() if not is_folder)
        except (OSError, ImportError, ValueError, SourceError):
            continue
        for name in names:
            whole = match[1] if (match := PART.fullmatch(name)) else ""
            if whole and whole not in names:
                return f"; {name} is a part of a split archive: cat {whole}.* > {whole}"
            if (disk := DISK.fullmatch(name)) and f"{disk[1]}.zip" not in names:
                return f"; {name} is a part of a split zip whose last part {disk[1]}.zip is missing"
        if unread := [name for name in names if UNREAD.fullmatch(name)]:
            return f"; {unread[0]} is not read: only .zip, .tar and .tar.gz are; unpack it"
    return ""
