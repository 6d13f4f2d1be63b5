"""Which sweep a word means: an id, the beginning of one, or `last`."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from .errors import Refused, UnknownSweep
from .status import SweepStatus

_MOST_LISTED = 3


def select(word: str, sweeps: Sequence[SweepStatus]) -> SweepStatus:
    """The sweep that is meant. `sweeps`: all, oldest first."""
    if word == "all":
        raise Refused(
            "`all` means all sweeps, and this command takes one; give an id, the beginning of one, or `last`"
        )
    if word == "last":
        # A check is not what people have submitted.
        submitted = [sweep for sweep in sweeps if sweep.check_of is None]
        if not submitted:
            raise UnknownSweep("there is no sweep yet; `patchsweep submit SPEC` makes one", "patchsweep submit SPEC")
        return submitted[-1]
    exact = [sweep for sweep in sweeps if sweep.sweep == word]
    begun = exact or [sweep for sweep in sweeps if word and sweep.sweep.startswith(word)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        first = _quoted([sweep.sweep for sweep in begun[:_MOST_LISTED]])
        more = ", …" if len(begun) > _MOST_LISTED else ""
        text = f"`{word}` begins the ids of {len(begun)} sweeps: {first}{more}; give more of the id"
        raise UnknownSweep(text, "patchsweep list")
    near = get_close_matches(word, [sweep.sweep for sweep in reversed(sweeps)], _MOST_LISTED, 0.0)
    nearest = f"; the nearest are {_quoted(near)}" if near else ""
    raise UnknownSweep(f"no sweep `{word}`{nearest}; `patchsweep list` shows those that there are", "patchsweep list")


def _quoted(ids: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in ids)
