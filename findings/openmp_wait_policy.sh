#!/bin/sh
# How threads of GNU OpenMP (libtorch's, scikit-learn's and others' wheels carry it) wait for each other.
#
# One would guess: OMP_DISPLAY_ENV says OMP_WAIT_POLICY = 'PASSIVE' where nobody has set it, so waiting threads sleep; and a
# program that wants it otherwise sets the variable before its first parallel region.
# What happens: with that same 'PASSIVE' a waiting thread looks 300,000 times before it sleeps, 10 ms and more on today's
# processors; only where somebody sets OMP_WAIT_POLICY=passive it does not look at all. And the variables are read when the
# library is loaded: for a program that is linked with it that is before main, so setting them in main changes nothing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# A small wheel with the library in it; nothing else of it is used.
"$folder/venv/bin/pip" install --quiet --no-deps --only-binary=:all: pykdtree==1.4.1
cat > "$folder/look.py" <<'PYTHON'
import ctypes, glob, os, sys
library, = glob.glob(os.path.join(sys.prefix, "lib", "python*", "site-packages", "pykdtree.libs", "libgomp*"))
openmp = ctypes.CDLL(library)  # prints its settings
os.environ["OMP_NUM_THREADS"] = "7"  # too late
print("threads after OMP_NUM_THREADS=7 was set:", openmp.omp_get_max_threads())
print("library:", os.path.basename(library), file=sys.stderr)
PYTHON

settings() {
    env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_NUM_THREADS=3 OMP_DISPLAY_ENV=verbose "$@" \
        "$folder/venv/bin/python" "$folder/look.py" 2>&1 | grep -E "OMP_WAIT_POLICY|GOMP_SPINCOUNT|threads|library"
}

unset_=$(settings)
passive=$(settings env OMP_WAIT_POLICY=passive)
printf 'nothing set:\n%s\n\nOMP_WAIT_POLICY=passive:\n%s\n' "$unset_" "$passive"

says() { printf '%s\n' "$1" | grep -q "$2" || { echo "the behaviour has changed: no $2" >&2; exit 1; }; }
says "$unset_" "OMP_WAIT_POLICY = 'PASSIVE'"
says "$unset_" "GOMP_SPINCOUNT = '300000'"
says "$unset_" "was set: 3"
says "$passive" "OMP_WAIT_POLICY = 'PASSIVE'"
says "$passive" "GOMP_SPINCOUNT = '0'"
