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
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud import CALL_LIMIT, REGION, ROOT, AwsCli, Emulator

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
    for name in ("state", "programs", "private"):
        (folder / name).mkdir()
    emulator = Emulator(folder / "state")
    unittest.addModuleCleanup(emulator.stop)
    cli = AwsCli(folder / "cli")
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
            service, region_name=REGION, endpoint_url=emulator.endpoint_of(service), aws_access_key_id=account or self.account,
            aws_secret_access_key="test", config=options,
        )

    def write(self, **changes):
        """Changes config.json; what init.sh wrote into it stays, unless it is named."""
        if self.config.exists():
            self.settings = json.loads(self.config.read_text())
        self.settings.update(changes)
        self.config.write_text(json.dumps(self.settings))

    def status(self, name=None):
        try:
            return self.client("cloudformation").describe_stacks(StackName=name or self.name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            self.assertIn("does not exist", str(error))
            return "NONE"

    def settled(self, name=None):
        limit = time.monotonic() + SCRIPT_LIMIT
        while (status := self.status(name)).endswith("IN_PROGRESS"):
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

    def anothers(self, name=None, outputs=None, **resources):
        """Creates a stack that is not Latchkey's."""
        template = {"Description": "Another product", "Resources": resources or {"Topic": {"Type": "AWS::SNS::Topic"}}}
        template |= {"Outputs": outputs} if outputs else {}
        self.client("cloudformation").create_stack(StackName=name or self.name, TemplateBody=json.dumps(template))
        return self.settled(name)

    def update(self, further=None, parameters=None, change=("", ""), **options):
        """Begins an update of the stack with further resources, other parameters, or another text in the template."""
        stacks = self.client("cloudformation")
        stack = stacks.describe_stacks(StackName=self.name)["Stacks"][0]
        changes = {"Revision": "another", **(parameters or {})}
        kept = [
            {"ParameterKey": key, "ParameterValue": changes[key]} if key in changes else {"ParameterKey": key, "UsePreviousValue": True}
            for key in (one["ParameterKey"] for one in stack["Parameters"])
        ]
        text = (ROOT / "template.yaml").read_text().replace(*change, 1)
        for name, resource in (further or {}).items():
            text = text.replace("\nResources:\n", f"\nResources:\n  {name}: {json.dumps(resource)}\n")
        bucket = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "CodeBucket")
        self.client("s3").put_object(Bucket=bucket, Key="templates/another.yaml", Body=text.encode())
        stacks.update_stack(
            StackName=self.name, TemplateURL=f"{self.endpoint}/{bucket}/templates/another.yaml", Parameters=kept,
            Capabilities=["CAPABILITY_IAM"], **options,
        )

    def block(self, on):
        """The account's public access block."""
        control = self.client("s3control")
        if on:
            control.put_public_access_block(AccountId=self.account, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
        else:
            control.delete_public_access_block(AccountId=self.account)

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

    def delete_late_logs(self):
        """The emulator makes a log group again for a line that comes late; the functions' roles may not do that on AWS."""
        logs = self.client("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}")["logGroups"]:
            if group["logGroupName"].endswith("Trigger"):
                logs.delete_log_group(logGroupName=group["logGroupName"])

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
            AWS_SECRET_ACCESS_KEY=self.keys[1], AWS_DEFAULT_REGION=REGION, AWS_MAX_ATTEMPTS="1", TMPDIR=str(folder / "private"),
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
        # Parameters and keys were there. Whoever kills a script cannot ask it to tidy up.
        if process.returncode >= 0:
            self.assertEqual(list((folder / "private").iterdir()), [])
        for left in (folder / "private").iterdir():
            shutil.rmtree(left)
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

        def describe():
            return stacks.describe_stacks(StackName=self.name)["Stacks"] if self.status() != "NONE" else None

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


class FailedStacks(WholeRuns):
    """A stack of that name is there, in each state in which an operation, or somebody, left it."""

    def after_removal(self):
        """init.sh up to the creation, which is refused: by then nothing of the former stack is left."""
        line = self.refused(first=self.intercept('[ "$2" != create-stack ] || { echo "An error occurred (AccessDenied)" >&2; exit 254; }'))
        self.assertIn("AccessDenied", line)
        self.assertEqual(self.status(), "NONE")

    def test_what_a_failed_creation_left_is_removed_and_made_anew(self):
        held = {**USERS, "Properties": {**USERS["Properties"], "TableName": self.settings["DDB_TABLE"], "DeletionProtectionEnabled": True}}
        held["DeletionPolicy"] = "RetainExceptOnCreate"
        for expected, make in (
            ("ROLLBACK_COMPLETE", lambda: self.bootstrap({"Broken": BROKEN})),
            ("CREATE_FAILED", lambda: self.bootstrap({"Broken": BROKEN}, DisableRollback=True)),
            ("ROLLBACK_FAILED", lambda: self.bootstrap({"Users": held, "Broken": {**BROKEN, "DependsOn": "Users"}})),
        ):
            self.assertEqual(make(), expected)
            self.assertIn(f"is {expected}: run ./init.sh first", self.refused_and_untouched("deploy"))
            self.after_removal()
        # A change set that was made and not executed; nothing is under way, though the status says so.
        self.client("cloudformation").create_change_set(
            StackName=self.name, ChangeSetName="planned", ChangeSetType="CREATE",
            TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
        )
        self.assertEqual(self.status(), "REVIEW_IN_PROGRESS")
        self.assertIn("is REVIEW_IN_PROGRESS: run ./init.sh first", self.refused_and_untouched("deploy"))
        self.after_removal()
        # Protected from deletion: only its owner may say so.
        self.assertEqual(self.bootstrap({"Broken": BROKEN}, EnableTerminationProtection=True), "ROLLBACK_COMPLETE")
        self.assertIn("turn its termination protection off", self.refused_and_untouched("init"))
        self.client("cloudformation").update_termination_protection(StackName=self.name, EnableTerminationProtection=False)
        # The table that the rollback could not delete is there, and is taken over.
        self.assertIn(f"table {self.settings['DDB_TABLE']}: was there before", self.ends_well())
        self.changes_nothing("init", "deploy")

    @by_hand
    def test_an_update_that_did_not_end_well_is_made_good_by_either_script(self):
        self.ends_well()
        missing = {"ResetPasswordCode": "functions/reset-password/missing.zip"}
        self.update(parameters=missing)
        self.assertEqual(self.settled(), "UPDATE_ROLLBACK_COMPLETE")
        self.changes_nothing("init", "deploy")
        for script in ("init", "deploy"):
            self.update(parameters=missing, DisableRollback=True)
            self.assertEqual(self.settled(), "UPDATE_FAILED")
            self.assertIn("rolling back a failed update", self.ends_well(script))
            self.assertEqual(self.settled(), "UPDATE_ROLLBACK_COMPLETE")
        # Somebody else's operation is waited for; this one waits for a signal that does not come.
        wait = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "5"}}
        waiting = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}, "Wait": wait}
        self.update(waiting)
        self.assertIn("IN_PROGRESS", self.status())
        self.changes_nothing("deploy")
        # The policy of the pages is changed, and then the account refuses public policies: it cannot be changed back.
        waiting["Wait"] = {**wait, "DependsOn": "SitePolicy"}
        self.update(waiting, change=("Sid: PublicPages", "Sid: Pages"))
        self.block(True)
        self.assertEqual(self.settled(), "UPDATE_ROLLBACK_FAILED")
        for script in ("init", "deploy"):
            line = self.refused(script)
            self.assertIn(f"the rollback of stack {self.name} fails: SitePolicy", line)
            self.assertIn("Access Denied; put that right", line)
        self.block(False)
        self.assertIn("completing the rollback", self.ends_well("deploy"))
        self.changes_nothing("init", "deploy")
        # Protection from termination is in nobody's way.
        self.client("cloudformation").update_termination_protection(StackName=self.name, EnableTerminationProtection=True)
        self.changes_nothing("init", "deploy")

    @by_hand
    def test_a_deletion_is_completed_and_users_and_identities_stay(self):
        self.ends_well()
        pool = json.loads(self.config.read_text())["IDENTITY_POOL_ID"]
        user = {"email": {"S": "ada@example.com"}, "verified": {"BOOL": True}, "userId": {"S": "ada"}}
        self.client("dynamodb").put_item(TableName=self.settings["DDB_TABLE"], Item=user)
        login = {"IdentityPoolId": pool, "Logins": {PROVIDER: "ada"}}
        identity = self.client("cognito-identity").get_open_id_token_for_developer_identity(**login)["IdentityId"]
        self.assertEqual(self.delete_stack(), "DELETE_FAILED")
        self.assertIn("is DELETE_FAILED: run ./init.sh first", self.refused_and_untouched("deploy"))
        line = self.refused()
        self.assertIn("The bucket you tried to delete is not empty", line)
        self.assertIn("run ./init.sh again", line)
        for _ in range(2):
            # The second time there is no stack any more: DELETE_COMPLETE.
            self.empty_buckets()
            self.delete_late_logs()
            printed = self.ends_well()
            self.assertIn(f"table {self.settings['DDB_TABLE']}: was there before", printed)
            self.assertIn(f"identity pool {pool}: was there before", printed)
            found = self.client("dynamodb").get_item(TableName=self.settings["DDB_TABLE"], Key={"email": user["email"]})
            self.assertEqual(found["Item"]["userId"], user["userId"])
            self.assertEqual(self.client("cognito-identity").get_open_id_token_for_developer_identity(**login)["IdentityId"], identity)
            self.empty_buckets()
            self.assertEqual(self.delete_stack(), "NONE")
            self.assertIn("run ./init.sh first", self.refused("deploy"))

    def test_another_products_stack_is_neither_updated_nor_deleted(self):
        # With an output like ours.
        self.assertEqual(self.anothers(outputs={"CodeBucket": {"Value": "theirs"}}), "CREATE_COMPLETE")
        for line in self.refused_and_untouched("init", "deploy"):
            self.assertIn(f"stack {self.name} is in the account, and is not Latchkey's: set another FUNCTION_PREFIX", line)
        self.assertEqual(self.delete_stack(), "NONE")
        # One whose creation failed, with a table that its owner wants to look at.
        table = {**USERS, "Properties": {**USERS["Properties"], "TableName": f"{self.name}Theirs"}}
        template = {"Resources": {"Theirs": table, "Broken": {**BROKEN, "DependsOn": "Theirs"}}}
        self.client("cloudformation").create_stack(StackName=self.name, TemplateBody=json.dumps(template), DisableRollback=True)
        self.assertEqual(self.settled(), "CREATE_FAILED")
        self.refused_and_untouched("init", "deploy")
        self.client("dynamodb").describe_table(TableName=f"{self.name}Theirs")
        # What the line says to do. init.sh goes on to make a stack of the other name.
        self.write(FUNCTION_PREFIX=f"{self.name}b")
        line = self.refused(first=self.intercept('[ "$2" != create-stack ] || { echo "An error occurred (AccessDenied): $*" >&2; exit 254; }'))
        self.assertIn(f"--stack-name {self.name}b", line)


class Interrupted(WholeRuns):
    """The script ends between two steps."""

    @by_hand
    def test_a_run_that_is_killed_at_any_call_that_writes_is_completed_by_the_next(self):
        # Kills the script, before or after the first call that it has not been killed at.
        program = (
            'case "$2" in create-stack | update-stack | put-object | cp) ;; *) exec "$real" "$@" ;; esac\n'
            # What was deployed before is only read.
            'if [ "$5" = - ]; then exec "$real" "$@"; fi\n'
            'call=$(printf "%s" "$1 $2 ${5##*/}" | tr -c "a-z0-9" "_")\n'
            'if [ ! -e "$here/$call.before" ]; then : >"$here/$call.before"; kill -KILL 0; fi\n'
            '"$real" "$@"; status=$?\n'
            'if [ ! -e "$here/$call.after" ]; then : >"$here/$call.after"; kill -KILL 0; fi\n'
            'exit $status'
        )
        first = self.intercept(program)
        killed = 0
        while True:
            status, printed, complaint = self.run_script("init", first=first)
            if status == 0:
                break
            self.assertEqual((status, complaint), (-signal.SIGKILL, ""), printed)
            killed += 1
            self.assertLess(killed, 40, "it is killed again and again")
            # Until init.sh has noted the pool, the pages would have none.
            if "IDENTITY_POOL_ID" not in json.loads(self.config.read_text()):
                self.assertIn("run ./init.sh first", self.refused("deploy"))
        self.assertGreaterEqual(killed, 10)
        self.logs_in()
        self.changes_nothing("init", "deploy")


class ExistingResources(WholeRuns):
    """What is in the account before the stack."""

    def test_what_stands_in_the_way_is_named_one_after_the_other_until_nothing_does(self):
        table, dynamodb, logs = self.settings["DDB_TABLE"], self.client("dynamodb"), self.client("logs")
        # The table: another key, a key of another type, none yet or soon no more, another stack's, other items that would expire.
        for changes in (
            {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]},
            {"KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
             "AttributeDefinitions": [{"AttributeName": "email", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}]},
            {"AttributeDefinitions": [{"AttributeName": "email", "AttributeType": "N"}]},
        ):
            self.table(**changes)
            self.assertIn(f"table {table} has another key than email, a string: choose another DDB_TABLE", self.refused())
            dynamodb.delete_table(TableName=table)
        theirs = {**USERS, "DeletionPolicy": "Retain", "Properties": {**USERS["Properties"], "TableName": table}}
        self.anothers(f"{self.name}-theirs", Theirs=theirs, Further=USERS)
        for status in ("CREATING", "DELETING"):
            line = self.refused(first=self.intercept(
                f'[ "$2" != describe-table ] || {{ "$real" "$@" | sed "s/ACTIVE/{status}/"; exit "${{PIPESTATUS[0]}}"; }}'))
            self.assertIn(f"table {table} is {status}: run ./init.sh again when it is ACTIVE, or gone", line)
        self.assertIn(f"table {table} is of the stack {self.name}-theirs: choose another DDB_TABLE", self.refused())
        self.client("cloudformation").delete_stack(StackName=f"{self.name}-theirs")
        theirs = {"email": {"S": "one"}, "expiresAt": {"N": "1"}}
        dynamodb.put_item(TableName=table, Item=theirs)
        self.assertIn(f"table {table} has 1 items with expiresAt that are not Latchkey's", self.refused())
        self.assertEqual(dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"], "DISABLED")
        dynamodb.delete_item(TableName=table, Key={"email": theirs["email"]})
        # An index of the owner's, and an account and a counter from a backup, are in nobody's way.
        dynamodb.update_table(
            TableName=table, AttributeDefinitions=[*USERS["Properties"]["AttributeDefinitions"], {"AttributeName": "name", "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": {
                "IndexName": "byName", "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
            }}],
        )
        later = {"expiresAt": {"N": "9999999999"}}
        kept = {"email": {"S": "ada@example.com"}, "passwordHash": {"S": "aGFzaA=="}, "passwordSalt": {"S": "c2FsdA=="}, **later}
        for item in (kept, {"email": {"S": "attempts:password:x"}, **later}):
            dynamodb.put_item(TableName=table, Item=item)
        # The pool: two of a former stack, another stack's, another provider's, one without guests, and one that is gone.
        pools = [self.pool(tagged=True) for _ in range(2)]
        line = self.refused()
        self.assertIn("name the one with your users as IDENTITY_POOL_ID", line)
        for pool in pools:
            self.assertIn(pool, line)
        theirs = {"Type": "AWS::Cognito::IdentityPool", "Properties": {"AllowUnauthenticatedIdentities": True, "DeveloperProviderName": PROVIDER}}
        self.anothers(f"{self.name}-pool", Theirs=theirs)
        physical = self.client("cloudformation").describe_stack_resources(StackName=f"{self.name}-pool")["StackResources"][0]["PhysicalResourceId"]
        for pool, said in (
            (physical, f"is of the stack {self.name}-pool: take IDENTITY_POOL_ID out of"),
            (self.pool(DeveloperProviderName="login.example.org"), "has another developer provider: set DEVELOPER_PROVIDER_NAME"),
            (self.pool(AllowUnauthenticatedIdentities=False), "does not allow guests, who must be able to sign up: allow them"),
        ):
            self.write(IDENTITY_POOL_ID=pool)
            self.assertIn(f"identity pool {pool} {said}", self.refused())
        self.write(IDENTITY_POOL_ID=pools[0])
        # What must be the stack's own: a function, a log group, the outbox, the bucket of the pages.
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        role = self.client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.client("lambda").create_function(
            FunctionName=f"{self.name}Login", Runtime="provided.al2023", Handler="bootstrap", Role=role, Code={"ZipFile": b"PK\x05\x06" + bytes(18)})
        logs.create_log_group(logGroupName=f"/aws/lambda/{self.name}Mail")
        line = self.refused()
        self.assertIn(f"already in the account: function {self.name}Login, log group /aws/lambda/{self.name}Mail; delete them, or set another", line)
        self.client("lambda").delete_function(FunctionName=f"{self.name}Login")
        logs.delete_log_group(logGroupName=f"/aws/lambda/{self.name}Mail")
        self.table(f"{table}Outbox")
        self.assertIn(f"table {table}Outbox is already in the account", self.refused())
        dynamodb.delete_table(TableName=f"{table}Outbox")
        bucket = {"Bucket": self.settings["BUCKET"], "CreateBucketConfiguration": {"LocationConstraint": REGION}}
        another = str(next(accounts))
        self.client("s3", another).create_bucket(**bucket)
        self.assertIn(f"bucket {bucket['Bucket']} is taken: choose another BUCKET", self.refused())
        self.client("s3", another).delete_bucket(Bucket=bucket["Bucket"])
        self.client("s3").create_bucket(**bucket)
        self.assertIn(f"bucket {bucket['Bucket']} is in the account, and is not the stack's", self.refused())
        self.client("s3").delete_bucket(Bucket=bucket["Bucket"])
        self.block(True)
        self.assertIn("blocks public access to all its buckets", self.refused())
        self.block(False)
        self.assertEqual(self.status(), "NONE")
        # Nothing is in the way any more. The sender's domain is verified.
        self.client("ses").verify_domain_identity(Domain="example.com")
        printed = self.ends_well()
        for said in (f"table {table}: was there before", f"identity pool {pools[0]}: was there before", "SES knows it already"):
            self.assertIn(said, printed)
        self.assertEqual(dynamodb.get_item(TableName=table, Key={"email": kept["email"]})["Item"], kept)
        self.changes_nothing("init", "deploy")

    @by_hand
    def test_a_pool_that_is_gone_and_senders_that_wait_or_failed_are_no_obstacle(self):
        self.write(IDENTITY_POOL_ID=f"{REGION}:00000000-0000-0000-0000-000000000000", EMAIL_SOURCE=f"{self.name}+failed@example.com")
        self.client("ses").verify_email_identity(EmailAddress=f"{self.name}+failed@example.com")
        printed = self.ends_well()
        self.assertIn("is gone: the stack's own takes its place", printed)
        self.assertIn("is not verified; AWS sends it a new link", printed)
        self.write(EMAIL_SOURCE=f"{self.name}+pending@example.com")
        self.assertIn("is not verified yet; open the link", self.ends_well())
        self.assertIn("AWS sends it a new link", self.ends_well())

    @by_hand
    def test_what_an_owner_puts_beside_the_pages_stays(self):
        self.ends_well()
        own = {"Bucket": self.settings["BUCKET"], "Key": "owners/page.html"}
        self.client("s3").put_object(**own, Body=b"theirs")
        self.changes_nothing("deploy", "init")
        self.assertEqual(self.client("s3").get_object(**own)["Body"].read(), b"theirs")


class Credentials(WholeRuns):
    """Who calls."""

    def user(self, *denied):
        """Makes a user who may do all but this, or changes what they may."""
        iam = self.client("iam")
        statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        statements += [{"Effect": "Deny", "Action": list(denied), "Resource": "*"}] if denied else []
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        if self.keys[0] == self.account:
            iam.create_user(UserName="deployer")
            key = iam.create_access_key(UserName="deployer")["AccessKey"]
            self.keys = (key["AccessKeyId"], key["SecretAccessKey"])
        iam.put_user_policy(UserName="deployer", PolicyName="rights", PolicyDocument=policy)

    def test_another_accounts_credentials_are_refused(self):
        another = str(next(accounts))
        self.keys = (another, "test")
        for script in ("init", "deploy"):
            self.assertIn(f"is not the account of your credentials, which is {another}", self.refused(script))
        self.keys = ("AKIAIOSFODNN7EXAMPLE", "wrong")
        self.assertIn("no valid AWS credentials", self.refused())

    @by_hand
    def test_a_right_that_is_missing_is_named_in_one_line(self):
        # In the order in which a first run needs them, so that each run comes a step further.
        denials = (
            ("cloudformation:DescribeStacks", "DescribeStacks"),
            ("dynamodb:DescribeTable", "DescribeTable"),
            ("tag:GetResources", "GetResources"),
            ("ses:GetIdentityVerificationAttributes", "GetIdentityVerificationAttributes"),
            ("ses:ListIdentities", "ListIdentities"),
            ("lambda:ListFunctions", "ListFunctions"),
            ("logs:DescribeLogGroups", "DescribeLogGroups"),
            ("cloudformation:CreateStack", "CreateStack"),
            ("s3:PutObject", "PutObject"),
            ("cloudformation:UpdateStack", "UpdateStack"),
            ("cloudformation:ListStackResources", "ListStackResources"),
            ("s3:ListBucket", "ListObjectsV2"),
            ("s3:PutObject", "PutObject"),
        )
        for action, operation in denials:
            self.user(action)
            with self.subTest(action=action):
                line = self.refused()
                self.assertIn(operation, line)
                self.assertIn("let the user of your credentials do this, and run the script again", line)
        # What is only looked at beforehand is not needed.
        self.user("s3:GetAccountPublicAccessBlock", "cloudformation:DescribeEvents")
        self.ends_well()
        self.changes_nothing("init", "deploy")


if __name__ == "__main__":
    unittest.main()
