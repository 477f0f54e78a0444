"""LoRA (Hu et al., arXiv:2106.09685) by peft, put into the module in place."""

from __future__ import annotations

from vbdata.errors import RecipeError
from vbdata.train.adapter import Editor
from vbdata.train.config import Lora


def add_lora(editor: Editor, config: Lora) -> None:
    """Freeze the model and give the linear layers that `targets` matches trainable adapters.

    Parts of the model that decide nothing have none: their gradients would never come, and
    processes that share gradients would wait for them.
    """
    if not config.rank:
        editor.module.float()  # what is trained has float32 masters
        return
    from peft import LoraConfig, inject_adapter_in_model

    wanted = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules=config.targets,
        exclude_modules=list(getattr(editor, "idle", ())) or None,
        lora_dropout=0.0,
    )
    try:
        inject_adapter_in_model(wanted, editor.module)
    except ValueError as err:
        raise RecipeError([f"lora.targets: {err}"]) from err
    for name, parameter in editor.module.named_parameters():
        parameter.requires_grad_("lora_" in name)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # peft takes the base's dtype
