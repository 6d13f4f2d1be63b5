#!/usr/bin/env bash
# What a build costs from clean, in CPU seconds: in all, and the crates that cost most. The arguments are cargo's:
#     build_cost.sh build --release -p patchsweep -p patchsweep-worker
set -euo pipefail

# Cargo calls this script in place of the compiler.
if [ -n "${BUILD_COST_LOG:-}" ]; then
    name=build-script previous=
    for argument in "$@"; do
        [ "$previous" = --crate-name ] && name=$argument
        previous=$argument
    done
    TIMEFORMAT="%U %S $name"
    exec 3>&2
    { time "$@" 2>&3; } 2>>"$BUILD_COST_LOG"
    exit
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CARGO_TARGET_DIR=$folder/target RUSTC_WRAPPER
RUSTC_WRAPPER=$(realpath "$0")
TIMEFORMAT='%U %S %R'
exec 3>&2
{ time BUILD_COST_LOG=$folder/crates cargo "$@" 2>&3; } 2>"$folder/whole"
awk '{ printf "%.0f CPU seconds (%.1f minutes), %.0f seconds by the clock\n", $1 + $2, ($1 + $2) / 60, $3 }' "$folder/whole"
awk '{ sum[$3] += $1 + $2; all += $1 + $2 }
     END { for (crate in sum) printf "%7.1f %s\n", sum[crate], crate; printf "%7.1f compiler in all; the rest is C, C++, build scripts and cargo\n", all }' \
    "$folder/crates" | sort -rn | head -n 25
