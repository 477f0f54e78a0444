"""A headless Chromium for tests, driven over the pipe of its DevTools protocol; no package needed.

What a page logs, throws and asks the network for is kept. https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
TIMEOUT_S = 60.0

needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium; `make browser` says how to install it"
)


class Chromium:
    """A browser with one page. logged: what went to the console; requested: which addresses.

    Used as a context manager; raises RuntimeError if the browser ends or does not answer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._last, self._buffer = folder, 0, b""
        self._events: list[dict[str, Any]] = []
        self.logged: list[str] = []
        self.requested: list[str] = []

    def __enter__(self) -> Chromium:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        assert PROGRAM
        line = [PROGRAM, *FLAGS, f"--user-data-dir={self._folder}", "about:blank"]
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *line],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def open(self, url: str) -> None:
        """Load a page; returns when it and its images are there."""
        self.logged.clear()
        self.requested.clear()
        self._events.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._receive()

    def window(self, width: int, height: int, scheme: str = "light") -> None:
        """Size in pixels, and light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, in the page, as JSON."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def screenshot(self, whole: bool = False) -> bytes:
        """The page as PNG; whole: beyond the window, too."""
        done = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(done["data"])

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, to the page."""
        return self._call(method, self._session, **params)

    def _call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._last += 1
        number = self._last
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while (answer := self._receive()).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        """The next message; events are kept."""
        end = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._in, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("Chromium ended" if ready else "Chromium does not answer")
            self._buffer += more
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        if "method" in message:
            self._note(message)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        params = event["params"]
        match event["method"]:
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Log.entryAdded":
                self.logged.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.logged.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.logged.append(json.dumps(params["args"]))
