"""Where a sweep's work is, or one cell's, and what went wrong with it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from .status import SweepStatus, of_wire
from .v1 import client_pb2 as pb

#: Most tiles and workers that are named.
_NAMED = 5

_STATES: dict[int, str] = {
    pb.TILE_STATE_WAITING: "waiting",
    pb.TILE_STATE_LEASED: "leased",
    pb.TILE_STATE_DONE: "done",
    pb.TILE_STATE_GIVEN_UP: "failed",
    pb.TILE_STATE_LEFT: "left",
}


@dataclass(frozen=True)
class Failure:
    """Attempts that failed for one reason."""

    reason: str
    attempts: int
    #: Tiles that they were at, the first 20.
    tiles: tuple[int, ...]
    #: Those of them that get no more attempts.
    tiles_given_up: int
    #: Names of the workers, the first 20.
    workers: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """Where a tile is."""

    tile: int
    #: The first one, and the one behind its last.
    prompts: tuple[int, int]
    cells: int
    #: waiting, leased, done, failed or left: as `cell.tiles[].state` of `patchsweep explain --output json`.
    state: str
    #: That state in words: who has it, or who computed it.
    words: str
    #: Attempts that failed or were lost, in words.
    attempts: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """Where a cell's work is."""

    grid: str
    iteration: str
    #: Its index along each axis; of a position that may be another one in each prompt its name.
    indices: dict[str, int | str]
    #: What it writes, in words; the first 40.
    writes: tuple[str, ...]
    #: Why no worker computes it over some or all prompts; None where workers do over all.
    noop: str | None
    noop_prompts: int
    #: That its effect is estimated, and whether it is verified; None where it is computed.
    estimate: str | None
    #: Of features of which only active ones are computed: that it is not known yet whether it is one; else None.
    activity: str | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Explanation:
    """Where a sweep's work is, or one cell's."""

    status: SweepStatus
    #: Why nothing of it is computed now; empty where something is, or where nothing is to be done.
    idle_because: tuple[str, ...]
    #: Workers whose memory is too small for the model's weights.
    streaming: tuple[str, ...]
    failures: tuple[Failure, ...]
    #: The cell that was asked for; None where none was.
    cell: Cell | None

    def __str__(self) -> str:
        return "\n".join(self._of_cell(self.cell) if self.cell is not None else self._of_sweep())

    def __repr__(self) -> str:
        return str(self)

    def _of_sweep(self) -> list[str]:
        status = self.status
        lines = [
            f"{status.sweep} is {status.state}: {status.percent}% of the work, {status.tiles_done} of"
            f" {status.tiles_total} tiles done, {status.tiles_leased} leased, {status.tiles_failed} failed"
        ]
        lines += [f"- {reason}" for reason in self.idle_because + self.streaming]
        for failure in self.failures:
            attempts = "attempt" if failure.attempts == 1 else "attempts"
            tiles = _first([f"t{tile}" for tile in failure.tiles])
            workers = _first(list(failure.workers))
            lines.append(f"{failure.attempts} {attempts} failed at {tiles} on {workers}: {failure.reason}")
            if failure.tiles_given_up:
                lines.append(f"  {failure.tiles_given_up} of these tiles get no more attempts")
        return lines

    def _of_cell(self, cell: Cell) -> list[str]:
        places = ", ".join(f"{axis} {index}" for axis, index in cell.indices.items())
        lines = [f"{cell.grid}, {cell.iteration}, {places}"]
        # One write is what the cell's name says.
        lines += [f"  writes {write}" for write in cell.writes if len(cell.writes) > 1]
        lines += [words for words in [cell.estimate, cell.activity] if words]
        if cell.noop:
            over = "some" if cell.tiles else "all"
            lines.append(
                f"no worker computes it over {over} prompts ({cell.noop_prompts}), because it changes no score there:"
                f" {cell.noop}"
            )
        for tile in cell.tiles:
            prompts = f"prompts {tile.prompts[0]} to {tile.prompts[1] - 1}"
            lines.append(f"tile t{tile.tile}, {prompts}, {tile.cells} cells: {tile.words}")
            lines += [f"  {attempt}" for attempt in tile.attempts]
        if any(tile.state == "waiting" for tile in cell.tiles):
            lines += [f"- {reason}" for reason in self.idle_because]
        return lines


def explanation(wire: pb.SweepExplanation) -> Explanation:
    """Reads an explanation."""
    return Explanation(
        of_wire(wire.status),
        tuple(wire.idle_because),
        tuple(wire.streaming),
        tuple(
            Failure(group.reason, group.attempts, tuple(group.tiles), group.tiles_given_up, tuple(group.workers))
            for group in wire.failures
        ),
        _cell(wire.cell) if wire.HasField("cell") else None,
    )


def _cell(wire: pb.CellExplanation) -> Cell:
    names = list(wire.names) or [""] * len(wire.axes)
    indices: dict[str, int | str] = {}
    for axis, index, name in zip(wire.axes, wire.indices, names, strict=True):
        indices[axis] = name or index
    return Cell(
        wire.grid,
        wire.iteration,
        indices,
        tuple(wire.writes),
        wire.noop or None,
        wire.noop_prompts,
        wire.estimate or None,
        wire.activity or None,
        tuple(_tile(tile) for tile in wire.tiles),
    )


def _tile(wire: pb.TileExplanation) -> Tile:
    attempts = tuple(f"attempt {failed.attempt} on {failed.worker} failed: {failed.reason}" for failed in wire.attempts)
    prompts = (wire.prompts.start, wire.prompts.end)
    return Tile(wire.tile_id, prompts, wire.cells, _STATES.get(wire.state, "unknown"), _words(wire), attempts)


def _words(wire: pb.TileExplanation) -> str:
    if wire.state == pb.TILE_STATE_LEASED:
        held = (f"{held.worker} has it since {_span(held.since_ms)}, attempt {held.attempt}" for held in wire.holders)
        return "; ".join(held)
    if wire.state == pb.TILE_STATE_DONE:
        result = wire.result
        now = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000
        ago = f", {_span(now - result.unix_ms)} ago" if 0 < result.unix_ms <= now else ""
        by = f"{result.worker} ({result.device})"
        return f"on disk, by {by}{ago}, attempt {result.attempt}, took {_span(result.busy_ms)}"
    return {
        pb.TILE_STATE_WAITING: "waits for a worker",
        pb.TILE_STATE_GIVEN_UP: "failed on every attempt",
        pb.TILE_STATE_LEFT: "was not computed before the sweep ended",
    }.get(wire.state, "in a state that this release does not know")


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", .." if len(names) > _NAMED else "")


def _span(milliseconds: float) -> str:
    """As people say it: the two largest units."""
    seconds = int(milliseconds // 1000)
    if seconds < 10:
        return f"{milliseconds / 1000:.1f} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"
