#!/usr/bin/env bash
# Makes the image of what `make dist` made: build.sh DIST NAME
#
#     ENGINE   buildah, podman or docker; else the first of these that is there
#     BASE     the image to build on; else one that base.sh makes of this machine's C and C++ libraries
set -euo pipefail
dist=$1 name=$2
here=$(dirname "$0")

engine=${ENGINE:-}
for candidate in buildah podman docker; do
    [[ -n $engine ]] || ! command -v "$candidate" > /dev/null || engine=$candidate
done
[[ -n $engine ]] || { echo "none of buildah, podman and docker is here: install one, or name it with ENGINE" >&2; exit 1; }

if [[ -z ${BASE:-} ]]; then
    BASE=localhost/patchsweep-base
    made=$(mktemp -d)
    trap 'rm -rf "$made"' EXIT
    "$here/base.sh" "$dist" "$made/base.tar"
    case $engine in
        buildah)
            container=$(buildah from scratch)
            buildah add --quiet "$container" "$made/base.tar" / > /dev/null
            buildah commit --quiet --rm "$container" "$BASE" > /dev/null
            ;;
        *) "$engine" import "$made/base.tar" "$BASE" > /dev/null ;;
    esac
fi

# The Containerfile copies it; git keeps no empty folders.
mkdir -p "$dist/state"
revision=$(git -C "$here" describe --always --dirty 2> /dev/null || echo unknown)
version=$("$dist/bin/patchsweep" --version | cut -d' ' -f2)
(
    set -x
    "$engine" build --file "$here/Containerfile" --tag "$name" \
        --build-arg "BASE=$BASE" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$dist"
)
