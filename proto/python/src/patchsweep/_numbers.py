"""Whole numbers that people give, held to what the command line takes of them."""

from __future__ import annotations

import operator
from typing import SupportsIndex

MOST_32_BITS, MOST_64_BITS = 2**32 - 1, 2**64 - 1


def checked(name: str, value: SupportsIndex, least: int, most: int) -> int:
    """The number, or an error that names it. Numbers of numpy are numbers."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} {value!r} is not a whole number") from error
    if number < least:
        raise ValueError(f"{name} {number} is less than {least}")
    if number > most:
        raise ValueError(f"{name} {number} is more than {most}")
    return number


def tile_options(tile_multiply_adds: SupportsIndex | None, tile_prompts: SupportsIndex | None) -> dict[str, int]:
    """How work is cut into tiles, by the name of the option; what is not given has a default."""
    options = {}
    if tile_multiply_adds is not None:
        options["tile_multiply_adds"] = checked("tile_multiply_adds", tile_multiply_adds, 1, MOST_64_BITS)
    if tile_prompts is not None:
        options["tile_prompts"] = checked("tile_prompts", tile_prompts, 1, MOST_32_BITS)
    return options
