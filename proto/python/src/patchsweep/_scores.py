"""A sweep's results as they come, and the tensors that the results folder has of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._statistics import COMPUTED, FAILED, NOT_FINITE, Statistics, statistics
from .errors import OtherRelease
from .v1 import client_pb2 as pb

Tensor = npt.NDArray[Any]

MOST_BYTES = 1 << 30

#: Behind the names of tensors with a number for each prompt.
PROMPTS = ".prompts"


@dataclass(frozen=True)
class Axis:
    """An axis of a grid, and what stands along it."""

    name: str
    #: Layers, positions or heads; where they have names, counted from 0.
    indices: tuple[int, ...]
    #: Names of positions that may be others in each prompt; empty where they are numbers.
    names: tuple[str, ...]

    def coordinate(self, place: int) -> int | str:
        """What a person calls a place along it."""
        index = self.indices[place]
        return self.names[index] if self.names else index


@dataclass(frozen=True)
class Grid:
    """One grid under one metric; all tensors are [iterations, axes..]."""

    name: str
    #: The metric's index.
    metric: int
    component: str
    axes: tuple[Axis, ...]
    #: By suffix: `""`, `.value`, `.stderr`, ..; in the order of the results folder.
    tensors: dict[str, Tensor]
    is_estimated: bool


@dataclass(frozen=True)
class Scores:
    """A sweep's results."""

    name: str
    iterations: tuple[str, ...]
    #: Of the first clean prompt.
    tokens: tuple[str, ...]
    #: Of the dataset, where each prompt is, counted from 1; none where it has no lines.
    lines: tuple[int, ...]
    metrics: tuple[str, ...]
    #: Tensors [iterations] by their names; those of prompts [iterations, prompts].
    baselines: dict[str, Tensor]
    grids: tuple[Grid, ...]
    manifest: dict[str, Any]

    def tensor_name(self, grid: Grid) -> str:
        """The grid's name, with its metric behind it for all but the main one."""
        return grid.name if grid.metric == 0 else f"{grid.name}@{self.metrics[grid.metric]}"


def decode(content: bytes) -> Scores:
    """Reads an encoded SweepResults."""
    try:
        wire = pb.SweepResults.FromString(content)
        return _of_wire(wire)
    except (ValueError, IndexError) as error:
        raise OtherRelease(f"the coordinator's results cannot be read ({error}); install the same release on both") from error


def _of_wire(wire: pb.SweepResults) -> Scores:
    iterations = len(wire.iteration_labels)
    grids = tuple(_grid(grid, iterations) for grid in wire.grids)
    if any(grid.metric >= len(wire.metrics) for grid in grids):
        raise ValueError("a grid's metric is not in the list of metrics")
    return Scores(
        wire.name,
        tuple(wire.iteration_labels),
        tuple(wire.token_labels),
        tuple(wire.lines),
        tuple(wire.metrics),
        _baselines(wire),
        grids,
        json.loads(wire.manifest),
    )


def _baselines(wire: pb.SweepResults) -> dict[str, Tensor]:
    iterations = len(wire.iteration_labels)
    tensors: dict[str, Tensor] = {}
    for kind, runs in (("clean", wire.clean), ("corrupted", wire.corrupted)):
        for name, run in zip(wire.metrics, runs, strict=True):
            plain = kind if name == wire.metrics[0] else f"{kind}@{name}"
            means = _array(run.mean, (iterations,), np.float32)
            status = np.array(wire.baselines or [FAILED] * iterations, dtype=np.uint32)
            status[(status == COMPUTED) & ~np.isfinite(means)] = NOT_FINITE
            tensors[plain] = means
            tensors[f"{plain}.stderr"] = _array(run.stderr, (iterations,), np.float32)
            tensors[f"{plain}.status"] = status
            if run.per_prompt:
                tensors[plain + PROMPTS] = _array(run.per_prompt, (iterations, -1), np.float32)
    return tensors


def _grid(wire: pb.GridScores, iterations: int) -> Grid:
    axes = tuple(
        Axis(name, tuple(places.indices), tuple(places.names)) for name, places in zip(wire.axes, wire.indices, strict=True)
    )
    shape = (iterations, *(len(axis.indices) for axis in axes))
    tensors: dict[str, Tensor] = {}
    fields: tuple[tuple[str, Sequence[float], Any], ...] = (
        ("", wire.effect, np.float32),
        (".value", wire.value, np.float32),
        (".normalized", wire.normalized, np.float32),
        (".stderr", wire.stderr, np.float32),
        (".count", wire.count, np.int64),
        (".status", wire.status, np.uint32),
        (".estimate", wire.estimate, np.float32),
        (".between", wire.between, np.float32),
    )
    optional = (".normalized", ".estimate", ".between")
    for suffix, numbers, dtype in fields:
        if numbers or suffix not in optional:
            tensors[suffix] = _array(numbers, shape, dtype)
    if wire.per_prompt:
        tensors[PROMPTS] = _array(wire.per_prompt, (*shape, -1), np.float32)
    found = statistics(tensors[""], tensors[".stderr"], tensors[".status"], tensors.get(PROMPTS))
    tensors.update(_of_statistics(found))
    return Grid(wire.grid, wire.metric, wire.component, axes, tensors, bool(wire.estimate))


def _of_statistics(found: Statistics) -> dict[str, Tensor]:
    return {".low": found.low, ".high": found.high, ".p_value": found.p_value, ".significant": found.significant}


def _array(numbers: Sequence[float], shape: tuple[int, ...], dtype: Any) -> Tensor:
    return np.array(numbers, dtype=dtype).reshape(shape)
