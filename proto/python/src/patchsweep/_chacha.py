"""The random numbers that the command line resamples prompts with, so that equal scores give equal intervals.

Rust's `ChaCha8Rng::seed_from_u64` and `random_range` of rand 0.9: ChaCha with 8 rounds (Bernstein, "ChaCha, a variant of
Salsa20", 2008), a counter of 64 bits, and Lemire's multiplication ("Fast random integer generation in an interval", 2019)
with one more draw where the low half could overflow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_CONSTANTS = np.frombuffer(b"expand 32-byte k", dtype="<u4")

_ROUNDS = 8

_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))

Words = npt.NDArray[np.uint32]


class ChaCha8:
    """A stream of 32-bit numbers."""

    def __init__(self, seed: int) -> None:
        self._key = _expanded(seed)
        self._block = 0
        self._words: Words = np.empty(0, dtype=np.uint32)

    def integers(self, bound: int, count: int) -> npt.NDArray[np.int64]:
        """So many numbers from 0 to `bound`, without it."""
        numbers = np.empty(count, dtype=np.int64)
        filled = 0
        while filled < count:
            products = self._peek(count - filled).astype(np.uint64) * np.uint64(bound)
            low = products & np.uint64(0xFFFFFFFF)
            unclear = np.flatnonzero(low > np.uint64(2**32 - bound))
            clear = int(unclear[0]) if len(unclear) else len(products)
            numbers[filled : filled + clear] = products[:clear] >> np.uint64(32)
            self._skip(clear)
            filled += clear
            if filled < count:
                first, second = (int(word) for word in self._peek(2))
                high, low_half = divmod(first * bound, 2**32)
                numbers[filled] = high + (low_half + (second * bound >> 32) >= 2**32)
                self._skip(2)
                filled += 1
        return numbers

    def _peek(self, count: int) -> Words:
        missing = count - len(self._words)
        if missing > 0:
            blocks = -(-missing // 16)
            self._words = np.concatenate([self._words, _blocks(self._key, self._block, blocks)])
            self._block += blocks
        return self._words[:count]

    def _skip(self, count: int) -> None:
        self._words = self._words[count:]


def _expanded(seed: int) -> Words:
    """A key of 32 bytes from 8, by PCG32 as in `SeedableRng::seed_from_u64`."""
    state, words = seed, []
    for _ in range(8):
        state = (state * 6364136223846793005 + 11634580027462260723) % 2**64
        shifted, rotation = (((state >> 18) ^ state) >> 27) % 2**32, state >> 59
        words.append((shifted >> rotation | shifted << (-rotation & 31)) % 2**32)
    return np.array(words, dtype=np.uint32)


def _blocks(key: Words, first: int, count: int) -> Words:
    """The numbers of so many blocks of 16, one after the other."""
    counters = np.arange(first, first + count, dtype=np.uint64)
    start = np.zeros((16, count), dtype=np.uint32)
    start[:4], start[4:12] = _CONSTANTS[:, None], key[:, None]
    start[12], start[13] = counters & np.uint64(0xFFFFFFFF), counters >> np.uint64(32)
    state = start.copy()
    for _ in range(_ROUNDS // 2):
        for a, b, c, d in _COLUMNS + _DIAGONALS:
            _quarter(state, a, b, c, d)
    words: Words = (state + start).T.ravel()
    return words


def _quarter(state: Words, a: int, b: int, c: int, d: int) -> None:
    for to, other, by in ((a, b, None), (d, a, 16), (c, d, None), (b, c, 12), (a, b, None), (d, a, 8), (c, d, None), (b, c, 7)):
        if by is None:
            state[to] += state[other]
        else:
            mixed = state[to] ^ state[other]
            state[to] = mixed << np.uint32(by) | mixed >> np.uint32(32 - by)
