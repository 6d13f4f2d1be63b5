"""The image of deploy/image, and in it the pods of deploy/kubernetes, with podman in the place of a cluster.

podman 4.3.1 knows neither StatefulSet nor claims of volumes, puts a Secret's values into their files in base64, as they stand in
the manifest, would ask probes by a `curl` inside of the image, and publishes every `containerPort` on this machine. So the
coordinator's StatefulSet becomes the pod that it is a template of, called as its Service is, volumes are folders of this machine,
and probes and lists of ports go. What each pod runs, as whom, with which rights and bounds, is as it is committed, for workers on
the CPU.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import yaml

from containers import Containers
from engines import starting
from manifests import MANIFESTS, find_kubectl
from waiting import until

DEPLOY = MANIFESTS.parent
NOBODY = 65534
WORKERS = 2
# Less than the manifests ask for, and than CI's machines have; a worker takes it for its own.
MEMORY = "2Gi"
GIB = 1 << 30
COORDINATOR = "patchsweep-coordinator"


def check(programs, sweeps, folder):
    containers = Containers(folder)
    try:
        image(containers, programs)
        survives(Cluster(containers, "cpu", sweeps.folder), sweeps)
        containers.remove_pods()
        first_look(Cluster(containers, "try"), sweeps)
    finally:
        containers.stop()


def image(containers, programs):
    """Made as deploy/image says, on a base of this machine's libraries."""
    folder = containers.folder
    dist, base = folder / "dist", folder / "base.tar"
    libtorch = DEPLOY.parent / ".venv" / "libtorch"
    containers.command(DEPLOY / "dist.sh", programs, libtorch, dist)
    containers.command(DEPLOY / "image" / "base.sh", dist, base)
    with starting("podman"):
        containers.command("podman", "import", base, "localhost/trial")
        containers.command("podman", "network", "create", containers.network)
        run = ["podman", "run", "--rm", f"--network={containers.network}", "localhost/trial"]
        assert "nobody" in containers.command(*run, "cat", "/etc/passwd")
    containers.command(DEPLOY / "image" / "build.sh", dist, "localhost/patchsweep:latest", ENGINE="buildah")
    [made] = json.loads(containers.command("podman", "inspect", "localhost/patchsweep:latest"))
    assert made["User"] == f"{NOBODY}:{NOBODY}", made["User"]
    labels, version = made["Labels"], containers.command(dist / "bin" / "patchsweep", "--version").split()[1]
    assert labels["org.opencontainers.image.version"] == version, labels
    run = ["podman", "run", "--rm", "--network=none", "localhost/patchsweep:latest"]
    # libtorch is found, and what the first words of a command are is the program.
    assert version in containers.command(*run, "patchsweep-worker", "--version")
    assert "Usage: patchsweep" in containers.command(*run)
    print(f"image: {made['Size'] >> 20} MiB, of which libtorch most", flush=True)


class Cluster:
    """Pods as deploy/kubernetes has them in one of its folders; `models` is a folder of this machine in the place of a claim."""

    def __init__(self, containers, overlay, models=None):
        self.containers, self.kubectl = containers, find_kubectl(containers.folder)
        self.folders = {name: containers.folder / overlay / name for name in ("state", "credentials")}
        for folder in self.folders.values():
            folder.mkdir(parents=True)
            os.chown(folder, NOBODY, NOBODY)
        if models:
            self.folders["models"] = models
        command = [self.kubectl, "kustomize", MANIFESTS / overlay]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(made)}
        self.coordinator = self.adapt(found["StatefulSet", COORDINATOR]["spec"]["template"])
        self.coordinator |= {"apiVersion": "v1", "kind": "Pod"}
        self.coordinator["metadata"]["name"] = COORDINATOR
        self.workers = found["Deployment", "patchsweep-worker"]
        assert self.workers["spec"]["replicas"] == WORKERS
        self.adapt(self.workers["spec"]["template"])

    def adapt(self, template):
        spec = template["spec"]
        [container] = spec["containers"]
        container["imagePullPolicy"] = "Never"
        for key in ("startupProbe", "readinessProbe", "livenessProbe", "ports"):
            container.pop(key, None)
        container["resources"]["limits"]["memory"] = container["resources"]["requests"]["memory"] = MEMORY
        # The coordinator's own claim is none of its pod's volumes.
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        volumes |= {name: {"name": name, "hostPath": {"path": str(folder)}} for name, folder in self.folders.items()}
        spec["volumes"] = [volumes[mount["name"]] for mount in container["volumeMounts"]]
        return template

    def play(self, *resources):
        path = self.containers.folder / "play.yaml"
        path.write_text(yaml.safe_dump_all(resources))
        self.containers.command("podman", "play", "kube", "--build=false", f"--network={self.containers.network}", path)

    def start(self, *resources):
        """The workers wait for their credentials, which are what the coordinator's pod prints, as in the manifests' README.md."""
        self.play(*resources, self.coordinator)
        self.play(*resources, self.workers)
        until("the coordinator's credentials", lambda: (self.folders["state"] / "worker.credentials").exists())
        credentials = self.folders["credentials"] / "worker.credentials"
        credentials.write_text(self.exec("cat", "/state/worker.credentials"))

    def exec(self, *words):
        return self.containers.command("podman", "exec", f"{COORDINATOR}-coordinator", *words)

    def patchsweep(self, *arguments):
        """What a client command in the coordinator's pod prints as JSON; None while that is not there, or does not answer."""
        try:
            return json.loads(self.exec("patchsweep", "--output=json", *arguments, "--credentials=/state/client.credentials"))
        except AssertionError:
            return None

    def names(self):
        listed = self.containers.command("podman", "ps", "--filter=name=-worker$", "--format={{.Names}}")
        return sorted(listed.split())

    def kill(self, name):
        """From outside, so that podman takes it for a crash; until it runs again."""
        pid = lambda: int(self.containers.command("podman", "inspect", "--format={{.State.Pid}}", name))
        killed = pid()
        os.kill(killed, signal.SIGKILL)
        until(f"{name} runs again", lambda: pid() not in (0, killed))

    def tiles_done(self):
        status = self.patchsweep("status", "last")
        return status and status["sweeps"][0]["tiles_done"]

    def workers_known(self):
        listed = self.patchsweep("workers")
        return listed and len(listed["workers"])


def survives(cluster, sweeps):
    """A worker and the coordinator are killed in the middle of a sweep, whose scores are as if nothing had happened."""
    cluster.start()
    until("two workers", lambda: cluster.workers_known() == WORKERS)
    assert cluster.patchsweep("submit", "/models/long.toml")
    until("two tiles", lambda: (cluster.tiles_done() or 0) >= 2)
    cluster.kill(cluster.names()[0])
    done = cluster.tiles_done()
    cluster.kill(f"{COORDINATOR}-coordinator")
    assert until("the coordinator with its sweep", lambda: cluster.tiles_done()) >= done
    until("two workers again", lambda: cluster.workers_known() == WORKERS)
    until("all tiles", lambda: (now := cluster.patchsweep("status", "last")) and now["sweeps"][0]["state"] == "done")
    assert cluster.patchsweep("results", "last", "--out=/state/results")
    sweeps.compare("long", cluster.folders["state"] / "results")

    # The container's limit is the worker's memory, and it leaves in order.
    name = cluster.names()[1]
    cluster.containers.command("podman", "stop", name)
    assert cluster.containers.command("podman", "inspect", "--format={{.State.ExitCode}}", name).strip() == "0"
    budgets = re.findall(r'"memory_budget":(\d+)', cluster.containers.log(name))
    assert budgets and all(int(budget) < 2 * GIB for budget in budgets), budgets
    print("image: pods of a coordinator and two workers, killed in the middle of a sweep", flush=True)


def first_look(cluster, sweeps):
    """The model out of a ConfigMap, made as the manifests' README.md says, and a sweep of it."""
    data = DEPLOY.parent / "data"
    make = [cluster.kubectl, "create", "configmap", "patchsweep-try", f"--from-file={data}/guest-gpt2", "--dry-run=client", "-oyaml"]
    made = subprocess.run(make, check=True, stdout=subprocess.PIPE, text=True).stdout
    cluster.start(yaml.safe_load(made))
    until("two workers", lambda: cluster.workers_known() == WORKERS)
    state = cluster.folders["state"]
    for name in ("paths.toml", "paths.csv"):
        shutil.copy(data / name, state)
    assert cluster.patchsweep("submit", "/state/paths.toml", "--wait")
    assert cluster.patchsweep("results", "last", "--out=/state/results")
    expected = cluster.containers.folder / "expected-paths"
    subprocess.run([sweeps.patchsweep, "run", data / "paths.toml", "--out", expected], check=True, capture_output=True)
    sweeps.compare_with(expected, state / "results")
    print("image: a first look, with a model out of a ConfigMap", flush=True)
