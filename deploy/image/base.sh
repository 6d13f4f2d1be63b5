#!/usr/bin/env bash
# A base for where no registry is reached, or no shell is wanted: base.sh DIST TAR
#
# Holds this machine's C and C++ libraries, as far as DIST needs them, CA certificates, and one program: `cat`, with which
# credentials are fetched out of a container.
set -euo pipefail
dist=$(realpath "$1") tar=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

cat=$(realpath "$(command -v cat)")
take() {
    cp --dereference --parents "$1" "$root"
}

# Those that are not DIST's own. The first word of a line is a path where the loader itself is meant.
{ find "$dist/bin" "$dist/lib" -type f -print0; printf '%s\0' "$cat"; } | xargs -0 ldd 2> /dev/null \
    | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u | while read -r library; do
    [[ $(realpath "$library") == "$dist"/* ]] || take "$library"
done
install -D "$cat" "$root/usr/bin/cat"
mkdir -p "$root/etc" "$root/tmp"
chmod 755 "$root"
chmod 1777 "$root/tmp"
# The second is what NVIDIA's container toolkit decides by where the driver's libraries go.
for file in /etc/ssl/certs/ca-certificates.crt /etc/debian_version; do
    [[ ! -e $file ]] || take "$file"
done
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0:root:/:/' 'nobody:x:65534:65534:nobody:/:/' > "$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' > "$root/etc/group"
tar --create --file "$tar" --owner 0 --group 0 --sort name --directory "$root" .
