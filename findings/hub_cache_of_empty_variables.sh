#!/usr/bin/env bash
# Where does huggingface_hub keep its cache? One would guess: a variable that is set to nothing is as good as unset, and a
# value is expanded once, as a shell does it. In 2.4.0 an empty HF_HOME is the working directory (the cache is `hub` in it),
# an empty HF_HUB_CACHE is the working directory itself, and a value of HF_HOME is expanded twice, one of HF_HUB_CACHE
# once: with A='$B', HF_HOME='$A' ends in what B says, HF_HUB_CACHE='$A' in a folder called `$B`.
# Who reads the cache without the library has to do the same, or looks elsewhere for what was downloaded.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet huggingface_hub==2.4.0
cd "$folder"

cache() {
    env -u HF_HUB_CACHE -u HUGGINGFACE_HUB_CACHE -u HF_HOME -u XDG_CACHE_HOME HOME=/home/me "$@" \
        "$folder/venv/bin/python" -c 'from huggingface_hub import constants; print(constants.HF_HUB_CACHE)'
}

expect() {
    local wanted=$1 found
    shift
    found=$(cache "$@")
    echo "$* -> '$found'"
    [ "$found" = "$wanted" ] || { echo "changed: it was '$wanted'"; exit 1; }
}

"$folder/venv/bin/python" -c 'import huggingface_hub; print("huggingface_hub", huggingface_hub.__version__)'
expect /home/me/.cache/huggingface/hub
expect hub HF_HOME=
expect '' HF_HUB_CACHE=
expect huggingface/hub XDG_CACHE_HOME=
expect /b/hub HF_HOME='$A' A='$B' B=/b
expect '$B' HF_HUB_CACHE='$A' A='$B' B=/b
# The older name counts more than HF_HOME.
expect /old HUGGINGFACE_HUB_CACHE=/old HF_HOME=/home
