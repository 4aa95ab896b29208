"""Whole runs of init.sh and deploy.sh: from an empty account, from each kind of failed stack, and over each kind of existing resource.

A run ends well, and the same again changes nothing; or it ends in one line that names the thing and says what to do, and after that
has been done the next run ends well. Each case has an account of its own on one emulator: an access key of 12 digits is one.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_whole_runs.py          what CI runs
    WHOLE_RUNS=all .local/venv/bin/python -m unittest discover -s tests/local -p test_whole_runs.py      every case, and a table

It takes the binaries of `LATCHKEY_BUILD=host` that ./test.sh builds, user-table among them. Nothing is built here: a `cargo` that
does nothing stands in front of the real one.
"""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from test_emulator import CALL_LIMIT, REGION, Emulator
from warm_cli import WarmCli

ROOT = Path(__file__).resolve().parents[2]
ALL = os.environ.get("WHOLE_RUNS") == "all"
SCRIPT_LIMIT = 300
PROVIDER = "login.example.com"
# What every creation fails with.
BROKEN = {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": "missing-function", "AuthType": "AWS_IAM"}}
USERS = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "email", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
    },
}
# The case, the script, and the line in which it ended, or that it ended well.
RESULTS = []
by_hand = unittest.skipUnless(ALL, "WHOLE_RUNS=all runs it")


def setUpModule():
    """One emulator and one AWS CLI for all cases."""
    global emulator, folder, accounts
    temporary = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    folder = Path(temporary.name)
    for name in ("state", "cli", "programs"):
        (folder / name).mkdir()
    emulator = Emulator(folder / "state")
    unittest.addModuleCleanup(emulator.stop)
    cli = WarmCli(folder / "cli")
    unittest.addModuleCleanup(cli.stop)
    cargo = folder / "programs" / "cargo"
    cargo.write_text("#!/bin/sh\n")
    cargo.chmod(0o700)
    accounts = itertools.count(222200000001)


def tearDownModule():
    """Prints what became of each case, as rows of a table."""
    if ALL:
        for case, script, seconds, result in RESULTS:
            print(f"| {case} | {script} | {seconds:.0f} s | {result} |")


class WholeRuns(unittest.TestCase):
    """An account, and a configuration for it."""

    def setUp(self):
        self.account = str(next(accounts))
        self.keys = (self.account, "test")
        self.name = f"w{self.account[-4:]}"
        self.case = self._testMethodName.removeprefix("test_").replace("_", " ")
        self.config = folder / f"{self.name}.json"
        site = f"http://localhost:{emulator.endpoint.rpartition(':')[2]}/{self.name}-pages"
        self.endpoint = site.removesuffix(f"/{self.name}-pages")
        self.settings = {
            "AWS_ACCOUNT_ID": self.account, "REGION": REGION, "BUCKET": f"{self.name}-pages", "MAX_AGE": "10",
            "DDB_TABLE": f"{self.name}Users", "IDENTITY_POOL_NAME": self.name, "DEVELOPER_PROVIDER_NAME": PROVIDER,
            "EXTERNAL_NAME": "Test", "EMAIL_SOURCE": f"{self.name}@example.com", "FUNCTION_PREFIX": self.name,
            "VERIFICATION_PAGE": f"{site}/verify.html", "RESET_PAGE": f"{site}/resetPassword.html",
        }
        self.write()

    # --- the account ---

    def client(self, service, account=None):
        """A client of the root user."""
        options = Config(connect_timeout=5, read_timeout=CALL_LIMIT, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return botocore.session.Session().create_client(
            service, region_name=REGION, endpoint_url=emulator.endpoint, aws_access_key_id=account or self.account,
            aws_secret_access_key="test", config=options,
        )

    def write(self, **changes):
        """Changes config.json; what init.sh wrote into it stays, unless it is named."""
        if self.config.exists():
            self.settings = json.loads(self.config.read_text())
        self.settings.update(changes)
        self.config.write_text(json.dumps(self.settings))

    def status(self):
        try:
            return self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            self.assertIn("does not exist", str(error))
            return "NONE"

    def settled(self):
        limit = time.monotonic() + SCRIPT_LIMIT
        while (status := self.status()).endswith("IN_PROGRESS"):
            self.assertLess(time.monotonic(), limit, "the stack does not settle")
            time.sleep(0.1)
        return status

    def bootstrap(self, further=None, **options):
        """Creates the stack as init.sh first does, with further resources, and returns the status in which it ends."""
        text = subprocess.run(
            [ROOT / "target/debug/latchkey", "bootstrap"], capture_output=True, text=True, check=True, timeout=CALL_LIMIT
        ).stdout
        for name, resource in (further or {}).items():
            text = text.replace("\nResources:\n", f"\nResources:\n  {name}: {json.dumps(resource)}\n")
        self.client("cloudformation").create_stack(StackName=self.name, TemplateBody=text, **options)
        return self.settled()

    def anothers(self, name=None, outputs=None, description="Another product", **resources):
        """Creates a stack that is not Latchkey's."""
        template = {"Description": description, "Resources": resources or {"Topic": {"Type": "AWS::SNS::Topic"}}}
        template |= {"Outputs": outputs} if outputs else {}
        self.client("cloudformation").create_stack(StackName=name or self.name, TemplateBody=json.dumps(template))
        while (status := self.client("cloudformation").describe_stacks(StackName=name or self.name)["Stacks"][0]["StackStatus"]).endswith("IN_PROGRESS"):
            time.sleep(0.1)
        return status

    def update(self, further=None, parameters=None, **options):
        """Updates the stack with further resources, or with other parameters, and returns the status in which it ends."""
        stacks = self.client("cloudformation")
        stack = stacks.describe_stacks(StackName=self.name)["Stacks"][0]
        changes = {"Revision": "another", **(parameters or {})}
        kept = [
            {"ParameterKey": key, "ParameterValue": changes[key]} if key in changes else {"ParameterKey": key, "UsePreviousValue": True}
            for key in (one["ParameterKey"] for one in stack["Parameters"])
        ]
        text = (ROOT / "template.yaml").read_text()
        for name, resource in (further or {}).items():
            text = text.replace("\nResources:\n", f"\nResources:\n  {name}: {json.dumps(resource)}\n")
        bucket = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "CodeBucket")
        self.client("s3").put_object(Bucket=bucket, Key="templates/another.yaml", Body=text.encode())
        stacks.update_stack(
            StackName=self.name, TemplateURL=f"{self.endpoint}/{bucket}/templates/another.yaml", Parameters=kept,
            Capabilities=["CAPABILITY_IAM"], **options,
        )

    def table(self, name=None, account=None, items=(), **options):
        """Makes the sample's table, or one that differs from it."""
        name = name or self.settings["DDB_TABLE"]
        dynamodb = self.client("dynamodb", account)
        dynamodb.create_table(TableName=name, **{**USERS["Properties"], **options})
        for item in items:
            dynamodb.put_item(TableName=name, Item=item)

    def pool(self, tagged=False, **options):
        """Makes an identity pool, which a former stack of this name may have left."""
        cognito = self.client("cognito-identity")
        given = {"AllowUnauthenticatedIdentities": True, "DeveloperProviderName": PROVIDER, **options}
        pool = cognito.create_identity_pool(IdentityPoolName="former", **given)["IdentityPoolId"]
        if tagged:
            arn = f"arn:aws:cognito-identity:{REGION}:{self.account}:identitypool/{pool}"
            cognito.tag_resource(ResourceArn=arn, Tags={"latchkey:stack": self.name})
        return pool

    def empty_buckets(self):
        s3 = self.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            for stored in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                s3.delete_object(Bucket=bucket["Name"], Key=stored["Key"])

    def delete_stack(self):
        self.client("cloudformation").delete_stack(StackName=self.name)
        return self.settled()

    def intercept(self, program):
        """A folder with an `aws` of this bash program in it, which may exec "$real"."""
        made = Path(tempfile.mkdtemp(dir=folder))
        (made / "aws").write_text(f'#!/usr/bin/env bash\nreal={folder}/cli/aws here={made}\n{program}\nexec "$real" "$@"\n')
        (made / "aws").chmod(0o700)
        return made

    # --- runs ---

    def run_script(self, script, *arguments, first=None):
        """Exit status, what was printed, and the complaint."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "LATCHKEY_"))}
        path = [str(first)] if first else []
        path += [str(folder / "cli"), str(folder / "programs"), str(Path(sys.executable).parent), environment["PATH"]]
        environment.update(
            PATH=":".join(path), LATCHKEY_BUILD="host", AWS_ENDPOINT_URL=self.endpoint, AWS_ACCESS_KEY_ID=self.keys[0],
            AWS_SECRET_ACCESS_KEY=self.keys[1], AWS_DEFAULT_REGION=REGION, AWS_MAX_ATTEMPTS="1",
        )
        started = time.monotonic()
        process = subprocess.Popen(
            [f"./{script}.sh", "--config", self.config, *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        try:
            printed, complaint = process.communicate(timeout=SCRIPT_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, complaint = process.communicate()
            self.fail(f"{script} does not end:\n{printed}{complaint}")
        result = "ends well" if process.returncode == 0 else f"{process.returncode}: {complaint.strip()}"
        RESULTS.append((self.case, script, time.monotonic() - started, result.replace(str(folder), "").replace("\n", " / ")))
        return process.returncode, printed, complaint

    def ends_well(self, script="init", *arguments, first=None):
        """Runs a script that ends well, without a complaint; what it printed."""
        status, printed, complaint = self.run_script(script, *arguments, first=first)
        self.assertEqual((status, complaint), (0, ""), printed)
        return printed

    def changes_nothing(self, *scripts):
        """The same again, which says so."""
        for script in scripts or ("init",):
            printed = self.ends_well(script)
            self.assertEqual(printed.count("nothing to change"), 3 if script == "init" else 2, printed)

    def refused(self, script="init", *arguments, first=None):
        """Runs a script that ends in one line, and returns it."""
        status, printed, complaint = self.run_script(script, *arguments, first=first)
        self.assertNotIn(status, (0, None), printed)
        self.assertRegex(complaint, r"\Aerror: [^\n]+\n\Z", printed)
        return complaint

    def refused_and_untouched(self, *scripts, **options):
        """As refused, for each script, which leaves the stack as it was."""
        stacks = self.client("cloudformation")
        describe = lambda: stacks.describe_stacks(StackName=self.name)["Stacks"] if self.status() != "NONE" else None
        before = describe()
        lines = [self.refused(script, **options) for script in scripts]
        self.assertEqual(describe(), before)
        return lines[0] if len(lines) == 1 else lines

    def logs_in(self):
        """That the service answers: a login of nobody is refused as such."""
        answer = self.client("lambda").invoke(
            FunctionName=f"{self.name}Login", Qualifier="live", Payload=json.dumps({"email": "nobody@example.com", "password": "none at all"})
        )
        self.assertFalse(json.loads(answer["Payload"].read())["login"])


class EmptyAccounts(WholeRuns):
    """Nothing is there."""

    def test_an_empty_account_is_set_up_and_a_second_run_changes_nothing(self):
        self.assertIn("run ./init.sh first", self.refused("deploy"))
        printed = self.ends_well()
        self.assertIn("create-stack", printed)
        self.logs_in()
        self.changes_nothing("init", "deploy")


if __name__ == "__main__":
    unittest.main()
