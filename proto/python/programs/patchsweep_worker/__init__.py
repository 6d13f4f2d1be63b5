"""Becomes the worker, with the libtorch of the torch that this Python has.

torch itself is not imported: that takes seconds, and the worker needs nothing but its libraries.
"""

import importlib.util
import os
import pathlib
import re
import sys
from typing import NoReturn

#: The release whose libtorch the worker was built with; another has other symbols.
TORCH = "2.11"
PROGRAM = pathlib.Path(__file__).with_name("patchsweep-worker")


class NoTorch(Exception):
    """There is no libtorch that the worker can be run with; says what to install."""


def main() -> NoReturn:
    try:
        libraries = libtorch()
    except NoTorch as error:
        print(f"error: {error}", file=sys.stderr)
        # As the worker itself ends that cannot start.
        sys.exit(1)
    searched = [str(libraries), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(searched)
    # `ps` shows the name that was typed.
    os.execv(PROGRAM, sys.argv)


def libtorch() -> pathlib.Path:
    """The folder of torch's libraries."""
    install = f"install it with `{sys.executable} -m pip install 'torch=={TORCH}.*'`"
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise NoTorch(f"the worker computes with libtorch, and {sys.executable} has no torch; {install}")
    torch = pathlib.Path(spec.origin).parent
    version = installed(torch)
    if version is None or not version.startswith(f"{TORCH}."):
        raise NoTorch(f"the worker was built for torch {TORCH}, and {torch} is {version or 'of no known version'}; {install}")
    libraries = torch / "lib"
    if not (libraries / "libtorch_cpu.so").is_file():
        raise NoTorch(f"the worker computes with libtorch, and {libraries} has no libtorch_cpu.so; {install}")
    return libraries


def installed(torch: pathlib.Path) -> str | None:
    """The version that the package itself says, for instance 2.11.0+cu130."""
    try:
        stated = re.search(r"^__version__ = '([^']+)'", (torch / "version.py").read_text(), re.MULTILINE)
    except OSError:
        return None
    return stated and stated[1]
