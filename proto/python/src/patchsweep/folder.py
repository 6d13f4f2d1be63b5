"""A results folder, as the Dataset that `Sweep.results` gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ._packages import needed
from .errors import InputError

if TYPE_CHECKING:
    import xarray


def load(folder: str | os.PathLike[str]) -> xarray.Dataset:
    """Reads the results that `patchsweep run` or `patchsweep results` wrote into a folder."""
    store = Path(folder) / "scores.zarr"
    if not (store / "zarr.json").is_file():
        raise InputError(
            f"{folder} is no results folder: it has no scores.zarr; give one that `patchsweep run SPEC --out DIR` or"
            " `patchsweep results SWEEP --out DIR` wrote"
        )
    xr = needed("xarray", "patchsweep.load")
    needed("zarr", "patchsweep.load")
    found: xarray.Dataset = xr.open_zarr(store).load()
    return found
