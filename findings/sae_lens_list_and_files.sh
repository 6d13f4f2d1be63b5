#!/usr/bin/env bash
# SAELens' list says of three releases (gpt2-small-res-jb among them) that they were trained on a model whose writing weights
# TransformerLens had centred: there the residual stream is another one, by its mean. One would guess that a dictionary that
# `SAE.load_from_disk` gives of such a release's files says so as well. With sae-lens 6.54.12 only `SAE.from_pretrained` looks at the
# list: of files that do not say it themselves the dictionary from disk says nothing and warns of nothing, and neither does what
# `save_model` writes of it. Where the list has a factor of normalization, `from_pretrained` folds it into the weights and the other
# leaves it out, so that the features are others, too.
# Files in the form of older SAELens are made here in place of the hub's. Installs torch with its libraries, 5 GB.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 safetensors==0.8.0 torch==2.11.0 transformers==5.24.0 \
    transformer-lens==3.9.0 sae-lens==6.54.12
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json, pathlib, warnings
import torch
import sae_lens
from safetensors.torch import save_file
from sae_lens import SAE
from sae_lens.loading import pretrained_sae_loaders
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

print("sae-lens", sae_lens.__version__, "torch", torch.__version__)
torch.manual_seed(0)
hub = pathlib.Path("hub")
pretrained_sae_loaders.hf_hub_download = lambda repo_id, filename, **_: str(hub / filename)

def made(folder, hook, normalized):
    folder.mkdir(parents=True)
    shapes = {"W_enc": (4, 6), "W_dec": (6, 4), "b_enc": (6,), "b_dec": (4,)}
    save_file({name: torch.randn(shape) for name, shape in shapes.items()}, folder / "sae_weights.safetensors")
    save_file({"sparsity": torch.zeros(6)}, folder / "sparsity.safetensors")
    config = {"model_name": "gpt2-small", "hook_point": hook, "d_in": 4, "d_sae": 6, "dtype": "float32", "device": "cpu",
              "normalize_activations": "expected_average_only_in" if normalized else "none"}
    (folder / "cfg.json").write_text(json.dumps(config))

def saved(sae):
    sae.save_model("saved")
    return json.loads(pathlib.Path("saved/cfg.json").read_text())["metadata"].get("model_from_pretrained_kwargs")

x = torch.randn(5, 4)
seen = []
for release, sae_id, hook in [
    ("gpt2-small-res-jb", "blocks.8.hook_resid_pre", "blocks.8.hook_resid_pre"),
    ("gpt2-small-res-jb-feature-splitting", "blocks.8.hook_resid_pre_768", "blocks.8.hook_resid_pre"),
    ("gpt2-small-mlp-tm", "blocks.8.hook_mlp_out", "blocks.8.hook_mlp_out"),
]:
    files = hub / get_pretrained_saes_directory()[release].saes_map[sae_id]
    made(files, hook, normalized=release == "gpt2-small-mlp-tm")
    with warnings.catch_warnings(record=True), torch.no_grad():
        warnings.simplefilter("always")
        named = SAE.from_pretrained(release, sae_id)
    with warnings.catch_warnings(record=True) as said, torch.no_grad():
        warnings.simplefilter("always")
        from_disk = SAE.load_from_disk(files)
        same = torch.allclose(named.encode(x), from_disk.encode(x))
    seen.append((saved(named), saved(from_disk), len(said), same))
    print(f"{release}: by its name {seen[-1][0]}, from disk {seen[-1][1]} with {len(said)} warnings, features alike: {same}")
centred = {"center_writing_weights": True}
if seen != [(centred, None, 0, True), (centred, None, 0, True), (centred, None, 0, False)]:
    raise SystemExit("changed")
PYTHON
