#!/usr/bin/env bash
# Puts programs and libtorch into one folder that can be moved anywhere: dist.sh PROGRAMS LIBTORCH FOLDER
#
#     FOLDER/bin/patchsweep, FOLDER/bin/patchsweep-worker
#     FOLDER/lib/torch/lib/..   what the worker is linked with; with CUDA libraries beside it, all of them
#     FOLDER/lib/nvidia/..      where libtorch's own search path expects NVIDIA's libraries: ../../nvidia of its own folder
set -euo pipefail
programs=$1 libtorch=$(realpath "$2") folder=$3
packages=$(dirname "$libtorch")

rm -rf "$folder"
mkdir -p "$folder/bin"
cp "$(dirname "$0")/../LICENSE" "$folder/"
for program in patchsweep patchsweep-worker; do
    cp "$programs/$program" "$folder/bin/"
    strip "$folder/bin/$program"
done

copy() {
    install -D "$1" "$folder/lib/${1#"$packages"/}"
}

# libtorch comes with the folder; the C and C++ libraries are the system's.
ldd "$programs/patchsweep-worker" | awk '$2 == "=>" { print $3 }' | while read -r library; do
    library=$(realpath "$(dirname "$library")")/$(basename "$library")
    case $library in "$packages"/*) copy "$library" ;; esac
done
# Loaded by name where a GPU is, so that `ldd` does not show them.
if [[ -e $libtorch/lib/libtorch_cuda.so ]] && compgen -G "$packages/nvidia/cudnn*" > /dev/null; then
    find "$libtorch/lib" "$packages/nvidia" -name '*.so*' | while read -r library; do copy "$library"; done
fi
