"""The hub cache is where huggingface_hub has it."""

import itertools
import os
import re
import subprocess
import sys

NAMES = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"]
VALUES = ["/somewhere", "~/mine", "~", "relative/folder", "$HOME/of-home", "${ELSEWHERE}/x", "$NOBODY/x", "$TWICE/x"]
SPEC = """schema = 1
name = "cached"
[model]
hub = "nobody/nothing"
[dataset]
tokens = "tokens.json"
[[metric]]
kind = "logprob"
[[iteration]]
read = 1
[[grid]]
component = "resid_pre"
axes = ["layer"]
"""


def cases():
    """All variables set and not set, then each with values that are expanded."""
    for which in itertools.product([False, True], repeat=len(NAMES)):
        yield {name: f"/{name.lower()}" for name, is_set in zip(NAMES, which) if is_set}
    for name, value in itertools.product(NAMES, VALUES):
        yield {name: value}


def check(patchsweep, folder):
    folder.mkdir()
    (folder / "sweep.toml").write_text(SPEC)
    (folder / "tokens.json").write_text("{}")
    unset = {name: value for name, value in os.environ.items() if name not in NAMES}
    given = {"HOME": str(folder / "home"), "ELSEWHERE": "/elsewhere", "TWICE": "$ELSEWHERE"}
    for case in cases():
        environment = {**unset, **given, **case}
        theirs = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
        found = subprocess.run([sys.executable, "-c", theirs], env=environment, capture_output=True, text=True, check=True)
        plan = [patchsweep, "plan", str(folder / "sweep.toml")]
        stderr = subprocess.run(plan, env=environment, capture_output=True, text=True).stderr
        ours = re.search("is not in the hub cache (.*); fetch it", stderr)
        assert ours and ours[1] == found.stdout.strip(), (case, found.stdout, stderr)
