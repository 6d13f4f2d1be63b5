"""A sweep from submission to results, against real programs over TLS."""

import json
from pathlib import Path

import numpy as np
import patchsweep
import xarray as xr
from conftest import DATA


def test_results_are_those_of_the_command_line_bit_for_bit(acronyms: patchsweep.Sweep, folder: Path) -> None:
    ds = acronyms.results()
    with np.load(folder / "scores.npz") as npz:
        assert set(ds.data_vars) == set(npz.files)
        for name in npz.files:
            assert ds[name].dtype == npz[name].dtype, name
            np.testing.assert_array_equal(ds[name].values.view(np.uint8), npz[name].view(np.uint8), err_msg=name)
    assert acronyms.manifest()["sweep"] == json.loads((folder / "manifest.json").read_text())["sweep"]
