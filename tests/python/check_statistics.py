"""Recomputes a sweep's statistics from its scores, with numpy and scipy.

    python check_statistics.py PATCHSWEEP SPEC
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import scipy.stats

COMPUTED, NOOP = 0, 2


def variant(spec, folder, per_prompt, replicates):
    """The spec with statistics of its own, beside links to what it names."""
    for name in spec.parent.iterdir():
        if name.suffix != ".toml":
            (folder / name.name).symlink_to(name)
    text = spec.read_text().replace("schema = 1", f"schema = 1\nper_prompt = {str(per_prompt).lower()}")
    text = text.replace("[corruption]", f"[corruption]\nreplicates = {replicates}")
    path = folder / "variant.toml"
    path.write_text(text.replace("samples = 250", "samples = 60"))
    return path


def run(patchsweep, spec, per_prompt, replicates):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        command = [patchsweep, "run", str(variant(spec, folder, per_prompt, replicates)), "--out", str(folder / "results")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        manifest = json.loads((folder / "results" / "manifest.json").read_text())
        with np.load(folder / "results" / "scores.npz") as npz:
            return {name: npz[name] for name in npz}, manifest


def benjamini_hochberg(p, rate):
    """By hand: the largest k with p_k <= k rate / m."""
    tested = np.sort(p[~np.isnan(p)].astype(np.float64))
    passing = np.nonzero(tested <= np.arange(1, len(tested) + 1) * rate / len(tested))[0]
    threshold = tested[passing[-1]] if len(passing) else -np.inf
    return (p.astype(np.float64) <= threshold).astype(np.uint32)


def check_significance(scores, name, manifest):
    p, status = scores[f"{name}.p_value"], scores[f"{name}.status"]
    assert np.isnan(p[status == NOOP]).all() and not np.isnan(p[status == COMPUTED]).any()
    rate = manifest["statistics"]["false_discovery_rate"]
    np.testing.assert_array_equal(scores[f"{name}.significant"], benjamini_hochberg(p, rate), err_msg=name)
    adjusted = scipy.stats.false_discovery_control(p[status == COMPUTED].astype(np.float64)) <= rate
    np.testing.assert_array_equal(scores[f"{name}.significant"][status == COMPUTED], adjusted, err_msg=name)
    assert adjusted.any() and not adjusted.all(), "some cells of the example matter, others do not"
    for end in [".low", ".high"]:
        assert (scores[name + end][status == NOOP] == 0).all()


def two_sided(effect, error):
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(effect == 0, 0, np.abs(effect) / error)
    return 2 * scipy.stats.norm.sf(z)


def check_normal(scores, manifest, name):
    assert manifest["statistics"]["interval"] == "normal" and f"{name}.prompts" not in scores
    effect, error = (scores[name + part].astype(np.float64) for part in ["", ".stderr"])
    half = scipy.stats.norm.ppf(0.975) * error
    np.testing.assert_allclose(scores[f"{name}.low"], effect - half, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores[f"{name}.high"], effect + half, rtol=1e-5, atol=1e-6)
    computed = scores[f"{name}.status"] == COMPUTED
    p = two_sided(effect, error)[computed]
    np.testing.assert_allclose(scores[f"{name}.p_value"][computed], p, rtol=1e-4, atol=1e-38)
    check_significance(scores, name, manifest)


def check_bootstrap(scores, manifest, name):
    statistics = manifest["statistics"]
    assert statistics["interval"] == "bootstrap"
    prompts = scores[f"{name}.prompts"].astype(np.float64)
    count = prompts.shape[-1]
    assert count == manifest["dataset"]["prompts"]
    mean, error = prompts.mean(-1), prompts.std(-1, ddof=1) / np.sqrt(count)
    np.testing.assert_allclose(scores[name], mean, rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(scores[f"{name}.stderr"], error, rtol=1e-4, atol=1e-6, err_msg=name)

    # Other draws than the program's, so the ends agree but for what a draw of so many resamples leaves to chance.
    drawn = np.random.default_rng(3).multinomial(count, np.full(count, 1 / count), size=statistics["resamples"]) / count
    low, high = np.quantile(prompts @ drawn.T, [0.025, 0.975], axis=-1)
    slack = 0.4 * error + 1e-6
    assert (np.abs(scores[f"{name}.low"] - low) <= slack).all(), name
    assert (np.abs(scores[f"{name}.high"] - high) <= slack).all(), name
    assert (scores[f"{name}.low"] <= mean + 1e-6).all() and (mean <= scores[f"{name}.high"] + 1e-6).all()

    p, floor = scores[f"{name}.p_value"], 2 / (statistics["resamples"] + 1)
    outside = (scores[f"{name}.low"] > 0) | (scores[f"{name}.high"] < 0)
    clear = (scores[f"{name}.status"] == COMPUTED) & (np.abs(p - 0.05) > 3 * floor)
    np.testing.assert_array_equal(outside[clear], (p < 0.05)[clear], err_msg="an interval without 0 has a small p-value")
    small = p < 0.99 * floor
    assert small.any()
    np.testing.assert_allclose(p[small], two_sided(mean, error)[small], rtol=1e-2, atol=1e-38)
    check_significance(scores, name, manifest)


def main():
    patchsweep, spec = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    scores, manifest = run(patchsweep, spec, per_prompt=False, replicates=1)
    assert "resid_pre.between" not in scores
    for name in ["resid_pre", "z"]:
        check_normal(scores, manifest, name)
    scores, manifest = run(patchsweep, spec, per_prompt=True, replicates=3)
    assert manifest["dataset"]["replicate_seeds"] == [1, 2, 3]
    for name in ["resid_pre", "z"]:
        check_bootstrap(scores, manifest, name)
        between = scores[f"{name}.between"]
        assert between.shape == scores[name].shape and between.max() > 0.01
        assert (between[scores[f"{name}.status"] == NOOP] == 0).all()
    print("check_statistics: intervals, p-values and significance are numpy's and scipy's")


if __name__ == "__main__":
    main()
