"""From a notebook through ssh to a coordinator, by the commands of docs/python.md: a laptop reaches a login node, which reaches a
head node, and nothing else reaches anything. OpenSSH's own server, TLS, and the notebook of data/.
"""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import venv

from engines import starting
from hosts import Hosts, command_line
from waiting import PATIENCE_S, until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
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
# The notebook's cells, in one process. What needs the program, which a laptop may lack, says so.
NOTEBOOK = """
import json, pathlib, sys
import patchsweep
notebook = json.loads(pathlib.Path(sys.argv[1]).read_text())
names = {}
for cell in notebook["cells"]:
    if cell["cell_type"] == "code":
        text = "".join(cell["source"])
        try:
            exec(text, names)
        except patchsweep.NoProgram:
            assert "plan" in text
patchsweep.plot(names["ds"]["z"]).write_html("z.html")
"""
WAIT = """
import patchsweep
sweep = patchsweep.connect().submit("long.toml")
print("submitted", flush=True)
sweep.wait()
patchsweep.plot(sweep.results()["z"]).write_html("long.html")
"""


def check(programs, sweeps, folder):
    hosts = Hosts(folder, LAPTOP, LOGIN, HEAD)
    try:
        cluster = Cluster(hosts, programs, sweeps)
        with starting("sshd"):
            cluster.start()
        commands = cluster.commands()
        cluster.without_a_tunnel()
        cluster.to_a_heat_map(commands)
        cluster.tunnel_breaks(commands)
        cluster.on_the_login_node()
    finally:
        hosts.stop()
    print(f"tunnel: {len(commands)} commands from a clone to a heat map; a tunnel that broke and came back", flush=True)


class Cluster:
    def __init__(self, hosts, programs, sweeps):
        self.hosts, self.programs, self.sweeps, self.folder = hosts, programs, sweeps, hosts.folder
        self.home, self.desk = self.folder / "home", self.folder / "desk"
        self.state = self.home / ".local" / "state" / "patchsweep"
        tools = self.folder / "tools"
        for each in (self.home, self.desk, tools):
            each.mkdir()
        # OpenSSH looks for these in the home folder of the user that it is run by.
        for program in ("ssh", "scp"):
            path = tools / program
            path.write_text(f'#!/bin/sh\nexec /usr/bin/{program} -F {self.folder}/ssh_config "$@"\n')
            path.chmod(0o755)
        for file in (REPOSITORY / "data" / "acronyms.toml", sweeps.spec("long"), sweeps.folder / "acronyms.txt"):
            (self.desk / file.name).write_bytes(file.read_bytes())
        path = f"{tools}:{self.folder}/venv/bin:{os.environ['PATH']}"
        self.laptop = {"HOME": str(self.desk), "PATH": path, "PATCHSWEEP_CONFIG": ""}

    def start(self):
        """Cables, a login node with sshd, and a coordinator and two workers on the node behind it."""
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
        until("sshd", lambda: self.succeeds("ssh login-node true"))

    def serve(self, host, *options, worker=True):
        """A coordinator, where its credentials are found by scp, with a worker beside it; its state directory."""
        state = self.home / ".local" / "state" / "patchsweep" if host == HEAD else self.home / host
        serve = [self.programs / "patchsweep", "serve", "--models", self.sweeps.folder, "--state", state, *options]
        self.hosts.background(host, *serve)
        credentials = state / "worker.credentials"
        until(f"credentials on {host}", credentials.exists)
        if worker:
            work = [self.programs / "patchsweep-worker", "--models", self.sweeps.folder, "--threads", "1"]
            self.hosts.background(host, *work, "--credentials", credentials)
        return state

    def shell(self, line, code=0):
        """What a line prints, typed on the laptop."""
        return self.hosts.run(LAPTOP, "bash", "-c", line, code=code, cwd=self.desk, **self.laptop)

    def succeeds(self, line):
        process, _ = self.hosts.background(LAPTOP, "bash", "-c", line, cwd=self.desk, **self.laptop)
        return process.wait(PATIENCE_S) == 0

    def commands(self):
        """The lines of docs/python.md, and what comes of the Python in them."""
        text = (REPOSITORY / "docs" / "python.md").read_text()
        [block] = re.findall(r"these are all commands from a clone to\na notebook:\n\n((?:    .*\n)+)", text)
        return [line.strip() for line in block.splitlines()]

    def without_a_tunnel(self):
        """Nobody but the login node reaches the coordinator."""
        self.state = self.serve(HEAD, "--listen", "0.0.0.0:7070")
        program = self.programs / "patchsweep"
        credentials = f"--credentials {self.state}/client.credentials"
        until("the coordinator", lambda: self.hosts.run(HEAD, program, "list", *credentials.split()) is not None)
        refused = self.shell(f"{program} list {credentials}", code=4)
        assert "cannot reach the coordinator at https://head-node:7070" in refused, refused

    def to_a_heat_map(self, commands):
        """From the clone on; jupyterlab is left out, whose notebook is run here by Python."""
        install, fetch, tunnel, start = commands
        venv.create(self.folder / "venv", with_pip=True)
        assert shlex.split(install)[:2] == ["pip", "install"] and install.endswith(" jupyterlab"), install
        packages = shlex.split(install)[2:-1]
        pip = [self.folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, cwd=REPOSITORY, check=True)
        self.shell(fetch)
        self.shell(tunnel)
        assert start.endswith(" jupyter lab"), start
        self.environment = start.removesuffix("jupyter lab")
        (self.desk / "notebook.py").write_text(NOTEBOOK)
        self.shell(f"{self.environment} python notebook.py {REPOSITORY}/data/acronyms.ipynb")
        assert "heatmap" in (self.desk / "z.html").read_text()
        self.same_scores("short")
        # A second tunnel of the same port says that there is none.
        assert "Address already in use" in self.shell(tunnel, code=255)

    def same_scores(self, name):
        """What a client has through the tunnel is what `patchsweep run` gives."""
        out = self.desk / f"{name}-results"
        self.shell(f"{self.environment} {self.programs}/patchsweep results last --overwrite --out {out}")
        self.sweeps.compare(name, out)

    def tunnel_breaks(self, commands):
        """As when a laptop sleeps. The coordinator is started again meanwhile, so that for a while the new tunnel leads nowhere."""
        (self.desk / "wait.py").write_text(WAIT)
        waiting = f"{self.environment} exec python -u wait.py"
        process, log = self.hosts.background(LAPTOP, "bash", "-c", waiting, cwd=self.desk, **self.laptop)
        listing = f"{self.environment} {self.programs}/patchsweep --output json status last"
        until("some tiles", lambda: "submitted" in log.read_text() and self.tiles_done(listing) >= 2)
        self.kill(LAPTOP, "-L")
        until("the client misses the coordinator", lambda: "lost the coordinator" in log.read_text())
        self.shell(listing, code=4)
        self.kill(HEAD, "serve")
        self.shell(commands[2])
        said = self.shell(f"{self.environment} python -c 'import patchsweep; patchsweep.connect()'", code=1)
        assert "patchsweep.errors.Unreachable" in said and process.poll() is None, said
        self.serve(HEAD, "--listen", "0.0.0.0:7070")
        assert process.wait(PATIENCE_S) == 0, log.read_text()
        assert "heatmap" in (self.desk / "long.html").read_text()
        self.same_scores("long")

    def tiles_done(self, listing):
        return json.loads(self.shell(f"{listing} 2> /dev/null"))["sweeps"][0]["tiles_done"]

    def kill(self, host, word):
        """What runs there with that word in its command line."""
        found = [pid for pid in self.hosts.processes(host) if word in command_line(pid).split()]
        assert found, f"nothing with {word} on {host}"
        for pid in found:
            os.kill(pid, signal.SIGKILL)
            until(f"{pid} is gone", lambda: not command_line(pid))

    def on_the_login_node(self):
        """A coordinator that listens on the login node's own address only, with TLS; worker and client are on the laptop."""
        self.serve(LOGIN, "--listen", "127.0.0.1:7070", "--tls", worker=False)
        self.shell("scp login-node:login-node/client.credentials login-node:login-node/worker.credentials .")
        self.shell("ssh -f -N -L 7071:127.0.0.1:7070 login-node")
        for name in ("localhost", "127.0.0.1"):
            self.shell(f"{self.programs}/patchsweep list --credentials client.credentials --coordinator https://{name}:7071")
        work = f"{self.programs}/patchsweep-worker --credentials worker.credentials --coordinator https://localhost:7071"
        work += f" --models {self.sweeps.folder} --leave-when-idle 1s"
        worker, log = self.hosts.background(LAPTOP, "bash", "-c", f"exec {work}", cwd=self.desk, **self.laptop)
        self.environment = "PATCHSWEEP_COORDINATOR=https://localhost:7071 PATCHSWEEP_CREDENTIALS=client.credentials"
        self.shell(f"{self.environment} {self.programs}/patchsweep submit acronyms.toml --wait")
        self.same_scores("short")
        assert worker.wait(PATIENCE_S) == 0, log.read_text()
