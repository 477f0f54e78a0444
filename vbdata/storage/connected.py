"""The fsspec filesystem behind a URL, with vbdata's options, and one call of it with retries.

No wait is without end: a connection times out after 5 s and a silence after 15 s (s3fs, gcsfs), and
only storage.retry retries.
"""

from __future__ import annotations

import os
from typing import Any

import fsspec

from vbdata.storage import gs_client
from vbdata.storage.filesystems import plain_errors
from vbdata.storage.privates import require
from vbdata.storage.retry import call, with_retries

S3 = ("s3", "s3a")
KNOWN = (*S3, *gs_client.PROTOCOLS, "abfs", "az")  # schemes that `_options` has options for
CHECKSUMS = "AWS_REQUEST_CHECKSUM_CALCULATION"  # botocore's: which requests carry a checksum


def connect(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL (fsspec keeps one a process) and the path inside it.

    Its listings are not cached, since other processes write to the same folder, and its own retries
    are off. Raises OSError if the URL cannot be used, ImportError if a library is missing or lacks
    what vbdata uses of it.
    """
    schemes = {part.partition("://")[0] for part in url.split("::")}
    with plain_errors(url):
        fs, path = fsspec.core.url_to_fs(url, **{s: _options(s) for s in schemes if s in KNOWN})
    if hasattr(fs, "call_s3"):
        require(type(fs), "s3fs")
        fs.retries = 1
    elif gs_client.handles(fs):
        gs_client.without_retries(fs)
    return fs, path


def _options(scheme: str) -> dict[str, Any]:
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme in S3:
        wanted: dict[str, Any] = {"retries": {"total_max_attempts": 1}}
        if CHECKSUMS not in os.environ:  # uploads carry Content-MD5, which more stores understand
            wanted["request_checksum_calculation"] = "when_required"
        configured = _configured(scheme).get("config_kwargs") or {}
        options["config_kwargs"] = wanted | dict(configured)
    elif scheme in gs_client.PROTOCOLS:
        options |= gs_client.options({k for each in gs_client.PROTOCOLS for k in _configured(each)})
    return options


def _configured(scheme: str) -> dict[str, Any]:
    """The options of a scheme that stand in fsspec's configuration files or the environment."""
    options: dict[str, Any] = fsspec.config.conf.get(scheme, {})
    return options


def call_retried(url: str, fs: Any, name: str, *args: Any, **options: Any) -> Any:
    """Call a method of a remote filesystem, with retries, and return its result.

    Raises OSError that names the URL; one of ABSENT if something is not there.
    """
    with plain_errors(url):
        return with_retries(url, lambda: call(fs, name, *args, **options))


def version(info: dict[str, Any]) -> str:
    """What changes in a file's entry when its bytes do; "" if the filesystem does not tell.

    info: the entry as fsspec describes it.
    """
    keys = ("ETag", "etag", "md5Hash", "content_md5", "generation", "mtime", "LastModified")
    more = ("last_modified", "updated", "created")
    return "|".join(f"{key}={info[key]}" for key in keys + more if info.get(key) is not None)
