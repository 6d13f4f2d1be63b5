"""Reads the tensors of a .npz file with nothing but the standard library."""

import array
import ast
import math
import struct
import zipfile
from dataclasses import dataclass

TYPECODES = {"<f4": "f", "<f8": "d", "<i8": "q", "<u4": "I"}


@dataclass(frozen=True)
class Tensor:
    shape: tuple[int, ...]
    values: array.array

    def at(self, index):
        """The value at an index into all axes."""
        offset = 0
        for size, place in zip(self.shape, index, strict=True):
            offset = offset * size + place
        return self.values[offset]


def load(path):
    """Tensors by name; little-endian and in C order, as patchsweep writes them."""
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): _tensor(archive.read(name)) for name in archive.namelist()}


def _tensor(data):
    long = data[6] > 1
    start = 12 if long else 10
    end = start + struct.unpack_from("<I" if long else "<H", data, 8)[0]
    header = ast.literal_eval(data[start:end].decode("latin1"))
    values = array.array(TYPECODES[header["descr"]])
    values.frombytes(data[end:])
    if header["fortran_order"] or len(values) != math.prod(header["shape"]):
        raise ValueError("not a whole tensor in C order")
    return Tensor(header["shape"], values)
