"""What docs/results.md and docs/guide.md say of each kind of grid, in a data frame and an xarray dataset."""

import pathlib

import numpy as np
import pandas as pd

COMPUTED, NOOP, NOT_DRAWN = 0, 2, 5
ROOT = pathlib.Path(__file__).resolve().parents[3]


def check_paths(results):
    """data/paths.toml: sender by receiver; what is sent to a place before the sender, or beside it, is a no-op."""
    dataset = results.dataset
    for name in ["to_keys", "to_values"]:
        assert dataset[name].dims == ("iteration", "layer", "head", "to_layer", "to_head")
        check_behind(dataset, name)
    assert dataset["tokens_to_values"].dims == ("iteration", "tokens_to_values.layer", "to_layer", "to_head")
    assert dataset["to_logits"].dims == ("iteration", "layer", "head")
    # The previous-token head writes, the induction head reads (data/README.md).
    keys = results.table[(results.table["grid"] == "to_keys") & (results.table["iteration"] == "First names swapped")]
    strongest = keys.loc[keys["effect"].abs().idxmax(), ["layer", "head", "to_layer", "to_head"]]
    assert strongest.tolist() == [0, 2, 1, 1]
    assert dataset["to_keys"].sel(iteration="First names swapped", layer=0, head=2, to_layer=1, to_head=1) < -20


def check_behind(dataset, name):
    status = dataset[f"{name}.status"]
    behind = (status["to_layer"] <= status["layer"]).broadcast_like(status)
    assert ((status == NOOP) == behind).all() and ((status == COMPUTED) == ~behind).all()
    assert (dataset[name].where(behind, 0) == 0).all()


def check_facts(results):
    """data/facts.toml: prompts of three lengths, so that positions are names, without tokens, in the order of the spec."""
    dataset, table = results.dataset, results.table
    assert results.manifest["dataset"]["shortest"] < results.manifest["dataset"]["positions"]
    assert dataset["pos"].values.tolist() == ["subject", "subject+1", "other", "other+1", "end"]
    assert dataset["z.pos"].values.tolist() == ["subject+1", "other+1", "end"]
    assert not {"token", "z.token"} & set(dataset.coords) and table["token"].isna().all()
    assert (table["count"] == results.manifest["dataset"]["prompts"]).all() and table["normalized"].notna().all()
    first = table[(table["grid"] == "resid_pre") & (table["iteration"] == "First names swapped")]
    by_place = first.pivot(index="layer", columns="pos", values="effect")
    # Half of the effect goes on from the first name to the surname behind it, in layer 0.
    assert by_place.loc[1, "subject+1"] < -5 and abs(by_place.loc[0, "subject+1"]) < 0.5


def check_features(results):
    """data/features.toml: no layers; a list of features of one grid stands beside all of them in another."""
    dataset, table = results.dataset, results.table
    assert dataset["attended"].dims == ("iteration", "pos", "feature") and dataset.sizes["feature"] == 192
    assert dataset["names"].dims == ("iteration", "pos", "names.feature")
    of_features = table[table["grid"].isin(["attended", "names"])]
    assert of_features["layer"].isna().all() and of_features["feature"].notna().all()
    both = of_features.pivot(index=["iteration", "pos", "feature"], columns="grid", values="effect").dropna()
    assert len(both) == dataset["names"].size
    # Computed in batches of other sizes.
    np.testing.assert_allclose(both["names"], both["attended"], rtol=0, atol=2e-5)
    assert dataset["names"].isel(iteration=0).sel(pos=7).idxmin("names.feature") == 91, "the feature of Felix"
    check_active(results)


def check_active(results):
    """The axis has the features that move something somewhere, and those alone are computed."""
    dataset, [grid] = results.dataset, [grid for grid in results.manifest["grids"] if grid["features"] == "active"]
    features = dataset["active.feature"].values.tolist()
    assert grid["coordinates"]["feature"] == features == sorted(features) and 0 < len(features) < 96
    everything = dataset["attended"]
    active, others = everything.sel(feature=features), everything.drop_sel(feature=features)
    assert (others == 0).all(), "what is off moves nothing"
    np.testing.assert_allclose(dataset["active"], active, rtol=0, atol=2e-5)
    status = dataset["active.status"].values
    assert set(status.flat) <= {COMPUTED, NOOP} and grid["noops"] == (status == NOOP).sum() < grid["cells"] == status.size


def check_kinds(results):
    """grids/kinds.toml: all kinds in one sweep."""
    dataset, grids = results.dataset, {grid["name"]: grid for grid in results.manifest["grids"]}
    assert dataset["attn_out-mlp_out"].dims == ("iteration", "layer", "attn_out-mlp_out.pos")
    assert grids["mlp_out"]["window"] == 2 and grids["attn_out-mlp_out"]["components"] == ["attn_out", "mlp_out"]
    [also] = grids["beside_1_1"]["also"]
    assert (also["component"], also["layer"], also["heads"], also["value"]) == ("z", 1, [1], "mean")
    assert dataset["mlp_post.neuron"].values.tolist() == [0, 17, 255] and dataset["neuron"].size == 16
    assert dataset["attended"].dims == ("iteration", "attended.pos", "attended.feature")
    check_found(dataset, grids["found"])
    assert dataset["to_mlps"].dims == ("iteration", "layer", "head", "to_layer")
    check_behind(dataset, "to_keys")
    # A head is joined to the MLP of its own layer.
    status = dataset["to_mlps.status"]
    assert ((status == NOOP) == (status["to_layer"] < status["layer"])).all()
    check_estimates(results, grids)


def check_found(dataset, grid):
    """Active features are chosen beside estimates that are verified."""
    features = dataset["feature"].values.tolist()
    assert grid["features"] == "active" and grid["coordinates"]["feature"] == features and 91 in features
    assert len(features) < 192 and set(dataset["found.status"].values.flat) == {COMPUTED, NOOP}
    listed = dataset["attended"].sel({"attended.feature": 91}).values
    np.testing.assert_allclose(dataset["found"].sel(feature=91).values, listed, rtol=0, atol=2e-5)


def check_estimates(results, grids):
    """Estimates stand in a column of their own, and effects only where they were verified."""
    dataset, table = results.dataset, results.table
    estimated = table["grid"].isin(["guessed", "guessed_only"])
    assert (table["estimate"].notna() == estimated).all()
    only = table[table["grid"] == "guessed_only"]
    assert only[["effect", "value", "stderr", "p_value"]].isna().all(axis=None) and (only["status"] == NOT_DRAWN).all()
    verify = grids["guessed"]["estimate"]["verify"]
    verified = table[table["grid"] == "guessed"]
    said = {(each["iteration"], each["metric"]): each for each in results.manifest["verification"]}
    for (iteration, metric), cells in verified.groupby(["iteration", "metric"]):
        check_verified(cells, verify, said.pop((iteration, metric)))
    assert not said
    # The choice is by the first metric, and the same for all.
    statuses = [dataset[f"guessed{metric}.status"] for metric in ["", "@logprob"]]
    assert (statuses[0] == statuses[1]).all()
    main = verified[verified["metric"] == "logit_diff"].copy()
    main["size"] = main["estimate"].abs()
    for _, cells in main.groupby("iteration"):
        top = cells.nlargest(verify["top"], "size", keep="all")
        assert (top["status"] == COMPUTED).all()
        assert np.float32(top["effect"].abs().min()) == np.float32(weakest(results, cells))


def check_verified(cells, verify, said):
    count = verify["top"] + verify["sample"]
    computed, noop, others = (cells[cells["status"] == status] for status in [COMPUTED, NOOP, NOT_DRAWN])
    assert len(computed) == count and len(computed) + len(noop) + len(others) == len(cells)
    assert said["estimated"] == len(cells) - len(noop) and said["top"] + said["sample"] == count
    assert others[["effect", "value", "stderr", "low", "high", "p_value"]].isna().all(axis=None) and (others["count"] == 0).all()
    assert computed["effect"].notna().all() and (computed["count"] > 0).all()
    assert (noop["estimate"] == 0).all() and (noop["effect"] == 0).all()


def weakest(results, cells):
    [iteration] = set(cells["iteration"])
    found = [each for each in results.manifest["verification"] if (each["iteration"], each["metric"]) == (iteration, "logit_diff")]
    return found[0]["weakest_of_top"]


def check_spread(results):
    """grids/spread.toml: what is kept of each prompt and of each replicate."""
    dataset, table = results.dataset, results.table
    assert dataset["resid_pre.prompts"].dims == ("iteration", "layer", "pos", "prompt") and "prompt" not in dataset.coords
    assert dataset.sizes["prompt"] == results.manifest["dataset"]["prompts"] == 24
    first = results.manifest["dataset"]["first_prompt"][1:]
    assert prompt_of_line(dataset["line"].values[0]) == "".join(token["text"] for token in first)
    assert len(set(dataset["line"].values)) == 24 and dataset["line"].values.max() > 24, "drawn from all of the file"
    assert table["between"].notna().all() and (table["between"] > 0).any()
    effect, prompts = dataset["resid_pre"], dataset["resid_pre.prompts"]
    np.testing.assert_allclose(prompts.mean("prompt", dtype=np.float64), effect, rtol=0, atol=1e-6)
    for run in ["clean", "corrupted"]:
        metric = dataset[f"{run}.prompts"].astype(np.float64)
        assert metric.dims == ("iteration", "prompt")
        np.testing.assert_allclose(metric.mean("prompt"), dataset[run], rtol=0, atol=1e-6)
        np.testing.assert_allclose(metric.std("prompt", ddof=1) / np.sqrt(24), dataset[f"{run}.stderr"], rtol=1e-5)
    # Noising: the patched metric on each prompt is the clean one plus the effect.
    patched = dataset["clean.prompts"] + prompts
    np.testing.assert_allclose(patched.mean("prompt"), dataset["resid_pre.value"], rtol=0, atol=1e-4)
    assert dataset["pattern"].dims == ("iteration", "pattern.layer", "head", "dest_pos", "src_pos")
    assert (table.loc[table["src_pos"] > 5, "status"] == NOOP).all(), "nobody attends to what comes later"


def prompt_of_line(line):
    """What stands before the answer in data/acronyms.txt."""
    return (ROOT / "data" / "acronyms.txt").read_text().splitlines()[line - 1].rsplit(", ", 1)[0]


def check_case(results, expected):
    """A case of tests/reference/interventions: the table has what plain forward passes gave."""
    compared = 0
    for grid, metric, name in results.names():
        rows = results.table[(results.table["grid"] == grid["name"]) & (results.table["metric"] == metric)]
        for column, suffix in [("effect", ""), ("value", ".value"), ("estimate", ".estimate")]:
            if name + suffix not in expected:
                continue
            # Lines are in the tensor's order, the last axis fastest.
            scores = pd.to_numeric(rows[column]).to_numpy().reshape(expected[name + suffix].shape)
            # As tests/reference/interventions/README.md says.
            tolerance = 1e-4 if suffix == ".estimate" else 5e-5
            np.testing.assert_allclose(scores, expected[name + suffix], rtol=0, atol=tolerance, err_msg=name)
            compared += scores.size
    assert compared, "a case has scores"


CHECKS = {"paths": check_paths, "facts": check_facts, "features": check_features, "kinds": check_kinds, "spread": check_spread}
