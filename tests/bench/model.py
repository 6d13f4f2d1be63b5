"""Writes a model of GPT-2 small's shape with random weights.

    python model.py FOLDER LAYERS
"""

import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel


def main():
    folder, layers = sys.argv[1:]
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=int(layers), attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0))
    for name, parameter in model.named_parameters():
        # Larger than at the start of a training, so that effects are not tiny.
        if parameter.ndim > 1 and "wte" not in name and "wpe" not in name:
            parameter.data.mul_(2.5)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
