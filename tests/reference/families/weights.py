"""Random weights."""

import torch


def fill(model):
    """Such that no bias is 0, no norm multiplies by 1, and every part of a block matters."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            is_table = "embed" in name or "wte" in name or "wpe" in name
            deviation = 0.5 if is_table else 1.4 / parameter.shape[0 if "c_" in name else 1] ** 0.5
            parameter.normal_(0.0, deviation)
        elif name.endswith("bias"):
            parameter.normal_(0.0, 0.3)
        else:
            # Initialised to 1, or to 0 where 1 is added.
            parameter.copy_(parameter + 0.3 * torch.randn_like(parameter))
