"""Results as one xarray.Dataset, with the dimensions and names of `scores.zarr` (docs/results.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._packages import needed
from ._scores import PROMPTS, Axis, Grid, Scores

if TYPE_CHECKING:
    import xarray


def dataset(scores: Scores) -> xarray.Dataset:
    """All tensors, with what stands along their dimensions as coordinates."""
    xr = needed("xarray", "Sweep.results")
    along: dict[str, Axis] = {}
    dimensions: dict[str, tuple[str, ...]] = {}
    widest = _widest(scores)
    for grid in scores.grids:
        names = []
        for axis in grid.axes:
            name = axis.name if widest[axis.name] == axis else f"{grid.name}.{axis.name}"
            along[name] = axis
            names.append(name)
        dimensions[grid.name] = tuple(names)
    variables: dict[str, Any] = {
        name: (("iteration", "prompt") if name.endswith(PROMPTS) else ("iteration",), tensor)
        for name, tensor in scores.baselines.items()
    }
    for grid in scores.grids:
        for suffix, tensor in grid.tensors.items():
            prompt = ("prompt",) if suffix == PROMPTS else ()
            dims = ("iteration", *dimensions[grid.name], *prompt)
            variables[scores.tensor_name(grid) + suffix] = (dims, tensor)
    found: xarray.Dataset = xr.Dataset(
        variables, _coordinates(scores, along), {"title": scores.name, "metrics": list(scores.metrics)}
    )
    return found


def _widest(scores: Scores) -> dict[str, Axis]:
    """The longest of each axis, which gets the plain name; the first of equally long ones."""
    widest: dict[str, Axis] = {}
    for grid in scores.grids:
        for axis in grid.axes:
            if len(axis.indices) > len(widest.setdefault(axis.name, axis).indices):
                widest[axis.name] = axis
    return widest


def _coordinates(scores: Scores, along: dict[str, Axis]) -> dict[str, Any]:
    coordinates: dict[str, Any] = {"iteration": ("iteration", _texts(scores.iterations))}
    for dimension, axis in along.items():
        values = _texts(axis.names) if axis.names else np.array(axis.indices, dtype=np.int64)
        coordinates[dimension] = (dimension, values)
        beside = token_name(dimension)
        # Where a position is another one in each prompt, it has no token of its own.
        if beside is not None and not axis.names:
            tokens = [scores.tokens[index] if index < len(scores.tokens) else "" for index in axis.indices]
            coordinates[beside] = (dimension, _texts(tokens))
    if scores.lines and "clean" + PROMPTS in scores.baselines:
        coordinates["line"] = ("prompt", np.array(scores.lines, dtype=np.int64))
    return coordinates


def token_name(dimension: str) -> str | None:
    """What the tokens beside a dimension of positions are called: `token`, `dest_token`, `entries.token`."""
    grid, dot, axis = dimension.rpartition(".")
    if axis == "pos" or axis.endswith("_pos"):
        return f"{grid}{dot}{axis[:-3]}token"
    return None


def _texts(words: Any) -> Any:
    # numpy takes a U+0000 at the end of a text for padding.
    return np.array([word.replace("\0", "\u2400") for word in words], dtype=str)


def tensor_of(grid: Grid, suffix: str, place: tuple[int, ...]) -> Any:
    """One number of a grid; None where it is none or there is no such tensor."""
    tensor = grid.tensors.get(suffix)
    number = tensor[place].item() if tensor is not None else None
    return number if isinstance(number, int) or (number is not None and np.isfinite(number)) else None
