"""From a TransformerLens model and tokens to a spec. `make lens-test` does it with TransformerLens itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import patchsweep
import pytest
from programs import BOUND_SECONDS

CLEAN = np.array([[0, 2, 285, 316, 247, 550], [0, 2, 316, 247, 285, 550]])
CORRUPTED = np.array([[0, 2, 409, 316, 247, 550], [0, 2, 191, 247, 285, 550]])


def stand_in(**fields: Any) -> SimpleNamespace:
    """A model as far as it is read."""
    return SimpleNamespace(cfg=SimpleNamespace(**{"dtype": "torch.float32", "tokenizer_name": None, "model_name": None, **fields}))


def test_the_spec_is_one_that_a_coordinator_takes(client: patchsweep.Client, tmp_path: Path) -> None:
    spec = patchsweep.from_transformer_lens(
        stand_in(), CLEAN, CORRUPTED, [(564, 565), (569, 565)], folder=tmp_path, path="acronym-gpt2"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"from-transformer-lens.toml", "from-transformer-lens.tokens.json"}
    sweep = client.submit(spec).wait(timeout=BOUND_SECONDS, show=False)
    assert client.submit(tmp_path / "from-transformer-lens.toml").id == sweep.id
    ds = sweep.results()
    assert {"resid_pre", "attn_out", "mlp_out", "z"} <= set(ds.data_vars) and ds.attrs["metrics"] == ["logit_diff"]
    # Denoising: with the clean run's embedding at the only position that differs, all is the clean run's.
    np.testing.assert_allclose(ds["resid_pre.value"].sel(layer=0, pos=2), ds["clean"], atol=1e-5)
    np.testing.assert_allclose(ds["resid_pre.value"] - ds["corrupted"], ds["resid_pre"], atol=1e-5)


def test_right_answers_alone_are_scored_by_their_log_probability(tmp_path: Path) -> None:
    grid: patchsweep.spec.Grid = {"component": "pattern", "axes": ["layer", "head"]}
    spec = patchsweep.from_transformer_lens(
        stand_in(), CLEAN.tolist(), tuple(CORRUPTED), np.array([564, 569]), folder=tmp_path, name="own", hub="a/b", grids=[grid],
        read=5,
    )  # fmt: skip
    assert spec["metric"] == [{"kind": "logprob"}] and spec["grid"] == [grid] and spec["model"]["hub"] == "a/b"
    assert spec["iteration"][0]["read"] == 5 and (tmp_path / "own.toml").is_file()


@pytest.mark.parametrize(
    ("model", "hub"),
    [
        (stand_in(tokenizer_name="EleutherAI/pythia-160m", model_name="pythia-160m"), "EleutherAI/pythia-160m"),
        (stand_in(tokenizer_name="gpt2"), "openai-community/gpt2"),
        (stand_in(model_name="gpt2-xl"), "openai-community/gpt2-xl"),
    ],
)
def test_the_model_s_own_name_is_taken(tmp_path: Path, model: Any, hub: str) -> None:
    spec = patchsweep.from_transformer_lens(model, CLEAN, CORRUPTED, [1, 2], folder=tmp_path)
    assert spec["model"] == {"hub": hub, "dtype": "float32"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((stand_in(), CLEAN, CORRUPTED, [1, 2]), "the model has no name on the hub; give it with hub='OWNER/NAME', or its folder"),
        ((stand_in(model_name="mine"), CLEAN, CORRUPTED, [1, 2]), "`mine` is no repository on the hub"),
        ((stand_in(model_name="custom", tokenizer_name="gpt2"), CLEAN, CORRUPTED, [1, 2]), "`custom` is no repository on the hub"),
        (
            (stand_in(model_name="SoLU_1L512W_C4_Code", tokenizer_name="EleutherAI/gpt-neox-20b"), CLEAN, CORRUPTED, [1, 2]),
            "`SoLU_1L512W_C4_Code` is no repository on the hub",
        ),
        (
            (
                stand_in(
                    model_name="pythia-160m", tokenizer_name="EleutherAI/pythia-160m", from_checkpoint=True, checkpoint_value=8
                ),
                CLEAN, CORRUPTED, [1, 2],
            ),
            r"the model is a checkpoint of `pythia-160m` \(8\), and the hub's main revision is another; save it",
        ),
        ((stand_in(dtype="torch.float64"), CLEAN, CORRUPTED, [1, 2]), "computes in float64; patchsweep computes in float32, bfloat16"),
        ((stand_in(), CLEAN, CORRUPTED[:, 1:], [1, 2]), "differ in shape; give a corrupted prompt as many tokens"),
        ((stand_in(), "text", CORRUPTED, [1, 2]), "str holds no token ids"),
        ((stand_in(), CLEAN[0], CORRUPTED, [1, 2]), "clean_tokens are no token ids .*; give what model.to_tokens returns"),
        ((stand_in(), CLEAN, CORRUPTED, [1]), "answers are no token ids .* for 2 prompts; give each the right token"),
        ((stand_in(), CLEAN, CORRUPTED, [[1, 2, 3], [1, 2, 3]]), "answers are no token ids"),
    ],
)
def test_what_cannot_become_a_spec_is_refused(tmp_path: Path, arguments: Any, part: str) -> None:
    with pytest.raises(patchsweep.SpecError, match=part):
        patchsweep.from_transformer_lens(*arguments, folder=tmp_path)
