"""What the project takes for granted about AWS, held against the models of the AWS SDK: regions, the calls of the scripts, words that
DynamoDB keeps to itself, signatures, and the template. Numbers 3, 6, 9, 10, 13 and 14. Nothing is started, and nothing is called.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_models.py

With AWS_CLI_2=PATH the calls of the scripts are held against that program as well, an AWS CLI of version 2 as distributions package it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import botocore.session
import jmespath
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("*.sh"), *(ROOT / "scripts").glob("*.sh")])
LIMIT = 60
# What the service is made of, by the names of endpoints.
SERVICES = ("email", "cognito-identity", "lambda", "dynamodb", "streams.dynamodb", "logs", "cloudformation", "s3", "sts", "tagging",
            "monitoring", "sns", "sqs")


class Regions(unittest.TestCase):
    """Number 3."""

    def listed(self):
        """The regions of tools/latchkey/src/regions.txt, each with what it lacks."""
        lines = (ROOT / "tools/latchkey/src/regions.txt").read_text().splitlines()
        pairs = [line.partition(" lacks ") for line in lines if line and not line.startswith("#")]
        return {name: lacks for name, _, lacks in pairs}

    def partitions(self):
        loader = botocore.session.Session().get_component("data_loader")
        return {one["partition"]: one for one in loader.load_data("endpoints")["partitions"]}

    def test_the_list_is_that_of_the_sdk(self):
        aws = self.partitions()["aws"]
        lacking = {
            region: [service for service in SERVICES if region not in aws["services"][service]["endpoints"]]
            for region in aws["regions"]
        }
        names = {"email": "SES"}
        expected = {region: ", ".join(names.get(one, one) for one in services) for region, services in lacking.items()}
        self.assertEqual(self.listed(), expected)

    def test_the_list_is_that_of_the_templates_linter(self):
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER as schemas

        types = set(re.findall(r"^    Type: (AWS::\S+)$", (ROOT / "template.yaml").read_text(), re.MULTILINE))
        for region, lacks in self.listed().items():
            missing = types - set(schemas.get_resource_types(region))
            self.assertEqual(missing, {"AWS::SES::EmailIdentity"} if lacks else set(), region)

    def test_every_region_of_another_partition_is_known_by_its_beginning(self):
        beginnings = re.findall(r'^    \("([a-z-]+)", "', (ROOT / "tools/latchkey/src/regions.rs").read_text(), re.MULTILINE)
        self.assertGreater(len(beginnings), 3)
        for name, partition in self.partitions().items():
            for region in partition["regions"]:
                self.assertEqual(region.startswith(tuple(beginnings)), name != "aws", region)


def calls():
    """Every call of the AWS CLI in the scripts: the file, the service, the operation, and the words after it."""
    for script in SCRIPTS:
        text = script.read_text().replace("\\\n", " ")
        # A comment on a line of its own is none.
        text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        # What a message tells an owner to call is in quotes.
        for found in re.finditer(r"'aws ([a-z0-9-]+) ([a-z0-9-]+)([^'\n]*)'", text):
            yield script.name, *found.groups()
        text = re.sub(r"'aws [^'\n]*'", "", text)
        for found in re.finditer(r"(?<![\w./-])aws ((?:[a-z0-9-]+) (?:[a-z0-9-]+))((?:'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\([^)]*\)|[^\n;|)&'\"])*)", text):
            service, operation = found.group(1).split()
            yield script.name, service, operation, found.group(2)


# Prints the options of some operations, each given as service/operation, by the AWS CLI of the Python that runs it; null where there is
# no such operation.
OPTIONS = """
import json, sys
from awscli.clidriver import create_clidriver
services, known = create_clidriver().create_help_command().command_table, {}
for given in sys.argv[1:]:
    service, operation = given.split("/")
    found = services[service].create_help_command().command_table.get(operation)
    known[given] = found and sorted(found.create_help_command().arg_table)
print(json.dumps(known))
"""


class Calls(unittest.TestCase):
    """Number 14: every call of the scripts."""

    def high_level(self, service):
        """What the AWS CLI adds to the API, and no model describes."""
        return service in ("s3", "configure")

    def test_the_scripts_call_something(self):
        self.assertGreater(len([one for one in calls() if not self.high_level(one[1])]), 30)

    def options_of(self, python):
        """The options of each operation that the scripts call, as the AWS CLI of this Python knows them."""
        called = sorted({f"{service}/{operation}" for _, service, operation, _ in calls() if not self.high_level(service)})
        # Not in the folder of the tests, and without what was set for another Python.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AWS_"))}
        done = subprocess.run(
            [python, "-c", OPTIONS, *called], env=environment, cwd="/", capture_output=True, text=True, timeout=LIMIT, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def hold(self, known, without=()):
        """Looks for each call in what an AWS CLI knows, but for those that the scripts do without where it is too old."""
        # Of the whole program, each with its value.
        common = {"output", "query", "region", "profile", "endpoint-url", "no-cli-pager", "no-paginate"}
        for script, service, operation, rest in calls():
            if self.high_level(service) or f"{service}/{operation}" in without:
                continue
            with self.subTest(script=script, call=f"{service} {operation}"):
                self.assertIsNotNone(known[f"{service}/{operation}"])
                given = set(re.findall(r"(?<=\s)--([a-z][a-z0-9-]*)", rest))
                self.assertLessEqual(given, set(known[f"{service}/{operation}"]) | common)

    def test_every_call_names_an_operation_and_options_that_there_are(self):
        self.hold(self.options_of(sys.executable))

    @unittest.skipUnless(os.environ.get("AWS_CLI_2"), "AWS_CLI_2 names no AWS CLI of version 2")
    def test_version_2_of_the_cli_takes_the_same_calls(self):
        cli = os.environ["AWS_CLI_2"]
        told = subprocess.run([cli, "--version"], capture_output=True, text=True, timeout=LIMIT, check=True).stdout
        version = re.match(r"aws-cli/2\.(\d+)\.", told)
        self.assertTrue(version, told)
        # As distributions package it. What AWS packs into one program cannot be asked for all options at once.
        first = Path(cli).read_bytes().splitlines()[0].decode(errors="replace")
        python = re.fullmatch(r"#!\s*(/\S*python\S*).*", first)
        self.assertTrue(python, f"{cli} is not run by Python")
        known = self.options_of(python.group(1))
        without = set()
        if int(version.group(1)) < 11:
            # The protection of a table from deletion; adopt.sh says which version has it.
            without.add("dynamodb/update-table")
        if known["cloudformation/describe-events"] is None:
            # Of 2025; stack.sh then has the reason that the stack event gives.
            without.add("cloudformation/describe-events")
        self.hold(known, without)

    def test_every_query_asks_for_members_that_there_are(self):
        session = botocore.session.Session()
        asked = 0
        for script, service, operation, rest in calls():
            query = re.search(r"--query\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))", rest)
            if self.high_level(service) or not query:
                continue
            text = next(group for group in query.groups() if group)
            # What the shell puts in is a value or a name of the account's.
            text = re.sub(r'\\"\$\{?\w+\}?\\"', "name", text)
            text = re.sub(r"\$\{?\w+\}?", "x", text.replace('\\"', '"'))
            model = session.get_service_model({"s3api": "s3"}.get(service, service))
            names = {name.lower().replace("_", ""): name for name in model.operation_names}
            output = model.operation_model(names[operation.replace("-", "")]).output_shape
            with self.subTest(script=script, query=text):
                parsed = jmespath.compile(text).parsed
                unknown = [field for field in fields(parsed) if field not in members(output)]
                # The names of environment variables are no members.
                self.assertEqual([field for field in unknown if field not in ("name", "x") and not re.fullmatch("[A-Z_]+", field)], [])
                asked += 1
        self.assertGreater(asked, 15)


def fields(node):
    """The names of members in a parsed query, without those that the query itself makes."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from fields(child)


def members(shape, seen=None):
    """The names of all members within a shape."""
    seen = set() if seen is None else seen
    if shape is None or shape.name in seen:
        return set()
    seen.add(shape.name)
    if shape.type_name == "structure":
        found = set(shape.members)
        for member in shape.members.values():
            found |= members(member, seen)
        return found
    if shape.type_name == "list":
        return members(shape.member, seen)
    if shape.type_name == "map":
        return members(shape.value, seen)
    return set()


class ReservedWords(unittest.TestCase):
    """Number 14: DynamoDB refuses an expression with one of its reserved words as a bare name."""

    def expressions(self):
        """The string literals of the crates that write expressions, in which an operator or a function of DynamoDB stands."""
        for folder in ("shared/dynamodb/src", "tools/user-table/src", "tools/import-users/src"):
            for file in sorted((ROOT / folder).rglob("*.rs")):
                source = file.read_text().split("#[cfg(test)]")[0]
                source = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
                for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', source, re.DOTALL):
                    text = re.sub(r"\\\s*\n\s*", " ", literal)
                    if re.search(r"\b(SET|REMOVE|ADD|DELETE) |attribute_(not_)?exists\(| (=|<>|<=|>=|<|>) :|if_not_exists\(", text):
                        yield file.name, text

    def test_no_name_in_an_expression_is_reserved(self):
        from ministack.services._dynamodb_keywords import AWS_KEYWORDS

        reserved = {word.upper() for word in AWS_KEYWORDS}
        self.assertIn("STATUS", reserved)
        syntax = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN", "SIZE"}
        seen = 0
        for file, text in self.expressions():
            seen += 1
            # Not: values (:x), aliases (#x), places to fill ({}), functions (name followed by a parenthesis).
            bare = re.sub(r"[:#]\w+|\{[^}]*\}", " ", text)
            names = set(re.findall(r"\b[A-Za-z_]\w*\b(?!\()", bare))
            with self.subTest(file=file, expression=text):
                self.assertEqual({name for name in names if name.upper() in reserved} - syntax, set())
        self.assertGreater(seen, 15)


class Signatures(unittest.TestCase):
    """Number 14: the pages' signature is that of the SDK."""

    def test_an_invocation_is_signed_as_the_sdk_signs_it(self):
        page = (
            "import { AwsClient } from './web/vendor/aws4fetch.js';\n"
            "const given = JSON.parse(process.argv[1]);\n"
            "const client = new AwsClient(given.credentials);\n"
            "const request = await client.sign(given.url, { method: 'POST', body: given.body, headers: given.headers,\n"
            "  aws: { service: 'lambda', region: 'eu-west-1', datetime: given.at } });\n"
            "console.log(JSON.stringify(Object.fromEntries(request.headers)));\n"
        )
        keys = {"accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "secret/of+the=example", "sessionToken": "token/of+the=example"}
        at = "20241126T123456Z"
        for path in ("/2015-03-31/functions/sampleAuthLogin/invocations?Qualifier=live", "/2015-03-31/functions/sampleAuthLogin%3Alive/invocations"):
            for body in ("{}", '{"email":"ada@example.com","password":"p\u00e4ss w\u00f6rd \u2713"}'):
                url = f"https://lambda.eu-west-1.amazonaws.com{path}"
                given = {"credentials": keys, "url": url, "body": body, "at": at, "headers": {"Content-Type": "application/json"}}
                done = subprocess.run(
                    ["node", "--input-type=module", "--eval", page, json.dumps(given)], cwd=ROOT, capture_output=True, text=True,
                    timeout=LIMIT, check=False,
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                signed = {name.lower(): value for name, value in json.loads(done.stdout).items()}
                self.assertEqual(signed["authorization"], self.by_sdk(url, body, at, keys, signed))
                # Another body has another signature.
                self.assertNotEqual(signed["authorization"], self.by_sdk(url, body + " ", at, keys, signed))

    def by_sdk(self, url, body, at, keys, signed):
        """The SDK's header for the same request, with the headers that the page signed."""
        names = re.search(r"SignedHeaders=([^,]+)", signed["authorization"]).group(1).split(";")
        headers = {name: signed[name] for name in names if name in signed and name != "host"}
        request = AWSRequest(method="POST", url=url, data=body.encode(), headers=headers)
        request.context["timestamp"] = at
        credentials = Credentials(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])
        signer = SigV4Auth(credentials, "lambda", "eu-west-1")
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        scope = signer.scope(request)
        return (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
            f"Signature={signature}"
        )


class Template(unittest.TestCase):
    """Numbers 6, 9, 10 and 12: what CloudFormation gets, in both steps."""

    @classmethod
    def setUpClass(cls):
        from cfnlint.decode import cfn_yaml

        cls.template = cfn_yaml.load(str(ROOT / "template.yaml"))
        cls.resources = cls.template["Resources"]

    def of_type(self, kind):
        return {name: one for name, one in self.resources.items() if one["Type"] == kind}

    def test_nothing_processes_the_template_before_cloudformation(self):
        self.assertNotIn("Transform", self.template)
        self.assertNotIn("Fn::Transform", json.dumps(self.template))
        self.assertFalse([one["Type"] for one in self.resources.values() if one["Type"].startswith("AWS::Serverless")])

    def test_a_version_of_an_update_that_is_rolled_back_goes_with_it(self):
        versions = self.of_type("AWS::Lambda::Version")
        self.assertGreater(len(versions), 5)
        for name, version in versions.items():
            # Retained, it would be the latest, and the next attempt would publish the same once more, which Lambda refuses.
            self.assertEqual((version["DeletionPolicy"], version["UpdateReplacePolicy"]), ("Delete", "Retain"), name)

    def test_what_holds_the_users_outlives_the_stack(self):
        for kind in ("AWS::DynamoDB::Table", "AWS::Cognito::IdentityPool"):
            kept = {name for name, one in self.of_type(kind).items() if one.get("DeletionPolicy") == "RetainExceptOnCreate"}
            self.assertTrue(kept & {"Users", "IdentityPool"}, kind)
            for name in kept:
                self.assertEqual(self.resources[name]["UpdateReplacePolicy"], "Retain", name)
        tags = self.resources["IdentityPool"]["Properties"]["IdentityPoolTags"]
        self.assertEqual([(tag["Key"], dict(tag["Value"])) for tag in tags], [("latchkey:stack", {"Ref": "AWS::StackName"})])

    def test_no_function_is_made_of_an_empty_key(self):
        for name, function in self.of_type("AWS::Lambda::Function").items():
            key = dict(function["Properties"]["Code"]["S3Key"])["Ref"]
            condition = json.loads(json.dumps(self.template["Conditions"][function["Condition"]]))
            if name == "Notifier":
                # Nor while the setting is off: a key may be left over from when it was on.
                alarms, condition = condition["Fn::And"]
                self.assertEqual(alarms, {"Condition": "HasAlarms"})
            self.assertEqual(condition, {"Fn::Not": [{"Fn::Equals": [{"Ref": key}, ""]}]}, name)

    def test_both_steps_pass_the_linter_with_their_own_parameters(self):
        codes = [name for name in self.template["Parameters"] if name.endswith("Code")]
        self.assertGreater(len(codes), 5)
        all_of_it = ("functions/some/code.zip", "a@example.com,b@example.com")
        for step, (value, alarms) in (("before the functions", ("", "")), ("with functions and alarms", all_of_it)):
            resolved = json.loads(json.dumps(self.template))
            resolved["Parameters"]["AlarmEmail"]["Default"] = alarms
            for name in codes:
                resolved["Parameters"][name]["Default"] = value
            if not value:
                # What CloudFormation makes of conditions that do not hold: the resources are not there.
                needs_code = ("HasCode", "IsTried")
                resolved["Resources"] = {
                    name: one
                    for name, one in resolved["Resources"].items()
                    if not str(one.get("Condition", "")).endswith(needs_code)
                }
                resolved["Conditions"] = {
                    name: one for name, one in resolved["Conditions"].items() if not name.endswith(needs_code)
                }
            with self.subTest(step=step):
                # W: what is not used in the first step.
                self.lint(json.dumps(resolved), "--ignore-checks", "W")
        bootstrap = subprocess.run(
            [ROOT / "target/debug/latchkey", "bootstrap"], capture_output=True, text=True, timeout=LIMIT, check=True
        )
        self.lint(bootstrap.stdout)

    def lint(self, text, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            linter = Path(sys.executable).parent / "cfn-lint"
            done = subprocess.run([linter, *options, "--", file.name], capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
