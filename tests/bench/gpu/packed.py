"""The programs in packed form: they travel with the working tree to where a GPU is, which takes so many megabytes only."""

import lzma
import shutil

PROGRAMS = ("patchsweep", "patchsweep-worker")
# Packs and unpacks within seconds; more brings little.
PRESET = 1


def pack(program, folder):
    """Gives the bytes."""
    packed = folder / f"{program.name}.xz"
    with program.open("rb") as whole, lzma.open(packed, "wb", preset=PRESET) as file:
        shutil.copyfileobj(whole, file, 1 << 20)
    return packed.stat().st_size


def unpacked(folder, scratch):
    """The folder with the programs, which is below `scratch` where they are packed; None where some are missing."""
    if all((folder / name).is_file() for name in PROGRAMS):
        return folder
    if not all((folder / f"{name}.xz").is_file() for name in PROGRAMS):
        return None
    programs = scratch / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        with lzma.open(folder / f"{name}.xz") as packed, (programs / name).open("wb") as whole:
            shutil.copyfileobj(packed, whole, 1 << 20)
        (programs / name).chmod(0o755)
    return programs
