"""Python in README.md and docs/results.md, run as it stands there; what it prints stands there as well.

Listings of the Python client are run by its own tests.
"""

import contextlib
import io
import os
import pathlib
import re
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCUMENTS = ["README.md", "docs/results.md"]
# What documents call the results of data/NAME.toml.
FOLDERS = {"demo-results": "acronyms", "results": "acronyms", "attention-results": "attention"}


def check(results):
    """`results`: the folder that holds results folders, called as the specs are."""
    before = pathlib.Path.cwd()
    with tempfile.TemporaryDirectory() as temporary:
        for name, spec in FOLDERS.items():
            (pathlib.Path(temporary) / name).symlink_to(results / spec)
        os.chdir(temporary)
        try:
            for document in DOCUMENTS:
                check_document(document, (ROOT / document).read_text())
        finally:
            os.chdir(before)


def check_document(document, text):
    listings = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    listings = [listing for listing in listings if not listing.startswith("import patchsweep\n")]
    assert listings, document
    names = {}
    for listing in listings:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(listing, document, "exec"), names)
        for line in printed.getvalue().splitlines():
            assert f"\n    {line}\n" in text, f"{document} does not show {line!r}, but its Python prints it"
