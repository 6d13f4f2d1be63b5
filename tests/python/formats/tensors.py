"""scores.npz by numpy, scores.safetensors by safetensors; both against the manifest and the formulas."""

import numpy as np
import xarray as xr
from safetensors.numpy import load_file

COMPUTED, NOOP = 0, 2


def check(folder, manifest):
    npz = np.load(folder / "scores.npz")
    safetensors = load_file(folder / "scores.safetensors")
    assert set(npz) == set(safetensors), "both files hold the same tensors"
    for name in npz:
        np.testing.assert_array_equal(npz[name], safetensors[name], err_msg=name)

    for place, metric in enumerate(manifest["metrics"]):
        behind = "" if place == 0 else f"@{metric['name']}"
        for grid in manifest["grids"]:
            check_grid(npz, manifest, grid, metric, behind)
    if manifest["sweep"]["name"] == "acronyms":
        resid = labelled(npz, manifest, "resid_pre")
        assert resid.sel(iteration="Iteration 0", layer=0).idxmin("pos") == 2, "the corrupted word, at the first layer"
        assert len(manifest["labels"]["token"]) == resid.sizes["pos"]


def check_grid(npz, manifest, grid, metric, behind):
    name = grid["name"] + behind
    iterations = len(manifest["labels"]["iteration"])
    for run in ["clean", "corrupted"]:
        assert npz[run + behind].shape == npz[f"{run}{behind}.stderr"].shape == (iterations,)
        assert (npz[f"{run}{behind}.stderr"] >= 0).all() and f"{run}{behind}.prompts" not in npz
    effect, value = npz[name], npz[f"{name}.value"]
    assert list(effect.shape) == grid["shape"] and effect.dtype == np.float32
    assert (npz[f"{name}.count"] == manifest["dataset"]["prompts"]).all()
    noop = npz[f"{name}.status"] == NOOP
    assert (noop | (npz[f"{name}.status"] == COMPUTED)).all()
    assert (noop.size, noop.sum()) == (grid["cells"], grid["noops"])
    assert (effect[noop] == 0).all() and (npz[f"{name}.stderr"][noop] == 0).all()
    patched_run = {"noising": "clean", "denoising": "corrupted"}[manifest["direction"]]
    baseline = npz[patched_run + behind].reshape(-1, *[1] * (effect.ndim - 1))
    np.testing.assert_allclose(value - baseline, effect, atol=1e-5)
    assert (f"{name}.normalized" in npz) == metric["normalize"]


def labelled(npz, manifest, name):
    """As docs/results.md says that an array gets its labels from the manifest."""
    grid = next(grid for grid in manifest["grids"] if grid["name"] == name)
    coordinates = {"iteration": manifest["labels"]["iteration"], **grid["coordinates"]}
    return xr.DataArray(npz[name], dims=grid["axes"], coords=coordinates)
