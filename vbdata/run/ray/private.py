"""A Ray cluster on this machine that nobody else can reach: loopback, a token, a private folder.

By itself Ray on Linux listens on all interfaces, whatever `_node_ip_address` says, keeps its token
where every user may read it, and its sockets where every user may replace them. Here every port is
opened on loopback only; whoever connects must show a token that was made for this process and
stands in its environment alone; and sockets and logs lie in a folder that only this user may enter.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants

from vbdata.machine.scratch import claim_folder, shared_folder

# Ray's switch for Windows and macOS: off, a node is 127.0.0.1, and its servers listen nowhere else.
LOOPBACK_VAR = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
TOKEN_VARS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
LONGEST = 39  # characters; Ray's sockets lie 68 below, and their paths may have 107

_folders: list[str] = []


def start(**options: Any) -> None:
    """Start a private cluster and connect to it. options: of ray.init.

    A token that the user has set in the environment is used instead of a new one.
    """
    if not any(name in os.environ for name in TOKEN_VARS[1:]):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with _loopback():
        ray.init(address="local", dashboard_host="127.0.0.1", _temp_dir=_folder(), **options)


def clear() -> None:
    """Delete the folders of clusters that have ended, with their logs."""
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


def _folder() -> str:
    """A path for Ray's files inside a private folder, since Ray makes its own writable for all."""
    above = claim_folder(shared_folder())
    if len(str(above)) > LONGEST:
        above = claim_folder(Path("/tmp"))  # noqa: S108 (a private folder is made in it)
    _folders.append(str(above))
    return str(above / "ray")


@contextmanager
def _loopback() -> Iterator[None]:
    """Inside, a cluster that starts takes 127.0.0.1 for the address of its node."""
    before, clusters = os.environ.get(LOOPBACK_VAR), ray_constants.ENABLE_RAY_CLUSTER
    os.environ[LOOPBACK_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False  # read from the variable when ray was imported
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters
        os.environ.pop(LOOPBACK_VAR)
        if before is not None:
            os.environ[LOOPBACK_VAR] = before
