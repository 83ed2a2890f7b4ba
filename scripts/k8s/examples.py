"""The rules themselves: manifests that are broken on purpose are found."""

import copy
import sys

import policy
import wiring
from manifests import Shop, load, render


def pod(shop, name):
    return next(t for n, t in shop.workloads() if n == name)["spec"]


def first(shop, name):
    return pod(shop, name)["containers"][0]


def set_config(name, key, value):
    return lambda shop: shop.config(name).update({key: value})


def drop(kind, name):
    return lambda shop: shop.documents.remove(shop.find(kind, name))


def rule_less(name, direction, index):
    return lambda shop: shop.find("NetworkPolicy", name)["spec"][direction].pop(index)


def probe(name, which, path):
    return lambda shop: first(shop, name)[which]["httpGet"].update(path=path)


BROKEN = {
    "no setting is called PAYMENT_WINDOW": set_config("order-service", "PAYMENT_WINDOW", "900"),
    "USER_SERVICE_RPC is not set": lambda shop: shop.config("product-service").pop("USER_SERVICE_RPC"),
    "MAIL_URL is not set": lambda shop: first(shop, "order-service")["env"].remove(
        next(e for e in first(shop, "order-service")["env"] if e["name"] == "MAIL_URL_FILE")),
    "there is no ConfigMap shop": drop("ConfigMap", "shop"),
    "has no key CURSOR_SECRET": lambda shop: shop.find("Secret", "order-service")["stringData"].pop("CURSOR_SECRET"),
    "nobody reads spare": lambda shop: shop.find("Secret", "order-service")["stringData"].update(spare="x"),
    "nothing is mounted at": lambda shop: first(shop, "user-service")["volumeMounts"].pop(0),
    "is a secret in the environment": lambda shop: first(shop, "user-service")["env"].append(
        {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "user-service", "key": "DATABASE_URL"}}}),
    "startupProbe does not ask /startup": probe("user-service", "startupProbe", "/health"),
    "readinessProbe does not ask /ready": probe("api-gateway", "readinessProbe", "/health/all"),
    "are not those of its lib.rs": lambda shop: first(shop, "order-service")["ports"][0].update(containerPort=3303),
    "0 workloads have its labels": lambda shop: shop.find("Service", "redis")["spec"]["selector"].update({"app.kubernetes.io/name": "cache"}),
    "payment-service may not be called on 4004 by order-service": rule_less("payment-service", "ingress", 1),
    "order-service may not call product-service:4002": rule_less("order-service", "egress", 2),
    "nothing says that api-gateway calls redis:6379": lambda shop: first(shop, "api-gateway").update(volumeMounts=[]),
    "default-deny does not deny everything": drop("NetworkPolicy", "default-deny"),
    "no NetworkPolicy is about it": drop("NetworkPolicy", "migrate"),
    "may not have as many connections as its pods": set_config("user-service", "DATABASE_MAX_CONNECTIONS", "30"),
    "do not fit into 300": set_config("order-service", "DATABASE_MAX_CONNECTIONS", "100"),
    "stops accepting 1 s after a signal": set_config("shop", "DRAIN_SECONDS", "1"),
    "its grace period is not 45 s": lambda shop: pod(shop, "order-service").update(terminationGracePeriodSeconds=30),
    "its pods are not spread": lambda shop: pod(shop, "order-service").pop("topologySpreadConstraints"),
    "has no PodDisruptionBudget": drop("PodDisruptionBudget", "user-service"),
    "do not agree": set_config("product-service", "CURRENCY", "EUR"),
    "is not in the namespace ecommerce": lambda shop: shop.find("Service", "redis")["metadata"].update(namespace="default"),
    "does not dump payment_service": set_config("backup", "backup.sh", "dump user_service x"),
    "makes no product_service": set_config("postgres-init", "databases.sh", "for service in USER ORDER PAYMENT; do"),
    "is not of the role and database user_service": lambda shop: shop.find("Secret", "user-service")["stringData"].update(
        DATABASE_URL="postgres://postgres:x@postgres:5432/user_service"),
}

if __name__ == "__main__":
    whole, wrong = load(render("local")), []
    for sentence, change in BROKEN.items():
        broken = copy.deepcopy(whole)
        change(Shop(broken))
        if not any(sentence in found for found in wiring.judge(broken)):
            wrong.append(f"a manifest is broken, and nobody says: {sentence}")
    accepted = [{"check": "A", "about": "postgres", "reason": "because"}]
    for findings, count in (([("A", "postgres", "")], 0), ([("A", "redis", "")], 2), ([], 1), ([("B", "postgres", "")], 2)):
        if len(list(policy.judge(findings, accepted))) != count:
            wrong.append(f"policy: {findings} should have {count} complaints")
    print("\n".join(wrong) or f"{len(BROKEN)} broken manifests were found")
    sys.exit(1 if wrong else 0)
