"""A whole training run from top to bottom. The CLI, torchrun and Ray Train call `train`.

Everything random is a function of (seed, step, slot). So weights, moving average, AdamW's state and
the step are all that a resumed run needs to repeat, bit for bit, what it would have done.
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from vbdata.core.rng import word_of
from vbdata.errors import BuildError, RecipeError
from vbdata.train import checkpoint, flow, optim, parallel
from vbdata.train.adapter import Editor, Released, make_editor
from vbdata.train.config import Config
from vbdata.train.data import Corpus, open_builds
from vbdata.train.flops import forward_flops
from vbdata.train.loader import Batch, Loader
from vbdata.train.log import Clock, losses, opened_log, peak_flops, summary
from vbdata.train.lora import add_lora
from vbdata.train.parallel import World
from vbdata.train.resident import Resident
from vbdata.train.sampling import Sampler
from vbdata.train.watch import Watch, mixture_lines


def train(config: Config, out: Path, as_json: bool = False) -> dict[str, Any]:
    """Train until `steps`, `run.stop` or SIGTERM, from the newest checkpoint in `out`, if any.

    as_json: print the log's lines as JSON instead of sentences. Returns {"step", "loss",
    "checkpoint"}: the steps done, the last logged loss, the newest checkpoint. Raises RecipeError
    for a config that does not fit its builds or the machine; BuildError for damaged builds,
    checkpoints of another run and a loss that is not finite.
    """
    run = config.run
    require_packages(config)
    with (
        parallel.joined(config) as world,
        repeatable(config, world.device),
        terminated() as stopping,
    ):
        corpus = open_builds(config.data.builds)
        editor, start = build_editor(config)
        sampler = Sampler(config, corpus, editor.multiple_of)
        loader = Loader(config, corpus, sampler, world.rank, world.size)

        editor.module.to(world.device)
        flops = forward_flops(editor, loader, sampler.step(0), world.device)
        flops *= config.batch / world.size * (2 if config.lora.rank else 3)  # forward and backward
        feed = Resident(loader, editor, world.device) if run.resident else loader
        parallel.spread(editor, config, world)
        parameters = optim.trained(parallel.unwrapped(editor))
        average = optim.Average(config.optim.ema, parameters)
        optimizer = optim.adamw(config.optim, parameters)
        tally = torch.zeros(flow.tally_shape(corpus), dtype=torch.float64, device=world.device)
        state = tensors(parameters, average, optimizer, tally)
        identity = run_identity(config, corpus, sampler, start)
        saved = checkpoint.complete(out)
        done = checkpoint.load(saved[-1], state, identity, world)["step"] if saved else 0
        last = min(config.steps, run.stop or config.steps)

        loss = math.nan
        clock = Clock(world.device, peak_flops(world.device, config.precision == "bf16"))
        with opened_log(out, done, world.first, config) as log:
            watch = Watch(config, editor, average, loader, log, world, out)
            if world.first and not as_json:
                print("\n".join(mixture_lines(corpus, sampler)), flush=True)
            for step, batches in clock.timed(feed.steps(done, last)):
                torch.manual_seed(word_of(config.seed, "torch", step, world.rank))
                weight = sum(batch.weight for batch in batches)
                total, stop = world.total(weight, float(stopping.is_set()))
                rate = optim.set_rate(optimizer, config.optim, step, config.steps)
                ours = backward(editor, batches, corpus, config, world, total)
                norm = clip_grad_norm_(parameters.values(), config.optim.clip)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                average.update(step)
                tally += world.reduce(ours)
                clock.computed(config.batch, flops)
                done = step + 1

                if done % run.log_every == 0 or done == config.steps:
                    line = losses(tally, corpus.tasks)
                    loss = line["loss"]
                    line |= {"lr": rate, "grad_norm": float(parallel.unsharded(norm))}
                    if not math.isfinite(loss + line["grad_norm"]):
                        raise BuildError(f"step {done}: the loss or its gradient is not finite")
                    line["speed"] = clock.read()
                    log.write(done, line)
                    if world.first:
                        shown = json.dumps({"step": done, **line}) if as_json else ""
                        print(shown or summary(done, config.steps, line), flush=True)
                    tally.zero_()
                with clock.aside():
                    better = watch.step(done)
                    due = run.save_every and done % run.save_every == 0
                    if stop or better or due or done == last:
                        meta = {"config": config.model_dump(mode="json"), "identity": identity}
                        checkpoint.save(out, done, state, average.values, meta, world)
                        checkpoint.prune(out, run.keep, watch.best if better else None, world)
                if stop:
                    break
        return {"step": done, "loss": loss, "checkpoint": str(checkpoint.complete(out)[-1])}


def backward(
    editor: Editor,
    batches: Sequence[Batch],
    corpus: Corpus,
    config: Config,
    world: World,
    total: float,
) -> Tensor:
    """Compute gradients of the mean loss over the global batch, from this process' micro-batches.

    total: valid pixels of the global batch. Returns this process' tally (see flow.tally).
    """
    tally = torch.zeros(flow.tally_shape(corpus), dtype=torch.float64, device=world.device)
    for number, cpu_batch in enumerate(batches, 1):
        batch = cpu_batch.to(world.device)
        with parallel.gradients_shared(editor.module, number == len(batches)):
            with flow.lower_precision(config, world.device):
                sums = flow.row_losses(editor, batch, config.loss)
            # times world.size, because gradients are averaged over the processes, not summed
            torch.autograd.backward(sums.loss.sum() * (world.size / max(total, 1)))
        tally += flow.tally(sums, batch, len(corpus.tasks))
    return tally


def build_editor(config: Config) -> tuple[Editor, dict[str, str]]:
    """Make the model as it is at step 0; also return the digests of the weights it starts from.

    init_sha256: of `init`, "" without one; model_sha256: of a model that is read from files.
    """
    with torch.random.fork_rng():
        torch.manual_seed(word_of(config.seed, "weights"))
        editor = make_editor(config.model)
        start = {"init_sha256": ""}
        if isinstance(editor, Released):
            start["model_sha256"] = editor.digest
        if config.init:
            init = checkpoint.find(Path(config.init))
            checkpoint.load_model(init, editor)
            start["init_sha256"] = checkpoint.model_digest(init)
        add_lora(editor, config.lora)
        if config.lora.rank and not any(start.values()):
            raise RecipeError(["lora.rank: a model without weights has nothing to adapt; set init"])
    return editor, start


def tensors(
    parameters: Mapping[str, nn.Parameter],
    average: optim.Average,
    optimizer: torch.optim.Optimizer,
    tally: Tensor,
) -> dict[str, dict[str, Tensor]]:
    """Return the tensors that a checkpoint holds, by section and name.

    They share memory with the parameters and states, so loading into them restores these.
    """
    moments = {
        f"{name}.{key}": value
        for name, p in parameters.items()
        for key, value in optimizer.state[p].items()
    }
    return {
        "parameters": {name: p.detach() for name, p in parameters.items()},
        "average": average.values,
        "optimizer": moments,
        "log": {"tally": tally},
    }


def run_identity(
    config: Config, corpus: Corpus, sampler: Sampler, start: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a resumed run must have in common with its checkpoint, as JSON values.

    start: the digests of the weights it starts from, as build_editor returns them.
    """
    counts = zip(corpus.cells, sampler.counts, strict=True)
    identity = config.identity() | {
        **start,
        "builds": list(corpus.digests),
        "mixture": {"/".join(cell): n for cell, n in counts},
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity, sort_keys=True))
    return plain


def require_packages(config: Config) -> None:
    """Raise RecipeError for all packages that the config needs and that are not installed."""
    needed = {
        "safetensors": True,
        "tensorboard": config.run.tensorboard,
        "peft": config.lora.rank,
        "wandb": config.run.wandb,
    }
    missing = [name for name, need in needed.items() if need and not find_spec(name)]
    if missing:
        raise RecipeError(f"{name} is not installed: pip install {name}" for name in missing)


@contextmanager
def repeatable(config: Config, device: torch.device) -> Iterator[None]:
    """Inside this, torch uses deterministic algorithms if the config says so."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(config.run.deterministic)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def terminated() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets, so that the current step can be finished and saved."""
    event = threading.Event()
    # Ray Train calls `train` in a thread, and only the main thread may set a handler.
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGTERM, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
