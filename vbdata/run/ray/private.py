"""A Ray cluster on this machine that nobody else can reach: loopback, a token, a private folder.

By itself Ray on Linux listens on all interfaces, whatever `_node_ip_address` says, keeps its token
where every user may read it, and its sockets where every user may replace them. Here every port is
opened on loopback only; whoever connects must show a token that was made for this process and
stands in its environment alone; and sockets and logs lie in a folder that only this user may enter.

It starts without what only a cluster for many has a use for: the server behind Ray's dashboard,
which Ray starts and waits for even where no dashboard is asked for; the autoscaler, as nothing
scales; and the process that sends workers' logs to a driver that shows none. Whether its node is
there is asked many times a second, not once, as Ray does.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import ray
from ray._private import ray_constants, services, utils
from ray._private.node import Node
from ray._private.state import GlobalState

from vbdata.machine.scratch import claim_folder, shared_folder

# Ray's switch for Windows and macOS: off, a node is 127.0.0.1, and its servers listen nowhere else.
LOOPBACK_VAR = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
TOKEN_VARS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
UNUSED = ("start_api_server", "start_monitor", "start_log_monitor")  # processes of a head node
AGENTS_IMPORT = ("aiohttp", "aiohttp_cors", "opencensus", "opentelemetry", "prometheus_client")
SETTINGS: Final[Mapping[str, Any]] = {
    # What Ray's processes for workers load while they wait for a worker of ours. If they cannot
    # find it yet, it is loaded with that worker.
    "preload_python_modules": ["vbdata.run.ray.worker"],
    # Its servers wait for one another on this machine, by default a second at a time.
    "raylet_client_connect_timeout_milliseconds": 20,
    "raylet_client_num_connect_attempts": 1500,
    # No notes of tasks for a dashboard that is not there: the last ones are waited for at the end.
    "task_events_report_interval_ms": 0,
}
NODE_S, NODE_TICK_S = 30.0, 0.02  # for a node to be there, and between two looks for it
LONGEST = 39  # characters; Ray's sockets lie 68 below, and their paths may have 107

_folders: list[str] = []


def start(**options: Any) -> None:
    """Start a private cluster and connect to it. options: of ray.init.

    A token that the user has set in the environment is used instead of a new one.
    """
    if not any(name in os.environ for name in TOKEN_VARS[1:]):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with _loopback(), _without_extras():
        ray.init(
            address="local",
            dashboard_host="127.0.0.1",
            _temp_dir=_folder(),
            _system_config=dict(SETTINGS),  # which Ray adds to, such as folders of this cluster
            **options,
        )


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


@contextmanager
def _without_extras() -> Iterator[None]:
    """Inside, a cluster that starts has none of the processes that nobody uses.

    And Ray finds out whether it has what its agents import without importing it here, too, and
    without a pause that its node is there.
    """
    with ExitStack() as stack:
        for name in UNUSED:
            stack.enter_context(_replaced(Node, name, lambda *_, **__: None))
        stack.enter_context(_replaced(utils, "get_dashboard_dependency_error", _lacking))
        get: Any = getattr(services, "get_node", None)
        stack.enter_context(_replaced(services, "get_node", partial(_node, get)))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Inside, a part of Ray is another one, if this version of Ray has it."""
    before = vars(owner).get(name)
    if before is None:
        yield
        return
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _node(get: Callable[[str, str], Any], address: str, node_id: str) -> Any:
    """What Ray knows of a node, by its function `get`, which sleeps for a second between looks.

    address: of Ray's server of such facts, which knows the node as soon as that is up.
    """
    state: Any = GlobalState()  # type: ignore[no-untyped-call]
    options = services._get_gcs_client_options(address)  # type: ignore[no-untyped-call]
    state._initialize_global_state(options)
    until = time.monotonic() + NODE_S
    while all(each["NodeID"] != node_id for each in state.node_table()):
        if time.monotonic() > until:
            break
        time.sleep(NODE_TICK_S)
    return get(address, node_id)


def _lacking() -> ImportError | None:
    """What is missing for Ray's agents to tell Prometheus how a build goes, if anything is."""
    missing = [name for name in AGENTS_IMPORT if find_spec(name) is None]
    return ImportError(f"no {', '.join(missing)}") if missing else None
