"""The manifests of infrastructure/k8s as kustomize renders them, and what lies in the folders."""

import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "infrastructure" / "k8s"
# `kubectl apply -f` of these, in this order, is the other way to deploy everything.
FOLDERS = ["configmaps", "secrets", "databases", "services"]
OVERLAYS = ["local", "gke"]
SERVICES = ["api-gateway", "user-service", "product-service", "order-service", "payment-service"]


def load(text):
    return [document for document in yaml.safe_load_all(text) if document]


def render(overlay):
    folder = K8S / "overlays" / overlay
    run = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True)
    return run.stdout


def plain():
    """What `kubectl apply -f` of namespace.yaml and the four folders applies."""
    files = [K8S / "namespace.yaml"]
    for folder in FOLDERS:
        files += sorted((K8S / folder).glob("*.yaml"))
    return "---\n".join(file.read_text() for file in files)


class Shop:
    """One rendering, with what each check asks of it."""

    def __init__(self, documents):
        self.documents = documents

    def kind(self, *kinds):
        return [d for d in self.documents if d["kind"] in kinds]

    def find(self, kind, name):
        return next((d for d in self.kind(kind) if d["metadata"]["name"] == name), None)

    def workloads(self):
        """(name, pod template) of everything that runs."""
        for d in self.kind("Deployment", "StatefulSet", "Job"):
            yield d["metadata"]["name"], d["spec"]["template"]
        for d in self.kind("CronJob"):
            yield d["metadata"]["name"], d["spec"]["jobTemplate"]["spec"]["template"]

    def config(self, name):
        found = self.find("ConfigMap", name)
        return found and (found.get("data") or {})

    def secret(self, name):
        """The keys of a Secret, also of one that an ExternalSecret makes; the values where they are known."""
        if found := self.find("Secret", name):
            return {**found.get("stringData", {}), **found.get("data", {})}
        for d in self.kind("ExternalSecret"):
            if d["spec"]["target"]["name"] == name:
                return {entry["secretKey"]: "" for entry in d["spec"]["data"]}
        return None

    def environment(self, container):
        """What the container's process finds in its environment, as far as it is written in the manifests."""
        env = {}
        for source in container.get("envFrom", []):
            env.update(self.config(source["configMapRef"]["name"]) or {})
        env.update({e["name"]: e.get("value", "") for e in container.get("env", [])})
        return env


def files_of(template, container):
    """Path in the container -> (kind, object, key or None for all of it), for what is mounted."""
    volumes = {v["name"]: v for v in template["spec"].get("volumes", [])}
    found = {}
    for mount in container.get("volumeMounts", []):
        volume = volumes.get(mount["name"], {})
        sources = [volume] + volume.get("projected", {}).get("sources", [])
        for source in sources:
            for kind, field, label in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
                part = source.get(field)
                if not part:
                    continue
                name = part.get(label) or part.get("name")
                if not part.get("items"):
                    found[f"{mount['mountPath']}/*"] = (kind, name, None)
                for item in part.get("items", []):
                    found[f"{mount['mountPath']}/{item['path']}"] = (kind, name, item["key"])
    return found


def settings_of(service):
    """Every setting that a service may read, by the names in its sources."""
    crate = ROOT / ("crates" if service == "stripe-sandbox" else "services") / service
    texts = [path.read_text().split("#[cfg(test)]")[0] for path in (crate / "src").rglob("*.rs")]
    texts += [(ROOT / "crates/runtime/src" / f).read_text().split("#[cfg(test)]")[0] for f in ("standalone.rs", "runner.rs", "config.rs", "telemetry.rs")]
    names = set(re.findall(r'"([A-Z][A-Z0-9_]{2,})"', "\n".join(texts)))
    # The gateway puts the beginning of these in front itself.
    return names | {f"RATE_LIMIT_{name}" for name in names if name.endswith(("_PER_MINUTE", "_BURST"))}


def ports_of(service):
    """What PORTS in a service's lib.rs says: port names as in the manifests -> numbers."""
    crate = ROOT / ("crates" if service == "stripe-sandbox" else "services") / service
    text = (crate / "src/lib.rs").read_text()
    block = text[text.index("pub const PORTS"):]
    number = lambda field: re.search(rf"{field}: (?:Some\()?(\d+)", block.split("};")[0])
    named = {"http": number("public"), "rpc": number("internal"), "metrics": number("metrics")}
    return {name: int(match[1]) for name, match in named.items() if match}
