"""The units of deploy/systemd, as they are committed, in a systemd of their own: this machine's, booted over a throw-away copy."""

import os
import pathlib
import subprocess

from engines import starting

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
DRIVE = pathlib.Path(__file__).resolve().parent / "units"
# Of 100, as `systemd-analyze security` counts exposure.
MOST_EXPOSED = 30
PATIENCE_S = 240
# Runs the test in the booted system, and ends that with the test's exit code.
DRIVE_SERVICE = """
[Unit]
Requires=basic.target
After=basic.target

[Service]
Type=oneshot
ExecStart={command}
StandardOutput=append:/out/log
StandardError=append:/out/log
ExecStopPost=/bin/systemctl --no-block exit $EXIT_STATUS
"""


def check(programs, sweeps, folder):
    opt = folder / "patchsweep"
    libtorch = pathlib.Path(__file__).resolve().parents[2] / ".venv" / "libtorch"
    subprocess.run([DEPLOY / "dist.sh", programs, libtorch, opt], check=True)
    understood(opt, folder / "units")
    with starting("systemd in a container"):
        boot({}, "/bin/true", folder / "trial")
    binds = {opt: "/opt/patchsweep", sweeps.folder: "/srv/models", DRIVE: "/drive"}
    binds |= {unit: f"/etc/systemd/system/{unit.name}" for unit in UNITS.glob("*.service")}
    overridden = "patchsweep-worker@.service.d"
    binds[DRIVE / overridden] = f"/etc/systemd/system/{overridden}"
    boot(binds, "/bin/bash /drive/drive.sh", folder)
    sweeps.compare("long", folder / "out" / "results")
    print("systemd: units killed, stopped, started again, and not let in")


def understood(opt, units):
    """systemd knows every key (misspelt ones are but warnings), and finds the units closed enough."""
    units.mkdir()
    for unit in UNITS.glob("*.service"):
        copy = units / unit.name
        copy.write_text(unit.read_text().replace("/opt/patchsweep/", f"{opt}/").replace("Documentation=", "#"))
        verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
        assert verified.returncode == 0 and not verified.stderr, verified.stderr
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", copy]
        exposed = subprocess.run(command, capture_output=True, text=True)
        assert exposed.returncode == 0, exposed.stdout


def boot(binds, command, folder):
    """Boots, runs a command there, whose output goes to out/log, and shuts down."""
    root, out = folder / "root", folder / "out"
    root.mkdir(parents=True)
    out.mkdir()
    drive = folder / "drive.service"
    drive.write_text(DRIVE_SERVICE.format(command=command))
    binds = {**binds, drive: f"/etc/systemd/system/{drive.name}"}
    subprocess.run(["mount", "--bind", "/", root], check=True)
    try:
        nspawn = ["systemd-nspawn", "-q", "-D", root, "-M", f"patchsweep-{os.getpid()}", "--hostname=localhost"]
        nspawn += ["--volatile=overlay", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        nspawn += [f"--bind-ro={here}:{there}" for here, there in binds.items()] + [f"--bind={out}:/out"]
        nspawn += ["--boot", f"systemd.unit={drive.name}", "systemd.show_status=0"]
        ended = subprocess.run(nspawn, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    finally:
        subprocess.run(["umount", root], check=True)
    log = out / "log"
    said = log.read_text() if log.exists() else ended.stdout + ended.stderr
    assert ended.returncode == 0, f"ended with {ended.returncode}:\n{said}"
