"""Writes `statistics.json`: what scipy and statsmodels say about some numbers.

    python make_statistics.py

Needs numpy, scipy and statsmodels. The table is committed; the coordinator's tests read it.
"""

import json
import pathlib

import numpy as np
import scipy.stats
import statsmodels
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import zconfint

RATE = 0.05


def floats(numbers):
    """Numbers that float32 holds, because that is what scores are."""
    return [float(number) for number in np.asarray(numbers, np.float32)]


def discoveries(p):
    return [int(rejected) for rejected in multipletests(p, alpha=RATE, method="fdr_bh")[0]]


def normal(random):
    effect = floats(np.concatenate([random.normal(0, 1, 20), random.normal(4, 2, 12), [1e-7, -3.5, 30.0, 0.0]]))
    stderr = floats(np.concatenate([random.uniform(0.2, 1.5, 32), [0.5, 0.31, 2.5, 0.1]]))
    ends = [scipy.stats.norm.interval(0.95, loc=mean, scale=error) for mean, error in zip(effect, stderr)]
    p_value = floats([2 * scipy.stats.norm.sf(abs(mean) / error) for mean, error in zip(effect, stderr)])
    return {
        "effect": effect,
        "stderr": stderr,
        "low": [low for low, _ in ends],
        "high": [high for _, high in ends],
        "p_value": p_value,
        "significant": discoveries(p_value),
    }


def families(random):
    yield [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269, 0.275, 0.34]
    yield [0.04, 0.03, 0.02, 0.045]
    yield [0.5, 0.9, 0.2]
    yield [0.0, 0.0, 1.0]
    yield [0.05]
    yield np.concatenate([random.uniform(0, 1, 150), random.uniform(0, 0.004, 30)])
    yield np.repeat([0.01, 0.2, 0.03], 7)


def samples(random):
    yield random.normal(0.3, 1, 40)
    yield random.exponential(1.0, 25) - 0.7
    yield np.concatenate([np.zeros(45), [3.0, 5.0, 8.0]])
    yield random.standard_t(3, 250)


def bootstrap(sample):
    """Means of the ends over several seeds, and how far a single seed may be from them."""
    intervals = [
        scipy.stats.bootstrap(
            (np.array(sample),), np.mean, n_resamples=2000, method="percentile", vectorized=True,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        for seed in range(60)
    ]
    ends = np.array(intervals)
    low, high = ends.mean(axis=0)
    # Five standard deviations of one seed's ends.
    return {"prompts": sample, "low": low, "high": high, "tolerance": 5 * ends.std(axis=0, ddof=1).max()}


def check_interval():
    """The interval is also what statsmodels makes of a sample."""
    sample = np.random.default_rng(5).normal(1, 2, 30)
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    np.testing.assert_allclose(zconfint(sample), scipy.stats.norm.interval(0.95, sample.mean(), error))


def main():
    random = np.random.default_rng(2024)
    check_interval()
    families_in_float32 = [floats(p) for p in families(random)]
    table = {
        "made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
        "normal": normal(random),
        "discoveries": [{"p_value": p, "significant": discoveries(p)} for p in families_in_float32],
        "bootstrap": [bootstrap(floats(sample)) for sample in samples(random)],
    }
    path = pathlib.Path(__file__).with_name("statistics.json")
    path.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
