"""Sweeps on what stands in for GPUs: python check_cards.py PROGRAMS STAND_IN

Layers on two cards, and a worker on each of two, must give the bits that one card gives, and weights that come to a small card block by
block the effects that the CPU computes. Computing a tile must hardly ever wait for a card, nor must loading; and of a card that is not
named nothing is taken.
"""

import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import stand_in

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import npz  # noqa: E402
import ours  # noqa: E402

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
# Downloads of a tile whose batches are one: its scores. Those of features ask which of them have changed as well, and some tiles have more
# than one batch or chunk.
DOWNLOADS = 3
# Uploads that are waited for: of a dictionary's tensors.
UPLOADS = 8
# Of a card on which the model's weights, 3.7 MB, leave less than 1 MiB. Few prompts, as batches are small there.
SMALL_CARD, FEW_PROMPTS = 4_660_400, 4


def main():
    programs, libraries = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    wrong = []
    for name in ("acronyms", "attention", "facts", "features", "paths"):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            one, two = (run(programs, libraries, name, folder, device) for device in ("cuda:0", "cuda:0,cuda:1"))
            wrong += [f"{name}: {tensor} has other bits on two cards" for tensor in differing(one, two)]
            wrong += [f"{name}: {complaint}" for complaint in waits(name, one)]
            if name == "acronyms":
                each = run(programs, libraries, name, folder, "cuda:0", "cuda:1")
                wrong += [f"{name}: {tensor} has other bits with a worker on each card" for tensor in differing(one, each)]
    with tempfile.TemporaryDirectory() as folder:
        wrong += streamed(programs, libraries, pathlib.Path(folder))
    if wrong:
        sys.exit("\n".join(wrong))


def streamed(programs, libraries, folder):
    """What is wrong with a model that streams to a small card, the second one."""
    text = (DATA / "acronyms.toml").read_text().replace("samples = 250", f"samples = {FEW_PROMPTS}")
    spec = folder / "few.toml"
    spec.write_text(text)
    shutil.copytree(DATA / "acronym-gpt2", folder / "acronym-gpt2")
    shutil.copy(DATA / "acronyms.txt", folder)
    outs = [folder / place for place in ("cpu", "small")]
    for out, device, settings in zip(outs, ("cpu", "cuda:1"), ({}, {"STAND_IN_GPU_BYTES": str(SMALL_CARD)}), strict=True):
        out.mkdir()
        run(programs, libraries, spec, out, device, settings=settings)
    largest = difference(outs[0] / "cpu", outs[1] / "cuda:1")
    manifest = json.loads((outs[1] / "cuda:1" / "manifest.json").read_text())
    bytes_streamed = sum(worker["streamed_bytes"] for worker in manifest["run"]["workers"])
    table = outs[1] / "cuda:1.cards"
    _, queued, uploads, _ = stand_in.counts(table)
    print(f"check_cards: streamed: {bytes_streamed} bytes, {queued} uploads that nobody waits for, {uploads} others; {largest:.1e} from the CPU")
    if not bytes_streamed or uploads:
        yield f"streamed: {bytes_streamed} bytes, {uploads} uploads are waited for"
    if (contexts := stand_in.contexts(table)) != (0, 1):
        yield f"streamed: {contexts} contexts on the two cards"
    if not largest <= 2e-6:
        yield f"streamed: {largest} from the CPU's scores"


def run(programs, libraries, name, folder, *devices, settings=None):
    """The results folder, beside the table of the cards that computed it."""
    out = folder / "+".join(devices)
    spec = DATA / f"{name}.toml" if isinstance(name, str) else name
    command = [programs / "patchsweep", "run", spec, "--out", out]
    command += [word for device in devices for word in ("--device", device)]
    environment = {**stand_in.environment(libraries, folder / f"{out.name}.cards"), **(settings or {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} on {out.name} ended with {done.returncode}: {done.stderr}")
    return out


def differing(one, two):
    """Names of tensors."""
    one, two = (zipfile.ZipFile(out / "scores.npz") for out in (one, two))
    assert one.namelist() and one.namelist() == two.namelist()
    return [name for name in one.namelist() if one.read(name) != two.read(name)]


def difference(one, two):
    """Between effects, at most."""
    names = [grid["name"] for grid in json.loads((one / "manifest.json").read_text())["grids"]]
    one, two = (npz.load(out / "scores.npz") for out in (one, two))
    pairs = ((a, b) for name in names for a, b in zip(one[name].values, two[name].values, strict=True))
    return ours.largest_difference(pair for pair in pairs if not math.isnan(pair[0]))


def waits(name, out):
    """What waits for a card more often than it may."""
    manifest = json.loads((out / "manifest.json").read_text())
    tiles = manifest["tiles"]["count"]
    operators, queued, uploads, downloads = stand_in.counts(out.with_name(f"{out.name}.cards"))
    print(f"check_cards: {name}: for a tile {operators / tiles:.0f} operators, {queued / tiles:.0f} uploads that nobody waits for and "
          f"{downloads / tiles:.1f} downloads; {uploads} uploads that are waited for")
    if not 0 < downloads <= DOWNLOADS * tiles or not queued:
        yield f"{tiles} tiles wait for {downloads} downloads"
    if uploads > UPLOADS:
        yield f"{uploads} uploads are waited for"


if __name__ == "__main__":
    main()
