"""Where a sweep stands."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import OtherRelease
from .v1 import client_pb2 as pb

_STATES: dict[int, str] = {
    pb.SWEEP_STATE_RUNNING: "running",
    pb.SWEEP_STATE_DONE: "done",
    pb.SWEEP_STATE_FAILED: "failed",
    pb.SWEEP_STATE_CANCELLED: "cancelled",
    pb.SWEEP_STATE_PARTIAL: "partial",
}


@dataclass(frozen=True)
class GridProgress:
    """How far a grid is, over all iterations; the baselines are a grid of this name."""

    name: str
    cells_total: int
    #: Of those, cells that no worker computes, because their effect is 0 by causality.
    cells_noop: int
    cells_done: int
    tiles_total: int
    tiles_done: int


@dataclass(frozen=True)
class SweepStatus:
    """A sweep at one moment."""

    sweep: str
    name: str
    #: running, done, partial, failed or cancelled.
    state: str
    #: Why it is partial or failed; else None.
    reason: str | None
    #: What a running sweep waits for; else None.
    waiting: str | None
    tiles_total: int
    tiles_done: int
    tiles_failed: int
    tiles_leased: int
    cells_total: int
    cells_noop: int
    multiply_adds_total: int
    multiply_adds_done: int
    #: Of all workers together, over the last minute or so; None: not known.
    multiply_adds_per_second: int | None
    #: Connected workers.
    workers: int
    #: Share of the workers against other sweeps': 1 to 100.
    priority: int
    submitted: datetime.datetime
    #: From its submission, or its last resumption, to its end or now.
    elapsed: datetime.timedelta
    #: Of a check the sweep that it checks; else None.
    check_of: str | None
    grids: tuple[GridProgress, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is computed, unless it is resumed."""
        return self.state != "running"

    @property
    def percent(self) -> int:
        """How much of the work is done, by multiply-adds."""
        if self.multiply_adds_total:
            return 100 * self.multiply_adds_done // self.multiply_adds_total
        return 100 * self.tiles_done // self.tiles_total if self.tiles_total else 100

    @property
    def remaining(self) -> datetime.timedelta | None:
        """How long a running sweep still takes if it goes on as in the last minute; None: not known."""
        rate = self.multiply_adds_per_second
        if not rate or self.has_ended:
            return None
        missing = max(0, self.multiply_adds_total - self.multiply_adds_done)
        return datetime.timedelta(milliseconds=missing * 1000 // rate)

    @property
    def summary(self) -> str:
        """How far it is, in a few words."""
        failed = f", {self.tiles_failed} failed" if self.tiles_failed else ""
        remaining = f", {short(self.remaining)} left" if self.remaining is not None else ""
        done = f"{self.tiles_done}/{self.tiles_total} tiles{failed}"
        return f"{done}, {self.workers} workers, {short(self.elapsed)} elapsed{remaining}"

    def __str__(self) -> str:
        return f"{self.state} {self.percent:>3}%  {self.summary}"

    def __repr__(self) -> str:
        return f"<{self.sweep}: {self}{self._remark()}>"

    def _repr_html_(self) -> str:
        return table([self]) + html.escape(self._remark().lstrip("; "))

    def _remark(self) -> str:
        if self.waiting:
            return f"; waits: {self.waiting}"
        return f"; {self.reason}" if self.reason else ""


def of_wire(wire: pb.SweepStatus) -> SweepStatus:
    """Reads a status."""
    state = _STATES.get(wire.state)
    if state is None:
        text = f"sweep `{wire.sweep_id}` is in state {wire.state}, which this release does not know"
        raise OtherRelease(f"{text}; install the same release on both")
    reason = wire.reason or None
    return SweepStatus(
        sweep=wire.sweep_id,
        name=wire.name,
        state=state,
        reason=reason if state in ("partial", "failed") else None,
        waiting=reason if state == "running" else None,
        tiles_total=wire.tiles_total,
        tiles_done=wire.tiles_done,
        tiles_failed=wire.tiles_failed,
        tiles_leased=wire.tiles_leased,
        cells_total=wire.cells_total,
        cells_noop=wire.cells_noop,
        multiply_adds_total=wire.multiply_adds_total,
        multiply_adds_done=wire.multiply_adds_done,
        multiply_adds_per_second=wire.multiply_adds_per_second or None,
        workers=wire.workers,
        priority=wire.priority,
        submitted=datetime.datetime.fromtimestamp(wire.submitted_unix_ms / 1000, datetime.timezone.utc),
        elapsed=datetime.timedelta(milliseconds=wire.elapsed_ms),
        check_of=wire.check_of or None,
        grids=tuple(_grid(grid) for grid in wire.grids),
    )


def _grid(wire: pb.GridProgress) -> GridProgress:
    return GridProgress(
        wire.name, wire.cells_total, wire.cells_noop, wire.cells_done, wire.tiles_total, wire.tiles_done
    )


def short(time: datetime.timedelta | None) -> str:
    """In its two largest units: `9s`, `1m 40s`, `2h 05m`, `3d 04h`."""
    seconds = int(time.total_seconds()) if time is not None else 0
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02}h"


def table(statuses: Iterable[SweepStatus]) -> str:
    """An HTML table, one sweep in each row."""
    head = "".join(f"<th>{name}</th>" for name in ("sweep", "state", "done", "tiles", "cells", "workers", "submitted"))
    rows = []
    for status in statuses:
        tiles = f"{status.tiles_done}/{status.tiles_total}"
        when = status.submitted.astimezone().strftime("%Y-%m-%d %H:%M")
        cells = (status.sweep, status.state, f"{status.percent}%", tiles, status.cells_total, status.workers, when)
        rows.append("".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
