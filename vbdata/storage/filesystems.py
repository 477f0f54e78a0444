"""What lies below a folder: the local disk's files, or an fsspec filesystem and its failures.

Every failure of a remote filesystem becomes an OSError whose text names the URL, so that a worker
tries again and a person can read it; keys are taken out of it. No wait is without end: a connection
times out after 5 s and a silence after 15 s (s3fs, gcsfs), and only storage.retry tries again.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec

from vbdata.storage import gs_client
from vbdata.storage.retry import called, with_retries
from vbdata.storage.secrets import redacted

FULL = (errno.ENOSPC, errno.EDQUOT)
TOLD = "make room"
S3 = ("s3", "s3a")
KNOWN = (*S3, *gs_client.PROTOCOLS, "abfs", "az")  # whose options we know
CHECKSUMS = "AWS_REQUEST_CHECKSUM_CALCULATION"  # what botocore sends by itself
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
NOWHERE = (errno.ELOOP, errno.ENAMETOOLONG)  # links in a circle; a name that no disk has
# bases of the errors of remote filesystems that are no OSError, by the module that has them
FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("json", "JSONDecodeError"),
    ("gcsfs.retry", "HttpError"),
    ("gcsfs.retry", "NonRetryableError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.parsers", "ResponseParserError"),
    ("requests.exceptions", "RequestException"),
    ("fsspec.exceptions", "FSTimeoutError"),
)


def connect(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL (fsspec keeps one a process) and the path inside it.

    Listings are not remembered: other processes write to the same folder.
    """
    schemes = {part.partition("://")[0] for part in url.split("::")}
    with plain_errors(url):
        fs, path = fsspec.core.url_to_fs(url, **{s: _options(s) for s in schemes if s in KNOWN})
    if hasattr(fs, "call_s3"):
        fs.retries = 1
    elif gs_client.speaks(fs):
        gs_client.ask_once(fs)
    return fs, path


def _options(scheme: str) -> dict[str, Any]:
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme in S3:
        wanted: dict[str, Any] = {"retries": {"total_max_attempts": 1}}
        if CHECKSUMS not in os.environ:  # we send Content-MD5, which more kinds of store know
            wanted["request_checksum_calculation"] = "when_required"
        configured = _configured(scheme).get("config_kwargs") or {}
        options["config_kwargs"] = wanted | dict(configured)
    elif scheme in gs_client.PROTOCOLS:
        options |= gs_client.options({k for each in gs_client.PROTOCOLS for k in _configured(each)})
    return options


def _configured(scheme: str) -> dict[str, Any]:
    """What fsspec has been told of a scheme, by its files or the environment."""
    found: dict[str, Any] = fsspec.config.conf.get(scheme, {})
    return found


def ask(url: str, fs: Any, name: str, *args: Any, **options: Any) -> Any:
    """What a remote filesystem's method returns, tried again where that may help."""
    with plain_errors(url):
        return with_retries(url, lambda: called(fs, name, *args, **options))


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Turn what a filesystem raises into an OSError that names the URL; absent files pass."""
    try:
        yield
    except ABSENT:
        raise
    except _failures() as err:
        if isinstance(err, OSError) and err.errno in NOWHERE:
            raise FileNotFoundError(err.errno, err.strerror, url) from err
        raise _plain(url, err) from None  # the cause's own text is not cleared of keys


def _plain(url: str, err: Exception) -> OSError:
    notes = "".join(f" ({note})" for note in getattr(err, "__notes__", ()))
    if isinstance(err, PermissionError):
        return PermissionError(redacted(f"{url}: access refused: {err}{notes}"))
    return OSError(redacted(f"{url}: {type(err).__name__}: {err}{notes}"))


@contextmanager
def room(path: str | os.PathLike[str]) -> Iterator[None]:
    """Where the disk is full, say which one it is, and what to do."""
    try:
        yield
    except OSError as err:
        if err.errno not in FULL or TOLD in str(err):
            raise
        elsewhere = ", or set TMPDIR to a folder on another disk" if _temporary(path) else ""
        said = f"{err.strerror} ({TOLD}{elsewhere}; then run the same command again)"
        raise OSError(err.errno, said, os.fspath(path)) from err


def _temporary(path: str | os.PathLike[str]) -> bool:
    return os.path.abspath(path).startswith(os.path.join(tempfile.gettempdir(), "vbdata-"))


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
        if here in above:
            return
        entries = os.scandir(top)
    except ABSENT:
        return
    with entries:
        for entry in entries:
            there = _followed(entry)
            if there and stat.S_ISDIR(there.st_mode):
                yield from walk(entry.path, (*above, here))
            elif there and stat.S_ISREG(there.st_mode):
                yield entry.path, there.st_size


def listed(top: str) -> dict[str, bool]:
    """What lies directly in a local folder: name -> whether it is a folder."""
    with os.scandir(top) as entries:
        found = {entry.name: _followed(entry) for entry in entries}
    return {name: bool(s and stat.S_ISDIR(s.st_mode)) for name, s in found.items()}


def _followed(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What an entry is or links to; None for a link that leads to nothing."""
    try:
        return entry.stat()
    except OSError as err:
        if isinstance(err, ABSENT) or err.errno in NOWHERE:
            return None
        raise


def opened(path: str) -> BinaryIO:
    """A regular file of the local disk, to be read; raises one of ABSENT for anything else.

    A pipe would be waited for, and a device may have no end.
    """
    try:
        file = io.FileIO(path, opener=_at_once)
    except OSError as err:
        if err.errno in NOWHERE:
            raise FileNotFoundError(err.errno, err.strerror, path) from err
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a regular file", path)
    return io.BufferedReader(file)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def spelled(path: str) -> str:
    """A path as it can be written down, with backslashes (so not safe) for what is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _failures() -> tuple[type[Exception], ...]:
    """OSError, and the errors of the filesystems that this process has loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in FOREIGN)
    return (OSError, *(getattr(module, name) for module, name in loaded if hasattr(module, name)))
