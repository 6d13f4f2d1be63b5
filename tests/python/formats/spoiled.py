"""What the checks of `cells` are worth: with one thing changed in a copy of a file, they fail."""

import csv
import json
import pathlib
import shutil
import tempfile

from .cells import AXES, NUMBERS, TOKENS, check_store, check_table, read_store, read_table

ARRAYS = ["z", "to_keys.value", "guessed.estimate", "guessed@logprob.status", "to_layer", "mlp_post.neuron", "token", "iteration"]


def check(results, folder):
    """`results` are those of `folder`, which holds every kind of grid."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / "copy"
        shutil.copytree(folder, copy)
        spoil_table(results, copy)
        spoil_store(results, copy)


def spoil_table(results, folder):
    """One entry of each column that has any."""
    path = folder / "scores.csv"
    with path.open(newline="") as file:
        head, *lines = csv.reader(file)
    spoiled = set()
    for at, column in enumerate(head):
        for row, line in enumerate(lines):
            if line[at]:
                changed = [*line[:at], "1" + line[at], *line[at + 1 :]]
                with path.open("w", newline="") as file:
                    csv.writer(file).writerows([head, *lines[:row], changed, *lines[row + 1 :]])
                results.table = read_table(folder)
                refused(check_table, results, f"{column} of line {row + 1} of scores.csv")
                spoiled.add(column)
                break
    left = {*AXES, *TOKENS.values(), *NUMBERS} - spoiled
    assert left == {"dest_pos", "src_pos", "dest_token", "src_token", "between"}, f"nothing stands in {left}"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    results.table = read_table(folder)
    check_table(results)


def spoil_store(results, folder):
    """One bit of the first entry of some arrays and coordinates."""
    for name in ARRAYS:
        array = folder / "scores.zarr" / name
        chunk = array / ("c" + ".0" * len(json.loads((array / "zarr.json").read_text())["shape"]))
        content = chunk.read_bytes()
        changed = bytes([content[0] ^ 1]) + content[1:]
        chunk.write_bytes(changed)
        results.dataset = read_store(folder)
        refused(check_store, results, f"{name} in scores.zarr")
        chunk.write_bytes(content)
    results.dataset = read_store(folder)
    check_store(results)


def refused(check, results, what):
    try:
        check(results)
    except (AssertionError, ValueError):
        return
    raise AssertionError(f"nobody sees that {what} was changed")
