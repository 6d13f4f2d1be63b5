"""Tokenizes with patchsweep and with transformers, for model folders of many kinds, and compares the ids.

    python check_tokens.py PATCHSWEEP EMBEDDED_MODEL
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import transformers  # noqa: E402
from tokenizing import reference  # noqa: E402
from tokenizing.folders import END, folders  # noqa: E402

TEXTS = [
    "the cat sat on the mat",
    " The dog's 12 bones, 345 sticks",
    "Mary and  John went\tto the store!",
    f"the cat{END} sat",
    f"{END}the cat",
]
EMBEDDED_TEXTS = ["The Welder Sport Injury (WSI", "The Zoo Keeper Union (ZK"]

SPEC = """
schema = 1
name = "tokens"
[model]
path = {model}
[dataset]
path = "prompts.csv"
prepend_bos = {bos}
[corruption]
kind = "noise"
scale = 1.0
[[metric]]
kind = "logprob"
[[iteration]]
corrupt = [0]
read = -1
answer = 0
[[grid]]
component = "resid_pre"
axes = ["layer"]
"""


class Patchsweep:
    """Plans over one prompt each."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def plan(self, model, text, bos, answer="the"):
        """The plan as JSON, its exit code, and its messages."""
        home = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        quoted = '"' + text.replace('"', '""') + '"'
        (home / "prompts.csv").write_text(f"prompt,answer\n{quoted},{answer}\n")
        spec = home / "spec.toml"
        spec.write_text(SPEC.format(model=json.dumps(model.name), bos=bos))
        command = [self.program, "plan", str(spec), "--models", str(model.parent), "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True)
        return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr

    def ids(self, model, text, bos, answer="the"):
        plan, stderr = self.plan(model, text, bos, answer)
        assert plan, f"{model.name} {text!r}: {stderr}"
        return [token["id"] for token in plan["first_prompt"]], plan["warnings"]


def difference(warnings):
    return any("makes a tokenizer of its own" in warning for warning in warnings)


def compare(patchsweep, kind, model):
    """Ids of every text, without a BOS token, with it, and as the tokenizer does itself."""
    auto = reference.opened(model)
    open_folder = reference.as_written if kind.differs else reference.opened
    tokenizer = open_folder(model)
    differs = False
    for text in kind.texts or TEXTS:
        where = f"{kind.name} {text!r}"
        wanted = reference.plain(tokenizer, text)
        found, warnings = patchsweep.ids(model, text, "false")
        assert found == wanted, f"{where}: {found}, transformers {wanted}"
        other = reference.plain(auto, text) != wanted
        assert difference(warnings) == other, f"{where}: {warnings}"
        differs |= other
        if kind.bos:
            bos = auto.bos_token_id
            wanted = [bos, *wanted] if kind.differs else reference.with_bos(open_folder, model, text)
            found, warnings = patchsweep.ids(model, text, "true")
            assert found == wanted, f"{where} with BOS: {found}, TransformerLens {wanted}"
            twice = any("stands twice" in warning for warning in warnings)
            assert twice == (wanted[:2] == [bos, bos]), f"{where}: {warnings}"
        wanted = reference.by_itself(tokenizer, text)
        found, _ = patchsweep.ids(model, text, '"auto"')
        assert found == wanted, f"{where} by itself: {found}, transformers {wanted}"
    assert differs == kind.differs, f"{kind.name}: transformers differs"


def without_a_bos(patchsweep, kind, model):
    """Where the tokenizer says that there is none, that is final; where it says nothing, config.json is asked."""
    plan, stderr = patchsweep.plan(model, (kind.texts or TEXTS)[0], "true")
    if kind.config and "bos_token" in kind.config:
        assert plan is None and "BOS token" in stderr and "prepend_bos = false" in stderr, f"{kind.name}: {stderr}"
    else:
        assert plan and "the tokenizer's files name none" in stderr, f"{kind.name}: {stderr}"


def embedded(patchsweep, model, temporary):
    """The model that comes with patchsweep means the same tokens to everybody, because of its tokenizer_config.json."""
    auto = reference.opened(model)
    for text in EMBEDDED_TEXTS:
        found, warnings = patchsweep.ids(model, text, "true", "The")
        assert found == reference.with_bos(reference.opened, model, text), text
        assert found == [auto.bos_token_id, *reference.plain(auto, text)] and not warnings, warnings
    bare = temporary / "bare"
    bare.mkdir()
    for name in ["config.json", "tokenizer.json"]:
        shutil.copy(model / name, bare / name)
    text = EMBEDDED_TEXTS[0]
    ours, warnings = patchsweep.ids(bare, text, "true", "The")
    theirs = reference.plain(reference.opened(bare), text)
    assert (len(ours) - 1, len(theirs)) == (8, 7), (ours, theirs)
    assert any("makes 7 tokens, not 8, of this prompt" in warning for warning in warnings), warnings


def main():
    transformers.logging.set_verbosity_error()
    program, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        models = temporary / "models"
        models.mkdir()
        patchsweep = Patchsweep(program, temporary)
        kinds = folders()
        for kind in kinds:
            folder = kind.write(models)
            compare(patchsweep, kind, folder)
            if not kind.bos:
                without_a_bos(patchsweep, kind, folder)
        embedded(patchsweep, pathlib.Path(model).resolve(), temporary)
    print(f"check_tokens: {len(kinds)} tokenizers make the tokens of transformers {transformers.__version__}")


if __name__ == "__main__":
    main()
