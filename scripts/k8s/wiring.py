"""What no schema says: each setting is one that the service reads, each name refers to something, ports agree, and who
must reach whom may. Each rule takes a rendering and returns what is wrong with it."""

import re
import sys

from manifests import FOLDERS, K8S, OVERLAYS, ROOT, SERVICES, Shop, files_of, load, plain, ports_of, render, settings_of

PART = re.compile(r"//(?:[^@/\s]*@)?([a-z][a-z0-9-]*):(\d+)")
PROBES = {"startupProbe": "/startup", "readinessProbe": "/ready", "livenessProbe": "/live"}
ours = lambda name: name in SERVICES or name == "stripe-sandbox"


def containers(shop):
    for name, template in shop.workloads():
        for container in template["spec"]["containers"]:
            yield name, template, container


def settings(shop):
    """Every setting is one that the service reads, and those without a default are there."""
    for name, _, container in containers(shop):
        if not ours(name):
            continue
        known, given = settings_of(name), set()
        for setting in shop.environment(container):
            bare = setting.removesuffix("_FILE") if setting not in known else setting
            given.add(bare)
            if bare not in known:
                yield f"{name}: no setting is called {setting}"
        if name in SERVICES:
            needed = {"SERVICE_IDENTITY_SECRETS"} | {
                s for s in known if s in ("DATABASE_URL", "CURSOR_SECRET", "KEY_ENCRYPTION_SECRET", "MAIL_URL",
                                          "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS", "STRIPE_API_URL")
                or re.fullmatch(r"[A-Z]+_SERVICE_(URL|RPC)", s)}
            yield from (f"{name}: {missing} is not set" for missing in sorted(needed - given))


def references(shop):
    """Every ConfigMap, Secret, key and file that is named is there, and every Secret is used."""
    used = set()
    for name, template, container in containers(shop):
        for source in container.get("envFrom", []):
            if "configMapRef" not in source:
                yield f"{name}: only a ConfigMap becomes environment as a whole"
            elif shop.config(source["configMapRef"]["name"]) is None:
                yield f"{name}: there is no ConfigMap {source['configMapRef']['name']}"
        files = files_of(template, container)
        for path, (kind, which, key) in files.items():
            there = shop.secret(which) if kind == "Secret" else shop.config(which)
            if there is None:
                yield f"{name}: there is no {kind} {which}"
            elif key is not None and key not in there:
                yield f"{name}: {kind} {which} has no key {key}"
            used.add((kind, which, key))
        env = shop.environment(container)
        for setting, path in env.items():
            folder = path.rpartition("/")[0] + "/*"
            if setting.endswith("_FILE") and path.startswith("/run/") and path not in files and folder not in files:
                yield f"{name}: nothing is mounted at {path} for {setting}"
        for entry in container.get("env", []):
            if "secretKeyRef" in entry.get("valueFrom", {}):
                yield f"{name}: {entry['name']} is a secret in the environment; mount it"
        mounted = {m["name"] for m in container.get("volumeMounts", [])}
        declared = {v["name"] for v in template["spec"].get("volumes", [])}
        stateful = shop.find("StatefulSet", name)
        declared |= {c["metadata"]["name"] for c in (stateful or {}).get("spec", {}).get("volumeClaimTemplates", [])}
        yield from (f"{name}: the volume {v} is mounted and not declared, or the reverse" for v in sorted(mounted ^ declared))
    names = {d["metadata"]["name"] for d in shop.kind("Secret")} | {d["spec"]["target"]["name"] for d in shop.kind("ExternalSecret")}
    for which in sorted(names):
        for key in shop.secret(which):
            if ("Secret", which, key) not in used and ("Secret", which, None) not in used:
                yield f"Secret {which}: nobody reads {key}"


def ports(shop):
    """Containers listen where the code does; Services and probes name ports that are there."""
    for name, template, container in containers(shop):
        here = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
        if ours(name) and here != ports_of(name):
            yield f"{name}: ports {here} are not those of its lib.rs, {ports_of(name)}"
        for probe, path in PROBES.items():
            get = container.get(probe, {}).get("httpGet")
            if get and get["port"] not in here:
                yield f"{name}: {probe} asks the port {get['port']}, which is not there"
            if ours(name) and (not get or get["path"] != path or get["port"] != "http"):
                yield f"{name}: {probe} does not ask {path} on the port http"
    routes = (ROOT / "crates/runtime/src/app.rs").read_text()
    yield from (f"crates/runtime serves no {path}" for path in PROBES.values() if f'"{path}"' not in routes)
    for service in shop.kind("Service"):
        name = service["metadata"]["name"]
        chosen = [t for _, t in shop.workloads() if service["spec"]["selector"].items() <= t["metadata"]["labels"].items()]
        if len(chosen) != 1:
            yield f"Service {name}: {len(chosen)} workloads have its labels"
            continue
        there = {p["name"]: p["containerPort"] for c in chosen[0]["spec"]["containers"] for p in c.get("ports", [])}
        for port in service["spec"]["ports"]:
            if there.get(port["targetPort"]) != port["port"]:
                yield f"Service {name}: {port['port']} is not the port {port['targetPort']} of its pods"


def edges(shop):
    """(caller, callee, port) of every address inside the namespace that a workload is given."""
    services = {d["metadata"]["name"] for d in shop.kind("Service")}
    examples = Shop(load("---\n".join(f.read_text() for f in sorted((K8S / "secrets").glob("*.yaml")))))
    for name, template, container in containers(shop):
        texts = list(shop.environment(container).values())
        for kind, which, key in files_of(template, container).values():
            values = (shop.config(which) if kind == "ConfigMap" else examples.secret(which)) or {}
            texts += [values.get(key, "")] if key else list(values.values())
        for host, port in PART.findall("\n".join(texts)):
            if host in services and host != name:
                yield template["metadata"]["labels"]["app.kubernetes.io/name"], host, int(port)


def allowed(shop, direction):
    """(pod, peer, port) that NetworkPolicies allow; `peer` is None for anybody, and "(…)" for what is outside."""
    field = {"egress": "to", "ingress": "from"}[direction]
    for policy in shop.kind("NetworkPolicy"):
        who = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name")
        for rule in policy["spec"].get(direction, []):
            peers = [(p.get("podSelector") or {}).get("matchLabels", {}).get("app.kubernetes.io/name", "(outside)")
                     if "ipBlock" not in p and "namespaceSelector" not in p else "(outside)" for p in rule.get(field, [])]
            for port in rule.get("ports", []):
                yield from ((who, peer, port["port"]) for peer in peers or [None])


def network(shop):
    """Everything is denied, what is needed is allowed on both sides, and nothing else is."""
    deny = shop.find("NetworkPolicy", "default-deny")
    if not deny or deny["spec"] != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "NetworkPolicy default-deny does not deny everything"
    needed, out = set(edges(shop)), set(allowed(shop, "egress"))
    into = {(peer, who, port) for who, peer, port in allowed(shop, "ingress")}
    for edge in sorted(needed):
        if edge not in out:
            yield f"NetworkPolicy: {edge[0]} may not call {edge[1]}:{edge[2]}"
        if edge not in into and (None, edge[1], edge[2]) not in into:
            yield f"NetworkPolicy: {edge[1]} may not be called on {edge[2]} by {edge[0]}"
    inside = {e for e in out | into if None not in e and "(outside)" not in e}
    yield from (f"NetworkPolicy: nothing says that {a} calls {b}:{p}" for a, b, p in sorted(inside - needed))
    for name, template in shop.workloads():
        labels = template["metadata"]["labels"]
        if not any(p["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
                   for p in shop.kind("NetworkPolicy") if p["spec"]["podSelector"]):
            yield f"{name}: no NetworkPolicy is about it"


def numbers(shop):
    """Connections fit into the database, and a pod is given the time that its stop takes."""
    total = 0
    for service in SERVICES:
        pod = shop.find("Deployment", service)["spec"]["template"]
        env = shop.environment(pod["spec"]["containers"][0])
        for kind in ("PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "ServiceAccount"):
            if not shop.find(kind, service):
                yield f"{service}: has no {kind}"
        scaler = shop.find("HorizontalPodAutoscaler", service)
        total += (scaler["spec"]["maxReplicas"] + 1 if scaler else 1) * int(env.get("DATABASE_MAX_CONNECTIONS", 0))
        drain, period = int(env.get("DRAIN_SECONDS", 0)), pod["spec"]["containers"][0]["readinessProbe"]["periodSeconds"]
        if drain < period:
            yield f"{service}: stops accepting {drain} s after a signal and is asked each {period} s only"
        if pod["spec"]["terminationGracePeriodSeconds"] != 45 or 45 < drain + 28:
            yield f"{service}: its grace period is not 45 s, or shorter than its stop"
        if not pod["spec"].get("topologySpreadConstraints"):
            yield f"{service}: its pods are not spread"
        role = re.search(r"connection limit (\d+)", (shop.config("postgres-init") or {}).get("databases.sh", ""))
        if role and scaler and (scaler["spec"]["maxReplicas"] + 1) * int(env.get("DATABASE_MAX_CONNECTIONS", 0)) > int(role[1]):
            yield f"{service}: its role may not have as many connections as its pods"
    postgres = shop.find("StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]
    room = next(int(a.split("=")[1]) for a in postgres["args"] if a.startswith("--max_connections="))
    if total > room - 20:
        yield f"postgres: {total} connections of the services and 20 of others do not fit into {room}"
    if (shop.config("product-service") or {}).get("CURRENCY") != (shop.config("order-service") or {}).get("CURRENCY"):
        yield "CURRENCY: product-service and order-service do not agree"


def places(shop):
    """Everything is in the namespace."""
    for d in shop.documents:
        meta = d["metadata"]
        if (meta["name"] if d["kind"] == "Namespace" else meta.get("namespace")) != "ecommerce":
            yield f"{d['kind']} {meta['name']}: is not in the namespace ecommerce"


def databases(shop):
    """The services' addresses name a role and a database each, which PostgreSQL makes of them and the backup dumps."""
    init, backup = ((shop.config(name) or {}).get(file, "") for name, file in (("postgres-init", "databases.sh"), ("backup", "backup.sh")))
    for service in SERVICES[1:]:
        role, url = service.replace("-", "_"), (shop.secret(service) or {}).get("DATABASE_URL", "")
        if f" {role.split('_')[0].upper()} " not in init.replace(";", " "):
            yield f"postgres-init: makes no {role}"
        if f"dump {role} " not in backup:
            yield f"backup: does not dump {role}"
        if url and not re.fullmatch(rf"postgres://{role}:[^@]+@postgres:5432/{role}", url):
            yield f"Secret {service}: DATABASE_URL is not of the role and database {role}"


RULES = [settings, references, ports, network, numbers, places, databases]


def judge(documents):
    shop = Shop(documents)
    return [sentence for rule in RULES for sentence in rule(shop)]


def folders():
    """Each file is in its folder's Kustomization, and the namespace's copy is one."""
    for folder in FOLDERS:
        listed = set(load((K8S / folder / "Kustomization").read_text())[0]["resources"])
        for name in sorted(listed ^ {f.name for f in (K8S / folder).glob("*.yaml")}):
            yield f"{folder}/Kustomization: {name} is in one of list and folder only"
    if (K8S / "namespace.yaml").read_text() != (K8S / "overlays/common/namespace.yaml").read_text():
        yield "overlays/common/namespace.yaml is not the same as namespace.yaml"


if __name__ == "__main__":
    wrong = [f"folders: {s}" for s in folders()]
    for what, text in [("plain files", plain())] + [(f"overlays/{o}", render(o)) for o in OVERLAYS]:
        wrong += [f"{what}: {s}" for s in judge(load(text))]
    print("\n".join(wrong) or "every name, port, setting and connection fits")
    sys.exit(1 if wrong else 0)
