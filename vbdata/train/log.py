"""The log of a run: RUN/log.jsonl always, TensorBoard and wandb (RUN/wandb) as configured.

A line of log.jsonl has the numbers that a rerun repeats bit for bit, and under "speed" those of
this machine: images per second; for a step, the seconds of waiting for data, of computing, and of
CPU time (all threads); memory, FLOP/s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeVar

import torch

from vbdata.train.config import Config
from vbdata.train.flow import T_BINS

T = TypeVar("T")

PROJECT = "vbdata"  # on wandb, where the config names none

# Dense bf16 tensor-core peaks of NVIDIA's data sheets (SXM), FLOP/s.
PEAKS = {"H200": 989.4e12, "H100": 989.4e12, "A100": 312e12}


class Log:
    """Where the lines and pictures of a run go; made by `opened_log`.

    file, board, wandb: log.jsonl, TensorBoard's writer and wandb's run, None where there is none.
    """

    def __init__(self, file: IO[str] | None, board: Any, wandb: Any) -> None:
        self._file, self._board, self._wandb = file, board, wandb

    def write(self, step: int, line: Mapping[str, Any]) -> None:
        """Write a line of JSON values, and its numbers to TensorBoard and wandb."""
        if not self._file:
            return
        self._file.write(json.dumps({"step": step, **line}) + "\n")
        self._file.flush()
        numbers = dict(_flat(line))
        if self._board:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, step)
        if self._wandb:
            self._wandb.log(numbers, step=step)

    def picture(self, step: int, rgb: Any) -> None:
        """Show a picture, uint8 RGB [H, W, 3], on TensorBoard and wandb."""
        if self._board:
            self._board.add_image("samples", rgb, step, dataformats="HWC")
        if self._wandb:
            self._wandb.log({"samples": import_module("wandb").Image(rgb)}, step=step)


@contextmanager
def opened_log(run: Path, start: int, writes: bool, config: Config) -> Iterator[Log]:
    """The log of a run, open inside this. Lines after step `start`, of a resumed run, are dropped.

    writes: whether this process writes it, which is only the first one of a run; the others get a
    log that ignores everything.
    """
    if not writes:
        yield Log(None, None, None)
        return
    run.mkdir(parents=True, exist_ok=True)
    path, part = run / "log.jsonl", run / ".log.jsonl.part"
    kept = [line for line in _lines(path) if _step(line) <= start]
    part.write_text("".join(f"{line}\n" for line in kept))
    part.replace(path)
    with ExitStack() as stack:
        file = stack.enter_context(path.open("a"))
        board = _board(run, start) if config.run.tensorboard else None
        if board:
            stack.callback(board.close)
        wandb = _wandb(run, config) if config.run.wandb else None
        if wandb:
            stack.callback(wandb.finish)
        yield Log(file, board, wandb)


def _board(run: Path, start: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(run / "tensorboard", purge_step=start + 1)


def _wandb(run: Path, config: Config) -> Any:
    name = config.run.wandb if isinstance(config.run.wandb, str) else PROJECT
    return import_module("wandb").init(
        project=name,
        name=run.name,
        id=f"{run.name}-{config.digest()[:8]}",  # of a resumed run, too
        resume="allow",
        dir=run,
        config=config.model_dump(mode="json"),
    )


def _lines(path: Path) -> list[str]:
    """The complete lines of a log; a crash may have cut the last one."""
    return [line for line in path.read_text().split("\n")[:-1] if line] if path.exists() else []


def _step(line: str) -> int:
    return int(json.loads(line)["step"])


def _flat(line: Mapping[str, Any], above: str = "") -> list[tuple[str, float]]:
    numbers = []
    for key, value in line.items():
        if isinstance(value, Mapping):
            numbers += _flat(value, f"{above}{key}/")
        elif isinstance(value, int | float):
            numbers.append((above + key, value))
    return numbers


def losses(tally: torch.Tensor, tasks: Sequence[str]) -> dict[str, Any]:
    """Return the mean losses of a tally, as `flow.tally` makes it, for a line of the log.

    They are over all ("loss"), by task and by tenth of t, where there was any weight.
    """
    rows = tally.tolist()
    of_task, of_t = rows[: len(tasks)], rows[len(tasks) :]
    loss, weight = map(sum, zip(*of_task, strict=True))
    tenths = [f"{k / T_BINS:.1f}" for k in range(T_BINS)]
    return {
        "loss": loss / weight if weight else 0.0,
        "task": {n: a / b for n, (a, b) in zip(tasks, of_task, strict=True) if b},
        "t": {n: a / b for n, (a, b) in zip(tenths, of_t, strict=True) if b},
    }


class Clock:
    """Measures the speed between two lines of the log. peak: the device's FLOP/s."""

    def __init__(self, device: torch.device, peak: float) -> None:
        self._device, self._peak = device, peak
        self._restart()

    def _restart(self) -> None:
        self._start, self._data, self._images, self._flops = time.perf_counter(), 0.0, 0, 0.0
        self._aside, self._steps = 0.0, 0
        self._cpu = time.process_time()

    def timed(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items; the time that each takes to come counts as waiting for data."""
        iterator = iter(items)
        while True:
            start = time.perf_counter()
            item = next(iterator, None)
            self._data += time.perf_counter() - start
            if item is None:
                return
            yield item

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the time inside this out: pictures, validation, checkpoints."""
        start, cpu = time.perf_counter(), time.process_time()
        yield
        self._aside += time.perf_counter() - start
        self._cpu += time.process_time() - cpu

    def computed(self, images: int, flops: float) -> None:
        """Count a step: the images of all processes, and the FLOP of this one."""
        self._steps += 1
        self._images += images
        self._flops += flops

    def read(self) -> dict[str, float]:
        """Return the numbers since the last reading, for the log's "speed"."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            memory = torch.cuda.max_memory_allocated(self._device) / 1e9
        else:
            memory = _resident()
        seconds = time.perf_counter() - self._start - self._aside
        speed = {
            "images_per_s": self._images / seconds,
            "data_s": self._data / self._steps,
            "compute_s": (seconds - self._data) / self._steps,
            "cpu_s": (time.process_time() - self._cpu) / self._steps,
            "memory_gb": memory,
            "flops": self._flops / seconds,
            "utilisation": self._flops / seconds / self._peak,
        }
        self._restart()
        return speed


def _resident() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # KiB on Linux, as GB


def peak_flops(device: torch.device, low: bool) -> float:
    """Return the FLOP/s that a device can do: by its data sheet, else as a matrix product measures.

    low: in bfloat16 instead of float32.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    for model, peak in PEAKS.items():
        if model in name and low:
            return peak
    n = 4096 if device.type == "cuda" else 512
    a = torch.ones(n, n, device=device, dtype=torch.bfloat16 if low else torch.float32)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        product = a @ a
        product[0, 0].item()  # waits for the GPU
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def summary(step: int, steps: int, line: Mapping[str, Any]) -> str:
    """Write a line of the log as a sentence for the terminal; steps: of the whole run."""
    speed = line["speed"]
    tasks = "  ".join(f"{name} {loss:.4f}" for name, loss in line["task"].items())
    return (
        f"step {step}/{steps}  loss {line['loss']:.4f}  ({tasks})  "
        f"{speed['images_per_s']:.1f} img/s, {speed['data_s'] * 1e3:.0f} ms data, "
        f"{speed['compute_s'] * 1e3:.0f} ms compute, {speed['utilisation']:.1%} of peak"
    )
