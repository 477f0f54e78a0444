"""A claim on a folder: while one process writes into it, every other one is refused.

The claim is a small file in the folder, on a disk or in a store: who holds it, since when, and a
number that its holder raises every few seconds. A holder that has ended holds nothing any more. On
the same machine the kernel tells at once; of a holder elsewhere the number is watched for a minute,
so clocks need not agree.

Two that come at the same moment are told apart by a lock on a disk that has locks. Elsewhere the
one whose file was replaced learns of it with its next beat, and ends.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vbdata.errors import BadSample, BuildError
from vbdata.machine.alive import Process, is_alive, this_process
from vbdata.machine.cache import locked
from vbdata.storage.folder import Folder

BEAT_S = 15.0  # seconds after which a holder raises its number
LAPSE_S = 60.0  # seconds without a beat after which a holder elsewhere is taken for dead
LOOK_S = 3.0  # seconds between two looks at the number
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What a claim says. token: unique; since: UTC, as people read it; beat: the number."""

    token: str
    process: Process
    since: str
    beat: int

    def __str__(self) -> str:
        return f"{self.process}, since {self.since} UTC"


class Claim:
    """A claim that this process holds; made by `claimed`. lost: who took it over, "" if nobody."""

    def __init__(self, folder: Folder, path: str) -> None:
        self._folder, self._path = folder, path
        self._beat, self._stop, self.lost = 0, threading.Event(), ""
        self._token, self._process = uuid.uuid4().hex, this_process()
        self._since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def check(self) -> None:
        """Raise BuildError if another process has taken the folder over in the meantime."""
        if self.lost:
            raise BuildError(
                f"{self._folder.url} was taken over by {self.lost}, as this process had been "
                "silent for too long; what is finished is kept there"
            )

    def take(self) -> None:
        """Write the claim. Raises BuildError if a holder is alive, OSError."""
        with _alone(self._folder, self._path):
            held = read_claim(self._folder, self._path)
            if held is not None and self._lives(held):
                raise BuildError(
                    f"{self._folder.url} is being built already, by {held}. "
                    "Wait for it, end it, or choose another folder."
                )
            self._write()
        held = read_claim(self._folder, self._path)
        if held is not None and held.token != self._token:  # both came at the same moment
            raise BuildError(f"{self._folder.url} is being built already, by {held}")

    def release(self) -> None:
        """Delete the claim, if it is still this one."""
        with suppress(OSError):  # a claim that stays lapses
            held = read_claim(self._folder, self._path)
            if held is not None and held.token == self._token:
                self._folder.remove(self._path)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Raise the number every few seconds inside the `with` block."""
        thread = threading.Thread(target=self._keep_beating, name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _keep_beating(self) -> None:
        while not self._stop.wait(BEAT_S) and not self.lost:
            try:
                held = read_claim(self._folder, self._path)
                if held is not None and held.token != self._token:
                    self.lost = str(held)
                    return
                self._beat += 1
                self._write()
            except OSError as err:  # the next beat may reach the store again
                LOG.warning("%s: the claim could not be renewed: %s", self._folder.url, err)

    def _lives(self, held: Holder) -> bool:
        """Whether a holder is alive; one on another machine is watched until it moves."""
        alive = is_alive(held.process)
        if alive is not None:
            return alive
        LOG.warning(
            "%s is claimed by %s: waiting up to %g s to see whether it is alive",
            *(self._folder.url, held, LAPSE_S),
        )
        end = time.monotonic() + LAPSE_S
        while time.monotonic() < end:
            time.sleep(LOOK_S)
            now = read_claim(self._folder, self._path)
            if now is None:
                return False
            if now != held:
                return True
        return False

    def _write(self) -> None:
        claim = {
            "token": self._token,
            "process": self._process._asdict(),
            "since": self._since,
            "beat": self._beat,
        }
        self._folder.write(self._path, json.dumps(claim, indent=1).encode())


@contextmanager
def claimed(folder: Folder, path: str) -> Iterator[Claim]:
    """Hold a folder inside the `with` block.

    path: of the claim, below the folder. Raises BuildError if another process holds it, with who
    and since when, or if nothing can be written.
    """
    claim = Claim(folder, path)
    try:
        claim.take()
    except (OSError, ValueError, ImportError) as err:
        raise BuildError(f"{folder.url} cannot be used: {type(err).__name__}: {err}") from err
    try:
        with claim.beating():
            yield claim
    finally:
        claim.release()


def read_claim(folder: Folder, path: str) -> Holder | None:
    """The claim on a folder, None if there is none or if it is no claim. Raises OSError."""
    try:
        read = json.loads(folder.read(path))
        process = Process(**read["process"])
        if not isinstance(process.pid, int):
            return None
        return Holder(
            token=str(read["token"]),
            process=process,
            since=str(read["since"]),
            beat=int(read["beat"]),
        )
    except (BadSample, ValueError, LookupError, TypeError, RecursionError):
        return None


def holder(folder: Folder, path: str) -> str:
    """Who holds a folder and since when, "" if nobody does who is known to be alive or may be."""
    with suppress(OSError):
        held = read_claim(folder, path)
        if held is not None and is_alive(held.process) is not False:
            return str(held)
    return ""


@contextmanager
def _alone(folder: Folder, path: str) -> Iterator[None]:
    """Inside the `with` block no other process of a local folder judges or writes a claim."""
    lock = Path(folder.full_path(path)).with_suffix(".lock") if folder.local else None
    if lock is not None:
        lock.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext() if lock is None else locked(lock):
        yield
