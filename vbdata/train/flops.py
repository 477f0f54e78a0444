"""How many FLOP a sample's forward pass takes, counted once."""

from __future__ import annotations

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vbdata.train.adapter import Condition, Editor
from vbdata.train.loader import Loader
from vbdata.train.sampling import Step


def forward_flops(editor: Editor, loader: Loader, step: Step, device: torch.device) -> float:
    """FLOP of one forward pass of one sample of a step, with a text of its length.

    Training takes three times as many (two of them backward), with LoRA twice. Attention is
    counted as its matrix products: the CPU's fused kernel is unknown to the counter.
    """
    batch = loader.batch(step, loader.slots[:1], [loader.picture(step, int(loader.slots[0]))])
    batch = batch.to(device)
    with (
        torch.no_grad(),
        FlopCounterMode(display=False) as counter,
        sdpa_kernel(SDPBackend.MATH),
    ):
        x = editor.encode_image(batch.target.float())
        text = editor.encode_text(batch.texts, device)
        editor.predict(x, batch.t, Condition(x, batch.known, text))
    return float(counter.get_total_flops())
