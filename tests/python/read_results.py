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


COMPUTED, NOOP = 0, 2


def labelled(npz, manifest, name):
    grid = next(grid for grid in manifest["grids"] if grid["name"] == name)
    coordinates = {"iteration": manifest["labels"]["iteration"], **grid["coordinates"]}
    return xr.DataArray(npz[name], dims=grid["axes"], coords=coordinates)


def check(folder):
    npz = np.load(folder / "scores.npz")
    tensors = load_file(folder / "scores.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text())

    assert set(npz) == set(tensors), "both files hold the same tensors"
    for name in npz:
        np.testing.assert_array_equal(npz[name], tensors[name], err_msg=name)

    iterations, tokens = manifest["labels"]["iteration"], manifest["labels"]["token"]
    assert npz["clean"].shape == npz["corrupted"].shape == (len(iterations),)
    patched_run = {"noising": "clean", "denoising": "corrupted"}[manifest["direction"]]
    for grid in manifest["grids"]:
        name = grid["name"]
        effect, value = npz[name], npz[f"{name}.value"]
        assert list(effect.shape) == grid["shape"] and effect.dtype == np.float32
        assert (npz[f"{name}.count"] == manifest["dataset"]["prompts"]).all()
        noop = npz[f"{name}.status"] == NOOP
        assert (noop | (npz[f"{name}.status"] == COMPUTED)).all()
        assert (noop.size, noop.sum()) == (grid["cells"], grid["noops"])
        assert (effect[noop] == 0).all() and (npz[f"{name}.stderr"][noop] == 0).all()
        baseline = npz[patched_run].reshape(-1, *[1] * (effect.ndim - 1))
        np.testing.assert_allclose(value - baseline, effect, atol=1e-5)
        assert (f"{name}.normalized" in npz) == manifest["metrics"][0]["normalize"]

    resid = labelled(npz, manifest, "resid_pre")
    assert resid.sel(iteration="Iteration 0", layer=0).idxmin("pos") == 2, "the corrupted word, at the first layer"
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
