"""What all engines' tests share."""

import contextlib
import subprocess


class Unavailable(Exception):
    """This machine cannot run an engine, whatever patchsweep does."""


@contextlib.contextmanager
def starting(engine):
    """An engine that does not start here is not our fault, and is said to be unavailable."""
    try:
        yield
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{engine} does not start here: {error}") from error
