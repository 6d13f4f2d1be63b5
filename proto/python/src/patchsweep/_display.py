"""How far a sweep is, on stderr: a bar where tqdm is installed, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing_extensions import Self

#: Between two plain lines, but for the first and the last.
_LINE_EVERY_SECONDS = 30.0


class Standing(Protocol):
    """How far a sweep is; as a line of text, too."""

    @property
    def sweep(self) -> str: ...
    @property
    def percent(self) -> int: ...
    @property
    def summary(self) -> str: ...
    @property
    def waiting(self) -> str | None: ...
    @property
    def has_ended(self) -> bool: ...


class Display:
    """Shows how far a sweep is until it is left."""

    def __init__(self, title: str, show: bool) -> None:
        self._show = show
        self._bar = _bar(title) if show else None
        self._waiting: str | None = None
        self._next_line = 0.0

    def show(self, status: Standing) -> None:
        """The sweep stands so."""
        if self._bar is not None:
            self._bar.n = status.percent
            self._bar.set_description_str(f"{status.sweep}: {status.summary}")
        elif status.has_ended or time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_EVERY_SECONDS
            self.say(str(status))
        if status.waiting != self._waiting:
            self._waiting = status.waiting
            if status.waiting:
                self.say(f"waiting: {status.waiting}")

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._show:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(title: str) -> Any:
    with warnings.catch_warnings():
        # Where a notebook has no widgets, the bar is made of characters.
        warnings.simplefilter("ignore")
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        return tqdm(total=100, desc=title, bar_format="{percentage:3.0f}%|{bar:32}| {desc}")
