"""Runs a shop under load with everything that watches it, and checks that the watchers see: run by scripts/monitoring-test.sh."""
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

from load import Load
from servers import HERE, SERVICES, Receiver, Servers, get, wait

passed, failed = [], []


def check(what, right, why=""):
    (passed if right else failed).append(what)
    if not right:
        print(f"FAILED: {what} {why}", file=sys.stderr)


def run(what, *command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    check(what, done.returncode == 0, done.stdout + done.stderr)


def files():
    rules, tests = sorted(map(str, HERE.glob("rules/*.yml"))), sorted(map(str, HERE.glob("tests/*.yml")))
    run("the rules can be read", "promtool", "check", "rules", *rules)
    for test in tests:
        run(f"{pathlib.Path(test).name}: alerts fire and do not fire", "promtool", "test", "rules", test)
    tested = "".join(pathlib.Path(test).read_text() for test in tests)
    for rule in rules:
        for alert in re.findall(r"- alert: (\w+)", pathlib.Path(rule).read_text()):
            check(f"{alert} fires in a test", f'alertname="{alert}"' in tested)
    run("the dashboards are as their lists have them", sys.executable, "grafana/dashboards.py", "--check")


class Prometheus:
    def __init__(self, port):
        self.port = port

    def api(self, path, **query):
        status, body = get(self.port, f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        answer = json.loads(body)
        if status != 200:
            raise ValueError(answer.get("error"))
        return answer["data"]

    def query(self, expr):
        """The samples that say something."""
        found = self.api("query", query=expr)["result"]
        return [each for each in found if not math.isnan(float(each["value"][1]))]


def targets(prometheus):
    def all_up():
        active = prometheus.api("targets")["activeTargets"]
        return len(active) >= 11 and all(each["health"] == "up" for each in active) and active

    for target in wait("all targets being scraped", all_up):
        check(f"{target['labels']['job']} is scraped", True)


def descriptions(servers):
    for service in SERVICES:
        text = get(servers.port("metrics" if service == "api-gateway" else service), "/metrics")[1].decode()
        families = set(re.findall(r"^# TYPE (\w+)", text, re.M))
        bare = families - set(re.findall(r"^# HELP (\w+) \S", text, re.M))
        check(f"every series of {service} is described", families and not bare, sorted(bare))


def panels(prometheus):
    for path in sorted(HERE.glob("grafana/dashboards/*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            empty = []
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "30s")
                try:
                    if not prometheus.query(expr):
                        empty.append(expr)
                except ValueError as error:
                    empty.append(f"{expr}: {error}")
            check(f"{path.stem}: `{panel['title']}` shows something", not empty, empty)


def rules(prometheus):
    known = set(prometheus.api("label/__name__/values"))
    # Where there is no certificate or dispute there is no series.
    absent = {"probe_ssl_earliest_cert_expiry", "disputes_total"}
    for group in prometheus.api("rules")["groups"]:
        for rule in group["rules"]:
            check(f"{rule['name']} is evaluated", rule["health"] == "ok", rule.get("lastError", rule["health"]))
            missing = set(re.findall(r"([a-z][\w:]*_[\w:]+)[{\[) ]", rule["query"] + " ")) - known - absent - FUNCTIONS
            check(f"{rule['name']} reads series that are there", not missing, sorted(missing))
            if rule["type"] == "alerting":
                check(f"{rule['name']} is quiet in a healthy shop", rule["state"] != "firing", rule.get("alerts"))


FUNCTIONS = {"histogram_quantile", "predict_linear"}


def an_alert(servers, receiver):
    service = "payment-service"
    servers.stop(service)
    told = wait("the alert reaching the receiver", lambda: receiver.find("TargetDown", "firing", service))
    check("a service that ends is told of", told["labels"]["severity"] == "page", told)
    check("the alert names its runbook", told["annotations"]["runbook"] == "docs/runbooks/platform.md#targetdown", told)
    check("the receiver is shown the token", told["token"] == "Bearer told-in-secret", told["token"])
    servers.service(service)
    told = wait("the alert being resolved", lambda: receiver.find("TargetDown", "resolved", service), 90)
    check("a service that is back is told of", told["status"] == "resolved")


def live(folder):
    servers = Servers(folder)
    try:
        servers.postgres()
        servers.exporters()
        servers.shop()
        receiver = Receiver(servers.port("receiver"))
        load = Load(servers)
        shipped = servers.monitoring()
        run("the configuration of Prometheus can be read", "promtool", "check", "config", shipped / "prometheus.yml")
        run("the configuration of Alertmanager can be read", "amtool", "check-config", shipped / "alertmanager.yml")
        prometheus = Prometheus(servers.port("prometheus"))
        load.start()
        keys = ["redis-benchmark", "-p", str(servers.port("redis")), "-q", "-n", "2000", "-r", "100", "-t", "set,get"]
        targets(prometheus)
        begun = time.monotonic()
        # Longer than two looks of what counts every quarter of a minute, under load all the while.
        while time.monotonic() - begun < 40:
            subprocess.run(keys, stdout=subprocess.DEVNULL, check=True)
            time.sleep(2)
        descriptions(servers)
        panels(prometheus)
        rules(prometheus)
        load.end()
        check(f"the load was served: {load.orders} orders", load.orders > 20 and not load.failed, load.failed[:3])
        an_alert(servers, receiver)
    finally:
        servers.stop_all()


def main():
    files()
    with tempfile.TemporaryDirectory(prefix="souk-watch-") as folder:
        pathlib.Path(folder).chmod(0o755)
        try:
            live(folder)
        except (SystemExit, AssertionError, OSError) as error:
            check("the check went through", False, error)
            for log in sorted(pathlib.Path(folder).glob("*.log")):
                tail = log.read_text(errors="replace").splitlines()[-3:]
                print(f"-- {log.name}", *tail, sep="\n", file=sys.stderr)
    print(f"monitoring: {len(passed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


main()
