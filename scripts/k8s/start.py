"""Lets each service itself read the settings that its pod would have (`souk config SERVICE`): all of them are taken where
secrets are real, and production refuses the examples of secrets/."""

import pathlib
import subprocess
import sys
import tempfile

from manifests import SERVICES, Shop, files_of, load, plain, render

# Secrets as somebody would make them.
REAL = {
    "STRIPE_SECRET_KEY": "sk_live_4f0c1d2e3b5a69788796a5b4c3d2e1f0",
    "STRIPE_WEBHOOK_SECRETS": "whsec_4f0c1d2e3b5a69788796a5b4c3d2e1f0",
    "MAIL_URL": "smtps://shop:4f0c1d2e@mail.example.com",
    "REDIS_URL": "rediss://:4f0c1d2e@redis.example.com:6380/0",
    "DATABASE_URL": "postgres://role:4f0c1d2e@postgres:5432/database",
}


def read(binary, shop, service, real):
    """The exit code and the words of `souk config`."""
    pod = shop.find("Deployment", service)["spec"]["template"]
    container = pod["spec"]["containers"][0]
    env = shop.environment(container)
    with tempfile.TemporaryDirectory() as folder:
        for path, (kind, which, key) in files_of(pod, container).items():
            value = REAL.get(key, "4f0c1d2e3b5a69788796a5b4c3d2e1f04f0c1d2e") if real else shop.secret(which)[key]
            (pathlib.Path(folder) / key).write_text(value)
            env = {n: str(pathlib.Path(folder) / key) if v == path else v for n, v in env.items()}
        run = subprocess.run([binary, "config", service], env=env, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def judge(binary):
    local, gke, files = (Shop(load(text)) for text in (render("local"), render("gke"), plain()))
    for service in SERVICES:
        code, words = read(binary, local, service, real=False)
        if code != 0:
            yield f"overlays/local: {service} would not start: {words}"
        code, words = read(binary, gke, service, real=True)
        if code != 0 or "(demo)" in words:
            yield f"overlays/gke: {service} would not start, or on a demo secret: {words}"
        code, words = read(binary, files, service, real=False)
        if code == 0 or "demo" not in words:
            yield f"plain files: {service} would start in production on the secrets of the examples: {words}"


if __name__ == "__main__":
    wrong = list(judge(sys.argv[1]))
    print("\n".join(wrong) or "each service takes its settings, and production refuses the examples' secrets")
    sys.exit(1 if wrong else 0)
