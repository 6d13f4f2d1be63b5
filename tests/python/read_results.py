"""Runs a sweep and reads its results with the libraries that they are for.

    python read_results.py PATCHSWEEP SPEC
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import xarray as xr
from safetensors.numpy import load_file


def check(folder):
    npz = np.load(folder / "scores.npz")
    tensors = load_file(folder / "scores.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text())

    assert set(npz) == set(tensors), "both files hold the same tensors"
    for name in npz:
        np.testing.assert_array_equal(npz[name], tensors[name], err_msg=name)

    iterations, tokens = manifest["labels"]["iteration"], manifest["labels"]["token"]
    assert npz["clean"].shape == npz["corrupted"].shape == (len(iterations),)
    for grid in manifest["grids"]:
        name = grid["name"]
        effect, value = npz[name], npz[f"{name}.value"]
        assert list(effect.shape) == grid["shape"] and effect.dtype == np.float32
        assert (npz[f"{name}.count"] == manifest["dataset"]["prompts"]).all()
        assert (npz[f"{name}.status"] == 0).all()
        clean = npz["clean"].reshape(-1, *[1] * (effect.ndim - 1))
        np.testing.assert_allclose(value - clean, effect, atol=1e-5)

    resid = xr.DataArray(npz["resid_pre"], dims=["iteration", "layer", "pos"], coords={"iteration": iterations})
    assert resid.sel(iteration="Iteration 0").argmin("pos")[0] == 2, "the corrupted word, at the first layer"
    assert len(tokens) == resid.sizes["pos"]


def main():
    patchsweep, spec = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "results"
        subprocess.run([patchsweep, "run", spec, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
        check(folder)
    print("read_results: numpy, safetensors and xarray agree")


if __name__ == "__main__":
    main()
