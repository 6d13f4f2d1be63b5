"""Sweeps on what stands in for GPUs: python check_cards.py PROGRAMS STAND_IN

Layers on two cards, and a worker on each of two, must give the bits that one card gives, and computing a tile must hardly ever wait for a card.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import stand_in

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
# Downloads of a tile: a batch has one, of its scores, and those of features ask which of them have changed. Uploads that are
# waited for: of the tensors of a model's block, and of its others and a dictionary's.
DOWNLOADS, UPLOADS_OF_BLOCK, OTHER_UPLOADS = 8, 16, 16


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
    if wrong:
        sys.exit("\n".join(wrong))


def run(programs, libraries, name, folder, *devices):
    """The results folder, beside the table of the cards that computed it."""
    out = folder / "+".join(devices)
    command = [programs / "patchsweep", "run", DATA / f"{name}.toml", "--out", out]
    command += [word for device in devices for word in ("--device", device)]
    environment = stand_in.environment(libraries, folder / f"{out.name}.cards")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} on {out.name} ended with {done.returncode}: {done.stderr}")
    return out


def differing(one, two):
    """Names of tensors."""
    one, two = (zipfile.ZipFile(out / "scores.npz") for out in (one, two))
    assert one.namelist() and one.namelist() == two.namelist()
    return [name for name in one.namelist() if one.read(name) != two.read(name)]


def waits(name, out):
    """What waits for a card more often than it may."""
    manifest = json.loads((out / "manifest.json").read_text())
    tiles, layers = manifest["tiles"]["count"], manifest["model"]["layers"]
    operators, queued, uploads, downloads = stand_in.counts(out.with_name(f"{out.name}.cards"))
    print(f"check_cards: {name}: for a tile {operators / tiles:.0f} operators, {queued / tiles:.0f} uploads that nobody waits for and "
          f"{downloads / tiles:.1f} downloads; {uploads} uploads of weights")
    if not 0 < downloads <= DOWNLOADS * tiles or not queued:
        yield f"{tiles} tiles wait for {downloads} downloads"
    if uploads > UPLOADS_OF_BLOCK * layers + OTHER_UPLOADS:
        yield f"{uploads} uploads are waited for, with {layers} layers"


if __name__ == "__main__":
    main()
