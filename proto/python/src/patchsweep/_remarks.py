"""What a person should know of scores: which failed and which are no finite numbers, as `patchsweep results` says it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._scores import Grid, Scores
from ._statistics import FAILED, NOT_FINITE, PENDING

#: Most different reasons that a remark about a grid names.
_MOST_REASONS = 3

_CAUSES = {
    "float16": (
        "float16 ends at 65504, and activations of this model are probably larger; compute with `dtype = \"bfloat16\"` or"
        " `\"float32\"` under `[model]`"
    ),
    None: "probably an overflow; compute with `dtype = \"float32\"` under `[model]`",
}

_WEIGHTS = (
    "probably the weights hold infinities, numbers that are none, or very large ones; look at the weight files, and at the"
    " corruption if it is noise"
)


def remarks(scores: Scores) -> list[str]:
    """One line each; none, where all scores are numbers or still to be computed."""
    cause = _CAUSES.get(scores.manifest.get("model", {}).get("dtype"), _WEIGHTS)
    found = []
    for run in ("clean", "corrupted"):
        for metric in scores.metrics:
            name = run if metric == scores.metrics[0] else f"{run}@{metric}"
            for label in np.array(scores.iterations)[scores.baselines[f"{name}.status"] == NOT_FINITE]:
                found.append(f"the {run} run's {metric} is not finite in {label}: {cause}")
    for grid in scores.grids:
        status = grid.tensors[".status"]
        failed, infinite = (int((status == code).sum()) for code in (FAILED, NOT_FINITE))
        if failed:
            found.append(f"{scores.tensor_name(grid)}: {failed} of {status.size} cells failed (status 3): {_why(scores, grid)}")
        if infinite:
            found.append(f"{scores.tensor_name(grid)}: {infinite} of {status.size} cells are not finite (status 1): {cause}")
        # An estimate that failed or is pending is none, and so is the effect beside it.
        estimates = grid.tensors.get(".estimate", np.zeros(status.shape))
        if infinite := int((~np.isfinite(estimates) & ~np.isin(status, (FAILED, PENDING))).sum()):
            found.append(f"{scores.tensor_name(grid)}: {infinite} of {status.size} estimates are not finite: {cause}")
    return found


def _why(scores: Scores, grid: Grid) -> str:
    """Why tiles of a grid, or of the baselines that it needs, were given up."""
    failures: list[dict[str, Any]] = scores.manifest.get("run", {}).get("failures") or []
    reasons = [failure["reason"] for failure in failures if failure.get("grid") in (None, grid.name)]
    return "; ".join(list(dict.fromkeys(reasons))[:_MOST_REASONS]) or "manifest.json says why"
