"""Runs sweeps and reads their results with the libraries that they are for.

    python read_results.py PATCHSWEEP SPEC..
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

from formats import documents, store, table, tensors


def main():
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ResourceWarning)
    patchsweep, *specs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        for spec in map(pathlib.Path, specs):
            folder = pathlib.Path(temporary) / spec.stem
            command = [patchsweep, "run", str(spec), "--out", str(folder), "--csv"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            manifest = json.loads((folder / "manifest.json").read_text())
            for library in [tensors, store, table]:
                library.check(folder, manifest)
        documents.check(pathlib.Path(temporary))
    print("read_results: numpy, safetensors, xarray, pandas and polars agree")


if __name__ == "__main__":
    main()
