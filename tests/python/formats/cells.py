"""scores.safetensors, scores.zarr and scores.csv hold the same number for each cell, found by its labels, whatever a grid's kind.

Labels of tensors are those of the manifest, those of the store its coordinates, and those of the table its columns.
"""

import numpy as np
import pandas as pd
import xarray as xr
from safetensors.numpy import load_file

AXES = ["layer", "pos", "head", "neuron", "feature", "dest_pos", "src_pos", "to_layer", "to_head"]
TOKENS = {"pos": "token", "dest_pos": "dest_token", "src_pos": "src_token"}
LABELS = ["grid", "metric", "iteration", *AXES, *TOKENS.values()]
# Columns of the table, and what stands behind the grid's name in the tensor's.
NUMBERS = {
    "effect": "",
    **{
        name: f".{name}"
        for name in "value stderr low high p_value significant normalized between estimate count status".split()
    },
}
OF_PROMPTS = ".prompts"


class Results:
    """A results folder as its three files have it."""

    def __init__(self, folder, manifest):
        self.manifest = manifest
        self.tensors = load_file(folder / "scores.safetensors")
        self.dataset, self.table = read_store(folder), read_table(folder)

    def names(self):
        """Each grid under each metric, with what its tensors are called."""
        for place, metric in enumerate(self.manifest["metrics"]):
            for grid in self.manifest["grids"]:
                yield grid, metric["name"], grid["name"] + ("" if place == 0 else f"@{metric['name']}")


def read_store(folder):
    with xr.open_zarr(folder / "scores.zarr") as dataset:
        return dataset.load()


def read_table(folder):
    # As docs/results.md says: a token may be called "NA", and where a model has no tokenizer all of them are numbers.
    texts = dict.fromkeys(TOKENS.values(), str)
    return pd.read_csv(folder / "scores.csv", keep_default_na=False, na_values=[""], dtype=texts)


def check(results):
    check_store(results)
    check_table(results)


def check_table(results):
    assert list(results.table.columns) == [*LABELS, *NUMBERS]
    lines = 0
    for grid, metric, name in results.names():
        rows = results.table[(results.table["grid"] == grid["name"]) & (results.table["metric"] == metric)]
        lines += len(rows)
        by_cell = by_labels(rows, grid, results.manifest["labels"]["token"])
        wanted = labelled(results, grid, name)
        for column, suffix in NUMBERS.items():
            if suffix in wanted:
                same(by_cell[column].astype(wanted[suffix].dtype), wanted[suffix], f"{name}{suffix} in scores.csv")
            else:
                assert rows[column].isna().all(), f"{column} of {name}, which has no such tensor"
    assert lines == len(results.table), "every line is a cell of a grid"


def labelled(results, grid, name):
    """The grid's tensors by what stands behind its name, with the manifest's labels."""
    axes = grid["axes"][1:]
    places = [results.manifest["labels"]["iteration"], *(grid["coordinates"][axis] for axis in axes)]
    index = pd.MultiIndex.from_product(places, names=["iteration", *axes])
    assert grid["shape"] == [len(along) for along in places] and len(index) == grid["cells"], name
    found = {suffix: results.tensors.get(name + suffix) for suffix in NUMBERS.values()}
    found = {suffix: pd.Series(values.ravel(), index=index) for suffix, values in found.items() if values is not None}
    assert {"", ".value", ".status", ".count"} <= set(found), name
    return found


def by_labels(rows, grid, first_prompt):
    """The lines of a grid by iteration and axes; what else says which cell it is has been looked at on the way."""
    axes = grid["axes"][1:]
    assert rows[[axis for axis in AXES if axis not in axes]].isna().all(axis=None), "other axes are empty"
    rows = rows.copy()
    for axis in axes:
        # A column is text where any grid has names in it.
        if not is_named(grid["coordinates"][axis]):
            rows[axis] = rows[axis].astype(float).astype(int)
    for axis, column in TOKENS.items():
        if axis in axes and not is_named(grid["coordinates"][axis]):
            assert rows[column].tolist() == [first_prompt[place] for place in rows[axis]], column
        else:
            assert rows[column].isna().all(), f"{column} of {grid['name']}"
    rows = rows.set_index(["iteration", *axes])
    assert rows.index.is_unique, f"two lines of {grid['name']} are one cell"
    return rows


def same(found, wanted, what):
    """Each label has its number, in any order, to the last bit but for the sign of NaN."""
    assert len(found) == len(wanted), what
    found = found.reindex(wanted.index) if not found.index.equals(wanted.index) else found
    assert found.dtype == wanted.dtype, f"{what}: a label is missing, or is of another type"
    np.testing.assert_array_equal(found.to_numpy(), wanted.to_numpy(), err_msg=what)


def is_named(places):
    return any(isinstance(place, str) for place in places)


def check_store(results):
    """Dimensions and coordinates are those that docs/results.md derives from the grids; arrays are the tensors."""
    manifest, dataset = results.manifest, results.dataset
    assert set(dataset.data_vars) == set(results.tensors)
    plain = widest(manifest["grids"])
    coordinates = {"iteration": ("iteration", manifest["labels"]["iteration"])}
    if "clean" + OF_PROMPTS in dataset and manifest["dataset"]["lines"] is not None:
        coordinates["line"] = ("prompt", manifest["dataset"]["lines"])
    for grid, _, name in results.names():
        dimensions = ["iteration"]
        for axis in grid["axes"][1:]:
            places = grid["coordinates"][axis]
            before = "" if places == plain[axis] else f"{grid['name']}."
            dimensions.append(before + axis)
            coordinates[before + axis] = (before + axis, places)
            if axis in TOKENS and not is_named(places):
                tokens = [manifest["labels"]["token"][place] for place in places]
                coordinates[before + TOKENS[axis]] = (before + axis, tokens)
        for suffix, wanted in labelled(results, grid, name).items():
            array = dataset[name + suffix]
            assert list(array.dims) == dimensions, name + suffix
            by_cell = array.rename(dict(zip(dimensions, grid["axes"]))).to_series()
            same(by_cell, wanted, f"{name}{suffix} in scores.zarr")
        if name + OF_PROMPTS in dataset:
            assert list(dataset[name + OF_PROMPTS].dims) == [*dimensions, "prompt"]
            np.testing.assert_array_equal(dataset[name + OF_PROMPTS].values, results.tensors[name + OF_PROMPTS])
    for name, values in baselines(results).items():
        assert dataset[name].dims == (("iteration", "prompt") if name.endswith(OF_PROMPTS) else ("iteration",)), name
        np.testing.assert_array_equal(dataset[name].values, values, err_msg=name)
    assert set(dataset.coords) == set(coordinates), set(dataset.coords) ^ set(coordinates)
    for name, (dimension, places) in coordinates.items():
        assert dataset[name].dims == (dimension,) and dataset[name].values.tolist() == places, name


def baselines(results):
    """The tensors of clean and corrupted run, under each metric."""
    of_runs = {name: values for name, values in results.tensors.items() if name.split("@")[0].split(".")[0] in ["clean", "corrupted"]}
    assert len(of_runs) == 2 * len(results.manifest["metrics"]) * (4 if "clean" + OF_PROMPTS in of_runs else 3)
    return of_runs


def widest(grids):
    """Of each axis the longest list, of equally long ones the first: it has the axis's plain name."""
    found = {}
    for grid in grids:
        for axis in grid["axes"][1:]:
            places = grid["coordinates"][axis]
            if len(places) > len(found.get(axis, [])):
                found[axis] = places
    return found
