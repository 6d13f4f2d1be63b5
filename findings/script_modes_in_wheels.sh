#!/bin/sh
# Programs and scripts in a wheel's `.data/scripts` folder.
#
# One would guess: what lies there is what is to be run, so installers make it executable, whatever mode the archive gives it; the
# format's description (PEP 427) has them rewrite its first line, and add the bit where an archive comes from Windows.
# What happens: uv makes it executable. pip rewrites the first line and keeps the archive's mode: without an x bit there, which is
# what writing an archive by Python's zipfile.writestr or building from a checkout without modes gives, the command is on the PATH
# and "Permission denied".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/make.py" <<'PYTHON'
import sys, zipfile
INFO = "shown-1.0.dist-info"
SCRIPT = b"#!python\nprint('runs')\n"
with zipfile.ZipFile(f"{sys.argv[1]}/shown-1.0-py3-none-any.whl", "w") as wheel:
    for name, mode in (("with-bit", 0o100755), ("without-bit", 0o100644)):
        entry = zipfile.ZipInfo(f"shown-1.0.data/scripts/{name}")
        entry.external_attr = mode << 16
        wheel.writestr(entry, SCRIPT)
    wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: shown\nVersion: 1.0\n")
    wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{INFO}/RECORD", "")
PYTHON
python3 "$folder/make.py" "$folder"
python3 -m venv "$folder/tools"
"$folder/tools/bin/pip" install --quiet pip==26.3 uv==0.13.9
for installer in pip uv; do
    python3 -m venv --without-pip "$folder/$installer"
    case $installer in
        pip) "$folder/tools/bin/pip" --python "$folder/pip/bin/python" install --quiet "$folder"/shown-*.whl ;;
        uv) "$folder/tools/bin/uv" pip install --quiet --python "$folder/uv/bin/python" "$folder"/shown-*.whl ;;
    esac
    "$folder/tools/bin/$installer" --version | cut -d' ' -f1-2
    for script in with-bit without-bit; do
        printf '  %-12s %s, %s\n' "$script" "$(stat -c %A "$folder/$installer/bin/$script")" \
            "$("$folder/$installer/bin/$script" 2> /dev/null || echo 'does not run')"
    done
done | tee "$folder/seen"
expected='pip 26.3
  with-bit     -rwxr-xr-x, runs
  without-bit  -rw-r--r--, does not run
uv 0.13.9
  with-bit     -rwxr-xr-x, runs
  without-bit  -rwxr-xr-x, runs'
[ "$(cat "$folder/seen")" = "$expected" ] || { echo "the behaviour has changed" >&2; exit 1; }
