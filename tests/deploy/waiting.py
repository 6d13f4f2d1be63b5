"""Waiting on conditions."""

import time

PATIENCE_S = 120


def until(what, condition, patience=PATIENCE_S):
    """The first true value of `condition`, asked for again and again; fails when it has not come in time."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {patience} s: {what}")
        time.sleep(0.1)
