#!/bin/sh
# Whose CUDA runtime libtorch takes where LD_LIBRARY_PATH names another one, as `module load cuda` does on a cluster.
#
# One would guess: that of LD_LIBRARY_PATH, as with nearly all libraries of Linux.
# What happens: that of the wheels. libtorch_cpu.so of torch's wheel (the CPU's part: it needs the runtime too) has an RPATH, not a
# RUNPATH, and the loader looks there before it looks into LD_LIBRARY_PATH. A library of another place is taken only where it is in
# the process before, by LD_PRELOAD for instance, because then its name is known.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
packages=$(echo "$folder"/venv/lib/python3*/site-packages)
runtime=$packages/nvidia/cu13/lib/libcudart.so.13
mkdir "$folder/module"
cp "$runtime" "$folder/module/"

cat > "$folder/which.py" <<'PYTHON'
import ctypes, sys

ctypes.CDLL(sys.argv[1])
(runtime,) = {line.split()[-1] for line in open("/proc/self/maps") if "libcudart" in line}
print("the module's" if "/module/" in runtime else "the wheel's")
PYTHON
which() { env -u LD_PRELOAD "$@" "$folder/venv/bin/python" "$folder/which.py" "$packages/torch/lib/libtorch_cpu.so"; }
by_path=$(which LD_LIBRARY_PATH="$folder/module")
preloaded=$(which LD_PRELOAD="$folder/module/libcudart.so.13")
echo "torch 2.11.0: with LD_LIBRARY_PATH $by_path runtime, with LD_PRELOAD $preloaded"
[ "$by_path, $preloaded" = "the wheel's, the module's" ] || { echo "the behaviour has changed" >&2; exit 1; }
