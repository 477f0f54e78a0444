"""LoRA (Hu et al., arXiv:2106.09685) by peft, put into the module in place."""

from __future__ import annotations

from vbdata.errors import RecipeError
from vbdata.train.adapter import Editor
from vbdata.train.config import Lora


def add_lora(editor: Editor, config: Lora) -> None:
    """Freeze the model and add trainable adapters to the linear layers that `targets` matches.

    With rank 0 all weights are trained instead, in float32. Layers that an adapter lists as `idle`
    get none: they affect no output, so their gradients would never come, and processes that share
    gradients would wait for them. Raises RecipeError if no layer matches.
    """
    if not config.rank:
        editor.module.float()  # in bfloat16, small steps would be lost
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
            parameter.data = parameter.data.float()  # peft makes them in the base's dtype
