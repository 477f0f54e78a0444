"""Uploads to Cloud Storage in parts, whole builds on it, and its keys, which nobody may see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.faulty_store import Faults, Proxy, faulty
from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.gcs_server import Server, gcs
from tests.helpers.object_stores import BUCKET, pointed_at_gcs
from tests.helpers.replaced import check_replaced
from tests.helpers.waiting import LONG_S
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.engine.folder import recorded_recipe
from vbdata.errors import BadSample
from vbdata.machine import cache
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage import gs_client, gs_upload, retry
from vbdata.storage.folder import Folder
from vbdata.storage.secrets import redacted

pytestmark = [
    pytest.mark.s3,
    pytest.mark.skipif(not find_spec("gcsfs"), reason="gcsfs is not installed"),
]

TOKEN = "ya29.not-to-be-seen_anywhere-0123456789"
MIB = 1 << 20
PARTS = "upload_id=|uploadType=resumable"
FLAKY = Faults(error=0.05, reset=0.02, lost=0.02, cut=0.02, short=0.02, hang=0.005)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with gcs(BUCKET) as server:
        server.token, server.page = TOKEN, 7
        yield server


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[Proxy]:
    """The server behind a faulty proxy that is quiet until told; waits are short."""
    with faulty(server.url, seed=5) as proxy, pointed_at_gcs(proxy.url, TOKEN) as patch:
        patch.setattr(gs_client, "SILENCE_S", 0.6)
        patch.setattr(gs_upload, "PART", MIB)
        patch.setattr(retry, "PAUSE_S", 0.01)
        patch.setattr(retry, "RETRY_FOR_S", 20.0)
        proxy.hang_s = 3.0
        yield proxy


@pytest.fixture(autouse=True)
def _quiet(server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    proxy.drop()
    proxy.matching, proxy.faults = "", Faults()
    proxy.counts.clear()
    proxy.log.clear()
    server.uploads.clear()


@pytest.fixture
def big(tmp_path: Path) -> tuple[Path, bytes]:
    data = os.urandom(5 * MIB + 12_345)
    (tmp_path / "big").write_bytes(data)
    return tmp_path / "big", data


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset", "lost", "short", "cut", "hang"])
@pytest.mark.parametrize("part", [0, 1, 3, 6])
def test_an_upload_goes_on_where_it_was(
    server: Server, proxy: Proxy, big: tuple[Path, bytes], kind: str, part: int
) -> None:
    """Whichever request meets the fault: the first, which begins it, or one of the six parts."""
    if kind == "hang" and part % 3:
        pytest.skip("two of the slow ones are enough")
    folder, (file, data) = Folder("gs://data/parts"), big
    proxy.matching = PARTS
    proxy.next(*["passed"] * part, kind)
    folder.put(file, "big.tar")
    assert folder.read("big.tar") == data
    asked = [what for what, _ in proxy.log if "upload_id" in what or "resumable" in what]
    unfelt = kind in ("short", "cut") and part < 6  # those answers have no body
    assert len(asked) == 7 if unfelt else 8 <= len(asked) <= 9
    assert not file.exists()


def test_nothing_is_seen_of_an_upload_before_its_end(
    server: Server, proxy: Proxy, big: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (file, data) = Folder("gs://data/fails"), big
    folder.write("other", b"1")
    monkeypatch.setattr(retry, "RETRY_FOR_S", 0.2)
    proxy.matching = "^PUT .*upload_id"
    proxy.next("passed", "passed", *["503"] * 1000)
    with pytest.raises(OSError, match=r"gs://data/fails: .*503.*after \d+ tries") as caught:
        folder.put(file, "big.tar")
    proxy.drop()
    assert "upload_id" not in str(caught.value)
    assert file.read_bytes() == data
    assert [f.path for f in folder.files()] == ["other"]
    assert server.uploads == {}, "it was cancelled"


KILLED = """
import sys
from pathlib import Path
from vbdata.storage import gs_upload
from vbdata.storage.folder import Folder
gs_upload.PART = 1 << 20
Folder(sys.argv[1]).put(Path(sys.argv[2]), "big.tar")
"""


def test_a_process_killed_in_mid_upload_shows_nothing(
    server: Server, proxy: Proxy, big: tuple[Path, bytes]
) -> None:
    folder, (file, _) = Folder("gs://data/killed"), big
    proxy.matching = "^PUT .*upload_id"
    proxy.next("passed", "passed", "hang")
    words = [sys.executable, "-c", KILLED, folder.url, str(file)]
    process = subprocess.Popen(words, cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + LONG_S
        while not proxy.counts["hang"] and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=LONG_S)
    assert [len(upload.data) for upload in server.uploads.values()] == [2 * MIB]
    assert list(folder.files()) == []
    assert folder.abort_uploads() == 0  # nobody can list them; the store drops them


def test_damage_on_the_way_is_refused_or_sent_again(proxy: Proxy, big: tuple[Path, bytes]) -> None:
    folder, (file, data) = Folder("gs://data/damage"), big
    proxy.matching = "^POST /upload"
    proxy.next("flip")
    folder.write("small", data[:1000])
    assert folder.read("small") == data[:1000]
    proxy.matching = "^PUT .*upload_id"
    proxy.next("passed", "flip")
    folder.put(file, "big.tar")
    assert proxy.counts["flip"] == 2
    assert sum("resumable" in asked and "POST" in asked for asked, _ in proxy.log) == 2
    assert folder.read("big.tar") == data


def test_an_upload_that_the_store_forgot_is_begun_anew(
    server: Server, proxy: Proxy, big: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (file, data) = Folder("gs://data/forgot"), big
    begun, forgotten = gs_upload._start_upload, []

    def begin_and_forget_once(*args: object) -> str:
        session = begun(*args)
        if len(forgotten) < times:
            forgotten.append(session)
            server.uploads.clear()
        return session

    times = 1
    monkeypatch.setattr(gs_upload, "_start_upload", begin_and_forget_once)
    folder.put(file, "big.tar")
    assert folder.read("big.tar") == data
    times = 100
    file.write_bytes(data)
    with pytest.raises(OSError, match=r"gs://data/forgot: .*forgot the upload, 3 times"):
        folder.put(file, "again.tar")


def test_long_listings_come_by_pages(server: Server, proxy: Proxy) -> None:
    folder = Folder("gs://data/pages")
    for n in range(20):
        folder.write(f"{n % 4}/{n:02}", bytes(n))
    server.store(BUCKET, {"name": "pages/5/"}, b"")  # as consoles do to show a folder
    proxy.log.clear()
    proxy.next("passed", "503", "short", "reset")
    assert [(f.path, f.size) for f in folder.files()] == sorted(
        (f"{n % 4}/{n:02}", n) for n in range(20)
    )
    assert len(proxy.log) == 3 + 3
    assert folder.names() == dict.fromkeys("01235", True)


def test_a_composed_object_has_another_sum(server: Server, proxy: Proxy) -> None:
    """None of MD5, as Cloud Storage has it: damage is seen all the same."""
    folder = Folder("gs://data/composed")
    folder.write("x", b"123456789")
    entry, _ = server.object(BUCKET, "composed/x")
    del entry["md5Hash"]
    entry["crc32c"] = "4waSgw=="  # e3069283, the published check value
    proxy.matching = "^GET /download"
    proxy.next("flip")
    assert folder.read("x") == b"123456789"
    assert proxy.counts["flip"] == 1
    del entry["crc32c"]
    assert folder.read("x") == b"123456789"


def test_an_object_replaced_by_another_of_the_same_size(server: Server, proxy: Proxy) -> None:
    check_replaced("gs://data/replaced")


@pytest.mark.parametrize("kind", ["401", "404"])
def test_what_is_refused_is_told_at_once(server: Server, kind: str) -> None:
    server.token = f"{TOKEN}x" if kind == "401" else TOKEN
    folder = Folder("gs://data/x" if kind == "401" else "gs://nowhere/x")
    try:
        for ask in (lambda: folder.write("x", b"1"), lambda: list(folder.files())):
            with pytest.raises(PermissionError if kind == "401" else OSError) as caught:
                ask()
            assert TOKEN not in str(caught.value)
            assert "tries" not in str(caught.value)
        with pytest.raises(PermissionError if kind == "401" else BadSample):
            folder.read("x")
    finally:
        server.token = TOKEN


def test_google_s_keys_are_taken_out_of_texts() -> None:
    place = "http://h/upload/storage/v1/b/data/o?uploadType=resumable&upload_id=ABgVH8-secret"
    shown = redacted(f"no: Bearer {TOKEN}, {place}")
    assert "not-to-be-seen" not in shown
    assert "secret" not in shown


def words_of(recipe: Recipe, out: str) -> list[str]:
    roots = [f"--root={source.name}={source.roots[0]}" for source in recipe.sources]
    line = [
        sys.executable,
        "-m",
        "vbdata.cli.app",
        "build",
        "manifests/demo.yaml",
        "--local",
        *roots,
    ]
    return [*line, "--out", out]


def test_a_build_with_roots_and_output_on_a_flaky_store(
    server: Server, proxy: Proxy, demo_recipe: Recipe, demo_build: Path
) -> None:
    """The same bytes as on the disk; it is checked, a shard that went is made again, and reused."""
    data = {source.name: f"gs://data/raw/{source.name}" for source in demo_recipe.sources}
    for source in demo_recipe.sources:
        below = Path(source.roots[0])
        for file in sorted(path for path in below.rglob("*") if path.is_file()):
            Folder(data[source.name]).write(str(file.relative_to(below)), file.read_bytes())
    order = Folder(str(demo_build))
    out = Folder("gs://data/out")
    server.page = 1000
    proxy.counts.clear()
    proxy.faults = FLAKY
    try:
        build(recorded_recipe(order, {name: [url] for name, url in data.items()}), out, How())
    finally:
        proxy.faults = Faults()
    assert sum(proxy.counts[kind] for kind in ("error", "reset", "lost", "cut", "short")) > 5
    assert out.read("SHA256SUMS").decode() == sums_of(demo_build)
    assert verify(out) == []
    shards = [f.path for f in out.files("shards") if f.path.endswith(".tar")]
    out.remove(shards[1])
    build(demo_recipe, out, How())
    assert out.read("SHA256SUMS").decode() == sums_of(demo_build)
    run = build(demo_recipe, again := Folder("gs://data/again"), How(reuse=(out.url,)))
    assert again.read("SHA256SUMS").decode() == sums_of(demo_build)
    assert json.loads(again.read("run.json"))["reuse"]["reused"] == run["samples"]


def test_no_key_is_written_or_said(
    server: Server, proxy: Proxy, demo_recipe: Recipe, demo_build: Path
) -> None:
    """By the command line, which takes the token from the environment, and by its failures."""
    done = subprocess.run(
        words_of(demo_recipe, "gs://data/told"), capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    server.token = f"{TOKEN}x"
    try:
        refused = subprocess.run(
            words_of(demo_recipe, "gs://data/no"), capture_output=True, text=True, cwd=REPOSITORY
        )
    finally:
        server.token = TOKEN
    assert refused.returncode == 1
    assert "gs://data/no" in refused.stderr
    assert "access refused" in refused.stderr
    assert "Traceback" not in refused.stderr
    for said in (done.stdout, done.stderr, refused.stdout, refused.stderr):
        assert TOKEN not in said
    told = {name: data for name, (_, data) in server.buckets[BUCKET].items() if "told/" in name}
    assert told["told/SHA256SUMS"].decode() == sums_of(demo_build)
    assert not any(TOKEN.encode() in data for data in told.values())
    assert not any(name.startswith("no/") for name in server.buckets[BUCKET])
