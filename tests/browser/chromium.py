"""Finds a Chromium, and watches what a page does in it."""

import os
import shutil
import subprocess

PATIENCE_S = 120
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find():
    """The path of a Chromium; in CI, on Debian, it is installed where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = on_path()
    if found is None and os.environ.get("CI") and shutil.which("apt-get") and os.geteuid() == 0:
        print("browser test: installing chromium", flush=True)
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *command], stdout=subprocess.DEVNULL, check=False)
        found = on_path()
    return found


def on_path():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Watched:
    """A page of its own size and colours, with what it logged and asked for."""

    def __init__(self, browser, width, scheme="light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.page = self.context.new_page()
        self.errors = []
        self.requests = []
        self.page.on("console", lambda line: line.type in ("error", "warning") and self.errors.append(line.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def assert_quiet(self, *origins):
        """No error on the console, and no request but to these places."""
        assert not self.errors, self.errors
        strangers = [url for url in self.requests if not url.startswith(origins)]
        assert not strangers, strangers
