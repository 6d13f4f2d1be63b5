"""scores.zarr by xarray: the arrays of scores.npz, with dimensions and coordinates as the manifest says."""

import numpy as np
import xarray as xr

TOKENS = {"pos": "token", "dest_pos": "dest_token", "src_pos": "src_token"}


def check(folder, manifest):
    npz = np.load(folder / "scores.npz")
    with xr.open_zarr(folder / "scores.zarr") as dataset:
        assert set(dataset.data_vars) == set(npz)
        for name in npz:
            np.testing.assert_array_equal(dataset[name].values, npz[name], err_msg=name)
            assert dataset[name].dtype == npz[name].dtype, name
            check_labels(dataset[name], manifest)
        assert dataset.attrs["title"] == manifest["sweep"]["name"]
        assert dataset.attrs["metrics"] == [metric["name"] for metric in manifest["metrics"]]
        check_gaps(dataset.load())
        {"acronyms": check_acronyms, "attention": check_attention}[manifest["sweep"]["name"]](dataset, npz)


def check_labels(array, manifest):
    assert list(array["iteration"].values) == manifest["labels"]["iteration"]
    grid = next((grid for grid in manifest["grids"] if grid["name"] == array.name.split("@")[0].split(".")[0]), None)
    axes = [] if grid is None else grid["axes"][1:]
    # A dimension that only this grid has carries its name.
    plain = [dimension.split(".")[-1] for dimension in array.dims[1:]]
    assert plain == axes and array.dims[0] == "iteration", array.name
    for axis, dimension in zip(axes, array.dims[1:]):
        places = grid["coordinates"][axis]
        assert list(array[dimension].values) == places, (array.name, dimension)
        if axis in TOKENS:
            token = array[dimension.removesuffix(axis) + TOKENS[axis]]
            assert token.dims == (dimension,)
            assert list(token.values) == [manifest["labels"]["token"][place] for place in places]


def check_gaps(dataset):
    """What leaves gaps in labels, or joins results: strings of another type on disk come back as what cannot have gaps."""
    labels, tokens = dataset["iteration"], dataset[next(name for name in dataset.coords if name.endswith("token"))]
    assert {labels.dtype.kind, tokens.dtype.kind} == {"U"}
    effect = dataset["z"]
    lowest = effect.idxmin("iteration")
    np.testing.assert_array_equal(lowest.values, labels.values[effect.argmin("iteration").values])
    first = labels.where(labels == labels[0])
    assert first.values[0] == labels.values[0] and not any(isinstance(label, str) for label in first.values[1:])
    assert (tokens.astype(str) == tokens).all() and (tokens.astype(object) == tokens).all()
    assert (tokens.str.len() >= 1).all(), "every token has a character"

    other = dataset.assign_coords(iteration=[f"{label}, again" for label in labels.values])
    both = xr.concat([dataset, other], "iteration", data_vars="all", coords="different", compat="equals", join="outer")
    assert list(both["iteration"].values) == [*labels.values, *other["iteration"].values]
    outer, _ = xr.align(dataset, other, join="outer")
    assert set(outer["iteration"].values) == {*labels.values, *other["iteration"].values}
    assert outer["z"].isnull().any() and outer["z"].sel(iteration=labels).equals(effect)
    with xr.set_options(arithmetic_join="outer"):
        assert (effect - other["z"]).isnull().all()
    dimension = tokens.dims[0]
    fewer = dataset.isel({dimension: slice(2)})
    joined, _ = xr.align(fewer, dataset, join="outer")
    gaps = joined[tokens.name].values
    assert list(gaps[:2]) == list(tokens.values[:2]) and not any(isinstance(token, str) for token in gaps[2:])


def check_acronyms(dataset, npz):
    assert dict(dataset.sizes) == {"iteration": 3, "layer": 4, "pos": 8, "head": 4}
    heads = dataset["z"].sel(iteration="Iteration 0", layer=0)
    np.testing.assert_array_equal(heads.values, npz["z"][0, 0])
    assert heads.idxmin("head") == 2
    residual = dataset["resid_pre"]
    assert str(residual["token"].sel(pos=5).values) == " (", "the bracket"
    np.testing.assert_array_equal(residual.where(residual["token"] == " (", drop=True).values[..., 0], npz["resid_pre"][..., 5])


def check_attention(dataset, npz):
    """A grid over one layer, beside others over all of them."""
    assert dataset["entries"].dims == ("iteration", "entries.layer", "head", "dest_pos", "src_pos")
    assert dataset["z@prob"].dims == ("iteration", "layer", "head")
    entry = dataset["entries@kl.value"].sel(head=1, dest_pos=6, src_pos=3).squeeze()
    assert entry.values == npz["entries@kl.value"][0, 0, 1, 1, 3]
