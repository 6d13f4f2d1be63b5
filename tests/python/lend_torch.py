"""Lends a virtual environment the torch whose libtorch patchsweep is built with.

    python lend_torch.py LIBTORCH ENVIRONMENT

The wheel needs 4 GB of CUDA libraries to be imported at all, which a machine that computes on its CPUs never calls. Empty
libraries with the same names stand in for those that are not there. A LIBTORCH that is no Python package is not lent.
"""

import pathlib
import re
import subprocess
import sys

# Beside the torch package lie those that are always installed with it.
ENTRIES = ["torch", "torchgen", "torch-*.dist-info", "nvidia"]

# Whose symbols have no version that would say which library they are of.
PREFIXES = {"cuFile": "libcufile", "curand": "libcurand", "cusparseLt": "libcusparseLt", "nccl": "libnccl"}

# Runs whenever the environment's Python starts. A library that is loaded already is not looked for.
PRELOAD = "import ctypes; list(map(ctypes.CDLL, {paths!r}))\n"


def main():
    torch, environment = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    if not (torch / "__init__.py").is_file():
        print(f"lend_torch: {torch} is no Python package; what needs torch is skipped")
        return
    [packages] = environment.glob("lib/python3*/site-packages")
    for entry in (path for pattern in ENTRIES for path in torch.parent.glob(pattern)):
        link = packages / entry.name
        link.unlink(missing_ok=True)
        link.symlink_to(entry)
    folder = environment / "stand-ins"
    folder.mkdir(exist_ok=True)
    paths = [stand_in(name, symbols, folder) for name, symbols in missing(torch / "lib").items()]
    (packages / "stand_ins.pth").write_text(PRELOAD.format(paths=paths))


def missing(libraries):
    """Names of libraries that an import looks for in vain, each with what is wanted of it: versions, and their symbols."""
    absent = re.findall(r"(\S+) => not found", output("ldd", libraries / "libtorch_python.so"))
    wanted, versions, undefined = {name: {"": set()} for name in absent}, {}, []
    for library in sorted(libraries.glob("*.so")):
        needs = re.findall(r"File: (\S+) .*\n((?:.*Name: .*\n)*)", output("readelf", "--version-info", "--wide", library))
        versions.update({version: name for name, text in needs for version in re.findall(r"Name: (\S+)", text)})
        undefined += re.findall(r" U (\w+)(?:@(\S+))?\n", output("nm", "--dynamic", "--undefined-only", library))
    for symbol, version in undefined:
        prefix = next((name for start, name in PREFIXES.items() if symbol.startswith(start)), None)
        for name in wanted:
            if versions.get(version) == name or (not version and prefix == name.split(".")[0]):
                wanted[name].setdefault(version, set()).add(symbol)
    return wanted


def stand_in(name, symbols, folder):
    """A library with functions that end the process."""
    source, versions, library = folder / "stand_in.c", folder / "versions", folder / name
    functions = sorted(set().union(*symbols.values()))
    source.write_text("".join(f"void {function}(void) {{ __builtin_trap(); }}\n" for function in functions))
    named = {version: of for version, of in symbols.items() if version}
    listed = (f"{version} {{ global: {' '.join(f'{symbol};' for symbol in sorted(of))} }};\n" for version, of in named.items())
    versions.write_text("".join(listed))
    script = [f"-Wl,--version-script={versions}"] if named else []
    command = ["cc", "-shared", "-fPIC", "-fno-builtin", "-o", library, source, f"-Wl,-soname,{name}", *script]
    subprocess.run(command, check=True)
    return str(library)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
