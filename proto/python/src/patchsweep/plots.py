"""Heat maps of effects, as the report draws them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ._dataset import token_name
from ._packages import needed
from ._statistics import COMPUTED, FAILED, NOOP, NOT_DRAWN, NOT_FINITE, PENDING
from ._top import visible

if TYPE_CHECKING:
    import plotly.graph_objects
    import xarray

#: ColorBrewer's RdBu, as coordinator/results/src/colour.rs has it: red is low, white zero, blue high.
RED_WHITE_BLUE = (
    (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (247, 247, 247), (209, 229, 240),
    (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97),
)  # fmt: skip

#: ColorBrewer's PuOr, of estimates, so that nobody takes one for an effect.
ORANGE_WHITE_PURPLE = (
    (127, 59, 8), (179, 88, 6), (224, 130, 20), (253, 184, 99), (254, 224, 182), (247, 247, 247), (216, 218, 235),
    (178, 171, 210), (128, 115, 172), (84, 39, 136), (45, 0, 75),
)  # fmt: skip

#: Of cells that have no number.
GREY = "rgb(226, 226, 226)"

_WORDS = {
    NOT_FINITE: "not finite",
    NOOP: "skipped as no-op",
    FAILED: "failed",
    PENDING: "not computed yet",
    NOT_DRAWN: "not drawn by check or verify",
}

_MOST_FACETS, _MOST_COLUMNS = 64, 3
_TICK_CHARACTERS = 16
_MAP_PIXELS, _CELL_PIXELS = 320, 26


def plot(
    array: xarray.DataArray, status: xarray.DataArray | None = None, title: str | None = None, limit: float | None = None
) -> plotly.graph_objects.Figure:
    """Heat maps of a tensor: layers go down, the last axis goes right, and every other axis has a map for each index.

    All maps share one range with 0 in its middle: red is low, white is zero, blue is high. Tokens stand at positions. Cells
    without a number are grey.

    `array`: such as `ds["z"]`. `status`: such as `ds["z.status"]`; then no-ops are grey too, and what is under the pointer says
    why. It may have more cells than `array`, of which some were chosen: labels say which are meant. `limit`: the end of the
    range; without it the largest magnitude.
    """
    go = needed("plotly.graph_objects", "patchsweep.plot")
    subplots = needed("plotly.subplots", "patchsweep.plot")
    down, right = _directions([str(dimension) for dimension in array.dims])
    facets = [str(dimension) for dimension in array.dims if dimension not in (down, right)]
    shown = array.transpose(*facets, *([down] if down else []), right)
    places = list(product(*(range(shown.sizes[facet]) for facet in facets)))
    if len(places) > _MOST_FACETS:
        text = f"{len(places)} maps are too many to look at; choose some, for instance .isel({facets[-1]}=0)"
        raise ValueError(text)
    name = str(array.name) if array.name is not None else ""
    quantity = name.rpartition(".")[2] if "." in name else "effect"
    columns = min(len(places), _MOST_COLUMNS)
    rows = -(-len(places) // columns)
    figure: plotly.graph_objects.Figure = subplots.make_subplots(
        rows, columns, subplot_titles=[_facet(shown, facets, place) for place in places],
        horizontal_spacing=0.12 / columns, vertical_spacing=0.28 / rows,
    )  # fmt: skip
    x, y = _ticks(shown, right), _ticks(shown, down)
    numbers = np.asarray(shown.values, dtype=np.float64)
    codes = _codes(status, shown) if status is not None else np.zeros(numbers.shape, dtype=np.uint32)
    for number, place in enumerate(places):
        values, statuses = _plane(numbers[place]), _plane(codes[place])
        map_ = go.Heatmap(
            z=_drawn(values, statuses, quantity), x=list(range(len(x))), y=list(range(len(y))), coloraxis="coloraxis", xgap=1,
            ygap=1, customdata=_hover(values, statuses, quantity, (right, x), (down, y)), hoverongaps=True,
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        figure.add_trace(map_, number // columns + 1, number % columns + 1)
    for update, ticks in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        update(tickvals=list(range(len(ticks))), ticktext=[_short(tick) for tick in ticks], showgrid=False, zeroline=False)
    figure.update_xaxes(title_text=right)
    figure.update_yaxes(autorange="reversed")
    figure.update_yaxes(title_text=down, col=1)
    figure.update_layout(
        title=title if title is not None else name,
        coloraxis=_colours(quantity, limit if limit is not None else _largest(numbers)),
        plot_bgcolor=GREY,
        width=100 + columns * max(_MAP_PIXELS, len(x) * _CELL_PIXELS),
        height=140 + rows * max(_MAP_PIXELS * 3 // 4, len(y) * _CELL_PIXELS + 60),
    )
    return figure


def _codes(status: xarray.DataArray, shown: xarray.DataArray) -> Any:
    """Statuses of the cells that are shown, in their order."""
    found = status
    for dimension in map(str, status.dims):
        if dimension in shown.coords and dimension in status.coords:
            labels = shown.coords[dimension].values
            if not np.array_equal(labels, status.coords[dimension].values):
                try:
                    found = found.sel({dimension: labels if labels.ndim else labels.item()})
                except KeyError as error:
                    raise ValueError(f"`status` lacks a {dimension} of the tensor: {error}") from error
    if dict(found.sizes) != dict(shown.sizes):
        sizes = f"{dict(found.sizes)}, and the tensor {dict(shown.sizes)}"
        raise ValueError(f"`status` is of other cells than the tensor: it has {sizes}; choose the same of both")
    return found.transpose(*shown.dims).values


def _largest(numbers: Any) -> float:
    """The largest number by magnitude, so that zero is white and all maps compare."""
    finite = np.abs(numbers[np.isfinite(numbers)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def _colours(quantity: str, end: float) -> dict[str, Any]:
    stops = ORANGE_WHITE_PURPLE if quantity == "estimate" else RED_WHITE_BLUE
    scale = [[place / (len(stops) - 1), f"rgb{colour}"] for place, colour in enumerate(stops)]
    return {"colorscale": scale, "cmin": -float(end), "cmax": float(end), "colorbar": {"title": quantity}}


def _directions(dimensions: list[str]) -> tuple[str | None, str]:
    """Which dimension goes down and which right. Where sources go right, destinations go down."""
    if not dimensions:
        raise ValueError("a single number is no heat map; give a tensor with axes, for instance ds['z']")
    axes = [dimension.rpartition(".")[2] for dimension in dimensions]
    right = dimensions[-1]
    if len(dimensions) == 1 or dimensions == ["iteration", right]:
        return ("iteration" if len(dimensions) == 2 else None), right
    if axes[-1] == "src_pos":
        return dimensions[-2], right
    layers = [dimension for dimension, axis in zip(dimensions[:-1], axes) if axis == "layer"]
    return (layers[0] if layers else dimensions[-2]), right


def _ticks(array: xarray.DataArray, dimension: str | None) -> list[str]:
    """What each row or column is: `5: ' Officer'` for a position with its token, else its number or name."""
    if dimension is None:
        return [""]
    if dimension not in array.coords:
        return [str(index) for index in range(array.sizes[dimension])]
    labels = [visible(str(value)) for value in array.coords[dimension].values.tolist()]
    beside = token_name(dimension)
    if beside is None or beside not in array.coords:
        return labels
    tokens = array.coords[beside].values.tolist()
    return [f"{label}: '{visible(token)}'" if token else label for label, token in zip(labels, tokens)]


def _facet(array: xarray.DataArray, facets: list[str], place: tuple[int, ...]) -> str:
    parts = []
    for facet, index in zip(facets, place):
        tick = _ticks(array, facet)[index]
        parts.append(tick if facet == "iteration" else f"{facet} {tick}")
    return ", ".join(parts)


def _plane(values: Any) -> Any:
    return values.reshape(1, -1) if values.ndim == 1 else values


def _drawn(values: Any, statuses: Any, quantity: str) -> list[list[float | None]]:
    """The numbers that have a colour."""
    kept = _has_number(statuses, quantity) & np.isfinite(values)
    return [[float(value) if keep else None for value, keep in zip(*row)] for row in zip(values, kept)]


def _has_number(statuses: Any, quantity: str) -> Any:
    """Whether the status leaves a cell its number. A no-op has no effect that was computed, but a patched metric like any
    other; an estimate is there, too, where its effect was not drawn or is not finite."""
    if quantity == "estimate":
        return (statuses == COMPUTED) | (statuses == NOT_DRAWN) | (statuses == NOT_FINITE)
    return (statuses == COMPUTED) | ((statuses == NOOP) & (quantity != "effect"))


def _hover(
    values: Any, statuses: Any, quantity: str, right: tuple[str, list[str]], down: tuple[str | None, list[str]]
) -> list[list[str]]:
    """What is under the pointer at each cell."""

    def text(row: int, column: int) -> str:
        above = f"{down[0]} {down[1][row]}<br>" if down[0] else ""
        value, status = values[row, column], int(statuses[row, column])
        number = f"{value:.4f}" if np.isfinite(value) else "no number"
        if not _has_number(status, quantity):
            number = _WORDS.get(status, number)
        return f"{above}{right[0]} {right[1][column]}<br>{number}"

    return [[text(row, column) for column in range(len(right[1]))] for row in range(len(down[1]))]


def _short(tick: str) -> str:
    return tick if len(tick) <= _TICK_CHARACTERS else tick[: _TICK_CHARACTERS - 1] + "…"
