"""Retries of requests to a store: in one place, with one bound on the time.

Transient failures (500, 503 SlowDown, 429, resets, timeouts, bodies cut short) are retried after
growing pauses of a random length; all others (not there, refused, a bad request) are raised at
once. A store that has answered before is retried for RETRY_FOR_S; one that never has, as with a
wrong address, for FIRST_S. One call may take CALL_S and the time of its bytes at SLOWEST, so
nothing hangs. The libraries' own retries are switched off: two loops would multiply the waits.
The random pauses have a generator of their own: no byte of a build depends on them.
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
LOG_FROM_S = 10.0  # of waiting; shorter waits are not logged

# Statuses of HTTP that may be another one a moment later: the store or a proxy before it is
# overloaded or restarting, or a connection was lost while it answered.
STATUSES = {408, 425, 429, 500, 502, 503, 504, 509, 520, 522, 524}
# Codes of S3 that may be gone a moment later, whatever their status. BadDigest, IncompleteBody and
# XAmzContentSHA256Mismatch: what the store received is not what was sent.
CODES = {
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"),
    *("Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"),
    *("BandwidthLimitExceeded", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"),
    *("ConditionalRequestConflict", "TooManyRequestsException"),
}
# Transient errors of remote filesystems, by the module that has them. They are looked up by name,
# so that a library is not imported only to find that it raised nothing.
TRANSIENT = (
    *(("botocore.exceptions", n) for n in ("HTTPClientError", "ConnectionError")),
    *(("botocore.exceptions", n) for n in ("IncompleteReadError", "ReadTimeoutError")),
    *(("botocore.exceptions", n) for n in ("ResponseStreamingError", "FlexibleChecksumError")),
    # keys that a service of the cloud hands out, which may be overloaded as well
    *(("botocore.exceptions", n) for n in ("CredentialRetrievalError", "MetadataRetrievalError")),
    *(("botocore.parsers", n) for n in ("ResponseParserError",)),
    *(("json", n) for n in ("JSONDecodeError",)),  # half a response
    *(("google.auth.exceptions", n) for n in ("TransportError",)),
    *(("http.client", n) for n in ("IncompleteRead", "RemoteDisconnected")),
    *(("aiohttp", n) for n in ("ClientPayloadError", "ClientConnectionError")),
    *(("requests.exceptions", n) for n in ("ConnectionError", "ChunkedEncodingError", "Timeout")),
    *(("azure.core.exceptions", n) for n in ("ServiceRequestError", "ServiceResponseError")),
    *((module, "TransportError") for module in ("httpx", "httpx2")),
)
# How many requests were repeated, by store; for this process alone, and in no file.
repeats = Counter[str]()

_T = TypeVar("_T")
_answered: set[str] = set()
_chance = random.Random()  # noqa: S311 (pauses only)


class IncompleteResponse(OSError):
    """A response that is cut short or damaged, or says that an upload arrived so. Retried."""


def with_retries(url: str, do: Callable[[], _T]) -> _T:
    """What `do` returns, called again while it fails in a way that may pass.

    `do` must be idempotent. url: what is asked, for messages and for the bound on the time. Raises
    the last error, with a note of how often and how long it was tried.
    """
    start, tries, store = time.monotonic(), 0, _store(url)
    while True:
        try:
            result = do()
        except Exception as err:
            tries += 1
            # Random lengths keep many workers, which a busy store refused at the same moment, from
            # coming back at the same moment.
            pause = min(LONGEST_PAUSE_S, PAUSE_S * 2 ** min(tries, 16)) * _chance.uniform(0.5, 1)
            waited = time.monotonic() - start
            if not is_transient(err):
                _answered.add(store)  # a refusal is an answer, too
                raise
            if waited + pause > (RETRY_FOR_S if store in _answered else FIRST_S):
                err.add_note(f"after {tries} tries in {waited:.0f} s")
                raise
            if waited > LOG_FROM_S:
                LOG.warning("%s: %s; trying again", url, redacted(f"{type(err).__name__}: {err}"))
            repeats[store] += 1
            time.sleep(pause)
        else:
            _answered.add(store)
            return result


def limit_s(size: int = 0) -> float:
    """Seconds that one call may take, if it moves `size` bytes."""
    return CALL_S + size / SLOWEST


def call(fs: Any, name: str, *args: Any, limit: float | None = None, **options: Any) -> Any:
    """Call a method of an fsspec filesystem once, and return its result.

    limit: seconds after which FSTimeoutError is raised, if the filesystem is asynchronous.
    """
    if not getattr(fs, "async_impl", False):
        return getattr(fs, name)(*args, **options)
    method = getattr(fs, f"_{name}")
    return sync(fs.loop, method, *args, timeout=limit or limit_s(), **options)


def is_transient(err: BaseException) -> bool:
    """Whether an error, or one that caused it, may be gone at the next try."""
    return any(_is_transient(each) for each in _chain(err))


def _is_transient(err: BaseException) -> bool:
    if isinstance(err, (IncompleteResponse, TimeoutError, ConnectionError, FSTimeoutError)):
        return True
    response = getattr(err, "response", None)
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return response.get("Error", {}).get("Code") in CODES or status in STATUSES
    names = ("status", "status_code", "code")  # aiohttp, Azure, gcsfs
    status = next((getattr(err, name) for name in names if hasattr(err, name)), None)
    if str(status) in map(str, STATUSES):
        return True
    kinds = ((sys.modules.get(module), name) for module, name in TRANSIENT)
    return isinstance(err, tuple(getattr(m, name) for m, name in kinds if hasattr(m, name)))


def _chain(err: BaseException) -> Iterator[BaseException]:
    """An error and its causes; not the errors that merely were being handled when it came."""
    seen: set[int] = set()
    one: BaseException | None = err
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _store(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
