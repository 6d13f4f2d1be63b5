"""A stored `lm_head.weight` counts as it does in transformers."""

import json
import subprocess

import numpy as np
import torch
import transformers

from . import models


def theirs(model):
    """Log probabilities of the answers, of the clean prompts."""
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model).eval()
    with torch.no_grad():
        logits = loaded(torch.tensor(models.TOKENS["clean"])).logits[:, 3].double().log_softmax(-1)
    return float(np.mean([logits[prompt, answer].item() for prompt, [answer] in enumerate(models.TOKENS["answers"])]))


def check(patchsweep, folder):
    transformers.logging.set_verbosity_error()
    weights, head = models.tensors(), models.other_head()
    without_embedding = {name: value for name, value in weights.items() if name != "transformer.wte.weight"}
    bare = {name.removeprefix("transformer."): value for name, value in weights.items()}
    untied = {"tie_word_embeddings": False}
    cases = {
        "tied": (weights, {}, False),
        "equal": ({**weights, "lm_head.weight": weights["transformer.wte.weight"].copy()}, {}, False),
        "own": ({**weights, "lm_head.weight": head}, {}, True),
        "own-bare": ({**bare, "lm_head.weight": head}, {}, True),
        "only-stored": ({**without_embedding, "lm_head.weight": head}, {}, False),
        "untied": ({**weights, "lm_head.weight": head}, untied, False),
    }
    for name, (stored, config, is_noted) in cases.items():
        models.write(folder / name / "model", stored, config)
        spec = models.token_spec(folder / name)
        out = folder / name / "results"
        subprocess.run([patchsweep, "run", str(spec), "--out", str(out)], check=True, capture_output=True)
        with np.load(out / "scores.npz") as npz:
            ours = float(npz["clean"].ravel()[0])
        assert abs(ours - theirs(folder / name / "model")) < 1e-4, (name, ours)
        noted = [line for line in json.loads((out / "manifest.json").read_text())["warnings"] if "lm_head" in line]
        assert len(noted) == is_noted, (name, noted)
