"""From a notebook through ssh to a coordinator, by the commands of docs/python.md: a laptop reaches a login node, which reaches a
head node, and nothing else reaches anything. OpenSSH's own server, TLS, and the notebook of data/.
"""

import json
import pathlib
import re
import shlex
import subprocess
import venv

from engines import starting
from tunnel_cluster import HEAD, LAPTOP, LOGIN, Cluster
from waiting import PATIENCE_S, until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
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
    cluster = Cluster(folder, programs, sweeps.folder)
    try:
        with starting("sshd"):
            cluster.start()
        laptop = Laptop(cluster, programs, sweeps)
        commands = laptop.commands()
        laptop.without_a_tunnel()
        laptop.to_a_heat_map(commands)
        laptop.tunnel_breaks(commands)
        laptop.on_the_login_node()
    finally:
        cluster.stop()
    print(f"tunnel: {len(commands)} commands from a clone to a heat map; a tunnel that broke and came back", flush=True)


class Laptop:
    """What somebody does there."""

    def __init__(self, cluster, programs, sweeps):
        self.cluster, self.programs, self.sweeps = cluster, programs, sweeps
        for file in (REPOSITORY / "data" / "acronyms.toml", sweeps.spec("long"), sweeps.folder / "acronyms.txt"):
            (cluster.desk / file.name).write_bytes(file.read_bytes())

    def commands(self):
        """The lines of docs/python.md, and what comes of the Python in them."""
        text = (REPOSITORY / "docs" / "python.md").read_text()
        [block] = re.findall(r"these are all commands from a clone to\na notebook:\n\n((?:    .*\n)+)", text)
        return [line.strip() for line in block.splitlines()]

    def without_a_tunnel(self):
        """Nobody but the login node reaches the coordinator."""
        state = self.cluster.serve(HEAD, "--listen", "0.0.0.0:7070")
        program = self.programs / "patchsweep"
        credentials = f"--credentials {state}/client.credentials"
        until("the coordinator", lambda: self.cluster.hosts.run(HEAD, program, "list", *credentials.split()) is not None)
        refused = self.cluster.shell(f"{program} list {credentials}", code=4)
        assert "cannot reach the coordinator at https://head-node:7070" in refused, refused

    def to_a_heat_map(self, commands):
        """From the clone on; jupyterlab is left out, whose notebook is run here by Python."""
        install, fetch, tunnel, start = commands
        venv.create(self.cluster.folder / "venv", with_pip=True)
        assert shlex.split(install)[:2] == ["pip", "install"] and install.endswith(" jupyterlab"), install
        packages = shlex.split(install)[2:-1]
        pip = [self.cluster.folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, cwd=REPOSITORY, check=True)
        self.cluster.shell(fetch)
        self.cluster.shell(tunnel)
        assert start.endswith(" jupyter lab"), start
        self.environment = start.removesuffix("jupyter lab")
        (self.cluster.desk / "notebook.py").write_text(NOTEBOOK)
        self.cluster.shell(f"{self.environment} python notebook.py {REPOSITORY}/data/acronyms.ipynb")
        assert "heatmap" in (self.cluster.desk / "z.html").read_text()
        self.same_scores("short")
        # A second tunnel of the same port says that there is none.
        assert "Address already in use" in self.cluster.shell(tunnel, code=255)

    def same_scores(self, name):
        """What a client has through the tunnel is what `patchsweep run` gives."""
        out = self.cluster.desk / f"{name}-results"
        self.cluster.shell(f"{self.environment} {self.programs}/patchsweep results last --overwrite --out {out}")
        self.sweeps.compare(name, out)

    def tunnel_breaks(self, commands):
        """As when a laptop sleeps. The coordinator is started again meanwhile, so that for a while the new tunnel leads nowhere."""
        (self.cluster.desk / "wait.py").write_text(WAIT)
        waiting = f"{self.environment} exec python -u wait.py"
        process, log = self.cluster.background(waiting)
        listing = f"{self.environment} {self.programs}/patchsweep --output json status last"
        until("some tiles", lambda: "submitted" in log.read_text() and self.tiles_done(listing) >= 2)
        self.cluster.kill(LAPTOP, "-L")
        until("the client misses the coordinator", lambda: "lost the coordinator" in log.read_text())
        self.cluster.shell(listing, code=4)
        self.cluster.kill(HEAD, "serve")
        self.cluster.shell(commands[2])
        said = self.cluster.shell(f"{self.environment} python -c 'import patchsweep; patchsweep.connect()'", code=1)
        assert "patchsweep.errors.Unreachable" in said and process.poll() is None, said
        self.cluster.serve(HEAD, "--listen", "0.0.0.0:7070")
        assert process.wait(PATIENCE_S) == 0, log.read_text()
        assert "heatmap" in (self.cluster.desk / "long.html").read_text()
        self.same_scores("long")

    def tiles_done(self, listing):
        return json.loads(self.cluster.shell(f"{listing} 2> /dev/null"))["sweeps"][0]["tiles_done"]

    def on_the_login_node(self):
        """A coordinator that listens on the login node's own address only, with TLS; worker and client are on the laptop."""
        self.cluster.serve(LOGIN, "--listen", "127.0.0.1:7070", "--tls", worker=False)
        self.cluster.shell("scp login-node:login-node/client.credentials login-node:login-node/worker.credentials .")
        self.cluster.shell("ssh -f -N -L 7071:127.0.0.1:7070 login-node")
        for name in ("localhost", "127.0.0.1"):
            self.cluster.shell(f"{self.programs}/patchsweep list --credentials client.credentials --coordinator https://{name}:7071")
        work = f"{self.programs}/patchsweep-worker --credentials worker.credentials --coordinator https://localhost:7071"
        work += f" --models {self.sweeps.folder} --leave-when-idle 1s"
        worker, log = self.cluster.background(f"exec {work}")
        self.environment = "PATCHSWEEP_COORDINATOR=https://localhost:7071 PATCHSWEEP_CREDENTIALS=client.credentials"
        self.cluster.shell(f"{self.environment} {self.programs}/patchsweep submit acronyms.toml --wait")
        self.same_scores("short")
        assert worker.wait(PATIENCE_S) == 0, log.read_text()
