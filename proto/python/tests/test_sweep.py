"""A sweep from submission to results, against real programs over TLS."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import patchsweep
import pytest
import xarray as xr
from patchsweep._remarks import remarks
from patchsweep._scores import Grid, Scores
from programs import BOUND_SECONDS, DATA, PROGRAMS, Coordinator

Command = Callable[..., CompletedProcess[str]]


def assert_same_bits(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    xr.testing.assert_identical(ours, theirs)
    for name in theirs.variables:
        assert ours[name].dtype == theirs[name].dtype, name
        if ours[name].dtype.kind in "fiu":
            np.testing.assert_array_equal(ours[name].values.view(np.uint8), theirs[name].values.view(np.uint8), err_msg=str(name))


def assert_same_as_folder(ours: xr.Dataset, folder: Path) -> None:
    with np.load(folder / "scores.npz") as npz:
        assert set(ours.data_vars) == set(npz.files)
        for name in npz.files:
            np.testing.assert_array_equal(ours[name].values.view(np.uint8), npz[name].view(np.uint8), err_msg=name)
    # Not on Python 3.10, which zarr 3 does not run on.
    if sys.version_info >= (3, 11):
        assert_same_bits(ours, patchsweep.load(folder))


def test_results_are_those_of_the_command_line_bit_for_bit(acronyms: patchsweep.Sweep, folder: Path) -> None:
    assert_same_as_folder(acronyms.results(), folder)
    assert acronyms.manifest()["sweep"] == json.loads((folder / "manifest.json").read_text())["sweep"]


def test_tokens_stand_beside_positions(acronyms: patchsweep.Sweep) -> None:
    ds = acronyms.results()
    assert ds["resid_pre"].dims == ("iteration", "layer", "pos")
    assert ds["token"].values.tolist()[:3] == ["<|bos|>", "The", " Welder"]
    assert (ds["resid_pre.status"] == 2).any() and (ds["z.status"] == 0).all()
    assert ds.attrs == {"title": "acronyms", "metrics": ["logit_diff_max"]}


@pytest.mark.parametrize(
    "name", ["attention.toml", "facts.toml", "features.toml", "receivers.toml", "per_prompt.toml", "estimate.toml"]
)
def test_every_kind_of_results_is_the_folder_s(
    name: str, client: patchsweep.Client, tmp_path: Path, command: Command
) -> None:
    """Grids that differ in their axes, several metrics, positions with names, features of a dictionary, paths to receivers that are
    cells, statistics of single prompts, and estimates."""
    sweep = client.submit(variant(name, tmp_path)).wait(timeout=BOUND_SECONDS, show=False)
    out = tmp_path / "out"
    assert command("results", sweep.id, "--out", str(out)).returncode == 0
    assert_same_as_folder(sweep.results(), out)
    assert_same_top(sweep, command, 7)


def variant(name: str, folder: Path) -> Path:
    """A spec that shows more than the example, beside links to what it names."""
    for path in DATA.iterdir():
        if path.suffix != ".toml":
            (folder / path.name).symlink_to(path)
    text = (DATA / "acronyms.toml").read_text().replace("samples = 250", "samples = 40")
    if (DATA / name).exists():
        text = (DATA / name).read_text()
    if name == "receivers.toml":
        text += '\n[[grid]]\nname = "paths"\ncomponent = "z"\naxes = ["layer", "head"]\nlayers = [0, 1]\n'
        text += '[grid.to]\ncomponent = "q"\naxes = ["layer", "head"]\n'
    if name == "per_prompt.toml":
        text = text.replace("schema = 1", "schema = 1\nper_prompt = true").replace("[corruption]", "[corruption]\nreplicates = 2")
    if name == "estimate.toml":
        text += '\n[[grid]]\nname = "estimated"\ncomponent = "z"\naxes = ["layer", "pos", "head"]\nestimate = "gradient"\n'
        text += "verify = { top = 5, sample = 5 }\n"
    path = folder / name
    path.write_text(text)
    return path


def test_what_is_not_finite_or_failed_is_a_warning(tmp_path: Path) -> None:
    """A model with an infinite weight, which the command line warns of in the same words."""
    (tmp_path / "acronym-gpt2").mkdir()
    for path in (DATA / "acronym-gpt2").iterdir():
        (tmp_path / "acronym-gpt2" / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "acronym-gpt2" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    start = 8 + length + next(tensor["data_offsets"][0] for name, tensor in header.items() if name.endswith("h.3.mlp.c_proj.bias"))
    content[start : start + 4] = np.float32(np.inf).tobytes()
    weights.write_bytes(content)
    own = Coordinator(tmp_path / "state", "--tls", models=tmp_path)
    worker = own.worker(tmp_path)
    with patchsweep.connect(credentials=own.credentials) as client:
        sweep = client.submit(DATA / "acronyms.toml").wait(timeout=BOUND_SECONDS, show=False)
        with pytest.warns(patchsweep.PatchsweepWarning) as caught:
            assert (sweep.results()["z.status"] == 1).all()
        with pytest.warns(patchsweep.PatchsweepWarning):
            sweep.results(partial=True)
        with pytest.warns(patchsweep.PatchsweepWarning) as caught_by_top:
            assert sweep.top().empty
        told = subprocess.run(
            [str(PROGRAMS / "patchsweep"), "results", sweep.id, "--out", str(tmp_path / "out")],
            capture_output=True, text=True, env={**os.environ, "PATCHSWEEP_CREDENTIALS": str(own.credentials)}, check=False,
        )  # fmt: skip
    worker.end()
    own.end()
    ours = [str(warning.message) for warning in caught]
    assert ours == [str(warning.message) for warning in caught_by_top]
    assert ours == [line.removeprefix("warning: ") for line in told.stderr.splitlines() if line.startswith("warning: ")]
    assert "z: 48 of 48 cells are not finite (status 1): probably the weights hold infinities" in ours[-1]


def test_cells_that_failed_are_remarked_with_their_reasons(acronyms: patchsweep.Sweep) -> None:
    scores = acronyms._scores(partial=False)
    z = next(grid for grid in scores.grids if grid.name == "z")
    z.tensors[".status"][0, 0] = 3
    assert remarks(scores) == ["z: 4 of 48 cells failed (status 3): manifest.json says why"]
    failures = [{"grid": grid, "iteration": "Iteration 0", "reason": why} for grid, why in [("z", "a"), (None, "b"), ("y", "c"), ("z", "a")]]
    scores.manifest["run"]["failures"] = failures
    assert remarks(scores) == ["z: 4 of 48 cells failed (status 3): a; b"]


def test_estimates_that_are_no_numbers_are_remarked_but_not_those_that_failed(acronyms: patchsweep.Sweep) -> None:
    scores = acronyms._scores(partial=False)
    z = estimated(scores)
    z.tensors[".status"][0, 0, 0] = 4
    assert remarks(scores) == [
        "z: 3 of 48 estimates are not finite: probably the weights hold infinities, numbers that are none, or very large ones; look"
        " at the weight files, and at the corruption if it is noise"
    ]


def test_estimates_that_a_check_did_not_draw_are_not_remarked(acronyms: patchsweep.Sweep) -> None:
    scores = acronyms._scores(partial=False)
    z = estimated(scores)
    z.tensors[".status"][...] = 5
    z.tensors[".status"][0, 0, 0] = 0
    for run in ("clean", "corrupted"):
        scores.baselines[f"{run}.status"][...] = 5
    assert remarks(scores) == []
    z.tensors[".estimate"][1, 0, 0] = np.inf
    assert remarks(scores)[0].startswith("z: 1 of 48 estimates are not finite: ")


def test_estimates_of_verified_cells_whose_tile_was_given_up_are_not_remarked(acronyms: patchsweep.Sweep) -> None:
    scores = acronyms._scores(partial=False)
    estimated(scores)
    failure = {"work": "estimate", "grid": "z", "iteration": "Iteration 0", "reason": "a"}
    run = scores.manifest["run"]
    for other in ({"work": "patch"}, {"grid": "q"}, {"iteration": "Iteration 1"}):
        run["failures"] = [failure | other]
        assert remarks(scores)[0].startswith("z: 4 of 48 estimates are not finite: ")
    run["failures"] = [failure]
    assert remarks(scores) == []
    run["failures"], run["tiles_failed"] = [], 1
    assert remarks(scores) == []
    run["tiles_failed"], run["partial"] = 0, {"tiles_pending": 1}
    assert remarks(scores) == []


def estimated(scores: Scores) -> Grid:
    """The grid `z` of some scores with estimates, four of which are NaN."""
    z = next(grid for grid in scores.grids if grid.name == "z")
    z.tensors[".estimate"] = z.tensors[""].copy()
    z.tensors[".estimate"][0, 0] = np.nan
    return z


def assert_same_top(sweep: patchsweep.Sweep, command: Command, k: int) -> None:
    printed = command("--output", "json", "top", sweep.id, "-k", str(k))
    assert printed.returncode == 0, printed.stderr
    theirs = json.loads(printed.stdout)["top"]
    ours = sweep.top(k)
    assert len(ours) == len(theirs) > 0
    for record, row in zip(theirs, ours.to_dict("records"), strict=True):
        for key, value in record.items():
            if value is None:
                assert pd.isna(row[key]), key
            elif isinstance(value, float):
                assert np.float32(row[key]) == np.float32(value), key
            else:
                assert row[key] == value, key


def test_top_is_the_command_line_s(acronyms: patchsweep.Sweep, command: Command) -> None:
    assert_same_top(acronyms, command, 5)
    top = acronyms.top(1)
    assert top.loc[top["grid"] == "z", "label"].tolist() == ["0.2", "0.0", "0.0"]
    assert top.loc[top["grid"] == "z", "pos"].isna().all() and str(top["layer"].dtype) == "int64"


def test_the_same_plan_is_the_same_sweep_and_a_new_one_is_not(
    client: patchsweep.Client, acronyms: patchsweep.Sweep
) -> None:
    again = client.submit(DATA / "acronyms.toml")
    assert again.id == acronyms.id and not again.created
    model = acronyms.manifest()["model"]
    assert isinstance(model, dict) and again.model_digest == model["digest"]
    new = client.submit(DATA / "acronyms.toml", new=True)
    assert new.created and new.id != acronyms.id and new.model_digest is None
    assert new.cancel().state == "cancelled"


def test_progress_says_how_far_each_grid_is(acronyms: patchsweep.Sweep) -> None:
    status = acronyms.progress()
    assert (status.state, status.percent, status.has_ended, status.remaining) == ("done", 100, True, None)
    grids = {grid.name: grid for grid in status.grids}
    assert set(grids) == {"baselines", "resid_pre", "z"}
    assert (grids["resid_pre"].cells_total, grids["resid_pre"].cells_noop) == (96, 55)
    assert repr(status).startswith(f"<{acronyms.id}: done 100%  12/12 tiles, 1 workers, ")
    assert repr(acronyms) == repr(status)
    assert acronyms.id in (acronyms._repr_html_() or "")


def test_a_sweep_that_waits_says_for_what_and_has_partial_results(idle_client: patchsweep.Client) -> None:
    sweep = idle_client.submit(DATA / "acronyms.toml", priority=20)
    status = sweep.progress()
    assert (status.state, status.priority) == ("running", 20)
    for priority in (0, 101, -1):
        with pytest.raises(ValueError, match=f"priority {priority} is {'less than 1' if priority < 1 else 'more than 100'}"):
            idle_client.submit(DATA / "acronyms.toml", priority=priority)
    with pytest.raises(TimeoutError, match="has not ended in time; it goes on"):
        sweep.wait(timeout=0.2, show=False)
    assert "no worker is connected" in str(sweep.explain())
    with pytest.raises(patchsweep.RequestFailed, match="has no results: it is running; .* --partial gives what there is"):
        sweep.results()
    ds = sweep.results(partial=True)
    assert (ds["z.status"] == 4).all() and ds["z"].isnull().all() and (ds["z.count"] == 0).all()
    assert ds["z"].sizes == {"iteration": 3, "layer": 4, "head": 4}
    assert sweep.top(partial=True).empty


def test_a_sweep_is_cancelled_keeps_what_is_computed_and_is_resumed(client: patchsweep.Client) -> None:
    sweep = client.submit(DATA / "acronyms.toml", tile_prompts=50, new=True)
    for status in sweep._statuses(None):
        # Some heads are whole then, and others not begun.
        if next(grid for grid in status.grids if grid.name == "z").cells_done > 0:
            break
    assert sweep.cancel().state == "cancelled"
    with pytest.raises(patchsweep.SweepCancelled) as caught:
        sweep.wait(show=False)
    assert str(caught.value) == f"sweep `{sweep.id}` was cancelled; `patchsweep resume {sweep.id}` computes what it lacks"
    assert (caught.value.sweep, caught.value.next_command) == (sweep.id, f"patchsweep resume {sweep.id}")

    partial = sweep.results(partial=True)
    computed = partial["z.status"] == 0
    assert computed.any() and not computed.all()
    assert (partial["z.status"].where(~computed, 4) == 4).all()
    for suffix in ("", ".value", ".stderr", ".low", ".high", ".p_value"):
        assert (partial[f"z{suffix}"].isnull() == ~computed).all(), suffix
    assert (partial["z.count"] == 250 * computed).all()

    assert sweep.resume().state == "running"
    whole = sweep.wait(timeout=BOUND_SECONDS, show=False).results()
    xr.testing.assert_identical(whole["z"].where(computed), partial["z"])


def test_explain_says_where_a_cell_is_as_the_command_line_does(acronyms: patchsweep.Sweep, command: Command) -> None:
    whole = acronyms.explain()
    assert str(whole) == command("explain", acronyms.id).stdout.rstrip()
    noop = acronyms.explain("resid_pre", "Iteration 0", "pos=7", "layer=1")
    assert str(noop) == command("explain", acronyms.id, "resid_pre", "0", "pos=7", "layer=1").stdout.rstrip()
    assert noop.cell is not None and noop.cell.noop is not None and noop.cell.tiles == ()
    head = acronyms.explain("z", 0, "0.2").cell
    assert head is not None and head.indices == {"layer": 0, "head": 2}
    assert [tile.state for tile in head.tiles] == ["done"] and "on disk, by " in str(acronyms.explain("z", 0, 0, 2))


def test_a_head_is_no_number_with_a_point(acronyms: patchsweep.Sweep) -> None:
    with pytest.raises(TypeError, match='0.1 is a float: as one, 8.10 is 8.1, another head; give layer and head as a text'):
        acronyms.explain("z", 0, 0.10)  # type: ignore[arg-type]


def test_a_check_computes_some_cells_again(acronyms: patchsweep.Sweep) -> None:
    report = acronyms.check(cells=4, seed=3, show=False)
    assert report.agreed and report.cells >= 4 and report.sweep == acronyms.id
    assert report.tolerance == 1e-4 and report.largest_difference is not None
    assert f"check: {report.cells} cells and {report.noops} no-ops agree (largest difference " in str(report)
    with pytest.raises(ValueError, match="fraction 2 is not above 0"):
        acronyms.check(fraction=2)


def test_sweeps_are_listed_and_found_by_a_part_of_their_name(client: patchsweep.Client, acronyms: patchsweep.Sweep) -> None:
    listed = client.list()
    assert acronyms.id in [sweep.id for sweep in listed]
    assert acronyms.id in repr(listed) and "<table>" in listed._repr_html_()
    assert client.sweep(acronyms.id).id == acronyms.id
    last = [status.sweep for status in listed.statuses if status.check_of is None][-1]
    assert client.sweep().id == last
