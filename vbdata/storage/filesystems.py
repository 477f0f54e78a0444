"""Files of the local disk, and the errors of whatever filesystem lies behind a folder.

Every error of a remote filesystem becomes an OSError whose text names the URL, so that a worker
retries it and a person can read it; keys are taken out of it. Nothing here imports fsspec, which a
process that works on the disk alone does without.
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
from typing import BinaryIO, NamedTuple

from vbdata.storage.root import MAX_FILE
from vbdata.storage.secrets import redacted

FULL = (errno.ENOSPC, errno.EDQUOT)
ADVICE = "make room"  # in the text of an error that says already what to do
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
BY_FOLDER = {os.stat, os.open} <= os.supports_dir_fd and os.listdir in os.supports_fd
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
NOWHERE = (errno.ELOOP, errno.ENAMETOOLONG)  # links in a circle; a name that no disk can have
# Base classes of remote filesystems' errors that are no OSError, by the module that has them. They
# are looked up by name, so that a library that is not used is not imported.
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
    # of huggingface_hub and what it speaks HTTP with
    *((module, name) for module in ("httpx", "httpx2") for name in ("HTTPError", "InvalidURL")),
    ("huggingface_hub.errors", "EntryNotFoundError"),
    ("huggingface_hub.errors", "RevisionResolutionError"),
    ("huggingface_hub.errors", "HFValidationError"),
    ("huggingface_hub.errors", "HfUriError"),
    ("huggingface_hub.errors", "XetDownloadError"),
)


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Turn a filesystem's errors into OSError that names the URL, without keys in its text.

    One of ABSENT is raised as it is.
    """
    try:
        yield
    except ABSENT:
        raise
    except _failures() as err:
        if isinstance(err, OSError) and err.errno in NOWHERE:
            raise FileNotFoundError(err.errno, err.strerror, url) from err
        raise _plain(url, err) from None  # a traceback would show the cause, keys and all


def _plain(url: str, err: Exception) -> OSError:
    notes = "".join(f" ({note})" for note in getattr(err, "__notes__", ()))
    if isinstance(err, PermissionError):
        return PermissionError(redacted(f"{url}: access refused: {err}{notes}"))
    return OSError(redacted(f"{url}: {type(err).__name__}: {err}{notes}"))


@contextmanager
def naming_full_disk(path: str | os.PathLike[str]) -> Iterator[None]:
    """If the disk of `path` is full, raise OSError that names the path and says what to do."""
    try:
        yield
    except OSError as err:
        if err.errno not in FULL or ADVICE in str(err):
            raise
        elsewhere = ", or set TMPDIR to a folder on another disk" if _temporary(path) else ""
        text = f"{err.strerror} ({ADVICE}{elsewhere}; then run the same command again)"
        raise OSError(err.errno, text, os.fspath(path)) from err


def _temporary(path: str | os.PathLike[str]) -> bool:
    return os.path.abspath(path).startswith(os.path.join(tempfile.gettempdir(), "vbdata-"))


class Walked(NamedTuple):
    """What lies directly in a local folder.

    prefix: the folder's path below the one that is walked, with a slash at its end, "" of that
    itself; files: name -> bytes of regular files; folders: names; others: whether there is
    something else, such as a pipe, a device or a link to nowhere.
    """

    prefix: str
    files: dict[str, int]
    folders: list[str]
    others: bool

    @property
    def paths(self) -> list[str]:
        """The files' paths below the folder that is walked, as `as_text` writes them."""
        paths = [self.prefix + name for name in self.files]
        return paths if "".join(paths).isascii() else [*map(as_text, paths)]


def walk(top: str, prefix: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[Walked]:
    """A local folder and all below it, in no order; nothing if it is not there.

    Links are followed, but not in circles: `above` identifies the folders that lead to this one.
    """
    try:
        status = os.stat(top)
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        found = _walked(top, prefix)
    except ABSENT:
        return
    yield found
    for name in found.folders:
        yield from walk(f"{top.rstrip('/')}/{name}", f"{prefix}{name}/", (*above, identity))


def _walked(top: str, prefix: str) -> Walked:
    files: dict[str, int] = {}
    folders: list[str] = []
    others = False
    folder = os.open(top, FOLDER) if BY_FOLDER else None  # saves the system its way to each file
    before = "" if BY_FOLDER else f"{top}/"
    try:
        for name in os.listdir(top if folder is None else folder):
            try:
                status = os.stat(before + name, dir_fd=folder)
            except OSError as err:
                if not isinstance(err, ABSENT) and err.errno not in NOWHERE:
                    err.filename = f"{top}/{name}"
                    raise
                others = True
                continue
            if stat.S_ISREG(status.st_mode):
                files[name] = status.st_size
            elif stat.S_ISDIR(status.st_mode):
                folders.append(name)
            else:
                others = True
    finally:
        if folder is not None:
            os.close(folder)
    return Walked(prefix, files, folders, others)


def list_folder(top: str) -> dict[str, bool]:
    """What lies directly in a local folder: name -> whether it is a folder. Raises OSError."""
    with os.scandir(top) as entries:
        return {entry.name: _is_folder(entry) for entry in entries}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or links to one. Only a link has to be looked at for that."""
    if not entry.is_symlink():
        return entry.is_dir()
    target = _followed(entry)
    return bool(target and stat.S_ISDIR(target.st_mode))


def _followed(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The status of an entry, or of what it links to; None if that leads to nothing."""
    try:
        return entry.stat()
    except OSError as err:
        if isinstance(err, ABSENT) or err.errno in NOWHERE:
            return None
        raise


def open_regular(path: str) -> BinaryIO:
    """A regular file of the local disk, open for reading. Raises one of ABSENT for anything else.

    To read a pipe would wait for whoever writes it, and a device may have no end.
    """
    try:
        file = io.FileIO(path, opener=_open_nonblocking)
    except OSError as err:
        if err.errno in NOWHERE:
            raise FileNotFoundError(err.errno, err.strerror, path) from err
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a regular file", path)
    return io.BufferedReader(file)


def read_regular(path: str, offset: int = 0, size: int | None = None) -> bytes:
    """Some bytes of a regular file, fewer if it ends sooner, or all that follow.

    Raises one of ABSENT, OSError, and OverflowError for a whole file of more than MAX_FILE bytes.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as err:
        if err.errno in NOWHERE:
            raise FileNotFoundError(err.errno, err.strerror, path) from err
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", path)
        if size is None and status.st_size > MAX_FILE:
            raise OverflowError(str(status.st_size))
        left = status.st_size - offset
        size = left if size is None else min(size, left)  # memory is taken for what is asked for
        data = os.pread(file, size, offset) if size > 0 else b""
        while len(data) < size and (more := os.pread(file, size - len(data), offset + len(data))):
            data += more
        return data
    finally:
        os.close(file)


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def as_text(path: str) -> str:
    """A path of the local disk as text that can be written to a file.

    Bytes that are not UTF-8 become escapes with a backslash, which `safe` refuses.
    """
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _failures() -> tuple[type[Exception], ...]:
    """OSError, and the errors of the libraries that this process has loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in FOREIGN)
    return (OSError, *(getattr(module, name) for module, name in loaded if hasattr(module, name)))
