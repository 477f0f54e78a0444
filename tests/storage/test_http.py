"""Roots over HTTP and on the Hugging Face hub: read by index pages, or refused in a sentence."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.packing import write, zipped
from vbdata.errors import SourceError
from vbdata.index.index import dataset_root
from vbdata.machine import cache
from vbdata.sources.open import open_root
from vbdata.storage import retry


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves a folder by ranges, with index pages, with others, or with none."""

    def __init__(self, *args: Any, listing: str, directory: str) -> None:
        self.listing = listing
        super().__init__(*args, directory=directory)

    def list_directory(self, path: Any) -> io.BytesIO | None:
        if self.listing == "links":
            return super().list_directory(path)  # type: ignore[return-value]
        if self.listing == "refused":
            self.send_error(403)
            return None
        self.send_response(200)
        self.end_headers()
        return io.BytesIO(b"<html>hello</html>")

    def send_head(self) -> Any:
        span = self.headers.get("Range")
        if not span:
            return super().send_head()
        first, last = (int(each) for each in span.removeprefix("bytes=").split("-"))
        whole = Path(self.translate_path(self.path)).read_bytes()
        part = whole[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(whole)}")
        self.end_headers()
        return io.BytesIO(part)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(retry, "FIRST_S", 0.1)
    monkeypatch.setattr(retry, "RETRY_FOR_S", 0.1)


@pytest.fixture(params=["links", "refused", "empty"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(kind of listing, URL) of a folder with a file in a folder, and a zip."""
    write(tmp_path / "www/data/a/one.txt", b"one")
    write(tmp_path / "www/data/x.zip", zipped({"two.txt": b"two"}))
    handler = partial(Pages, listing=request.param, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield request.param, f"http://127.0.0.1:{server.server_port}/data"
        server.shutdown()


def test_a_folder_has_to_be_listed(served: tuple[str, str]) -> None:
    listing, url = served
    if listing != "links":
        with pytest.raises(SourceError, match=r"lists no files there: a root over HTTP has to"):
            open_root([url])
        return
    root = open_root([url])
    assert [(file.path, file.size) for file in root.files("a")] == [("a/one.txt", 3)]
    assert root.read("a/one.txt") == b"one"


def test_an_archive_needs_no_listing(served: tuple[str, str]) -> None:
    root = open_root([f"{served[1]}/x.zip"])
    assert root.read("two.txt") == b"two"


@pytest.mark.parametrize("url", ["hf://datasets/some/one", "hf://datasets/some one/x", "hf://x"])
def test_the_hub_out_of_reach_is_an_error_of_the_source(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with (
        pytest.raises(SourceError, match=r"source 's' at hf://.*: \w+Error: "),
        dataset_root("source 's'", [url]),
    ):
        pass
