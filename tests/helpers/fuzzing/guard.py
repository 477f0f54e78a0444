"""What a reader may not do while it meets hostile data: told by the interpreter and the kernel.

An audit hook sees what Python opens, lists, starts or connects to; inotify sees what C code opens
in the folder beside the root, to which all hostile paths lead.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
READABLE = tuple(
    f"{Path(path)}/"
    for path in {
        *(sys.prefix, sys.base_prefix, str(REPOSITORY), sysconfig.get_paths()["stdlib"]),
        *("/proc", "/sys", "/etc", "/usr", "/lib", "/lib64"),
        *(p for p in sys.path if p and Path(p) != REPOSITORY.parent),
    }
)
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
LISTS = ("os.listdir", "os.scandir", "os.chdir", "os.walk", "glob.glob")
CHANGES = (
    *("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
)
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
    *("subprocess.Popen", "pickle.find_class", "socket.connect", "socket.getaddrinfo"),
    *("socket.bind", "urllib.Request", "ctypes.dlopen", "os.putenv", "os.kill"),
)
OPENED = 0x20 | 0x100 | 0x200 | 0x2  # IN_OPEN, IN_CREATE, IN_DELETE, IN_MODIFY


class Guard:
    """Watches one process. escapes: what was done that may not be, in words."""

    def __init__(self, outside: Path) -> None:
        self.escapes: list[str] = []
        self._readable: tuple[str, ...] = READABLE
        self._writable: tuple[str, ...] = ()
        self._on = False
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._libc.inotify_init1(os.O_NONBLOCK)
        if self._libc.inotify_add_watch(self._events, os.fsencode(outside), OPENED) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(outside))
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self, root: Path, work: Path) -> Iterator[None]:
        """Only files below `root` may be read now, and only those below `work` written."""
        self.escapes.clear()
        self._writable = (f"{work}/",)
        self._readable = (*READABLE, f"{root}/", f"{work}/")
        self._drain()
        self._on = True
        try:
            yield
        finally:
            self._on = False
            self.escapes += [f"opened {name} beside the root" for name in self._drain()]

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            path, mode, flags = arguments
            changes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            self._check(event, path, bool(flags & changes) or set(mode or "") & set("wax+"))
        elif event in LISTS:
            self._check(event, arguments[0], False)
        elif event in CHANGES:
            for path in arguments[:2]:
                self._check(event, path, True)
        elif event in FORBIDDEN:
            self._refuse(f"{event} {arguments!r:.100}")

    def _check(self, event: str, path: Any, change: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already, or a mode
        full = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))
        allowed = self._writable if change else self._readable
        if not f"{full}/".startswith(allowed) and full not in DEVICES:
            self._refuse(f"{event} {full!r:.200}")

    def _refuse(self, what: str) -> None:
        self.escapes.append(what)
        raise PermissionError(f"the guard refuses: {what}")

    def _drain(self) -> list[str]:
        """Names of the files beside the root that something opened, made, changed or removed."""
        try:
            data = os.read(self._events, 1 << 16)
        except BlockingIOError:
            return []
        names, at = set(), 0
        while at < len(data):
            _, _, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16 : at + 16 + length].rstrip(b"\0").decode("utf-8", "replace")
            names |= {name} if name else set()
            at += 16 + length
        return sorted(names)


def limit_memory(more: int) -> None:
    """Let this process have so many bytes on top of what it has mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
