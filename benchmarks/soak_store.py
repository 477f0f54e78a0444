"""What a soak builds from, where it is stored, and what its builds are held against.

The recipe is the demo's in small shards; its data are uploaded to an S3 server of this machine. A
quiet build, in a folder and without faults, has the bytes that every other has to have.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vbdata.demo import write_all
from vbdata.recipe.recipe import load_recipe
from vbdata.storage.folder import Folder

BUCKET = "soak"
KEYS = {"AWS_ACCESS_KEY_ID": "soak", "AWS_SECRET_ACCESS_KEY": "soaksoak"}
DEMO = Path(__file__).resolve().parent.parent / "manifests" / "demo.yaml"


def checked(url: str, quiet: Path) -> dict[str, Any]:
    """A finished build, by its URL, held against the quiet one in the folder `quiet`.

    digests_equal: whether its SHA256SUMS are those of the quiet build and true of its own files;
    samples; samples_lost: how many the quiet build has more; retries: of its run.
    """
    out = Folder(url)
    sums = out.read("SHA256SUMS").decode()
    lines = [line.split("  ", 1) for line in sums.splitlines()]
    wrong = [path for digest, path in lines if _sha256(out.read(path)) != digest]
    planned = json.loads((quiet / "manifest.json").read_bytes())["samples"]
    made = json.loads(out.read("manifest.json"))["samples"]
    return {
        "digests_equal": sums == (quiet / "SHA256SUMS").read_text() and not wrong,
        "samples": made,
        "samples_lost": planned - made,
        "retries": json.loads(out.read("run.json"))["retries"],
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_recipe(folder: Path, samples: int, shard_size: int) -> Path:
    """Write the demo recipe, in shards of this size, and its data beside it; returns its path."""
    list(write_all(folder / "data", 0))
    text = DEMO.read_text().replace("../demo/data", "data")
    text = text.replace("samples: 96", f"samples: {samples}\nmax_passes: 1000")
    path = folder / "soak.yaml"
    path.write_text(text.replace("shard_size: 32", f"shard_size: {shard_size}"))
    return path


def build_quietly(recipe: Path, out: Path) -> None:
    """Build a recipe in one process and without faults into a folder."""
    words = ["build", str(recipe), "--local", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "vbdata", *words], check=True, stdout=sys.stderr)


def upload(recipe: Path, data: Path) -> Iterator[str]:
    """Put the data of a recipe's sources into the bucket; yields the options that say so.

    data: the folder that has a folder for each source.
    """
    Folder(f"s3://{BUCKET}").fs.makedirs(BUCKET, exist_ok=True)
    for source in load_recipe(recipe).sources:
        url = f"s3://{BUCKET}/data/{source.name}"
        for path in sorted((data / source.name).rglob("*")):
            if path.is_file():
                Folder(url).write(str(path.relative_to(data / source.name)), path.read_bytes())
        yield f"--root={source.name}={url}"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An S3 server in a process of its own, rclone's if it is here, else moto's; yields its URL.

    folder: where rclone's keeps what it stores, and either writes its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    rclone = Path(sys.executable).with_name("rclone")
    (folder / "store" / BUCKET).mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "moto.server",
        "-H",
        "127.0.0.1",
        "-p",
        address.partition(":")[2],
    ]
    if rclone.exists():
        keys = ",".join(KEYS.values())
        words = ["serve", "s3", "--addr", address, "--auth-key", keys, "--config", os.devnull]
        command = [str(rclone), *words, str(folder / "store")]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", int(address.partition(":")[2]))):
                    break
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=20)
