"""What a sweep costs, before it is submitted."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _frames, _program
from ._spec_file import spec_file
from ._submission import AnySpec, read


@dataclass(frozen=True)
class GridPlan:
    """What a grid costs, over all iterations."""

    grid: str
    cells: int
    #: Of those, cells that no worker computes, because their effect is 0 by causality.
    cells_noop: int
    tiles: int
    multiply_adds: int
    #: Those of one forward pass for each cell and prompt; whole below 2**64.
    multiply_adds_one_pass_per_cell: float
    cache_bytes: int
    largest_batch_bytes: int

    @property
    def ratio(self) -> float:
        """How much less is computed than by one pass for each cell."""
        return self.multiply_adds_one_pass_per_cell / self.multiply_adds if self.multiply_adds else float("inf")


@dataclass(frozen=True)
class Plan:
    """What a sweep costs."""

    name: str
    #: Of what decides the scores.
    digest: str
    prompts: int
    #: Tokens of each prompt, of the longest where they differ.
    positions: int
    iterations: int
    replicates: int
    tiles: int
    multiply_adds: int
    #: What the model's weights take on a worker.
    weight_bytes: int
    grids: tuple[GridPlan, ...]
    #: What is odd about prompts.
    remarks: tuple[str, ...]
    #: What a person should know before trusting the scores.
    warnings: tuple[str, ...]
    #: All that `patchsweep plan --output json` prints.
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def first_prompt(self) -> list[str]:
        """The tokens of the first prompt; of one that is given in token ids the numbers."""
        return [token.get("text") or str(token["id"]) for token in self.fields["first_prompt"]]

    def __str__(self) -> str:
        lines = [
            f"sweep {self.name}, digest {self.digest[:8]}",
            f"{self.prompts} prompts of {self.positions} tokens, {self.iterations} iterations, {self.tiles} tiles,"
            f" {self.multiply_adds:.2e} multiply-adds",
            f"first prompt: {' '.join(map(repr, self.first_prompt))}",
        ]
        for grid in self.grids:
            lines.append(
                f"{grid.grid}: {grid.cells} cells, {grid.cells_noop} no-ops, {grid.multiply_adds:.2e} multiply-adds,"
                f" {grid.ratio:.1f} times less than one pass per cell"
            )
        return "\n".join([*lines, *self.remarks, *(f"warning: {warning}" for warning in self.warnings)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("grid", "cells", "no-ops", "tiles", "multiply-adds", "ratio"))
        rows = []
        for grid in self.grids:
            cells = (grid.grid, grid.cells, grid.cells_noop, grid.tiles, f"{grid.multiply_adds:.2e}", f"{grid.ratio:.1f}x")
            rows.append("".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        words = [line for line in str(self).splitlines() if not any(line.startswith(f"{grid.grid}: ") for grid in self.grids)]
        text = "<br>".join(html.escape(line) for line in words)
        return f"{text}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def make_plan(
    spec: AnySpec,
    dataset: _frames.Rows | None = None,
    *,
    models: Sequence[str | os.PathLike[str]] = (),
    tile_multiply_adds: int | None = None,
    tile_prompts: int | None = None,
) -> Plan:
    """What a sweep costs; runs no model and asks no coordinator.

    The plan is made by the program `patchsweep` on this machine, which needs the model's config and tokenizer. `models`:
    folders that hold model folders, before the spec's own. The rest is as in `Client.submit`.
    """
    options = _program.options(models, tile_multiply_adds, tile_prompts)
    submission = read(spec, dataset)
    with spec_file(submission) as file, submission.refusing(file.path):
        return _plan(_program.run(["plan", str(file.path), *options, *file.options]))


def _plan(fields: dict[str, Any]) -> Plan:
    plain = ("name", "digest", "prompts", "positions", "iterations", "replicates", "tiles", "multiply_adds", "weight_bytes")
    return Plan(
        **{name: fields[name] for name in plain},
        grids=tuple(GridPlan(**grid) for grid in fields["grids"]),
        remarks=tuple(fields["remarks"]),
        warnings=tuple(fields["warnings"]),
        fields=fields,
    )
