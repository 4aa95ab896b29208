#!/usr/bin/env python3
"""Makes the inputs that a hook is tried with: for each type of this project's templates six, valid and invalid before a creation,
an update and a deletion. The properties come from CloudFormation's public schemas, of which cfn-lint brings a copy.

    .local/venv/bin/python tools/policy-guard/inputs.py [--check]

writes tools/policy-guard/tests/inputs.json. With --check it says whether that file is what the templates and schemas give.
"""

import importlib.util
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "tools/policy-guard/tests/inputs.json"
TEMPLATES = ["template.yaml", "stacks/hook.yaml", "stacks/hook-test.yaml"]
# Texts to try where a schema has a pattern.
TEXTS = ["example", "Example::Policy::Guard", "arn:aws:iam::123456789012:role/example", "arn:aws:kms:us-east-1:123456789012:key/1", "1", "*"]


def schemas():
    folder = pathlib.Path(importlib.util.find_spec("cfnlint").origin).parent / "data/schemas"
    names = json.loads((folder / "providers/us-east-1.json").read_text())
    return lambda kind: json.loads((folder / f"resources/{names[kind]}.json").read_text())


def types():
    found = set()
    for template in TEMPLATES:
        found |= set(re.findall(r"^    Type: (AWS::\S+)$", (ROOT / template).read_text(), re.MULTILINE))
    return sorted(found)


def least(schema, root):
    """The least value that a schema takes."""
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return least(target, root)
    for choice in ("oneOf", "anyOf"):
        if choice in schema and "properties" not in schema and "type" not in schema:
            return least(schema[choice][0], root)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        needed = list(schema.get("required", []))
        for choice in ("oneOf", "anyOf"):
            needed += schema.get(choice, [{}])[0].get("required", [])
        return {key: least(schema["properties"][key], root) for key in dict.fromkeys(needed)}
    if kind == "array":
        return [least(schema["items"], root)] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return text(schema)


def text(schema):
    shortest, longest = schema.get("minLength", 1), schema.get("maxLength", 10_000)
    for candidate in [*TEXTS, "a" * shortest]:
        pattern = schema.get("pattern")
        if shortest <= len(candidate) <= longest and (not pattern or re.search(pattern.replace("(?i)", ""), candidate)):
            return candidate
    raise SystemExit(f"no text for the pattern {schema['pattern']}: add one to TEXTS")


def inputs(kind, schema):
    read_only = {path.removeprefix("/properties/") for path in schema.get("readOnlyProperties", [])}
    valid = {key: value for key, value in least({**schema, "type": "object"}, schema).items() if key not in read_only}
    invalid = {**valid, "InvalidPropertyKey": "invalid"}
    made = {}
    for word, properties in (("valid", valid), ("invalid", invalid)):
        made[f"pre_create_{word}"] = {"resourceProperties": properties}
        made[f"pre_update_{word}"] = {"resourceProperties": properties, "previousResourceProperties": valid}
        made[f"pre_delete_{word}"] = {"resourceProperties": properties}
    return made


def main():
    schema = schemas()
    made = json.dumps({kind: inputs(kind, schema(kind)) for kind in types()}, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if OUT.read_text() != made:
            raise SystemExit(f"{OUT.relative_to(ROOT)} is not what the templates and schemas give: run tools/policy-guard/inputs.py")
    else:
        OUT.write_text(made)


main()
