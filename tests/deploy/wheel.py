"""The wheel of client and programs: installed into a new environment, without torch, beside a wrong one, and to a heat map."""

import pathlib
import re
import shutil
import subprocess
import sys
import venv
import zipfile

from engines import Unavailable

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DRAW = """
import sys
import patchsweep
patchsweep.plot(patchsweep.load(sys.argv[1])["z"]).write_html(sys.argv[2])
"""


def check(programs, sweeps, folder):
    torch = (REPOSITORY / ".venv" / "libtorch").resolve()
    if not (torch / "version.py").is_file():
        raise Unavailable(f"{torch} is no Python package, which a researcher's torch is")
    build = [REPOSITORY / "deploy" / "wheel" / "build.sh", sys.executable, programs, folder]
    built = subprocess.run(build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert built.returncode == 0, built.stdout
    [wheel] = folder.glob("*.whl")
    # From the oldest C library that any program can be linked with, to none that pip would not install here.
    assert re.fullmatch(r"patchsweep-[\d.]+-py3-none-manylinux_2_\d+_x86_64\.whl", wheel.name), wheel.name
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    assert f"torch=={libtorch_release()}.*" in metadata, metadata
    environment = Environment(folder / "environment", wheel)
    without_torch(environment, sweeps)
    beside_torch(environment, torch)
    to_a_heat_map(environment, sweeps, folder)
    print(f"wheel: {wheel.stat().st_size >> 20} MiB, from `pip install` to a heat map", flush=True)


class Environment:
    """A new one with the wheel in it; nothing of its folder is on PATH."""

    def __init__(self, folder, wheel):
        venv.create(folder, with_pip=True)
        self.bin = folder / "bin"
        self.run("python", "-m", "pip", "install", "--quiet", f"{wheel}[notebook]")
        [self.packages] = folder.glob("lib/python3*/site-packages")

    def run(self, program, *arguments, code=0):
        """What a program prints to both streams."""
        words = [str(word) for word in (self.bin / program, *arguments)]
        run = subprocess.run(words, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert run.returncode == code, f"{' '.join(words)} ended with {run.returncode}:\n{run.stdout}"
        return run.stdout


def without_torch(environment, sweeps):
    """A worker says what to install, and so does what starts workers; the rest works without."""
    environment.run("patchsweep", "plan", sweeps.spec("short"))
    asked = f"{environment.bin}/python -m pip install 'torch=={libtorch_release()}.*'"
    refused = environment.run("patchsweep-worker", "--version", code=1)
    assert "has no torch" in refused and asked in refused, refused
    refused = environment.run("patchsweep", "run", sweeps.spec("short"), "--out", sweeps.folder / "none", code=1)
    assert "has no torch" in refused and asked in refused, refused

    other = environment.packages / "torch"
    other.mkdir()
    (other / "__init__.py").write_text("raise RuntimeError('nobody has to import it')")
    for text, named in (("__version__ = '2.1.10+cu118'", "is 2.1.10+cu118"), ("", "is of no known version")):
        (other / "version.py").write_text(text)
        refused = environment.run("patchsweep-worker", "--version", code=1)
        assert f"{other} {named}" in refused and asked in refused, refused
    shutil.rmtree(other)


def libtorch_release():
    """As the Makefile installs it: 2.11."""
    [release] = re.findall(r"^TORCH := (\d+\.\d+)\.\d+$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return release


def beside_torch(environment, torch):
    """A researcher's torch, which the test borrows: what it is linked with lies beside it, as pip puts it there."""
    for name in ("torch", "nvidia"):
        (environment.packages / name).symlink_to(torch.parent / name)
    assert "patchsweep-worker" in environment.run("patchsweep-worker", "--version")
    # Its part for GPUs is found. Where it cannot be loaded all the same, that is for want of one of NVIDIA's libraries.
    dial = ("--coordinator", "http://127.0.0.1:1", "--device", "cuda:0")
    refused = environment.run("patchsweep-worker", *dial, code=2)
    assert "libtorch_cuda.so: cannot open" not in refused, refused


def to_a_heat_map(environment, sweeps, folder):
    """`run` finds the worker beside itself, and the client reads the results."""
    results, page = folder / "results", folder / "z.html"
    environment.run("patchsweep", "run", sweeps.spec("short"), "--out", results)
    sweeps.compare("short", results)
    environment.run("python", "-c", DRAW, results, page)
    assert "heatmap" in page.read_text()
