"""Shows the report and the web page to a real browser, and checks what it makes of them.

    python run.py PATCHSWEEP WORKER DATA SCREENSHOTS

DATA is the folder of the example spec and its model. Chromium is $CHROMIUM, or the one on PATH. Without one the test is
skipped; with PATCHSWEEP_BROWSER=required it fails.
"""

import os
import pathlib
import sys
import tempfile

from playwright.sync_api import sync_playwright

import chromium
import page
import report
from cluster import Cluster


def main():
    patchsweep, worker, data, screenshots = (pathlib.Path(argument).resolve() for argument in sys.argv[1:5])
    binary = chromium.find()
    if binary is None:
        required = os.environ.get("PATCHSWEEP_BROWSER") == "required"
        print(f"browser test {'failed' if required else 'skipped'}: no Chromium; install one or set CHROMIUM to its path")
        sys.exit(1 if required else 0)
    screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cluster = Cluster(patchsweep, worker, data, pathlib.Path(folder))
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        try:
            page.check(browser, cluster, screenshots)
            report.check(browser, cluster.run() / "report.html", screenshots)
        finally:
            browser.close()
            cluster.stop()
    print(f"browser test: report and page are as they should be; screenshots are in {screenshots}")


if __name__ == "__main__":
    main()
