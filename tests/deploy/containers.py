"""buildah and podman with everything that they keep below one folder, gone afterwards. Needs root and Debian's packages."""

import os
import pathlib
import resource
import subprocess

# runc, because crun wants a machine whose control groups are all of version 2 or all of version 1.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/tmp"
volume_path = "{folder}/volumes"
"""
STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
PATIENCE_S = 120


class Containers:
    def __init__(self, folder):
        self.folder = folder
        # What podman knows of running networks lies in a place of its own, in /run, by their names.
        self.network = f"patchsweep-{os.getpid()}"
        # podman asks for more than it may have where nobody says a number.
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
        most = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())
        processes = most if processes == resource.RLIM_INFINITY else min(most, processes)
        files = 1 << 20 if files == resource.RLIM_INFINITY else files
        names = {"folder": folder, "files": files, "processes": processes}
        self.environment = dict(os.environ)
        for variable, text in (("CONTAINERS_CONF", CONTAINERS_CONF), ("CONTAINERS_STORAGE_CONF", STORAGE_CONF)):
            path = folder / f"{variable.lower()}.conf"
            path.write_text(text.format(**names))
            self.environment[variable] = str(path)

    def command(self, *words, **environment):
        """What a command prints; fails with what it prints otherwise."""
        words = [str(word) for word in words]
        run = subprocess.run(words, env=self.environment | environment, text=True, capture_output=True, timeout=PATIENCE_S)
        assert run.returncode == 0, f"{' '.join(words)} ended with {run.returncode}:\n{run.stdout}{run.stderr}"
        return run.stdout

    def log(self, name):
        """What a container has said, to both streams."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(["podman", "logs", name], env=self.environment, text=True, check=True, **streams).stdout

    def remove_pods(self):
        everything = ("--force", "--all", "--time=0")
        for words in (("pod", "rm", *everything), ("rm", *everything)):
            subprocess.run(["podman", *words], env=self.environment, capture_output=True, timeout=PATIENCE_S)

    def stop(self):
        """Nothing runs and nothing is mounted."""
        self.remove_pods()
        subprocess.run(["podman", "network", "prune", "--force"], env=self.environment, capture_output=True, timeout=PATIENCE_S)
        mounted = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for path in reversed([path for path in mounted if pathlib.Path(path).is_relative_to(self.folder)]):
            subprocess.run(["umount", path], check=False)
