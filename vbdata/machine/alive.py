"""Which process on which machine, and whether it is still alive, as far as that is known here."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
DEAD = ("Z", "X")  # states of a process that has ended and that its parent has not asked about


class Process(NamedTuple):
    """A process, so that no later one of the same number is taken for it.

    host, user: where and whose it is, for people; boot: of the running kernel, "" if unknown;
    space: of the process numbers (a container has its own); start: in ticks since the boot.
    """

    host: str
    user: str
    pid: int
    boot: str
    space: str
    start: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"


def this_process() -> Process:
    """The process that asks."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        user = str(os.getuid())
    pid = os.getpid()
    _, start = _state(pid)
    return Process(socket.gethostname(), user, pid, *_kernel(), start)


def is_alive(process: Process) -> bool | None:
    """Whether a process still runs; None if it runs elsewhere, where this one cannot see it."""
    boot, space = _kernel()
    if not boot or not space or (process.boot, process.space) != (boot, space):
        return None
    state, start = _state(process.pid)
    return start == process.start and state not in DEAD


def _kernel() -> tuple[str, str]:
    """The running kernel's boot, and the space of process numbers; "" where there is no /proc."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, os.readlink(PROC / "self/ns/pid")
    except OSError:
        return "", ""


def _state(pid: int) -> tuple[str, str]:
    """The state of a process and when it began, "" and "" if there is none."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
