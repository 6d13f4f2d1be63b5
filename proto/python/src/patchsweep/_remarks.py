"""What a person should know of scores: which failed and which are no finite numbers, as `patchsweep results` says it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._scores import Grid, Scores, Tensor
from ._statistics import COMPUTED, FAILED, NOT_DRAWN, NOT_FINITE, PENDING

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
        estimates = grid.tensors.get(".estimate", np.zeros(status.shape))
        if infinite := int((~np.isfinite(estimates) & ~_missing_estimates(scores, grid, estimates)).sum()):
            found.append(f"{scores.tensor_name(grid)}: {infinite} of {status.size} estimates are not finite: {cause}")
    return found


def _why(scores: Scores, grid: Grid) -> str:
    """Why tiles of a grid, or of the baselines that it needs, were given up."""
    failures: list[dict[str, Any]] = scores.manifest.get("run", {}).get("failures") or []
    reasons = [failure["reason"] for failure in failures if failure.get("grid") in (None, grid.name)]
    return "; ".join(list(dict.fromkeys(reasons))[:_MOST_REASONS]) or "manifest.json says why"


def _missing_estimates(scores: Scores, grid: Grid, estimates: Tensor) -> Tensor:
    """Which estimates of a grid are not there: they may be NaN, and nothing overflowed.

    The status of a cell is that of its effect. `verify` computes effects whether the estimate is there or not, and a check draws
    the two one without the other.
    """
    status = grid.tensors[".status"]
    every_axis = (slice(None),) + (None,) * (status.ndim - 1)
    # What a check did not draw is NaN, and its report counts what it drew that is no number.
    is_check = (scores.baselines["clean.status"] == NOT_DRAWN)[every_axis]
    run = scores.manifest.get("run", {})
    failures: list[dict[str, Any]] = run.get("failures") or []
    given_up = {failure["iteration"] for failure in failures if failure.get("work") == "estimate" and failure.get("grid") == grid.name}
    # Tiles were not computed yet, or more were given up than the manifest lists.
    are_unknown = run.get("partial") is not None or run.get("tiles_failed", 0) > len(failures)
    may_lack = np.array([are_unknown or label in given_up for label in scores.iterations])[every_axis]
    has_effect = np.isin(status, (COMPUTED, NOT_FINITE))
    missing: Tensor = np.isin(status, (FAILED, PENDING)) | (np.isnan(estimates) & (is_check | (may_lack & has_effect)))
    return missing
