"""gcsfs as vbdata uses it: bounded waits, no retries of its own, and Python's own errors.

Retries are those of vbdata.storage.retry. gcsfs finds its credentials and the store's address by
itself. What is used of it that is not public stands in vbdata.storage.privates.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

from fsspec import register_implementation

from vbdata.storage.privates import require
from vbdata.storage.retry import IncompleteResponse

CONNECT_S, SILENCE_S = 5.0, 15.0  # as s3fs has them
PROTOCOLS = ("gs", "gcs")
LOOKUPS = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"


def handles(fs: Any) -> bool:
    """Whether a filesystem is one of gcsfs."""
    return "gs" in getattr(fs, "protocol", ()) and hasattr(fs, "batch_url_base")


def options(configured: Set[str]) -> dict[str, Any]:
    """Options of gcsfs that bound its waits, unless its user has set them.

    configured: names of the options that the user has set.
    """
    from aiohttp import ClientTimeout

    _without_lookups()
    wait = ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
    return {} if "requests_timeout" in configured else {"requests_timeout": wait}


def _without_lookups() -> None:
    """Use the class of gcsfs that does not ask for each bucket's kind, unless the user wants that.

    It asks by gRPC, which takes a minute where gRPC is blocked, and vbdata needs nothing of it.
    """
    if LOOKUPS in os.environ:
        return
    try:
        from gcsfs.core import GCSFileSystem
    except ImportError:  # fsspec says what to install
        return
    for name in PROTOCOLS:
        register_implementation(name, GCSFileSystem, clobber=True)


def without_retries(fs: Any) -> None:
    """Switch off gcsfs's own retries, and have it raise Python's own errors.

    Raises ImportError if the installed gcsfs lacks what vbdata uses of it.
    """
    require(type(fs), "gcsfs")
    if "_request" not in vars(fs):
        fs._request = partial(_request, type(fs)._request.__wrapped__, fs)


async def _request(once: Any, fs: Any, *args: Any, **options: Any) -> Any:
    with python_errors():
        return await once(fs, *args, **options)


@contextmanager
def python_errors() -> Iterator[None]:
    """Raise gcsfs's errors as IncompleteResponse, PermissionError, FileNotFoundError or OSError."""
    from gcsfs.retry import HttpError

    try:
        yield
    except (HttpError, ValueError) as err:
        code = getattr(err, "code", 400)
        if code == 400 and "MD5" in str(err):  # "Provided MD5 hash ... doesn't match ..."
            raise IncompleteResponse(str(err)) from None
        if code == 401:
            raise PermissionError(str(err)) from err
        if code == 410:
            raise FileNotFoundError(str(err)) from err
        raise OSError(str(err)) from err
    except OSError as err:
        if str(err).startswith("Forbidden"):
            raise PermissionError(str(err)) from err
        raise
