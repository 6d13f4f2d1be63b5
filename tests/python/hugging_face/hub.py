"""A cache that `model fetch` fills is one that huggingface_hub reads, and the other way round.

Both fetch from target/debug/hub, which tests in Rust use too.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

REPOSITORY = "ada/acronyms"
MODEL = pathlib.Path(__file__).parents[3] / "data" / "acronym-gpt2"
READ = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
UNREAD = {"README.md": "Acronyms.", "pytorch_model.bin": "a pickle"}

# What huggingface_hub finds in the cache, asking nobody.
FOUND = """
import json, sys
from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache
repository, names = sys.argv[1], sys.argv[2:]
scanned = scan_cache_dir()
[revision] = [revision for repo in scanned.repos for revision in repo.revisions]
print(json.dumps({
    "folder": snapshot_download(repository, local_files_only=True),
    "files": [try_to_load_from_cache(repository, name) for name in names],
    "warnings": [str(warning) for warning in scanned.warnings],
    "commit": revision.commit_hash,
    "refs": sorted(revision.refs),
    "cached": sorted(file.file_name for file in revision.files),
}))
"""
DOWNLOAD = "import sys; from huggingface_hub import snapshot_download as d; print(d(sys.argv[1], allow_patterns=sys.argv[2:] or None))"
ONE = "import sys; from huggingface_hub import hf_hub_download as d; print(d(*sys.argv[1:]))"


@contextlib.contextmanager
def served(program, folder):
    """The model as a repository, with files that are not read here; gives commit and address."""
    shutil.copytree(MODEL, folder)
    for name, text in UNREAD.items():
        (folder / name).write_text(text)
    command = [program, REPOSITORY, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        yield hub.stdout.readline().strip(), hub.stdout.readline().strip()
        hub.stdin.close()


def environment(folder, address):
    named = ("HF_", "HUGGING", "TRANSFORMERS_OFFLINE", "XDG_CACHE_HOME")
    others = {name: value for name, value in os.environ.items() if not name.startswith(named) and "PROXY" not in name.upper()}
    return {**others, "HF_ENDPOINT": address, "HF_HOME": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}


def output(command, environment):
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    return ended.stdout


def check(patchsweep, folder):
    folder.mkdir()
    with served(str(pathlib.Path(patchsweep).with_name("hub")), folder / "repository") as (commit, address):
        check_ours(patchsweep, folder / "ours", commit, address)
        check_theirs(patchsweep, folder / "theirs", commit, address)
        check_half(patchsweep, folder / "half", address)


def fetched(patchsweep, environment):
    return json.loads(output([patchsweep, "model", "fetch", REPOSITORY, "--output", "json"], environment))


def check_ours(patchsweep, home, commit, address):
    """What `model fetch` leaves, huggingface_hub takes for its own."""
    online = environment(home, address)
    answer = fetched(patchsweep, online)
    offline = {**online, "HF_HUB_OFFLINE": "1"}
    found = json.loads(output([sys.executable, "-c", FOUND, REPOSITORY, *READ], offline))
    snapshot = home / "hub" / "models--ada--acronyms" / "snapshots" / commit
    assert answer["folder"] == found["folder"] == str(snapshot), (answer, found)
    assert found["files"] == [str(snapshot / name) for name in READ], found
    assert all((snapshot / name).read_bytes() == (MODEL / name).read_bytes() for name in READ)
    assert (found["commit"], found["refs"], found["cached"]) == (commit, ["main"], READ), found
    assert found["warnings"] == [], found
    # Nor does it fetch anything again where it may.
    before = {name: (snapshot / name).stat() for name in READ}
    assert output([sys.executable, "-c", DOWNLOAD, REPOSITORY, *READ], online).strip() == str(snapshot)
    assert {name: (snapshot / name).stat() for name in READ} == before


def check_theirs(patchsweep, home, commit, address):
    """What huggingface_hub leaves, is planned with and not fetched again."""
    online = environment(home, address)
    folder = output([sys.executable, "-c", DOWNLOAD, REPOSITORY], online).strip()
    answer = fetched(patchsweep, online)
    assert (answer["folder"], answer["commit"]) == (folder, commit), answer
    assert not any(file["is_new"] for file in answer["files"]), answer
    spec = (MODEL.parent / "acronyms.toml").read_text().replace('path = "acronym-gpt2"', f'hub = "{REPOSITORY}"')
    (home / "spec.toml").write_text(spec)
    shutil.copy(MODEL.parent / "acronyms.txt", home)
    unreachable = {**online, "HF_ENDPOINT": "http://127.0.0.1:9"}
    output([patchsweep, "plan", str(home / "spec.toml")], unreachable)
    shown = json.loads(output([patchsweep, "model", "show", REPOSITORY, "--output", "json"], unreachable))
    assert shown["folder"] == folder, shown


def check_half(patchsweep, home, address):
    """What huggingface_hub has begun, `model fetch` completes."""
    online = environment(home, address)
    output([sys.executable, "-c", ONE, REPOSITORY, "model.safetensors"], online)
    answer = fetched(patchsweep, online)
    new = {file["name"]: file["is_new"] for file in answer["files"]}
    assert new == {name: name != "model.safetensors" for name in READ}, answer
