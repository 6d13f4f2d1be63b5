"""A coordinator, as its clients see it."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from . import _frames, _submission
from ._link import Link
from ._numbers import checked, tile_options
from ._selector import select
from ._settings import settings
from ._submission import AnySpec, chunks
from .errors import PatchsweepWarning, Refused, Unreachable
from ._plan import Plan, make_plan
from .status import SweepStatus, of_wire, table
from .sweep import Sweep
from .v1 import client_pb2 as pb

if TYPE_CHECKING:
    from typing_extensions import Self

#: Before a lost submission is sent once more.
_PAUSE_SECONDS = 0.5


def connect(coordinator: str | None = None, credentials: str | os.PathLike[str] | None = None) -> Client:
    """Connects to a coordinator.

    What is not given comes from PATCHSWEEP_COORDINATOR and PATCHSWEEP_CREDENTIALS, then from the config file
    (`~/.config/patchsweep/config.toml`, or PATCHSWEEP_CONFIG), then from the credentials file; else it is
    http://127.0.0.1:7070.

    `coordinator`: its address, as https://head-node:7070. `credentials`: the file client.credentials of its state directory.
    """
    return Client(Link(settings(coordinator, credentials)))


class SweepList(list[Sweep]):
    """Sweeps, oldest first, as they stood when they were listed."""

    def __init__(self, sweeps: Sequence[Sweep], statuses: Sequence[SweepStatus]) -> None:
        super().__init__(sweeps)
        self.statuses = tuple(statuses)

    def __repr__(self) -> str:
        return "\n".join(repr(status) for status in self.statuses) or "no sweeps"

    def _repr_html_(self) -> str:
        return table(self.statuses)


class Client:
    """A connection to a coordinator; `patchsweep.connect` makes one. May be used from several threads."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def url(self) -> str:
        """The coordinator's address."""
        return self._link.url

    def submit(
        self,
        spec: AnySpec,
        dataset: _frames.Rows | None = None,
        *,
        new: bool = False,
        priority: int = 10,
        tile_multiply_adds: int | None = None,
        tile_prompts: int | None = None,
    ) -> Sweep:
        """Submits a sweep, which then runs whether this process lives or not. The same plan is the same sweep, as long as the
        coordinator finds the model's files unchanged.

        `spec`: the path of a TOML file, or its content as a dict (`patchsweep.Spec`). `dataset`: rows that take the place of
        the file that the spec names: a data frame or dict with columns `prompt`, `answer`, .., or a list of prompts.
        `new`: compute anew even if the same plan has been submitted before. `priority`: share of the workers against other
        sweeps, 1 to 100. The last two cut the work otherwise, and change no score.

        What a person should know before trusting the scores is a PatchsweepWarning.
        """
        priority = checked("priority", priority, 1, 100)
        tiles = tile_options(tile_multiply_adds, tile_prompts)
        submission = _submission.read(spec, dataset)
        message = pb.Submission(
            spec=submission.spec,
            dataset=submission.dataset,
            options=pb.PlanOptions(
                tile_multiply_adds=tiles.get("tile_multiply_adds"), tile_prompts=tiles.get("tile_prompts")
            ),
            always_new=new,
            priority=priority,
        )
        content = message.SerializeToString()
        if len(content) > _submission.MOST_BYTES:
            raise submission.refused(f"the message is larger than {_submission.MOST_BYTES} bytes")
        try:
            answer = self._sent(content, again=not new)
        except Refused as error:
            raise submission.refused(str(error)) from error
        for warning in answer.warnings:
            warnings.warn(warning, PatchsweepWarning, stacklevel=2)
        return Sweep(self._link, answer.sweep_id, answer.created, answer.model_digest.hex() or None)

    def plan(
        self,
        spec: AnySpec,
        dataset: _frames.Rows | None = None,
        *,
        models: Sequence[str | os.PathLike[str]] = (),
        tile_multiply_adds: int | None = None,
        tile_prompts: int | None = None,
    ) -> Plan:
        """What a sweep costs; runs no model.

        A coordinator has no procedure for this: as on the command line the plan is made on this machine, by the program
        `patchsweep`, which needs the model's config and tokenizer here. `patchsweep.plan` is the same without a client.
        """
        return make_plan(
            spec, dataset, models=models, tile_multiply_adds=tile_multiply_adds, tile_prompts=tile_prompts
        )

    def list(self) -> SweepList:
        """All sweeps, oldest first."""
        answer = self._link.call("ListSweeps", pb.ListSweepsRequest(), pb.ListSweepsResponse.FromString)
        statuses = [of_wire(sweep) for sweep in answer.sweeps]
        return SweepList([Sweep(self._link, status.sweep) for status in statuses], statuses)

    def sweep(self, name: str = "last") -> Sweep:
        """One sweep: its id, the beginning of it, or `last`, the one that was submitted last."""
        return Sweep(self._link, select(name, self.list().statuses).sweep)

    def close(self) -> None:
        """Hangs up. Sweeps go on."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<patchsweep client of {self.url}>"

    def _sent(self, content: bytes, again: bool) -> pb.SubmitSweepResponse:
        """The answer; where it was lost, the submission is sent once more, since the same plan is the same sweep."""
        try:
            return self._send(content)
        except Unreachable as error:
            if not again:
                raise self._link.answer_lost(error.reason) from error
        time.sleep(_PAUSE_SECONDS)
        self._link.dial()
        try:
            return self._send(content)
        except Unreachable as error:
            raise self._link.answer_lost(error.reason) from error

    def _send(self, content: bytes) -> pb.SubmitSweepResponse:
        requests = (pb.SubmitSweepRequest(data=chunk) for chunk in chunks(content))
        return self._link.send("SubmitSweep", requests, pb.SubmitSweepResponse.FromString)
