"""Starts what the check needs: PostgreSQL, Redis, the shop in processes of its own, exporters, Prometheus, Alertmanager."""
import glob
import http.client
import http.server
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
SERVICES = ["api-gateway", "user-service", "product-service", "order-service", "payment-service"]
NO_CAPTURE = {"stdin": subprocess.DEVNULL}


def free_base(count):
    """So many free ports in a row, below those that the kernel hands to clients."""
    for _ in range(100):
        base = random.randrange(20000, 32000, 50)
        try:
            held = [socket.create_server(("127.0.0.1", base + n)) for n in range(count)]
        except OSError:
            continue
        for each in held:
            each.close()
        return base
    raise SystemExit("there are no free ports")


def wait(what, look, seconds=60):
    """Looks until it is so; whatever the look fails with counts as no."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            last = error
        time.sleep(0.2)
    raise SystemExit(f"{what} did not happen within {seconds} s ({last})")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


class Servers:
    """Processes that end with this one, their folder and their ports."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.base = free_base(40)
        self.running = {}
        self.souk = ROOT / "target/debug/souk"

    def port(self, name):
        names = SERVICES + ["stripe-sandbox"]
        names += ["rpc-" + each for each in names] + [
            "metrics", "redis", "postgres-exporter", "redis-exporter", "node-exporter", "blackbox-exporter",
            "prometheus", "alertmanager", "alertmanager-cluster", "receiver", "mail"]
        return self.base + names.index(name)

    def at(self, name):
        return f"127.0.0.1:{self.port(name)}"

    def start(self, name, command, env=None, **more):
        log = open(self.folder / f"{name}.log", "ab")
        self.running[name] = subprocess.Popen(
            [str(each) for each in command], stdout=log, stderr=log, **NO_CAPTURE,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **(env or {})}, **more)

    def stop(self, name, how=signal.SIGTERM):
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(30)

    def stop_all(self):
        for name in reversed(list(self.running)):
            try:
                self.stop(name, signal.SIGINT if name == "postgres" else signal.SIGTERM)
            except (OSError, subprocess.TimeoutExpired):
                self.running.get(name) and self.running.pop(name).kill()

    def postgres(self):
        bins = pathlib.Path(os.environ.get("PG_BIN") or sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        data, self.socket = self.folder / "postgres", self.folder / "sock"
        self.socket.mkdir(mode=0o777)
        self.socket.chmod(0o777)
        who, env = {"cwd": "/"}, {"PATH": os.environ["PATH"], "HOME": "/tmp"}
        if os.getuid() == 0:
            data.mkdir()
            nobody = pwd.getpwnam("nobody")
            shutil.chown(data, nobody.pw_uid, nobody.pw_gid)
            who.update(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        quiet = {"stdout": subprocess.DEVNULL, "check": True, **NO_CAPTURE}
        subprocess.run([bins / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], env=env, **quiet, **who)
        self.start("postgres", [bins / "postgres", "-D", data, "-k", self.socket, "-c", "listen_addresses=", "-c", "fsync=off"], **who)
        psql = [bins / "psql", "-h", self.socket, "-U", "postgres", "-qc"]
        wait("PostgreSQL", lambda: subprocess.run([*psql, "select 1"], capture_output=True).returncode == 0)
        for service in SERVICES[1:]:
            subprocess.run([*psql, f"create database {service.replace('-', '_')}"], check=True)
        urls = {service: f"postgres://postgres@localhost/{service.replace('-', '_')}?host={self.socket}" for service in SERVICES[1:]}
        self.named = {service.split("-")[0].upper() + "_DATABASE_URL": url for service, url in urls.items()}
        subprocess.run([self.souk, "migrate"], env={**env, **self.named}, check=True, stdout=subprocess.DEVNULL)
        self.urls = urls

    def shop(self):
        self.start("redis", ["redis-server", "--port", self.port("redis"), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder])
        web = f"http://{self.at('api-gateway')}/api/payments/webhook"
        self.settings = {
            "STRIPE_API_URL": f"http://{self.at('stripe-sandbox')}", "SANDBOX_WEBHOOK_URL": web,
            "REDIS_URL": f"redis://{self.at('redis')}", "IMAGE_DIR": str(self.folder / "images"), "MAIL_URL": f"file:{self.folder}/mail",
            "METRICS_ADDR": self.at("metrics"), "RATE_LIMIT": "off", "MAX_OPEN_ORDERS": "0", "LOG_FILTER": "warn"}
        for service in SERVICES[1:]:
            name = service.split("-")[0].upper()
            self.settings[f"{name}_SERVICE_URL"] = f"http://{self.at(service)}"
            self.settings[f"{name}_SERVICE_RPC"] = f"http://{self.at('rpc-' + service)}"
        for service in ["stripe-sandbox", *SERVICES]:
            self.service(service)
        for service in SERVICES:
            wait(service, lambda: get(self.port(service), "/ready")[0] == 200)

    def service(self, name):
        env = {**self.settings, "LISTEN_ADDR": self.at(name), "INTERNAL_ADDR": self.at("rpc-" + name)}
        if name in self.urls:
            env["DATABASE_URL"] = self.urls[name]
        self.start(name, [self.souk, "run", name], env)

    def exporters(self):
        source = f"user=postgres host={self.socket} dbname=postgres sslmode=disable"
        listen = "--web.listen-address=" + "127.0.0.1:{}"
        self.start("postgres-exporter", ["prometheus-postgres-exporter", listen.format(self.port("postgres-exporter"))], {"DATA_SOURCE_NAME": source})
        self.start("redis-exporter", ["prometheus-redis-exporter", f"-web.listen-address={self.at('redis-exporter')}", f"-redis.addr=redis://{self.at('redis')}"])
        self.start("node-exporter", ["prometheus-node-exporter", listen.format(self.port("node-exporter"))])
        self.start("blackbox-exporter", ["prometheus-blackbox-exporter", f"--config.file={HERE}/blackbox.yml", listen.format(self.port("blackbox-exporter"))])

    def monitoring(self):
        """The files as they are shipped; only addresses are changed, and waiting is cut short."""
        folder = self.folder / "monitoring"
        shutil.copytree(HERE, folder)
        (folder / "token").write_text("told-in-secret")
        (folder / "password").write_text("told-in-secret")
        addresses = {"api-gateway:9100": "metrics", "localhost:9090": "prometheus", "alertmanager:9093": "alertmanager",
                     "api-gateway:8080": "api-gateway"}
        for name, port in [("user", 3001), ("product", 3002), ("order", 3003), ("payment", 3004)]:
            addresses[f"{name}-service:{port}"] = f"{name}-service"
        for name, port in [("postgres", 9187), ("redis", 9121), ("node", 9100), ("blackbox", 9115)]:
            addresses[f"{name}-exporter:{port}"] = f"{name}-exporter"
        for path in [folder / "prometheus.yml", folder / "targets/shop.yml"]:
            text = path.read_text()
            for shipped, name in addresses.items():
                text = text.replace(shipped, self.at(name))
            path.write_text(re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 1s", text))
        rules = folder / "rules/platform.yml"
        rules.write_text(rules.read_text().replace("for: 1m", "for: 2s"))
        told = folder / "alertmanager.yml"
        text = told.read_text().replace("http://pager.example:9095", f"http://{self.at('receiver')}").replace("mail:25", self.at("mail"))
        text = text.replace("/run/secrets/alert_webhook_token", f"{folder}/token").replace("/run/secrets/alert_smtp_password", f"{folder}/password")
        told.write_text(re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text))
        self.start("alertmanager", ["prometheus-alertmanager", f"--config.file={told}", f"--storage.path={folder}/alertmanager",
                                    f"--web.listen-address={self.at('alertmanager')}", "--cluster.listen-address="])
        self.start("prometheus", ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                                  f"--web.listen-address={self.at('prometheus')}"])
        wait("Prometheus", lambda: get(self.port("prometheus"), "/-/ready")[0] == 200)
        wait("Alertmanager", lambda: get(self.port("alertmanager"), "/-/ready")[0] == 200)
        return folder


class Receiver:
    """Whom Alertmanager tells: keeps every alert, and the token that came with it."""

    def __init__(self, port):
        self.told = told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                told.extend({**alert, "token": self.headers["authorization"]} for alert in message["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def find(self, name, status, service):
        for alert in self.told:
            if (alert["labels"]["alertname"], alert["status"], alert["labels"].get("service")) == (name, status, service):
                return alert
        return None
