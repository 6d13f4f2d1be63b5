"""Intervals and tests of mean effects, by the formulas of docs/results.md.

The coordinator sends moments; the command line makes statistics of them when it writes a folder, and so does this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._chacha import ChaCha8

COMPUTED, NOT_FINITE, NOOP, FAILED, PENDING, NOT_DRAWN = range(6)

#: The 97.5 % quantile of the standard normal distribution.
_QUANTILE = 1.959963984540054

_FALSE_DISCOVERY_RATE = 0.05

_RESAMPLES, _MOST_BOOTSTRAPPED_PROMPTS = 2000, 10_000

#: Cells whose means of all resamples are in memory at once: 32 MB of them.
_CELLS_AT_ONCE = 2048

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Statistics:
    """Of a grid under one metric; all of the grid's shape."""

    low: Floats
    high: Floats
    p_value: Floats
    significant: Numbers


def statistics(effect: Floats, stderr: Floats, status: Numbers, per_prompt: Floats | None) -> Statistics:
    """Of a grid under one metric, over all its iterations together: one family of tests."""
    means, errors = effect.astype(np.float64), stderr.astype(np.float64)
    low, high, p_value = (np.full(effect.shape, np.nan) for _ in range(3))
    computed = status == COMPUTED
    half = _QUANTILE * errors
    low[computed], high[computed] = (means - half)[computed], (means + half)[computed]
    p_value[computed] = [_normal_p(mean, error) for mean, error in zip(means[computed], errors[computed])]
    # The effect of a no-op is 0 for a reason, whatever the prompts; that is no finding.
    low[status == NOOP] = high[status == NOOP] = 0.0
    if per_prompt is not None and 0 < per_prompt.shape[-1] <= _MOST_BOOTSTRAPPED_PROMPTS:
        varies = computed & (stderr > 0)
        if varies.any():
            bootstrap = _bootstrap(per_prompt[varies], p_value[varies])
            low[varies], high[varies], p_value[varies] = bootstrap
    rounded = p_value.astype(np.float32)
    return Statistics(low.astype(np.float32), high.astype(np.float32), rounded, _discoveries(rounded))


def _normal_p(mean: float, error: float) -> float:
    """Wald's two-sided test against 0; an error of 0 gives the p-value that it tends to."""
    if math.isnan(mean) or math.isnan(error):
        return math.nan
    if mean == 0:
        return 1.0
    return math.erfc(abs(mean) / error / math.sqrt(2)) if error > 0 else 0.0


def _discoveries(p_values: Floats) -> Numbers:
    """Benjamini and Hochberg's procedure."""
    tested = np.sort(p_values[~np.isnan(p_values)]).astype(np.float64)
    passing = np.flatnonzero(tested <= np.arange(1, len(tested) + 1) * _FALSE_DISCOVERY_RATE / max(len(tested), 1))
    threshold = tested[passing[-1]] if len(passing) else -np.inf
    return (p_values.astype(np.float64) <= threshold).astype(np.uint32)


def _bootstrap(effects: Floats, normal_p: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Percentile bootstrap of `effects` [cells, prompts]; the same resamples for all cells."""
    prompts = effects.shape[-1]
    random = ChaCha8(0)
    drawn = np.zeros((_RESAMPLES, prompts))
    for row in drawn:
        row += np.bincount(random.integers(prompts, prompts), minlength=prompts)
    parts = [
        _percentiles(effects[start : start + _CELLS_AT_ONCE], normal_p[start : start + _CELLS_AT_ONCE], drawn)
        for start in range(0, len(effects), _CELLS_AT_ONCE)
    ]
    low, high, p_value = (np.concatenate(part) for part in zip(*parts))
    return low, high, p_value


def _percentiles(effects: Floats, normal_p: Doubles, drawn: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """`drawn` [resamples, prompts]: how often each has each prompt."""
    means = (effects.astype(np.float64) @ drawn.T) / effects.shape[-1]
    low, high = np.quantile(means, [0.025, 0.975], axis=-1)
    fewer = np.minimum((means <= 0).sum(-1), (means >= 0).sum(-1))
    share = np.minimum(2.0 * (fewer + 1) / (_RESAMPLES + 1), 1.0)
    return low, high, np.where(fewer == 0, np.minimum(share, normal_p), share)
