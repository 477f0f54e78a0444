"""What lies below a folder: the local disk's files, or an fsspec filesystem and its failures.

Every failure of a remote filesystem becomes an OSError whose text names the URL, so that a worker
tries again and a person can read it. No wait is without end: a connection times out
after 5 s and an answer after 15 s (s3fs), each is tried a bounded number of times.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec

TRIES = 2  # of one request by botocore, whose own default is 5; s3fs repeats timeouts 5 times
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
# bases of the errors of remote filesystems that are no OSError, by the module that has them
FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("azure.core.exceptions", "AzureError"),
)


def connect(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL (fsspec keeps one a process) and the path inside it."""
    if "s3" not in url.partition("://")[0]:
        return fsspec.core.url_to_fs(url)
    wanted = {"retries": {"total_max_attempts": TRIES}}
    configured = fsspec.config.conf.get("s3", {}).get("config_kwargs") or {}
    return fsspec.core.url_to_fs(url, s3={"config_kwargs": wanted | dict(configured)})


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Turn what a filesystem raises into an OSError that names the URL; absent files pass."""
    try:
        yield
    except ABSENT:
        raise
    except PermissionError as err:
        raise PermissionError(f"{url}: access refused: {err}") from err
    except _failures() as err:
        raise OSError(f"{url}: {type(err).__name__}: {err}") from err


def version(info: dict[str, Any]) -> str:
    """What of a file's entry changes when its bytes do, for the kinds of filesystem that say it."""
    keys = ("ETag", "etag", "md5Hash", "content_md5", "generation", "mtime", "LastModified")
    more = ("last_modified", "updated", "created")
    return "|".join(f"{key}={info[key]}" for key in keys + more if info.get(key) is not None)


def walk(top: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[str, int]]:
    """(path, size) of the regular files below a local folder. Links are followed, not in circles.

    What is no regular file (a pipe, a link to nowhere) is not there for a reader.
    """
    try:
        found = os.stat(top)
        here = (found.st_dev, found.st_ino)
        entries = [] if here in above else list(os.scandir(top))
    except ABSENT:
        return
    for entry in entries:
        if entry.is_dir():
            yield from walk(entry.path, (*above, here))
        elif entry.is_file():
            yield entry.path, entry.stat().st_size


def _failures() -> tuple[type[Exception], ...]:
    """OSError, and the errors of the filesystems that this process has loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in FOREIGN)
    return (OSError, *(getattr(module, name) for module, name in loaded if hasattr(module, name)))
