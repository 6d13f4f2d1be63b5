#!/usr/bin/env bash
# Usage: build.sh LIBTORCH FOLDER. Puts libraries into FOLDER that stand in for those of NVIDIA and for libtorch's CUDA part.
set -euo pipefail
mkdir -p "$2"
libtorch=$(realpath "$1") out=$(realpath "$2")
cd "$(dirname "$0")"
flags=(-std=c++17 -O1 -fPIC -shared -Wl,-rpath,'$ORIGIN' -L"$out")
echo 'libcudart.so.13 { global: cuda*; };' >"$out/runtime.map"
g++ "${flags[@]}" memory.cpp -o "$out/libstandin.so"
g++ "${flags[@]}" runtime.cpp -o "$out/libcudart.so.13" -Wl,-soname,libcudart.so.13,--version-script="$out/runtime.map" -lstandin
g++ "${flags[@]}" driver.cpp -o "$out/libcuda.so.1" -lstandin
g++ "${flags[@]}" -I"$libtorch/include" device.cpp operators.cpp queues.cpp -o "$out/libtorch_cuda.so" -L"$libtorch/lib" -ltorch_cpu -lc10 -lstandin
cp nvidia-smi "$out/"
