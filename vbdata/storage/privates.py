"""What vbdata uses of s3fs and gcsfs that is not public: every name, and why.

A release may drop any of them without notice. Then the first connection fails with a line that says
which one is missing, instead of a request that silently behaves otherwise.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any, Final

S3FS: Final[Mapping[str, str]] = {
    "_call_s3": "one request as it is: the public methods hide lengths, ETags and checksums",
}
GCSFS: Final[Mapping[str, str]] = {
    "_call": "one request as it is: the public methods hide lengths and checksums",
    "_set_session": "the HTTP session, for a response whose body is read under a time limit",
    "_get_params": "the project that pays, if the bucket's readers do",
    "_get_headers": "the credentials, applied to a request",
    "_location": "the address of the store, for uploads that state a checksum",
    "_request.__wrapped__": "a request without gcsfs's own retries, which no bound on time ends",
}


def require(kind: Any, package: str) -> None:
    """Check that a class of filesystems has what vbdata uses of it.

    package: "s3fs" or "gcsfs". Raises ImportError that names what the installed release lacks.
    """
    used = {"s3fs": S3FS, "gcsfs": GCSFS}[package]
    missing = [f"{name} ({why})" for name, why in used.items() if not _has(kind, name)]
    if missing:
        raise ImportError(
            f"{package} {importlib.metadata.version(package)} lacks what vbdata uses of it: "
            f"{'; '.join(missing)}. Install the release of {package} that pyproject.toml asks for"
        )


def _has(kind: Any, name: str) -> bool:
    """Whether a class has a member by a dotted name."""
    part = kind
    for each in name.split("."):
        if not hasattr(part, each):
            return False
        part = getattr(part, each)
    return True
