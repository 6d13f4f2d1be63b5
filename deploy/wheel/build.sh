#!/usr/bin/env bash
# Makes a wheel of the Python client and both programs: build.sh PYTHON PROGRAMS FOLDER
#
# PYTHON is an environment's that has what requirements.txt names. The wheel's tag says which C library the programs need: as
# auditwheel finds it in them. libtorch stays outside, it comes with torch.
set -euo pipefail
python=$1 programs=$2 folder=$3
client=$(dirname "$0")/../../proto/python
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
# auditwheel asks for patchelf, which is beside it.
PATH=$(dirname "$(realpath -s "$python")"):$PATH

for program in patchsweep patchsweep-worker; do
    cp "$programs/$program" "$made/"
    strip "$made/$program"
done
# Where libtorch was on the machine that built it is nobody's business; the script that starts it says where it is.
patchelf --remove-rpath "$made/patchsweep-worker"
PATCHSWEEP_PROGRAMS=$made "$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$made" "$client"
"$python" -m auditwheel repair --plat auto --exclude libtorch_cpu.so --exclude libc10.so --wheel-dir "$folder" "$made"/*.whl
