"""The scripts of deploy/slurm, as they are committed, in a real Slurm."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from engines import starting
from slurm_cluster import Slurm
from waiting import until

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "slurm"
# One core and a gigabyte for each task, of the little that the pretended nodes have.
SMALL = ("--cpus-per-task=1", "--mem-per-cpu=1000M")
MIB = 1 << 20


def check(programs, sweeps, folder):
    slurm = Slurm(folder / "slurm")
    slurm.folder.mkdir()
    try:
        with starting("Slurm"):
            slurm.start()
        site = Site(slurm, programs, sweeps)
        one_job(site)
        lost_gpu(site)
        preemption(site, array(site))
    finally:
        slurm.stop()


class Site:
    """A user's folder with the scripts, on the shared file system."""

    def __init__(self, slurm, programs, sweeps):
        self.slurm, self.programs, self.sweeps = slurm, programs, sweeps
        self.folder = sweeps.folder
        for script in SCRIPTS.iterdir():
            shutil.copy(script, self.folder)
        self.environment = {"PATCHSWEEP_BIN": str(programs), "PATCHSWEEP_DEVICE": "cpu"}

    def sbatch(self, *arguments):
        return self.slurm.sbatch(*arguments, cwd=self.folder, **self.environment)

    def patchsweep(self, *arguments):
        """What a client command prints as JSON, with the array's coordinator; None while that is not reached."""
        credentials = self.folder / "patchsweep-state" / "client.credentials"
        words = [self.programs / "patchsweep", "--output", "json", *arguments, "--credentials", credentials]
        run = subprocess.run([str(word) for word in words], text=True, capture_output=True, timeout=120)
        return json.loads(run.stdout) if run.returncode == 0 else None

    def sweep(self):
        """The newest sweep's status; None while the coordinator is not reached."""
        status = self.patchsweep("status", "last")
        return status and status["sweeps"][0]


def one_job(site):
    """Coordinator, workers and results in one job; each task has its GPU, its cores and its memory."""
    slurm, results = site.slurm, site.folder / "one-job"
    job = site.sbatch("--ntasks=3", *SMALL, "sweep.sbatch", site.sweeps.spec("short"), results)
    workers = until("three workers", lambda: len(pids := slurm.processes("patchsweep-worker")) == 3 and pids)
    for pid in workers:
        with contextlib.suppress(FileNotFoundError):
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            # A task sees its own GPU only, and so it is number 0.
            assert b"CUDA_VISIBLE_DEVICES=0" in environment, environment
    slurm.until_state(job, "COMPLETED")
    log = slurm.log(job)
    assert slurm.job(job)["ExitCode"] == "0:0", log
    site.sweeps.compare("short", results)
    budgets = memory_budgets(log)
    assert len(budgets) == 3 and all(500 * MIB < budget <= 1000 * MIB for budget in budgets), (budgets, log)
    print("slurm: a sweep in one job")


def lost_gpu(site):
    """A worker that ends because its GPU is lost to it is started again in its job. This one says so twice, and never computes."""
    programs, slurm = site.folder / "lost", site.slurm
    programs.mkdir()
    worker = programs / "patchsweep-worker"
    worker.write_text('#!/bin/sh\necho started >> starts\n[ "$(wc -l < starts)" -eq 3 ] || exit 6\n')
    worker.chmod(0o755)
    job = slurm.sbatch("--ntasks=1", "--array=0-0", *SMALL, "workers.sbatch", cwd=site.folder, **site.environment | {"PATCHSWEEP_BIN": str(programs)})
    slurm.until_state(f"{job}_0", "COMPLETED")
    assert (site.folder / "starts").read_text() == 3 * "started\n", slurm.log(f"{job}_0")
    print("slurm: a worker whose GPU is lost is started again")


def array(site):
    """A coordinator's job and an array of workers: one is cancelled, one killed, then the coordinator starts again. Gives its job."""
    slurm = site.slurm
    coordinator = site.sbatch("coordinator.sbatch")
    workers = site.sbatch("--array=0-2", *SMALL, "workers.sbatch")
    pids = until("three workers", lambda: len(found := slurm.processes("patchsweep-worker")) == 3 and found)
    until("the coordinator knows them", lambda: (known := site.patchsweep("workers")) and len(known["workers"]) == 3)
    assert site.patchsweep("submit", site.sweeps.spec("long"))

    tiles_done = lambda least: until(f"{least} tiles", lambda: (now := site.sweep()) and now["tiles_done"] >= least)
    tiles_done(2)
    # It finishes its tile and hands the others back, within Slurm's KillWait.
    slurm.command("scancel", f"{workers}_0")
    slurm.until_state(f"{workers}_0", "CANCELLED")
    os.kill(slurm.processes("patchsweep-worker")[0], signal.SIGKILL)
    until("one worker", lambda: len(slurm.processes("patchsweep-worker")) == 1)
    # Elastic: more of them at any time.
    site.sbatch("--array=3-4", *SMALL, "workers.sbatch")
    done = site.sweep()["tiles_done"]
    tiles_done(done + 1)

    slurm.command("scontrol", "requeue", coordinator)
    slurm.until_state(coordinator, "PENDING")
    # It has left before Slurm would start it again, two minutes later; here that is at once.
    until("the coordinator gone", lambda: not slurm.processes("patchsweep"))
    assert site.sweep() is None
    slurm.start_again(coordinator)
    slurm.until_state(coordinator, "RUNNING")
    again = until("the coordinator with its sweep", site.sweep)
    assert again["tiles_done"] > done, (again, done)
    until("all tiles", lambda: (now := site.sweep()) and now["state"] == "done" and now)
    results = site.folder / "array"
    site.patchsweep("results", "last", "--out", results)
    site.sweeps.compare("long", results)
    # Both lives are in one log.
    log = slurm.log(coordinator)
    assert len(re.findall("listening on", log)) == 2, log
    print("slurm: a coordinator and an array, with workers cancelled and killed and the coordinator requeued")
    return coordinator


def preemption(site, coordinator):
    """A worker that has to make way for a job of higher priority leaves in order, and is queued again."""
    slurm = site.slurm
    slurm.command("scancel", "--name=patchsweep-worker", "--user=root")
    until("no workers", lambda: not slurm.processes("patchsweep-worker"))
    # Not where the coordinator is, which would have to make way too.
    node = next(node for node in slurm.nodes if node != slurm.job(coordinator)["NodeList"])
    workers = site.sbatch("--array=0-0", *SMALL, f"--nodelist={node}", "workers.sbatch")
    job = f"{workers}_0"
    until("the worker", lambda: slurm.processes("patchsweep-worker"))
    until("it is registered", lambda: len(site.patchsweep("workers")["workers"]) == 1)
    urgent = slurm.sbatch("--partition=high", "--exclusive", f"--nodelist={node}", "--output=urgent.log", "--wrap", "true", cwd=site.folder)
    slurm.until_state(urgent, "COMPLETED")
    until("the worker's job is queued again", lambda: slurm.job(job).get("Restarts") == "1")
    slurm.start_again(job)
    # Both lives are in one log, and the first ended in order.
    until("the worker is back", lambda: len(re.findall("worker started", slurm.log(job))) == 2)
    assert "SIGTERM: leaving" in slurm.log(job), slurm.log(job)
    print("slurm: a preempted worker is queued again")


def memory_budgets(log):
    """What workers said that they may take, in bytes."""
    return [int(budget) for budget in re.findall(r"worker started.* memory_budget=(\d+)", log)]
