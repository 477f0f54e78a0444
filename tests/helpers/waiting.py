"""Waits for what must come, however busy the machine, and processes that can be interrupted."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

LONG_S = 1200.0  # whoever waits longer waits for ever; it is a verdict on nothing that comes before


def until(true: Callable[[], object]) -> None:
    """Wait for it."""
    end = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def started(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process that SIGINT interrupts, also where ours ignores it (`nohup`, `&` in a script)."""
    return subprocess.Popen(command, preexec_fn=_interruptible, **options)


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
