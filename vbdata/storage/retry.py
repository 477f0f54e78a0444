"""Try again what a store does not do at once: in one place, with one bound on the time.

Answers that pass (500, 503 SlowDown, 429, resets, timeouts, bodies cut short) are waited out with
growing pauses of a random length; what stays (not there, refused, a bad request) goes up at once.
A store that has answered before is given RETRY_FOR_S; one that never has, as with a wrong
address, FIRST_S. One call may take CALL_S and the time of its bytes at SLOWEST. So nothing hangs.
The random pauses have a generator of their own: no seed and no byte of a build depends on them.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fsspec.asyn import sync
from fsspec.exceptions import FSTimeoutError

from vbdata.storage.secrets import redacted

LOG = logging.getLogger(__name__)
FIRST_S, RETRY_FOR_S = 30.0, 300.0
PAUSE_S, LONGEST_PAUSE_S = 0.2, 20.0
CALL_S = 60.0
SLOWEST = 128 << 10  # bytes/s
SAY_FROM_S = 10.0  # of waiting, from which on it is told

STATUSES = {408, 425, 429, 500, 502, 503, 504, 509, 520, 522, 524}
CODES = {
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"),
    *("Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"),
    *("BandwidthLimitExceeded", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"),
    *("ConditionalRequestConflict", "TooManyRequestsException"),
}
# errors of remote filesystems that pass, by the module that has them
PASSING = (
    *(("botocore.exceptions", n) for n in ("HTTPClientError", "ConnectionError")),
    *(("botocore.exceptions", n) for n in ("IncompleteReadError", "ReadTimeoutError")),
    *(("botocore.exceptions", n) for n in ("ResponseStreamingError", "FlexibleChecksumError")),
    *(("botocore.exceptions", n) for n in ("CredentialRetrievalError", "MetadataRetrievalError")),
    *(("botocore.parsers", n) for n in ("ResponseParserError",)),
    *(("json", n) for n in ("JSONDecodeError",)),  # half an answer
    *(("google.auth.exceptions", n) for n in ("TransportError",)),
    *(("http.client", n) for n in ("IncompleteRead", "RemoteDisconnected")),
    *(("aiohttp", n) for n in ("ClientPayloadError", "ClientConnectionError")),
    *(("requests.exceptions", n) for n in ("ConnectionError", "ChunkedEncodingError", "Timeout")),
    *(("azure.core.exceptions", n) for n in ("ServiceRequestError", "ServiceResponseError")),
)
# no part of what is kept of a run: how often a store had to be asked again, by store
repeats = Counter[str]()

_T = TypeVar("_T")
_answered: set[str] = set()
_chance = random.Random()  # noqa: S311 (pauses only)


class IncompleteResponse(OSError):
    """An answer that is not whole, or not what was sent; another try may bring the right one."""


def with_retries(url: str, do: Callable[[], _T]) -> _T:
    """What `do` returns, tried again while it fails in a way that passes; it must be idempotent.

    url: what is asked, for messages and the bound. Raises the last error.
    """
    start, tries, store = time.monotonic(), 0, _store(url)
    while True:
        try:
            found = do()
        except Exception as err:
            tries += 1
            pause = min(LONGEST_PAUSE_S, PAUSE_S * 2 ** min(tries, 16)) * _chance.uniform(0.5, 1)
            waited = time.monotonic() - start
            if not passes(err):
                _answered.add(store)
                raise
            if waited + pause > (RETRY_FOR_S if store in _answered else FIRST_S):
                err.add_note(f"after {tries} tries in {waited:.0f} s")
                raise
            if waited > SAY_FROM_S:
                LOG.warning("%s: %s; trying again", url, redacted(f"{type(err).__name__}: {err}"))
            repeats[store] += 1
            time.sleep(pause)
        else:
            _answered.add(store)
            return found


def limit_s(size: int = 0) -> float:
    """Seconds that one call may take that moves some bytes."""
    return CALL_S + size / SLOWEST


def called(fs: Any, name: str, *args: Any, limit: float | None = None, **options: Any) -> Any:
    """One call of a filesystem's method, given up after some seconds where it can be."""
    if not getattr(fs, "async_impl", False):
        return getattr(fs, name)(*args, **options)
    method = getattr(fs, f"_{name}")
    return sync(fs.loop, method, *args, timeout=limit or limit_s(), **options)


def passes(err: BaseException) -> bool:
    """Whether a failure, or what it came of, is one that may be gone at the next try."""
    return any(_passes(each) for each in _chain(err))


def _passes(err: BaseException) -> bool:
    if isinstance(err, (IncompleteResponse, TimeoutError, ConnectionError, FSTimeoutError)):
        return True
    response = getattr(err, "response", None)
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return response.get("Error", {}).get("Code") in CODES or status in STATUSES
    names = ("status", "status_code", "code")  # aiohttp, Azure, gcsfs
    said = next((getattr(err, name) for name in names if hasattr(err, name)), None)
    if str(said) in map(str, STATUSES):
        return True
    kinds = ((sys.modules.get(module), name) for module, name in PASSING)
    return isinstance(err, tuple(getattr(m, name) for m, name in kinds if hasattr(m, name)))


def _chain(err: BaseException) -> Iterator[BaseException]:
    """An error and its causes; not those that it merely came up beside."""
    seen: set[int] = set()
    one: BaseException | None = err
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _store(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
