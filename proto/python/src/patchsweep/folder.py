"""A results folder, as the Dataset that `Sweep.results` gives."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._packages import needed
from .errors import InputError, MissingPackage

if TYPE_CHECKING:
    import xarray

#: The oldest Python of zarr 3; what pip finds for an older one does not know the store's format.
_PYTHON_OF_ZARR = (3, 11)


def load(folder: str | os.PathLike[str]) -> xarray.Dataset:
    """Reads the results that `patchsweep run` or `patchsweep results` wrote into a folder."""
    store = Path(folder) / "scores.zarr"
    if not (store / "zarr.json").is_file():
        raise InputError(
            f"{folder} is no results folder: it has no scores.zarr; give one that `patchsweep run SPEC --out DIR` or"
            " `patchsweep results SWEEP --out DIR` wrote"
        )
    found: xarray.Dataset = reader("patchsweep.load", f"numpy.load reads {folder}/scores.npz everywhere").open_zarr(store).load()
    return found


def reader(function: str, otherwise: str) -> Any:
    """xarray, with all that it needs to read results folders; or an error that says what does without."""
    xr = needed("xarray", function)
    if sys.version_info < _PYTHON_OF_ZARR:
        wanted = ".".join(map(str, _PYTHON_OF_ZARR))
        raise MissingPackage(f"{function} needs zarr 3, which needs Python {wanted}; {otherwise}")
    needed("zarr", function)
    return xr
