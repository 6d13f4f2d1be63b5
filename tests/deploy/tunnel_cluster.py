"""A laptop that reaches a login node by ssh, which reaches a head node, and nothing else reaches anything: OpenSSH's own server, and
coordinators and workers on these hosts.
"""

import os
import pathlib
import signal
import subprocess

from hosts import Hosts, command_line
from waiting import PATIENCE_S, until

LAPTOP, LOGIN, HEAD = "laptop", "login-node", "head-node"
SSHD_CONFIG = """
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
Subsystem sftp internal-sftp -d {home}
"""
SSH_CONFIG = """
IdentityFile {folder}/key
UserKnownHostsFile {folder}/known
BatchMode yes
"""


class Cluster:
    def __init__(self, folder, programs, models):
        self.hosts, self.programs, self.models, self.folder = Hosts(folder, LAPTOP, LOGIN, HEAD), programs, models, folder
        # Of the cluster's user, and where one types on the laptop.
        self.home, self.desk = folder / "home", folder / "desk"
        tools = folder / "tools"
        for each in (self.home, self.desk, tools):
            each.mkdir()
        # OpenSSH looks for these in the home folder of the user that it is run by.
        for program in ("ssh", "scp"):
            path = tools / program
            path.write_text(f'#!/bin/sh\nexec /usr/bin/{program} -F {folder}/ssh_config "$@"\n')
            path.chmod(0o755)
        path = f"{tools}:{folder}/venv/bin:{os.environ['PATH']}"
        self.laptop = {"HOME": str(self.desk), "PATH": path, "PATCHSWEEP_CONFIG": ""}

    def start(self):
        """Cables, and a login node with sshd."""
        self.hosts.start()
        self.hosts.cable(1, LAPTOP, LOGIN)
        self.hosts.cable(2, LOGIN, HEAD)
        # sshd keeps to it wherever it is run.
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for key in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        (self.folder / "known").write_text(f"{LOGIN} {(self.folder / 'host.pub').read_text()}")
        for name, text in (("sshd_config", SSHD_CONFIG), ("ssh_config", SSH_CONFIG)):
            (self.folder / name).write_text(text.format(folder=self.folder, home=self.home))
        self.hosts.background(LOGIN, "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config")
        until("sshd", lambda: self.background("ssh login-node true")[0].wait(PATIENCE_S) == 0)

    def stop(self):
        self.hosts.stop()

    def serve(self, host, *options, worker=True):
        """A coordinator, where its credentials are found by scp, with a worker beside it; its state directory."""
        state = self.home / ".local" / "state" / "patchsweep" if host == HEAD else self.home / host
        serve = [self.programs / "patchsweep", "serve", "--models", self.models, "--state", state, *options]
        self.hosts.background(host, *serve)
        credentials = state / "worker.credentials"
        until(f"credentials on {host}", credentials.exists)
        if worker:
            work = [self.programs / "patchsweep-worker", "--models", self.models, "--threads", "1"]
            self.hosts.background(host, *work, "--credentials", credentials)
        return state

    def shell(self, line, code=0):
        """What a line prints, typed on the laptop."""
        return self.hosts.run(LAPTOP, "bash", "-c", line, code=code, cwd=self.desk, **self.laptop)

    def background(self, line):
        """The process of a line that is typed on the laptop, and the file that it prints to."""
        return self.hosts.background(LAPTOP, "bash", "-c", line, cwd=self.desk, **self.laptop)

    def kill(self, host, word):
        """What runs there with that word in its command line."""
        found = [pid for pid in self.hosts.processes(host) if word in command_line(pid).split()]
        assert found, f"nothing with {word} on {host}"
        for pid in found:
            os.kill(pid, signal.SIGKILL)
            until(f"{pid} is gone", lambda: not command_line(pid))
