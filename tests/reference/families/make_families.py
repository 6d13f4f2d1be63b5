"""Makes the cases of this folder, or checks that they can be remade.

    python make_families.py                write every case, and defaults.json: what each class takes for missing keys
    python make_families.py olmo phi       only these
    python make_families.py --check        write nothing: remake in a temporary folder and compare
"""

import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, logging

from cases import CASES
from hooked import Hooked
from scores import SWEEPS, score
from weights import fill

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-5  # between scores of two machines
LEAST_EFFECT = 0.01  # of every sweep, so that no comparison is empty
POSITIONS, PROMPTS = 7, 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(CASES):
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    if not arguments.names and not arguments.check:
        write_defaults(HERE / "defaults.json")
    for name in arguments.names or CASES:
        if not arguments.check:
            write(name, HERE / name)
            continue
        with tempfile.TemporaryDirectory() as temporary:
            made = pathlib.Path(temporary) / name
            write(name, made)
            compare(name, made, HERE / name)


def write(name, folder):
    case, seed = CASES[name], sorted(CASES).index(name)
    torch.manual_seed(seed)
    model_folder = folder / "model"
    model = AutoModelForCausalLM.from_config(case.config(**case.keys)).eval()
    fill(model)
    for file in model_folder.glob("*.safetensors*"):
        file.unlink()
    model.to(getattr(torch, case.dtype)).save_pretrained(model_folder, **case.saved)
    (model_folder / "generation_config.json").unlink(missing_ok=True)
    add_constants(model_folder / "model.safetensors", case.constants)
    write_legacy(case, model_folder)

    hooked = Hooked(model_folder)
    is_parallel = model.config.model_type in ("gptj", "phi") or getattr(model.config, "use_parallel_residual", False)
    tokens = draw(np.random.default_rng(seed), is_parallel)
    (folder / "case.json").write_text(json.dumps(tokens) + "\n")
    found = score(hooked, tokens)
    np.savez(folder / "scores.npz", **found)
    show(name, found)


def write_defaults(file):
    classes = {case.config.model_type: case.config for case in CASES.values()}
    defaults = {name: config().to_dict() for name, config in classes.items()}
    file.write_text(json.dumps(defaults, indent=1, sort_keys=True) + "\n")


def add_constants(file, names):
    """What old releases saved beside the parameters."""
    if names:
        stored = load_file(file)
        save_file(stored | {name: torch.ones(4) for name in names}, file, {"format": "pt"})


def write_legacy(case, folder):
    """`config.legacy.json`, if there is an older spelling; transformers reads the same of it."""
    if not case.has_legacy:
        return
    text = (folder / "config.json").read_text()
    config = json.loads(text)
    for key in case.drop:
        *outer, key = key.split(".")
        (config[outer[0]] if outer else config).pop(key, None)
    for key, value in case.add.items():
        config[key] = config[key] | value if isinstance(config.get(key), dict) else value
    config |= {"transformers_version": "4.49.0", "torch_dtype": case.dtype}
    legacy = json.dumps(config, indent=2) + "\n"
    (folder / "config.legacy.json").write_text(legacy)
    tokens = torch.arange(POSITIONS)[None]
    logits = []
    for spelling in (text, legacy):
        (folder / "config.json").write_text(spelling)
        logits.append(Hooked(folder).logits(tokens))
    (folder / "config.json").write_text(text)
    assert torch.equal(*logits), f"{folder}: the older spelling is another model"


def draw(rng, is_parallel):
    """Tokens: one position is corrupted, then two others."""
    draw_tokens = lambda *shape: rng.integers(2, 48, shape)
    clean, corrupted = draw_tokens(PROMPTS, POSITIONS), []
    corrupt, read = [[3], [1, 2]], [6, 5]
    for positions in corrupt:
        tokens = clean.copy()
        tokens[:, positions] = draw_tokens(PROMPTS, len(positions))
        corrupted.append(tokens)
    candidates = np.sort(rng.choice(np.arange(2, 48), 6, replace=False))
    answers = rng.choice(candidates, (PROMPTS, len(corrupt)))
    sweeps = [name for name in SWEEPS if name != "resid_mid" or not is_parallel]
    lists = dict(clean=clean, corrupted=corrupted, answers=answers, candidates=candidates)
    return {key: np.array(value).tolist() for key, value in lists.items()} | dict(read=read, corrupt=corrupt, sweeps=sweeps)


def show(name, found):
    clean = found["clean_metric"]
    effects = {sweep: float(np.abs(found[sweep] - clean.reshape(-1, *[1] * (found[sweep].ndim - 1))).max())
               for sweep in SWEEPS if sweep in found}
    least = min(effects, key=effects.get)
    print(f"{name}: clean {clean}, corrupted {found['corrupted_metric']}, least effect {effects[least]:.3f} ({least})")
    if effects[least] < LEAST_EFFECT:
        sys.exit(f"{name}: {least} has no effect that is worth comparing")


def compare(name, made, stored):
    with np.load(made / "scores.npz") as ours, np.load(stored / "scores.npz") as theirs:
        if set(ours) != set(theirs):
            sys.exit(f"{name}: other sweeps than the stored ones")
        worst = max(float(np.abs(ours[key] - theirs[key]).max()) for key in ours)
    print(f"{name}: the stored scores differ by at most {worst:.1e}")
    if not worst <= TOLERANCE:
        sys.exit(f"{name}: the stored scores differ by {worst}")


if __name__ == "__main__":
    main()
