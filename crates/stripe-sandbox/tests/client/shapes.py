"""Holds what was asked of the sandbox, and what it answered, against Stripe's own OpenAPI document.

shapes.py SPEC RECORD...: each record is a file that SANDBOX_RECORD_FILE names. Prints one line:
`sandbox-shapes: N passed, N failed`; each route with each status is one check.
"""

import json
import re
import sys
from urllib.parse import parse_qsl


class Spec:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = json.load(file)
        self.schemas = self.root["components"]["schemas"]
        self.routes = []
        for template, methods in self.root["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", template) + "$")
            self.routes.append((template.count("{"), pattern, template, methods))
        self.routes.sort(key=lambda route: route[0])

    def operation(self, method, path):
        for _, pattern, template, methods in self.routes:
            if pattern.match(path) and method in methods:
                return template, methods[method]
        return None, None

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def faults(self, value, schema, where, strict):
        """What is wrong with `value`. `strict` refuses fields that the schema does not name."""
        schema = self.resolve(schema)
        if value is None:
            return [] if schema.get("nullable") else [f"{where} is null"]
        if "anyOf" in schema:
            tries = [self.faults(value, option, where, strict) for option in self.fitting(value, schema["anyOf"])]
            return min(tries, key=len) if tries else [f"{where} is of no form that is offered: {value!r:.60}"]
        kind = schema.get("type")
        if not is_a(value, kind):
            return [f"{where} is not of type {kind}: {value!r:.60}"]
        wrong = []
        if "enum" in schema and value not in schema["enum"]:
            wrong.append(f"{where} is {value!r}, which is not one of {schema['enum']}")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            wrong.append(f"{where} is {value!r}, which is not like {schema['pattern']}")
        if len(value) > schema.get("maxLength", 1 << 30) if isinstance(value, str) else False:
            wrong.append(f"{where} is too long")
        if kind == "array":
            for index, item in enumerate(value):
                wrong += self.faults(item, schema.get("items", {}), f"{where}[{index}]", strict)
        if kind == "object":
            wrong += self.of_object(value, schema, where, strict)
        return wrong

    def of_object(self, value, schema, where, strict):
        properties = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        wrong = [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in properties:
                wrong += self.faults(item, properties[name], f"{where}.{name}", strict)
            elif isinstance(extra, dict):
                wrong += self.faults(item, extra, f"{where}.{name}", strict)
            elif extra is not True and strict and properties:
                wrong.append(f"{where}.{name} is not in the document")
        return wrong

    def fitting(self, value, options):
        """The options that a value may mean: an object those of its own `object`, if it says which."""
        options = [self.resolve(option) for option in options]
        options = [option for option in options if "anyOf" in option or is_a(value, option.get("type"))]
        if isinstance(value, dict) and "object" in value:
            named = [o for o in options if value["object"] in o.get("properties", {}).get("object", {}).get("enum", [])]
            options = named or options
        return options


def is_a(value, kind):
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return True


def nested(pairs):
    """`a[b]=1&c[]=2` as {a: {b: 1}, c: [2]}."""
    root = {}
    for key, value in pairs:
        path = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", key)
        node = root
        for step, following in zip(path, path[1:] + [None]):
            if following is None:
                node.append(value) if isinstance(node, list) else node.__setitem__(step, value)
            elif following == "" or following.isdigit():
                node = node.setdefault(step, [])
                if following.isdigit():
                    node.append(value)
                    break
            else:
                node = node.setdefault(step, {})
    return root


def typed(spec, value, schema):
    """Texts of a form as the types that the schema wants."""
    schema = spec.resolve(schema)
    if "anyOf" in schema:
        best = next((o for o in schema["anyOf"] if spec.resolve(o).get("type") == form_type(value)), None)
        number = next((o for o in schema["anyOf"] if spec.resolve(o).get("type") == "integer"), None)
        return typed(spec, value, best or number or schema["anyOf"][0])
    kind = schema.get("type")
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        return {name: typed(spec, item, inner.get(name, {})) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(spec, item, schema.get("items", {})) for item in value]
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def form_type(value):
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "string"


def asked(spec, operation, line):
    """What is wrong with the request."""
    query = nested(parse_qsl(line["query"] or "", keep_blank_values=True))
    known = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
    wrong = [f"?{name} is not in the document" for name in query if name not in known]
    for name, value in query.items():
        if name in known:
            wrong += spec.faults(typed(spec, value, known[name]), known[name], f"?{name}", True)
    if line["method"] == "POST":
        schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        form = nested(parse_qsl(line["form"], keep_blank_values=True))
        wrong += spec.faults(typed(spec, form, schema), schema, "form", True)
    return wrong


def answered(spec, operation, line):
    """What is wrong with the answer; in an event, with its object too."""
    responses = operation["responses"]
    schema = responses.get(str(line["status"]), responses["default"])["content"]["application/json"]["schema"]
    wrong = spec.faults(line["answer"], schema, "answer", True)
    events = [line["answer"]] if line["answer"].get("object") == "event" else line["answer"].get("data", [])
    for event in events:
        if event.get("object") == "event":
            thing = event["data"]["object"]
            wrong += spec.faults(thing, {"$ref": f"#/components/schemas/{thing['object']}"}, event["type"], True)
    return wrong


def blind(spec):
    """What this check itself would not see."""
    schema = {"$ref": "#/components/schemas/refund"}
    good = {"id": "re_1", "object": "refund", "amount": 1, "created": 1, "currency": "usd", "metadata": {"a": "b"}}
    cases = [
        ({"amount": "1"}, True), ({"amount": None}, True), ({"colour": "red"}, True), ({"object": "charge"}, True),
        ({"metadata": {"a": 1}}, True), ({"charge": {"object": "charge"}}, True), ({"charge": None}, False), ({}, False),
    ]
    unseen = [f"{change} in a refund" for change, bad in cases if bad != bool(spec.faults(good | change, schema, "", True))]
    if not spec.faults({k: v for k, v in good.items() if k != "id"}, schema, "", True):
        unseen.append("a refund without its id")
    _, operation = spec.operation("post", "/v1/refunds")
    line = {"method": "POST", "query": None}
    for form, bad in [("charge=ch_1&amount=1&metadata[a]=b", False), ("amuont=1", True), ("amount=x", True),
                      ("reason=none", True)]:
        if bad != bool(asked(spec, operation, line | {"form": form})):
            unseen.append(form)
    return set(unseen)


def main(spec_path, records):
    spec = Spec(spec_path)
    checks = {"the check itself": blind(spec)}
    for record in records:
        with open(record, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        for line in lines:
            if line["path"].startswith("/_sandbox/"):
                continue
            template, operation = spec.operation(line["method"].lower(), line["path"])
            name = f"{line['method']} {template or line['path']} {line['status']}"
            wrong = checks.setdefault(name, set())
            if operation is None:
                wrong.add("there is no such route")
                continue
            wrong.update(answered(spec, operation, line))
            # What was refused was wrong on purpose.
            if line["status"] == 200:
                wrong.update(asked(spec, operation, line))
    for name, wrong in sorted(checks.items()):
        print(("ok   " if not wrong else "WRONG"), name, file=sys.stderr)
        for why in sorted(wrong)[:20]:
            print("        ", why, file=sys.stderr)
    failed = sum(1 for wrong in checks.values() if wrong)
    if len(checks) < 20:
        print("too little was recorded", file=sys.stderr)
        failed += 1
    print(f"sandbox-shapes: {len(checks) - sum(1 for w in checks.values() if w)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
