"""The commands that are printed for folders in other formats do what the messages promise."""

import json
import re
import subprocess

from tokenizers import ByteLevelBPETokenizer, Tokenizer

from . import models

TEXTS = ["The Welder Sport Injury (WSI", " When Mary and John went", "naïve café, 2026", "a  b\n"]


def plan(patchsweep, spec):
    return subprocess.run([patchsweep, "plan", str(spec)], capture_output=True, text=True)


def converted(patchsweep, spec):
    """Plans, and runs the command that the refusal names."""
    refused = plan(patchsweep, spec)
    command = re.search(r'python -c ".*"$', refused.stderr.strip(), re.MULTILINE)
    assert refused.returncode == 2 and command, refused.stderr
    subprocess.run(command[0], shell=True, check=True, capture_output=True)
    planned = plan(patchsweep, spec)
    assert planned.returncode == 0, planned.stderr


def check_tokenizer(patchsweep, folder):
    """`vocab.json` and `merges.txt`."""
    trained = ByteLevelBPETokenizer()
    corpus = ["The Welder Sport Injury (WSI. When Mary and John went to the store, naïve café, 2026"] * 20
    trained.train_from_iterator(corpus, vocab_size=models.VOCABULARY, special_tokens=["<|endoftext|>"])
    models.write(folder / "model")
    trained.save_model(str(folder / "model"))
    # Letters that the corpus lacks, each a token.
    (folder / "prompts.txt").write_text("zqxk, z\nxkzq, q\n")
    spec = folder / "sweep.toml"
    iteration = 'corrupt = [1]\nanswer = 0\n[corruption]\nkind = "permute"\ngroups = [[1, 3]]'
    spec.write_text(models.SPEC.format(dataset='path = "prompts.txt"', iteration=iteration))
    converted(patchsweep, spec)
    made = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    for text in TEXTS:
        ours, theirs = made.encode(text, add_special_tokens=False).ids, trained.encode(text).ids
        assert ours == theirs, (text, ours, theirs)


def check_weights(patchsweep, folder):
    """`pytorch_model.bin`, with an unembedding that is tied or not."""
    import torch
    from safetensors.numpy import load_file

    for name, head in [("tied", None), ("equal", "embedding"), ("own", "other")]:
        weights = models.tensors()
        if head:
            weights["lm_head.weight"] = models.other_head() if head == "other" else weights["transformer.wte.weight"]
        models.write(folder / name / "model")
        torch.save({key: torch.tensor(value) for key, value in weights.items()}, folder / name / "model/pytorch_model.bin")
        converted(patchsweep, models.token_spec(folder / name))
        made = load_file(folder / name / "model" / "model.safetensors")
        assert ("lm_head.weight" in made) == (head == "other"), (name, sorted(made))
        for key, value in made.items():
            assert (value == weights[key]).all(), (name, key)
        config = json.loads((folder / name / "model" / "config.json").read_text())
        assert all(config[key] == value for key, value in models.CONFIG.items()), (name, config)
