#!/bin/sh
# Text labels of an xarray dataset, written to Zarr format 3 and opened again.
#
# One would guess: what `to_zarr` wrote, `open_zarr` gives back, so whatever worked on the dataset works on it; `equals` says
# that both are the same.
# What happens: labels that are Python strings (those of a pandas index, say) are `string` on disk and come back as numpy's
# StringDType. It has no missing value, so whatever has to fill a gap raises: `idxmin` along the labels, `where` on them,
# and `astype(str)`. Labels that numpy holds as `<U` are `fixed_length_utf32` on disk, come back as `<U`, and work.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pandas==3.1.1 xarray==2026.9.0 zarr==3.1.6
cat > "$folder/look.py" <<'PYTHON'
import json, pathlib, sys, warnings
import numpy, pandas, xarray, zarr

warnings.simplefilter("ignore")
print("numpy", numpy.__version__, "pandas", pandas.__version__, "xarray", xarray.__version__, "zarr", zarr.__version__)
folder = pathlib.Path(sys.argv[1])
effects = pandas.DataFrame({"effect": [1.0, -2.0, 0.5]}, index=pandas.Index(["a", "bb", "c"], name="label"))
written = effects.to_xarray()
fixed = written.assign_coords(label=written["label"].values.astype("U"))
uses = {
    "idxmin": lambda dataset: dataset["effect"].idxmin("label").item(),
    "where": lambda dataset: dataset["label"].where(dataset["effect"] > 0).values.tolist(),
    "astype(str)": lambda dataset: dataset["label"].astype(str).values.tolist(),
}


def outcomes(name, dataset):
    found = []
    for use, of in uses.items():
        try:
            found.append(f"{use}: {of(dataset)}")
        except TypeError as error:
            found.append(f"{use}: {type(error).__name__}")
    print(name, dataset["label"].dtype, *found, sep="\n    ")
    return found


def reopened(dataset, name):
    dataset.to_zarr(folder / name, mode="w", zarr_format=3)
    on_disk = json.loads((folder / name / "label" / "zarr.json").read_text())["data_type"]
    print(f"{name} on disk: {on_disk}")
    return xarray.open_zarr(folder / name).load()


right = outcomes("as made", written)
strings, texts = reopened(written, "strings"), reopened(fixed, "texts")
assert strings.equals(written)
wrong, mended = outcomes("strings, opened again", strings), outcomes("<U, opened again", texts)
as_seen = ["idxmin: DTypePromotionError", "where: DTypePromotionError", "astype(str): TypeError"]
sys.exit(0 if wrong == as_seen and mended == right else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$folder"
