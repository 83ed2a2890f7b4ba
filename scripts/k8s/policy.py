"""What checkov and trivy find in a folder of rendered manifests, less what accepted.yaml names with a reason."""

import json
import pathlib
import re
import subprocess
import sys

import yaml

ACCEPTED = yaml.safe_load((pathlib.Path(__file__).parent / "accepted.yaml").read_text())


def checkov(folder):
    run = subprocess.run(["checkov", "--skip-download", "-d", folder, "--framework", "kubernetes", "--compact", "--quiet", "-o", "json"],
                         capture_output=True, text=True)
    found = json.loads(run.stdout)
    for report in found if isinstance(found, list) else [found]:
        if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
            raise SystemExit(f"checkov could not read {folder}: {report['summary']}")
        for f in report["results"]["failed_checks"]:
            yield f["check_id"], f["resource"], f["check_name"]


def trivy(folder):
    run = subprocess.run(["trivy", "config", "--quiet", "--skip-check-update", "--format", "json", folder],
                         capture_output=True, text=True)
    results = json.loads(run.stdout).get("Results", [])
    if not any(r.get("MisconfSummary", {}).get("Successes") for r in results):
        raise SystemExit(f"trivy could not read {folder}: {run.stderr}")
    for result in results:
        for m in result.get("Misconfigurations") or []:
            yield m["ID"], m["Message"], m["Title"]


def judge(found, accepted):
    """What is wrong: findings that nobody accepted, and acceptances that nothing needs."""
    needed = set()
    for check, about, title in found:
        index = next((i for i, a in enumerate(accepted) if a["check"] == check and re.fullmatch(a["about"], about)), None)
        if index is None:
            yield f"{check}: {about}: {title}"
        needed.add(index)
    for index, a in enumerate(accepted):
        if not a.get("reason", "").strip():
            yield f"accepted.yaml: {a['check']} has no reason"
        if index not in needed:
            yield f"accepted.yaml: {a['check']} about {a['about']} finds nothing any more"


if __name__ == "__main__":
    found = sorted(set(checkov(sys.argv[1])) | set(trivy(sys.argv[1])))
    wrong = list(judge(found, ACCEPTED))
    print("\n".join(wrong) or f"{len(found)} findings, each accepted with a reason")
    sys.exit(1 if wrong else 0)
