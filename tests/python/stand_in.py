"""The libraries that tests/stand-in-gpu/build.sh makes, for programs that a test starts."""

import os
import pathlib
import struct


def environment(libraries, table):
    """Of programs that find `cuda:0` and `cuda:1`; `table` is a file that is these cards', made where it is missing."""
    preloaded = {"LD_PRELOAD": f"{libraries}/libcudart.so.13", "LD_LIBRARY_PATH": str(libraries)}
    return {**os.environ, **preloaded, "STAND_IN_GPU_TABLE": str(table), "PATH": f"{libraries}:{os.environ['PATH']}"}


def counts(table):
    """Operators, uploads that nobody waits for, those that somebody waits for, and downloads, of all programs so far."""
    return struct.unpack("4Q", pathlib.Path(table).read_bytes()[:32])


def contexts(table):
    """Those that programs made on each card so far."""
    return struct.unpack("2Q", pathlib.Path(table).read_bytes()[32:48])
