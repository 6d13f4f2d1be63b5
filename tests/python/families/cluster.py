"""A coordinator with workers, so that many small models need no process each."""

import re
import subprocess
import sys


class Cluster:
    def __init__(self, patchsweep, worker, models, workers=2):
        self.patchsweep, self.log, self.processes = patchsweep, (models / "log.txt").open("w+"), []
        serve = [patchsweep, "serve", "--listen", "127.0.0.1:0", "--state", models / "state", "--models", models]
        coordinator = subprocess.Popen(serve, stdout=self.log, stderr=subprocess.PIPE, text=True)
        self.processes.append(coordinator)
        for line in coordinator.stderr:
            if found := re.match(r"listening on (\S+)", line):
                self.url = found[1] if found[1].startswith("http") else f"http://{found[1]}"
                break
        else:
            sys.exit(f"the coordinator ended with {coordinator.wait()}")
        # What it says from now on must not fill the pipe.
        self.processes.append(subprocess.Popen(["cat"], stdin=coordinator.stderr, stdout=self.log))
        for _ in range(workers):
            work = [worker, "--coordinator", self.url, "--device", "cpu", "--threads", "1", "--models", models]
            self.processes.append(subprocess.Popen(work, stdout=self.log, stderr=self.log))

    def call(self, *arguments):
        """What a command prints."""
        command = [self.patchsweep, *arguments, "--coordinator", self.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.log.close()
