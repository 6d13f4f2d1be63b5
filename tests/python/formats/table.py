"""scores.csv by pandas: the tensors of scores.npz again, by pivoting."""

import numpy as np
import pandas as pd

AXES = ["layer", "pos", "head", "dest_pos", "src_pos"]
SUFFIXES = {"effect": "", "status": ".status", "count": ".count", "significant": ".significant"}
FLOATS = ["effect", "value", "stderr", "low", "high", "p_value", "normalized"]


def check(folder, manifest):
    npz = np.load(folder / "scores.npz")
    # As docs/results.md says: a token may be called "NA".
    table = pd.read_csv(folder / "scores.csv", keep_default_na=False, na_values=[""])
    assert set(table["grid"]) == {grid["name"] for grid in manifest["grids"]}
    assert len(table) == sum(grid["cells"] for grid in manifest["grids"]) * len(manifest["metrics"])
    for place, metric in enumerate(manifest["metrics"]):
        for grid in manifest["grids"]:
            rows = table[(table["grid"] == grid["name"]) & (table["metric"] == metric["name"])]
            check_grid(rows, npz, manifest, grid, grid["name"] + ("" if place == 0 else f"@{metric['name']}"))
    check_strongest(table, npz, manifest)


def check_grid(rows, npz, manifest, grid, name):
    axes = grid["axes"][1:]
    assert rows[[axis for axis in AXES if axis not in axes]].isna().all(axis=None), "other axes are empty"
    for column in FLOATS + ["significant", "count", "status"]:
        tensor = name + SUFFIXES.get(column, f".{column}")
        if tensor not in npz:
            assert column == "normalized" and rows[column].isna().all(), tensor
            continue
        # Iterations and indices in the tensor's order, whatever the order of the lines.
        shuffled = rows.sample(frac=1, random_state=0)
        pivot = shuffled.pivot(index="iteration", columns=axes, values=column)
        pivot = pivot.reindex(manifest["labels"]["iteration"]).sort_index(axis=1)
        values = pivot.to_numpy().astype(npz[tensor].dtype).reshape(npz[tensor].shape)
        np.testing.assert_array_equal(values, npz[tensor], err_msg=tensor)
    for axis in set(axes) & {"pos", "dest_pos", "src_pos"}:
        tokens = rows[axis].astype(int).map(dict(enumerate(manifest["labels"]["token"])))
        assert (tokens == rows[axis.replace("pos", "token")]).all()


def check_strongest(table, npz, manifest):
    """The strongest head of each iteration by groupby."""
    z = table[(table["grid"] == "z") & (table["metric"] == manifest["metrics"][0]["name"])]
    strongest = z.loc[z["effect"].abs().groupby(z["iteration"]).idxmax()].set_index("iteration")
    for place, iteration in enumerate(manifest["labels"]["iteration"]):
        flat = np.abs(npz["z"][place]).argmax()
        assert (strongest.loc[iteration, "layer"], strongest.loc[iteration, "head"]) == np.unravel_index(flat, npz["z"][place].shape)
