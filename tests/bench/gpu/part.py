"""One part of the day: its figures, whether they are as wanted, and what its time went into."""

import operator
from dataclasses import dataclass, field

JUDGEMENTS = (("<=", "most", operator.le), (">=", "least", operator.ge), ("=", "equal", operator.eq))
VERDICTS = {None: ", not judged here", True: ": yes", False: ": **no**"}


@dataclass
class Part:
    """As it stands in the JSON."""

    name: str
    title: str
    outcome: str = "running"  # then `ran`, `stopped` (its time was over), `skipped`, `not run` (there was no time) or `failed`
    why: str | None = None
    seconds: float = 0.0
    figures: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    tables: list = field(default_factory=list)
    spent: dict = field(default_factory=dict)  # how often and how many seconds, by what the time went into

    def end(self, outcome, why):
        """A failure of a piece of it stays."""
        self.outcome = "failed" if self.why else outcome
        self.why = "; ".join(filter(None, (self.why, why))) or None

    def figure(self, what, value, unit, judged_here, bounds):
        """Adds a number, and gives its line. `bounds`: of most, least and equal what is wanted."""
        wanted, holds = None, None
        for sign, name, compare in JUDGEMENTS:
            if (bound := bounds.get(name)) is not None:
                wanted, holds = f"{sign} {bound:g}", value is not None and compare(value, bound)
        if not judged_here:
            holds = None
        self.figures.append({"what": what, "value": value, "unit": unit, "wanted": wanted, "holds": holds})
        shown = "not measured" if value is None else f"{value:.3g}{f' {unit}' if unit else ''}"
        return f"{what}: {shown}{f'; wanted {wanted}{VERDICTS[holds]}' if wanted else ''}"

    def spend(self, what, count, seconds):
        before = self.spent.setdefault(what, [0, 0.0])
        before[0] += count
        before[1] += seconds

    def outside(self):
        """Seconds in which nobody waited for a sweep to be computed."""
        return self.seconds - self.spent.get("computing", (0, 0.0))[1]

    def failures(self):
        """What was not as wanted, one text each."""
        if self.outcome == "failed":
            yield f"{self.title}: {self.why}"
        for figure in self.figures:
            if figure["holds"] is False:
                yield f"{self.title}: {figure['what']} is {figure['value']}, wanted {figure['wanted']}"
