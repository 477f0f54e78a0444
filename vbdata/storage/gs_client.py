"""gcsfs as vbdata uses it: bounded waits, one try a request, and Python's own errors.

The tries are vbdata.storage.retry's. gcsfs finds its keys and the store's address by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

from fsspec import register_implementation

from vbdata.storage.retry import IncompleteResponse

CONNECT_S, SILENCE_S = 5.0, 15.0  # as s3fs has them
PROTOCOLS = ("gs", "gcs")
LOOKUPS = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"


def speaks(fs: Any) -> bool:
    """Whether a filesystem is one of gcsfs."""
    return "gs" in getattr(fs, "protocol", ()) and hasattr(fs, "batch_url_base")


def options(configured: Set[str]) -> dict[str, Any]:
    """What bounds the waits of gcsfs, unless its user has; `configured`: the options they set."""
    from aiohttp import ClientTimeout

    _without_lookups()
    wait = ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
    return {} if "requests_timeout" in configured else {"requests_timeout": wait}


def _without_lookups() -> None:
    """Use the kind of gcsfs that does not ask what kind each bucket is, unless that is wished for.

    It asks by gRPC, a minute long where that does not come through, and for nothing that we need.
    """
    if LOOKUPS in os.environ:
        return
    try:
        from gcsfs.core import GCSFileSystem
    except ImportError:  # fsspec says what to install
        return
    for name in PROTOCOLS:
        register_implementation(name, GCSFileSystem, clobber=True)


def ask_once(fs: Any) -> None:
    """Have gcsfs ask once, and tell what is refused as others do."""
    once = getattr(type(fs)._request, "__wrapped__", None)
    if once and "_request" not in vars(fs):
        fs._request = partial(_request, once, fs)


async def _request(once: Any, fs: Any, *args: Any, **options: Any) -> Any:
    with plainly():
        return await once(fs, *args, **options)


@contextmanager
def plainly() -> Iterator[None]:
    """Errors of gcsfs as Python's own, where those say more."""
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
