"""A sweep that every engine is to compute, and what it should give."""

import pathlib
import shutil
import subprocess

import numpy

# Rows of another batch may round their last bits otherwise (docs/results.md).
TOLERANCE = 2e-6


class Sweeps:
    """The embedded model and two specs of it in a folder: `short.toml`, and `long.toml`, which leaves time for faults."""

    def __init__(self, patchsweep, data, folder):
        self.patchsweep, self.folder = patchsweep, folder
        folder.mkdir(parents=True)
        shutil.copytree(data / "acronym-gpt2", folder / "acronym-gpt2")
        shutil.copy(data / "acronyms.txt", folder)
        spec = (data / "acronyms.toml").read_text()
        (folder / "short.toml").write_text(spec)
        assert "samples = 250" in spec
        (folder / "long.toml").write_text(spec.replace("samples = 250", "samples = 3000"))
        self.expected = {}

    def spec(self, name):
        return self.folder / f"{name}.toml"

    def compare(self, name, results):
        """Fails unless a results folder has the scores that `patchsweep run` gives."""
        if name not in self.expected:
            self.expected[name] = self.folder / f"expected-{name}"
            command = [self.patchsweep, "run", self.spec(name), "--out", self.expected[name], "--workers", "1"]
            subprocess.run(command, check=True, capture_output=True)
        self.compare_with(self.expected[name], results)

    def compare_with(self, expected, results):
        """Fails unless two results folders have the same scores."""
        with numpy.load(expected / "scores.npz") as expected, numpy.load(pathlib.Path(results) / "scores.npz") as found:
            assert sorted(expected.files) == sorted(found.files)
            for tensor in expected.files:
                numpy.testing.assert_allclose(found[tensor], expected[tensor], rtol=0, atol=TOLERANCE, err_msg=tensor)
