"""Programs small enough to be carried to a GPU: python3 gpu_pack.py PROGRAMS FOLDER

Strips patchsweep and patchsweep-worker and packs them into FOLDER, for gpu_day.py, which unpacks them. Needs binutils here, and there
Python alone.
"""

import pathlib
import subprocess
import sys
import tempfile

from gpu import packed


def main():
    programs, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for name in packed.PROGRAMS:
        with tempfile.TemporaryDirectory() as temporary:
            stripped = pathlib.Path(temporary) / name
            subprocess.run(["strip", "-o", stripped, programs / name], check=True)
            size = packed.pack(stripped, folder)
        print(f"{folder / name}.xz: {size / 1e6:.1f} MB of {(programs / name).stat().st_size / 1e6:.1f}")


if __name__ == "__main__":
    main()
