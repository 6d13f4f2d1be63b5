"""One sweep of a coordinator."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import _scores
from ._dataset import dataset
from ._display import Display
from ._link import Link
from ._numbers import MOST_32_BITS, MOST_64_BITS, checked
from ._remarks import remarks
from ._top import top
from .check import CheckReport, cells_to_draw, report_of
from .errors import (
    CheckDisagrees,
    PatchsweepError,
    PatchsweepWarning,
    RequestFailed,
    SweepCancelled,
    SweepFailed,
    SweepPartial,
    Unreachable,
)
from .explain import Explanation, explanation
from .status import SweepStatus, of_wire
from .v1 import client_pb2 as pb

if TYPE_CHECKING:
    import pandas
    import xarray

_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0


class Sweep:
    """A sweep that a coordinator keeps. It runs whether anybody looks or not."""

    def __init__(self, link: Link, sweep: str, created: bool = False, model_digest: str | None = None) -> None:
        self._link = link
        #: As in commands: `patchsweep watch ID`.
        self.id = sweep
        #: Whether submitting it made it; False: the same plan had been submitted before, with the model as it is now.
        self.created = created
        #: Where it had: digest of the model that its scores so far are of, as `model.digest` in the manifest; else None.
        self.model_digest = model_digest

    def progress(self) -> SweepStatus:
        """Where it stands now."""
        return of_wire(self._link.call("GetSweep", pb.GetSweepRequest(sweep_id=self.id), pb.SweepStatus.FromString))

    def wait(self, timeout: float | None = None, show: bool = True) -> Sweep:
        """Stays until it has ended, over broken connections and restarts of the coordinator.

        Ctrl-C ends the waiting and not the sweep. `timeout`: seconds, after which TimeoutError is raised. `show`: how far it
        is, on stderr. A sweep that is not whole raises SweepFailed, SweepPartial or SweepCancelled.
        """
        with Display(self.id, show) as display:
            try:
                status = self._followed(display, None if timeout is None else time.monotonic() + timeout)
            except KeyboardInterrupt:
                display.say(f"{self.id} goes on; wait() follows it again, cancel() ends it")
                raise
        refuse_unless_whole(status)
        return self

    def results(self, partial: bool = False) -> xarray.Dataset:
        """All tensors of it, as `scores.zarr` of a results folder has them: docs/results.md says what each is.

        `partial`: what there is so far of a sweep that runs, failed or was cancelled. A cell has its final score or none: then
        it is NaN and its `.status` is 4. Cells that failed or are no finite numbers are a PatchsweepWarning.
        """
        scores = self._scores(partial)
        for remark in remarks(scores):
            warnings.warn(remark, PatchsweepWarning, stacklevel=2)
        return dataset(scores)

    def manifest(self, partial: bool = False) -> dict[str, object]:
        """What went into it, and what each axis means: `manifest.json` of a results folder."""
        return self._scores(partial).manifest

    def top(self, k: int = 5, partial: bool = False) -> pandas.DataFrame:
        """The `k` cells of each grid and iteration with the largest effects by magnitude, one in each row.

        `effect` and `stderr` are in the metric's unit. Cells without a score are left out; those that failed or are no finite
        numbers are a PatchsweepWarning.
        """
        k = checked("k", k, 0, MOST_64_BITS)
        scores = self._scores(partial)
        for remark in remarks(scores):
            warnings.warn(remark, PatchsweepWarning, stacklevel=2)
        return top(scores, k)

    def cancel(self) -> SweepStatus:
        """Ends it; scores that are there are kept."""
        request = pb.CancelSweepRequest(sweep_id=self.id)
        return of_wire(self._link.call("CancelSweep", request, pb.SweepStatus.FromString))

    def resume(self) -> SweepStatus:
        """Computes what an ended sweep lacks."""
        request = pb.ResumeSweepRequest(sweep_id=self.id)
        return of_wire(self._link.call("ResumeSweep", request, pb.SweepStatus.FromString))

    def explain(self, *cell: str | int) -> Explanation:
        """Where its work is, why nothing of it runs, and what failed; or all that is known of one cell.

        `cell`: grid, iteration (label or index), and one index for each axis, as `explain("z", 0, "8.11")`. Refused: a cell that
        there is not.
        """
        for word in cell:
            if isinstance(word, float):
                text = 'as one, 8.10 is 8.1, another head; give layer and head as a text, "8.10", or as two integers'
                raise TypeError(f"{word} is a float: {text}")
        request = pb.ExplainSweepRequest(sweep_id=self.id, cell=[str(word) for word in cell])
        return explanation(self._link.call("ExplainSweep", request, pb.SweepExplanation.FromString))

    def check(
        self, cells: int | None = None, fraction: float = 0.01, seed: int = 0, show: bool = True
    ) -> CheckReport:
        """Computes a random sample of its cells again, by plain forward passes, and compares.

        `cells`: how many to draw; else a `fraction` of all, but at least 20. Waits for it. CheckDisagrees where scores differ.
        """
        seed = checked("seed", seed, 0, MOST_64_BITS)
        if cells is None:
            drawn = cells_to_draw(self.progress().cells_total, fraction)
        else:
            drawn = checked("cells", cells, 1, MOST_32_BITS)
        asked = pb.Submission(check_of=pb.CheckOf(sweep_id=self.id, cells=drawn, seed=seed), always_new=True)
        request = [pb.SubmitSweepRequest(data=asked.SerializeToString())]
        try:
            answer = self._link.send("SubmitSweep", request, pb.SubmitSweepResponse.FromString)
        except Unreachable as error:
            raise self._link.answer_lost(error.reason) from error
        checking = Sweep(self._link, answer.sweep_id, True)
        if show:
            print(f"checking {self.id} as {checking.id}", file=sys.stderr)
        report = report_of(checking.wait(show=show).manifest())
        if not report.agreed:
            raise CheckDisagrees(report.disagreement(), report)
        return report

    def _scores(self, partial: bool) -> _scores.Scores:
        request = pb.FetchResultsRequest(sweep_id=self.id, partial=partial)
        content = bytearray()
        for chunk in self._link.stream("FetchResults", request, pb.ResultsChunk.FromString):
            content += chunk.data
            if len(content) > _scores.MOST_BYTES:
                raise RequestFailed(f"the message is larger than {_scores.MOST_BYTES} bytes")
        return _scores.decode(bytes(content))

    def _followed(self, display: Display, deadline: float | None) -> SweepStatus:
        """Its last status. When the connection breaks, it is made again, as often as it takes."""
        pause = _SHORTEST_PAUSE_SECONDS
        is_lost = False
        while True:
            try:
                if is_lost:
                    self._link.dial()
                for status in self._statuses(deadline):
                    pause, is_lost = _SHORTEST_PAUSE_SECONDS, False
                    display.show(status)
                    if status.has_ended:
                        return status
                reason = "the coordinator ended the stream"
            except Unreachable as error:
                reason = error.reason
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"sweep `{self.id}` has not ended in time; it goes on")
            if not is_lost:
                display.say(f"lost the coordinator ({reason}); trying to reach it again, Ctrl-C to give up")
            is_lost = True
            time.sleep(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _statuses(self, deadline: float | None) -> Iterator[SweepStatus]:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        request = pb.WatchSweepRequest(sweep_id=self.id)
        for status in self._link.stream("WatchSweep", request, pb.SweepStatus.FromString, timeout):
            yield of_wire(status)

    def __repr__(self) -> str:
        try:
            return repr(self.progress())
        except PatchsweepError as error:
            return f"<{self.id}: {error}>"

    def _repr_html_(self) -> str | None:
        try:
            return self.progress()._repr_html_()
        except PatchsweepError:
            return None  # Notebooks then show the other one, which says why.


def refuse_unless_whole(status: SweepStatus) -> None:
    """Whatever an ended sweep is but done, is an error."""
    sweep, reason = status.sweep, status.reason or ""
    resume = f"`patchsweep resume {sweep}` computes what it lacks"
    if status.state == "failed":
        raise SweepFailed(f"sweep `{sweep}` failed: {reason}; once that is mended, {resume}", sweep, reason)
    if status.state == "partial":
        text = f"sweep `{sweep}` is partial: {reason}; cells of tiles that failed have status 3 and no score; {resume}"
        raise SweepPartial(text, sweep, reason)
    if status.state == "cancelled":
        raise SweepCancelled(f"sweep `{sweep}` was cancelled; {resume}", sweep, reason)
