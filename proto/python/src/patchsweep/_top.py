"""The cells that matter most, as `patchsweep top --output json` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._dataset import tensor_of
from ._packages import needed
from ._scores import Grid, Scores
from ._statistics import COMPUTED, NOOP

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    "grid", "component", "metric", "iteration", "iteration_label", "label", "effect", "stderr", "between", "low", "high",
    "p_value", "significant", "status",
)  # fmt: skip


def top(scores: Scores, k: int) -> pandas.DataFrame:
    """The `k` strongest cells of each grid in each iteration, whatever their sign.

    Equal magnitudes keep the order of the cells. Cells without a finite effect are left out.
    """
    pd = needed("pandas", "Sweep.top")
    records = [
        _record(scores, grid, place)
        for grid in scores.grids
        for iteration in range(len(scores.iterations))
        for place in _strongest(grid, iteration, k)
    ]
    axes = list(dict.fromkeys(axis.name for grid in scores.grids for axis in grid.axes))
    frame: pandas.DataFrame = pd.DataFrame(records, columns=[*_COLUMNS, *axes])
    for axis in axes:
        values = [record.get(axis) for record in records]
        # Grids without this axis have no index along it, and those of the others are no floats for that.
        if None in values and not any(isinstance(value, str) for value in values):
            frame[axis] = pd.array(values, dtype="Int64")
    return frame


def _strongest(grid: Grid, iteration: int, k: int) -> list[tuple[int, ...]]:
    effect, status = grid.tensors[""][iteration], grid.tensors[".status"][iteration]
    # What was not computed of a grid that is estimated is no effect to list, not even 0.
    is_listed = (status == COMPUTED) | ((status == NOOP) & (not grid.is_estimated))
    candidates = np.flatnonzero(is_listed & np.isfinite(effect))
    order = np.argsort(-np.abs(effect.ravel()[candidates]), kind="stable")[:k]
    return [(iteration, *(int(i) for i in np.unravel_index(cell, effect.shape))) for cell in candidates[order]]


def _record(scores: Scores, grid: Grid, place: tuple[int, ...]) -> dict[str, Any]:
    numbers = ("effect", "stderr", "between", "low", "high", "p_value")
    suffixes = ("", ".stderr", ".between", ".low", ".high", ".p_value")
    return {
        "grid": grid.name,
        "component": grid.component,
        "metric": scores.metrics[grid.metric],
        "iteration": place[0],
        "iteration_label": scores.iterations[place[0]],
        "label": label(grid, place[1:], scores.tokens),
        **{name: tensor_of(grid, suffix, place) for name, suffix in zip(numbers, suffixes)},
        "significant": bool(grid.tensors[".significant"][place]),
        "status": int(grid.tensors[".status"][place]),
        **{axis.name: axis.coordinate(at) for axis, at in zip(grid.axes, place[1:])},
    }


def label(grid: Grid, place: tuple[int, ...], tokens: tuple[str, ...]) -> str:
    """A cell in words: `8.11` for layer and head as the literature has it, otherwise `layer 3, pos 4 (" Officer")`."""
    indices = [axis.indices[at] for axis, at in zip(grid.axes, place)]
    if [axis.name for axis in grid.axes] == ["layer", "head"]:
        return f"{indices[0]}.{indices[1]}"
    parts = []
    for axis, at, index in zip(grid.axes, place, indices):
        is_position = axis.name == "pos" or axis.name.endswith("_pos")
        if axis.names:
            parts.append(f"{axis.name} {visible(str(axis.coordinate(at)))}")
        elif is_position and index < len(tokens):
            parts.append(f'{axis.name} {index} ("{visible(tokens[index])}")')
        else:
            parts.append(f"{axis.name} {index}")
    return ", ".join(parts) or "all"


def visible(text: str) -> str:
    """A token as it is, but for what would break a line, change the reading direction or not be seen."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    escapes = {"\t": "\\t", "\r": "\\r", "\n": "\\n", "\0": "\\0", "\\": "\\\\"}
    if character in escapes:
        return escapes[character]
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
