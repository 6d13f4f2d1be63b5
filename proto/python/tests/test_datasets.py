"""Specs as dicts, and datasets that are in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import patchsweep
import pytest
import tomli
import xarray as xr
from patchsweep import _submission
from patchsweep._frames import json_lines
from programs import BOUND_SECONDS, DATA

LINES = (DATA / "acronyms.txt").read_text().splitlines()
PROMPTS = [line.rpartition(", ")[0] for line in LINES]
ANSWERS = [line.rpartition(", ")[2] for line in LINES]


@pytest.fixture
def spec() -> dict[str, Any]:
    return tomli.loads((DATA / "acronyms.toml").read_text())


def test_a_dict_is_the_sweep_of_its_file(
    client: patchsweep.Client, acronyms: patchsweep.Sweep, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DATA)
    assert client.submit(spec).id == acronyms.id
    del spec["schema"]
    assert client.submit(spec).id == acronyms.id, "the version may be left out"
    assert client.plan(spec).digest == client.plan(DATA / "acronyms.toml").digest


@pytest.mark.parametrize(
    "rows",
    [
        lambda: pd.DataFrame({"prompt": PROMPTS, "answer": ANSWERS, "note": None}),
        lambda: pd.DataFrame({"prompt": PROMPTS, "answer": ANSWERS}).convert_dtypes().set_index("prompt", drop=False),
        lambda: {"prompt": PROMPTS, "answer": np.array(ANSWERS)},
        lambda: [{"prompt": prompt, "answer": answer} for prompt, answer in zip(PROMPTS, ANSWERS)],
        lambda: list(zip(PROMPTS, ANSWERS)),
    ],
    ids=["data frame", "data frame of nullable texts", "columns", "records", "pairs"],
)
def test_rows_in_memory_are_the_sweep_of_their_file(
    rows: Callable[[], Any], client: patchsweep.Client, acronyms: patchsweep.Sweep, spec: dict[str, Any]
) -> None:
    assert client.submit(spec, rows()).id == acronyms.id
    assert spec["dataset"]["path"] == "acronyms.txt", "what was given is not changed"


def test_rows_take_the_place_of_a_file_s_dataset(client: patchsweep.Client, acronyms: patchsweep.Sweep) -> None:
    rows = list(zip(PROMPTS, ANSWERS))
    assert client.submit(DATA / "acronyms.toml", rows).id == acronyms.id
    plan = client.plan(DATA / "acronyms.toml", rows)
    assert plan.prompts == 250 and plan.first_prompt[2] == " Welder"


def test_a_list_of_prompts_needs_no_answers(client: patchsweep.Client, spec: dict[str, Any]) -> None:
    spec["metric"] = [{"kind": "kl"}]
    spec["dataset"] = {"prepend_bos": True}
    for iteration in spec["iteration"]:
        del iteration["answer"]
    spec["grid"] = [{"component": "attn_out", "axes": ["layer", "pos"]}]
    sweep = client.submit(spec, PROMPTS[:30]).wait(timeout=BOUND_SECONDS, show=False)
    ds = sweep.results()
    assert ds["attn_out.count"].max() == 30 and float(ds["attn_out"].max()) > 0
    assert sweep.manifest()["warnings"] == []


def test_lists_in_columns_are_sets_of_tokens(client: patchsweep.Client, spec: dict[str, Any]) -> None:
    wrong = [[letter for letter in "AEIOU" if letter != answer[0]] for answer in ANSWERS[:20]]
    frame = pd.DataFrame({"prompt": PROMPTS[:20], "right": [[answer[0]] for answer in ANSWERS[:20]], "wrong": wrong})
    difference = {"column": "wrong", "reduce": "mean"}
    spec["metric"] = [{"kind": "difference", "of": "logprob", "right": {"column": "right"}, "wrong": difference}]
    spec["dataset"] = {}
    spec["corruption"]["groups"] = [[1, 6]]
    spec["iteration"] = [{"corrupt": [2], "read": 5}]
    plan = client.plan(spec, frame, models=[DATA])
    assert plan.fields["token_sets"][0]["wrong"]["first_prompt"]["count"] == len(wrong[0])
    assert client.submit(spec, frame).progress().state in ("running", "done")


def test_a_token_file_is_read_beside_its_spec(client: patchsweep.Client, tmp_path: Path) -> None:
    (tmp_path / "acronym-gpt2").symlink_to(DATA / "acronym-gpt2")
    clean, corrupted = [[0, 2, 285, 316], [0, 2, 316, 285]], [[0, 2, 316, 316], [0, 2, 285, 285]]
    tokens = {"clean": clean, "corrupted": [corrupted], "answers": [[564], [565]]}
    (tmp_path / "case.json").write_text(json.dumps(tokens))
    (tmp_path / "spec.toml").write_text(
        'schema = 1\nname = "tokens"\nmodel = { path = "acronym-gpt2" }\ndataset = { tokens = "case.json" }\n'
        'metric = [{ kind = "logprob" }]\niteration = [{ corrupt = [2], read = 3 }]\n'
        'grid = [{ component = "z", axes = ["layer", "head"] }]\n'
    )
    plan = client.plan(tmp_path / "spec.toml")
    assert plan.prompts == 2
    sweep = client.submit(tmp_path / "spec.toml").wait(timeout=BOUND_SECONDS, show=False)
    assert np.isfinite(sweep.results()["z"]).all()


def test_warnings_of_a_spec_are_warnings(client: patchsweep.Client, spec: dict[str, Any]) -> None:
    rows = {"prompt": [f"<|bos|>{prompt}" for prompt in PROMPTS[:10]], "answer": ANSWERS[:10]}
    spec["dataset"] = {}
    # The positions that are read are others then, behind which the answers do not go on: that is a warning as well.
    with pytest.warns(patchsweep.PatchsweepWarning) as caught:
        client.submit(spec, rows)
    assert "BOS" in str(caught[0].message)
    assert "BOS" in client.plan(spec, rows, models=[DATA]).warnings[0]


def test_what_is_missing_is_left_out_and_what_is_no_dataset_is_refused() -> None:
    frame = pd.DataFrame({"prompt": ["a", "b"], "answer": [None, "c"], "n": [np.nan, 1.0]})
    columns = frozenset({"prompt", "answer", "n"})
    assert [json.loads(line) for line in json_lines(frame, columns).splitlines()] == [
        {"prompt": "a"},
        {"prompt": "b", "answer": "c", "n": 1.0},
    ]
    assert json_lines(["é\n"], columns) == '{"prompt": "é\\n"}\n'
    for rows, part in [
        ([], "the dataset has no rows; a dataset is a data frame"),
        ("prompt", "str is no dataset: a dataset is a data frame"),
        (7, "int is no dataset"),
        ([1], "a row of the dataset is a int"),
        ([("a", "b", "c")], "a row of the dataset is a tuple"),
        ({"prompt": ["a"], "answer": ["b", "c"]}, "differ in length: `prompt` has 1, `answer` has 2"),
        ({"prompt": "abc", "answer": "def"}, "the column `prompt` of the dataset is one str; give a list"),
        ({"prompt": ["a"], "answer": 7}, "the column `answer` of the dataset is one int"),
        ({"prompt": [object()]}, "row 0 of the dataset cannot be sent"),
        (
            {"prompt": ["a", "b"], "nots": ["b", None], "S": [None, 7], "none": [None, None]},
            r'that the spec does not name: `nots`, `S`. Take those that it knows, df\[\["prompt"\]\], or put ignore = \["nots", "S"\]',
        ),
    ]:
        with pytest.raises(patchsweep.InputError, match=part):
            json_lines(rows, frozenset({"prompt"}))


def test_columns_that_nothing_reads_are_passed_over_where_the_spec_says_so(
    client: patchsweep.Client, acronyms: patchsweep.Sweep, spec: dict[str, Any]
) -> None:
    frame = pd.DataFrame({"prompt": PROMPTS, "answer": ANSWERS, "template": [object()] * len(PROMPTS), "S": 1})
    for ignore in ("*", ["template", "S"]):
        spec["dataset"] = {**spec["dataset"], "ignore": ignore}
        assert client.submit(spec, frame).id == acronyms.id
    spec["dataset"]["ignore"] = ["S"]
    with pytest.raises(patchsweep.InputError, match=r'the spec does not name: `template`.*ignore = \["S", "template"\]'):
        client.submit(spec, frame)


def test_large_submissions_travel_in_chunks_and_too_large_ones_do_not(
    client: patchsweep.Client, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"prompt": PROMPTS[:10], "answer": ANSWERS[:10], "wrong": ["x" * 200_000] * 10}
    spec["dataset"] = {}
    assert client.submit(spec, rows).created
    assert [len(chunk) for chunk in _submission.chunks(b"x" * (2**20 + 1))] == [2**20, 1]
    assert list(_submission.chunks(b"")) == [b""]
    monkeypatch.setattr(_submission, "MOST_BYTES", 1000)
    with pytest.raises(patchsweep.SpecError, match="the message is larger than 1000 bytes"):
        client.submit(spec, rows)
    with pytest.raises(patchsweep.InputError, match="acronyms.toml: larger than the 1000 bytes that can be submitted"):
        client.submit(DATA / "acronyms.toml")


def test_tiles_change_no_score(client: patchsweep.Client, acronyms: patchsweep.Sweep) -> None:
    plan = client.plan(DATA / "acronyms.toml", tile_prompts=125)
    assert plan.tiles > acronyms.progress().tiles_total
    sweep = client.submit(DATA / "acronyms.toml", tile_prompts=125, new=True)
    assert sweep.progress().tiles_total == plan.tiles
    sweep.wait(timeout=BOUND_SECONDS, show=False)
    xr.testing.assert_allclose(sweep.results()["z"], acronyms.results()["z"], atol=2e-6)


def test_a_plan_says_what_a_sweep_costs(client: patchsweep.Client) -> None:
    plan = client.plan(DATA / "acronyms.toml")
    assert (plan.name, plan.prompts, plan.positions, plan.iterations) == ("acronyms", 250, 8, 3)
    z = next(grid for grid in plan.grids if grid.grid == "z")
    assert (z.cells, z.cells_noop, round(z.ratio, 1)) == (48, 0, 5.5)
    assert "first prompt: '<|bos|>' 'The' ' Welder'" in repr(plan)
    assert "z: 48 cells, 0 no-ops, 1.51e+10 multiply-adds, 5.5 times less than one pass per cell" in repr(plan)
    assert "<td>resid_pre</td>" in plan._repr_html_()
