"""A Slurm of one's own on this machine: three nodes with two pretended GPUs each, below one folder, gone afterwards.

Needs root and Debian's packages slurm-wlm and munge. Nodes are several slurmds on one host, each with its port; a GPU is a
character device that no driver answers. Limits on memory, cores and devices are real: control groups, as on a site.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from waiting import until

NODES = 3
FIRST_PORT = 17001

SLURM_CONF = """
ClusterName=patchsweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
KillWait=30
MinJobAge=3600
DefMemPerCPU=500
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=4 RealMemory=6000 Gres=gpu:2
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""
CGROUP_CONF = """
CgroupPlugin=autodetect
ConstrainRAMSpace=yes
ConstrainCores=yes
ConstrainDevices=yes
"""
# NVIDIA's device numbers.
GPU_MAJOR = 195


class Slurm:
    """What runs is ended by `stop`; `environment` is what Slurm's commands need."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
        self.nodes = [f"n{number}" for number in range(1, NODES + 1)]

    def start(self):
        self._munge()
        host = socket.gethostname().split(".")[0]
        names = {"folder": self.folder, "host": host, "nodes": NODES, "controller": FIRST_PORT - 1}
        names |= {"first": FIRST_PORT, "last": FIRST_PORT + NODES - 1}
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**names))
        (self.folder / "cgroup.conf").write_text(CGROUP_CONF)
        devices = self.folder / "dev"
        devices.mkdir()
        for number in range(2):
            os.mknod(devices / f"gpu{number}", 0o20666, os.makedev(GPU_MAJOR, number))
        (self.folder / "gres.conf").write_text(f"NodeName=n[1-{NODES}] Name=gpu File={devices}/gpu[0-1]\n")
        (self.folder / "state").mkdir()
        for node in self.nodes:
            (self.folder / "spool" / node).mkdir(parents=True)
        subprocess.run(["slurmctld", "-c"], env=self.environment, check=True)
        for node in self.nodes:
            subprocess.run(["slurmd", "-N", node], env=self.environment, check=True)
        until("all nodes idle", lambda: self.command("sinfo", "-h", "-o", "%D %t").split() == [str(NODES), "idle"])

    def _munge(self):
        munge = self.folder / "munge"
        munge.mkdir(mode=0o711)
        key = munge / "key"
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(128))
        files = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        subprocess.run(["munged", *files, f"--socket={munge}/socket"], check=True)

    def command(self, *arguments, **options):
        """What one of Slurm's commands prints."""
        run = subprocess.run(
            [str(argument) for argument in arguments], env=self.environment, text=True, stdout=subprocess.PIPE, timeout=60, **options
        )
        return run.stdout

    def sbatch(self, *arguments, cwd, **environment):
        """The id of a new job."""
        words = ["sbatch", "--parsable", *(str(argument) for argument in arguments)]
        run = subprocess.run(
            words, env=self.environment | environment, cwd=cwd, text=True, stdout=subprocess.PIPE, check=True, timeout=60
        )
        return run.stdout.strip()

    def job(self, job):
        """What Slurm knows of a job, by name."""
        shown = self.command("scontrol", "show", "job", "--oneliner", job)
        return dict(re.findall(r"(\S+?)=(\S*)", shown.splitlines()[0] if shown else ""))

    def until_state(self, job, *states):
        """Waits for one of the states; fails with the job's log."""

        def reached():
            now = self.job(job)
            state = now.get("JobState")
            why = {key: now.get(key) for key in ("ExitCode", "Reason", "Restarts", "NodeList")}
            assert state in states or state != "FAILED", f"job {job} failed, {why}:\n{self.log(job)}\n{self.daemons(job)}"
            return state in states

        until(f"job {job} {' or '.join(states)}", reached)

    def daemons(self, job):
        """What Slurm itself said of a job, last."""
        logs = sorted(self.folder.glob("*.log"))
        lines = [f"{log.name}: {line}" for log in logs for line in log.read_text(errors="replace").splitlines()]
        return "\n".join([line for line in lines if re.search(rf"\b(JobId=|job |Job ){job}\b", line)][-40:])

    def start_again(self, job):
        """Ends the two minutes' wait of a job that is queued again. All its processes are gone.

        In the second in which it took back a job's credential slurmd starts no later life of it: "Job credential revoked", and the
        job has failed for good (seen with 22.05, one time in eight).
        """
        ended = int(time.time())
        until("the next second", lambda: int(time.time()) > ended)
        self.command("scontrol", "update", f"JobId={job}", "StartTime=now")

    def log(self, job):
        """What a job's log says; empty before it runs."""
        path = pathlib.Path(self.job(job)["StdOut"])
        return path.read_text(errors="replace") if path.exists() else ""

    def processes(self, program):
        """Ids of the running processes of a program that this cluster started, by what their command lines begin with."""
        pids = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                        command = file.read().split(b"\0")
                    with open(f"/proc/{entry.name}/environ", "rb") as file:
                        ours = f"SLURM_CONF={self.folder}/slurm.conf".encode() in file.read()
                    if ours and command[0].decode().endswith(program):
                        pids.append(int(entry.name))
        return sorted(pids)

    def stop(self):
        if not (self.folder / "munge" / "pid").exists():
            return
        self.command("scancel", "--user=root", "--full", "--signal=KILL")
        with contextlib.suppress(AssertionError):
            until("no jobs", lambda: not self.command("squeue", "-h").strip(), 30)
        self.command("scontrol", "shutdown")
        pid_files = [self.folder / "slurmctld.pid", *(self.folder / f"slurmd-{node}.pid" for node in self.nodes)]
        until("Slurm's daemons gone", lambda: not any(file.exists() for file in pid_files), 60)
        munge = int((self.folder / "munge" / "pid").read_text())
        os.kill(munge, signal.SIGTERM)
        # It writes its seed at the very end, into a folder that is about to be deleted.
        until("munge gone", lambda: has_ended(munge))


def has_ended(pid):
    """Also where nobody has asked yet how."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
