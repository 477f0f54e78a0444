"""The floating-point operations (FLOP) of a sample's forward pass, counted once a run."""

from __future__ import annotations

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vbdata.train import flow
from vbdata.train.adapter import Editor, conditioned
from vbdata.train.loader import Loader
from vbdata.train.sampling import Step


def forward_flops(editor: Editor, loader: Loader, step: Step, device: torch.device) -> float:
    """Count the FLOP of one forward pass of one sample of a step, with a text of its length.

    Frozen encoders beside the module are not counted. Training takes three times as many (the
    backward pass takes twice the forward's), with LoRA twice as many (the frozen weights have no
    gradient). Attention is counted as its matrix products, without a fused kernel, because torch's
    counter does not know the CPU's.
    """
    batch = loader.batch(step, loader.slots[:1], [loader.picture(step, int(loader.slots[0]))])
    batch = batch.to(device)
    with torch.no_grad():
        condition = conditioned(editor, flow.scaled(batch.given), batch.known, batch.texts)
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            editor.predict(torch.zeros_like(condition.reference), batch.t, condition)
    return float(counter.get_total_flops())
