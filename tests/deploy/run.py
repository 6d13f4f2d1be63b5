"""Runs what deploy/ holds in the engines that it is for: `run.py PROGRAMS [PART ..]`.

PROGRAMS is the folder of the built programs. A part whose engine is missing, or cannot start on this machine, is skipped with a
line; with PATCHSWEEP_DEPLOY=required it fails. In CI, as root on Debian, missing packages are installed.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import manifests
import pods
import slurm
import tunnel
import units
import wheel
from engines import Unavailable
from sweeps import Sweeps

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
# Called as their packages are; podman starts most of them itself, the last two from there.
NETWORK = ("/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns")
CONTAINERS = ("podman", "buildah", "runc", "conmon", "catatonit", "iptables", *NETWORK)
# Each part, the programs without which it cannot run, and Debian's packages of these. Those with programs need root too.
PARTS = {
    "kubernetes": (manifests.check, {}),
    "wheel": (wheel.check, {}),
    "image": (pods.check, {program: pathlib.Path(program).name for program in CONTAINERS}),
    "systemd": (units.check, {"systemd-nspawn": "systemd-container"}),
    "tunnel": (tunnel.check, {"sshd": "openssh-server", "ssh": "openssh-client", "ip": "iproute2"}),
    "slurm": (slurm.check, {"slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "munged": "munge"}),
}


def main():
    programs, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or list(PARTS)
    install({package for name in wanted for package in PARTS[name][1].values()})
    with tempfile.TemporaryDirectory(prefix="patchsweep-deploy-") as folder:
        folder = pathlib.Path(folder)
        # munge wants everybody to reach its socket, and containers run as nobody.
        folder.chmod(0o711)
        sweeps = Sweeps(programs / "patchsweep", DATA, folder / "sweeps")
        for name in wanted:
            check, needed = PARTS[name]
            (folder / name).mkdir()
            try:
                found(needed)
                check(programs, sweeps, folder / name)
            except Unavailable as reason:
                print(f"{name}: skipped: {reason}", flush=True)
                if os.environ.get("PATCHSWEEP_DEPLOY") == "required":
                    sys.exit(1)


def install(packages):
    if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {', '.join(sorted(packages))}", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *sorted(packages)]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False)


def found(needed):
    absent = [program for program in needed if shutil.which(program) is None]
    if needed and os.geteuid() != 0:
        raise Unavailable("not root")
    if absent:
        raise Unavailable(f"no {', '.join(absent)}")


if __name__ == "__main__":
    main()
