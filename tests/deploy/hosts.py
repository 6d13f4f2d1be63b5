"""Hosts of one's own on this machine: a network namespace each, with its name, and cables between some. Needs root and iproute2."""

import os
import pathlib
import signal
import subprocess

PATIENCE_S = 120
# Runs a command under the host's name, with the names that it knows.
ENTER = 'hostname "$0" && mount --bind "$1" /etc/hosts && shift && exec "$@"'


class Hosts:
    def __init__(self, folder, *names):
        self.folder, self.names = folder, names
        self.known = dict.fromkeys(names, "127.0.0.1 localhost\n")
        self.running = []

    def start(self):
        for name in self.names:
            self.ip("netns", "add", self.namespace(name))
            self.ip("-n", self.namespace(name), "link", "set", "lo", "up")
            (self.folder / f"{name}.hosts").write_text(self.known[name] + f"127.0.0.1 {name}\n")

    def cable(self, number, one, other):
        """The two reach each other by name, and nobody else."""
        device, network = f"cable{number}", f"10.99.{number}"
        ends = {one: "1", other: "2"}
        # Made inside, so that nothing of it is ever part of this machine's network.
        self.ip("-n", self.namespace(one), "link", "add", device, "type", "veth", "peer", "name", device, "netns", self.namespace(other))
        for name, end in ends.items():
            self.ip("-n", self.namespace(name), "address", "add", f"{network}.{end}/24", "dev", device)
            self.ip("-n", self.namespace(name), "link", "set", device, "up")
            with (self.folder / f"{name}.hosts").open("a") as file:
                file.writelines(f"{network}.{their} {them}\n" for them, their in ends.items() if them != name)

    def namespace(self, name):
        return f"patchsweep-{os.getpid()}-{name}"

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def words(self, name, command):
        enter = ["nsenter", f"--net=/run/netns/{self.namespace(name)}", "unshare", "--uts", "--mount", "bash", "-c", ENTER, name]
        return [*enter, str(self.folder / f"{name}.hosts"), *(str(word) for word in command)]

    def run(self, name, *command, code=0, **environment):
        """What a command prints to both streams; what it leaves running goes on."""
        process, log = self.background(name, *command, **environment)
        process.wait(PATIENCE_S)
        said = log.read_text(errors="replace")
        assert process.returncode == code, f"{' '.join(map(str, command))} on {name} ended with {process.returncode}:\n{said}"
        return said

    def background(self, name, *command, cwd=None, **environment):
        """A process, and the file that it prints to."""
        log = self.folder / f"{len(self.running)}.log"
        with log.open("w") as file:
            streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
            process = subprocess.Popen(
                self.words(name, command), env=os.environ | environment, cwd=cwd or self.folder, **streams
            )
        self.running.append(process)
        return process, log

    def processes(self, name):
        """Ids of what runs on a host."""
        inside = subprocess.run(["ip", "netns", "pids", self.namespace(name)], stdout=subprocess.PIPE, text=True)
        return [int(pid) for pid in inside.stdout.split()]

    def stop(self):
        for name in self.names:
            for pid in self.processes(name):
                os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", self.namespace(name)], capture_output=True)
        for process in self.running:
            process.wait(PATIENCE_S)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    except FileNotFoundError:
        return ""
