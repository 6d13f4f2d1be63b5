"""scores.csv by pandas and polars: the tensors of scores.npz again, by pivoting."""

import numpy as np
import pandas as pd
import polars as pl

AXES = ["layer", "pos", "head", "neuron", "feature", "dest_pos", "src_pos"]
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
    check_polars(folder / "scores.csv", table)


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


def check_polars(path, table):
    """The same table in polars, whose guess of the columns' types needs all lines."""
    with_all = pl.read_csv(path, infer_schema_length=None)
    assert with_all.columns == list(table.columns) and len(with_all) == len(table)
    for column in [*AXES, *FLOATS, "count", "status"]:
        wanted = table[column].to_numpy(dtype=float, na_value=np.nan)
        if np.isnan(wanted).all():
            assert with_all[column].null_count() == len(table), column
            continue
        assert with_all[column].dtype in (pl.Int64, pl.Float64), column
        np.testing.assert_array_equal(with_all[column].cast(pl.Float64).fill_null(np.nan).to_numpy(), wanted, err_msg=column)
    for column in ["token", "dest_token", "src_token"]:
        tokens = [None if pd.isna(token) else token for token in table[column]]
        assert with_all[column].to_list() == tokens, column
    # Why docs/results.md says so: by the first lines alone it goes wrong where a column begins empty.
    begins_empty = [column for column in AXES if table[column][:100].isna().all() and table[column].notna().any()]
    try:
        guessed = pl.read_csv(path)
    except pl.exceptions.ComputeError:
        return
    assert all(guessed[column].dtype == pl.String for column in begins_empty), begins_empty
