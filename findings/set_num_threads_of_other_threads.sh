#!/bin/sh
# Whose arithmetic torch.set_num_threads changes.
#
# One would guess: it is a setting of the process, as its name and the documentation say ("the number of threads used for intraop parallelism
# on CPU"), or else one of the thread that calls it.
# What happens: with OpenMP, which PyPI's Linux wheels are built with, it is both. The thread that calls it has the number from then
# on, and threads that have had an operator large enough to be shared out keep theirs. All others take the number that was set last, by
# whichever thread: those that begin later, and those that had only small operators or matrix products so far. So a thread that sets 1
# for its own small products leaves 1 to every worker thread after it, while the main thread goes on with all cores and says so
# when it is asked.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.11.0 numpy==2.4.6
cat > "$folder/threads.py" <<'PYTHON'
import threading
import torch

assert "ATen parallel backend: OpenMP" in torch.__config__.parallel_info()
seen, computed, changed = {}, threading.Event(), threading.Event()

def earlier():
    torch.ones(1_000_000).sqrt()
    computed.set()
    changed.wait()
    seen["earlier"] = torch.get_num_threads()

def setting():
    torch.set_num_threads(1)
    seen["setting"] = torch.get_num_threads()

def later():
    seen["later"] = torch.get_num_threads()

torch.set_num_threads(3)
before = threading.Thread(target=earlier)
before.start()
computed.wait()
for target in (setting, later):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
changed.set()
before.join()
print(torch.get_num_threads(), seen["earlier"], seen["setting"], seen["later"])
PYTHON
seen=$("$folder/venv/bin/python" "$folder/threads.py")
echo "torch 2.11.0: threads of the main thread (3 were set), of one with a large operator behind it, of the one that set 1, of a new one: $seen"
test "$seen" = "3 3 1 1" || { echo "the behaviour has changed" >&2; exit 1; }
