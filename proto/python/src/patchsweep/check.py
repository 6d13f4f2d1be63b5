"""What a check found."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._numbers import MOST_32_BITS
from .errors import OtherRelease

_LEAST_CELLS = 20


def cells_to_draw(cells: int, fraction: float) -> int:
    """A share of some cells, but enough to mean something."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction {fraction} is not above 0 and at most 1")
    return max(min(math.ceil(cells * fraction), MOST_32_BITS), _LEAST_CELLS)


@dataclass(frozen=True)
class GridCheck:
    """Of one grid, or of its estimates."""

    grid: str
    cells: int
    noops: int
    largest_difference: float | None
    #: How far its means may be apart.
    tolerance: float
    agreed: bool


@dataclass(frozen=True)
class CheckReport:
    """Scores of a sweep against those of plain forward passes."""

    sweep: str
    #: The check's own id.
    check: str
    #: Cells and no-ops that were compared.
    cells: int
    noops: int
    without_score: int
    not_finite: int
    by_another_worker: int
    #: Of the grid that is furthest apart, measured by its tolerance.
    tolerance: float
    largest_difference: float | None
    agreed: bool
    computed_by: tuple[str, ...]
    checked_by: tuple[str, ...]
    grids: tuple[GridCheck, ...]
    #: The cell with the largest difference, as the manifest has it.
    worst: Mapping[str, Any] | None

    def __str__(self) -> str:
        verdict = "agree" if self.agreed else "do NOT agree"
        more = f"; {self.without_score} more have no score" if self.without_score else ""
        more += f"; {self.not_finite} more are not finite in both" if self.not_finite else ""
        return (
            f"check: {self.cells} cells and {self.noops} no-ops {verdict} (largest difference"
            f" {_shown(self.largest_difference)}, tolerance {_exponential(self.tolerance)}); {self.by_another_worker} of"
            f" {self.cells} computed by another worker{more}"
        )

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_html_(self) -> str:
        head = "<tr><th>grid</th><th>cells</th><th>no-ops</th><th>largest difference</th><th>agree</th></tr>"
        rows = "".join(
            f"<tr><td>{html.escape(grid.grid)}</td><td>{grid.cells}</td><td>{grid.noops}</td>"
            f"<td>{_shown(grid.largest_difference)}</td><td>{'yes' if grid.agreed else 'NO'}</td></tr>"
            for grid in self.grids
        )
        return f"<table>{head}{rows}</table>{html.escape(str(self))}"

    def disagreement(self) -> str:
        """What differs, and what to do about it."""
        worst = self.worst or {}
        mean = worst.get("mean", "")

        def by(names: list[str]) -> str:
            return ", ".join(names) or "the plan: a no-op"

        def number(value: float | None) -> str:
            return "not a number" if value is None else f"{value}"

        return (
            f"sweep `{self.sweep}`: the check does not agree, by most at {worst.get('grid')}, {worst.get('iteration')},"
            f" {worst.get('cell')}:\n"
            f"  {mean} {number(worst.get('computed'))} by {by(worst.get('computed_by', []))}\n"
            f"  {mean} {number(worst.get('checked'))} by {by(worst.get('checked_by', []))} in plain forward passes, more"
            f" than {_exponential(self.tolerance)} apart\n"
            "look at these workers' machines and drivers, then compute the sweep anew: `patchsweep submit --new SPEC`"
        )


def report_of(manifest: Mapping[str, Any]) -> CheckReport:
    """What the manifest of a check says."""
    try:
        fields: dict[str, Any] = dict(manifest["check"])
        fields.pop("seed", None)
        grids = tuple(GridCheck(**grid) for grid in fields.pop("grids"))
        computed_by, checked_by = tuple(fields.pop("computed_by")), tuple(fields.pop("checked_by"))
        return CheckReport(**fields, computed_by=computed_by, checked_by=checked_by, grids=grids)
    except (KeyError, TypeError) as error:
        text = "the coordinator's manifest cannot be read; install the same release on both"
        raise OtherRelease(f"{text}: {error}") from error


def _shown(difference: float | None) -> str:
    return "not a number" if difference is None else _exponential(difference, 1)


def _exponential(number: float, digits: int | None = None) -> str:
    """As Rust writes it: `1e-4`, `9.5e-7`."""
    mantissa, exponent = (f"{number:e}" if digits is None else f"{number:.{digits}e}").split("e")
    if digits is None:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
