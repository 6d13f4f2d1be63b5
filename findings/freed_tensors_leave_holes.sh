#!/bin/sh
# How much memory it takes to turn matrices around one by one, as a loader of weights that are stored the other way round does.
#
# One would guess: each stored matrix is freed before the next is made, so one of them is in memory beside those that are kept.
# What happens: twice the memory is taken, always with MALLOC_MMAP_THRESHOLD_=33554432 (with which freed tensors stay with the
# process, so that new ones need not be cleared by the system), and more often than not where nothing is set, as the library raises
# that limit by itself. The GNU C library (2.36) cuts an aligned tensor out of a larger piece and gives what is left over to the
# next small thing, so a freed tensor's place is too small for one of the same size, for ever. With a limit below the
# tensors' size they go back to the system one by one, and the guess is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.11.0 numpy==2.4.6
cat > "$folder/turn.py" <<'PYTHON'
import os, torch

COUNT, ROWS, COLUMNS = 40, 768, 3072

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

torch.set_num_threads(1)
kept, before = [], resident()
for _ in range(COUNT):
    stored = torch.empty(ROWS, COLUMNS).normal_()
    kept.append(stored.t().contiguous())
    del stored
print(f"{(resident() - before) / (COUNT * ROWS * COLUMNS * 4):.1f}")
PYTHON

memory() { env -u GLIBC_TUNABLES -u MALLOC_TRIM_THRESHOLD_ "$@" "$folder/venv/bin/python" "$folder/turn.py"; }
unset_=$(memory env -u MALLOC_MMAP_THRESHOLD_)
high=$(memory env MALLOC_MMAP_THRESHOLD_=33554432)
low=$(memory env MALLOC_MMAP_THRESHOLD_=1048576)
library=$("$folder/venv/bin/python" -c 'import os; print(os.confstr("CS_GNU_LIBC_VERSION"))')
echo "torch 2.11.0, $library: memory over that of the matrices that are kept, with MALLOC_MMAP_THRESHOLD_ 32 MiB $high, 1 MiB $low, unset $unset_"
case "$high $low" in
    1.[89]" "1.[01]|2.[0-9]" "1.[01]) ;;
    *) echo "the behaviour has changed" >&2; exit 1 ;;
esac
