"""Whether a cluster accepts this process' token: asked once, before Ray would try for 20 seconds.

Ray's own attempt ends in "Failed to connect", with a dozen lines of its log and no word of a token.
"""

from __future__ import annotations

import os
from pathlib import Path

import grpc
from ray.exceptions import AuthenticationError

from vbdata.errors import BuildError

ANSWER_S = 10.0
SET = "set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH, to the token that its nodes were started with"


def show_token(address: str) -> None:
    """Raise BuildError if the cluster asks for a token that this process does not have.

    address: of its head, HOST:PORT, or "auto". Of other faults nothing is said: connecting will.
    """
    try:
        from ray._private.grpc_utils import init_grpc_channel
        from ray._private.services import canonicalize_bootstrap_address
        from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc
    except ImportError:  # in another Ray they may lie elsewhere
        return
    if "://" in address or not (found := canonicalize_bootstrap_address(address)):
        return
    asked = gcs_service_pb2.GetClusterIdRequest()  # type: ignore[attr-defined]
    try:
        with init_grpc_channel(found) as channel:
            stub = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)  # type: ignore[no-untyped-call]
            stub.GetClusterId(asked, timeout=ANSWER_S)
    except AuthenticationError as err:
        raise BuildError(
            f"RAY_AUTH_MODE=token, but there is no token for the Ray cluster at {found}: {SET}"
        ) from err
    except grpc.RpcError as err:
        if err.code() == grpc.StatusCode.UNAUTHENTICATED:
            raise BuildError(_refused(found)) from err


def _refused(address: str) -> str:
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return f"the Ray cluster at {address} asks for a token: set RAY_AUTH_MODE=token, and {SET}"
    return f"the Ray cluster at {address} does not accept the token of {_place()}: {SET}"


def _place() -> str:
    """Where Ray took the token from, in the order in which it looks."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        if os.environ.get(name):
            return name
    return str(Path.home() / ".ray" / "auth_token")
