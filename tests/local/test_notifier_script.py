"""notifier.sh in two accounts of the emulator, and what it says of a key that cannot be used.

It takes the host's build, as `./test.sh` makes it. Run with the Python of the virtual environment that local.sh makes:

    .local/venv/bin/python -m unittest discover -s tests/local -p test_notifier_script.py
"""

import json
import os
import re
import shlex
import subprocess
import unittest

from accounts import A, B, C, AccountsTest
from cloud import REGION, ROOT, programs

SCRIPT_LIMIT = 240
FROM, OPS = "alerts@example.com", "ops@example.com"
ALIAS = "alias/notifier-code"


class NotifierScriptTest(AccountsTest):
    """Sets the notifier up once for all tests. Each account is reached by a profile of a role, as an owner would."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        profiles = ""
        cls.deployer = {}
        for account in (A, B, C):
            arn, cls.deployer[account] = cls.role(account, "deployer", "*")
            keys = cls.deployer[account]
            profiles += (
                f"[of-{account}]\naws_access_key_id = {keys['AccessKeyId']}\naws_secret_access_key = {keys['SecretAccessKey']}\n"
                f"aws_session_token = {keys['SessionToken']}\n"
            )
        (cls.folder / "credentials").write_text(profiles)
        for account in (A, C):
            cls.client("ses", account).verify_email_identity(EmailAddress=FROM)
        cls.settings = {
            "callee": {**cls.side(A, "S3Callee"), "Callee": {"MailFrom": FROM, "MailTo": [OPS], "MailsPerDay": 50}},
            "caller": cls.side(B, "S3Caller"),
        }
        cls.first = cls.run_script(cls.settings)
        assert cls.first.returncode == 0, cls.first.stdout + cls.first.stderr

    @classmethod
    def side(cls, account, stack):
        deployer = f"arn:aws:iam::{account}:role/deployer"
        return {"profile": f"of-{account}", "region": REGION, stack: {
            "BucketName": f"notifier-code-{account}", "KeyAlias": ALIAS, "KeyAdministrators": [deployer], "KeyUsers": [deployer],
            "BucketPrincipals": [deployer], "PolicyAdministrator": deployer,
        }}

    @classmethod
    def environment(cls):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "LATCHKEY_"))}
        return {
            **kept, "PATH": programs(), "LATCHKEY_BUILD": "host", "AWS_ENDPOINT_URL": cls.emulator.endpoint,
            "AWS_SHARED_CREDENTIALS_FILE": str(cls.folder / "credentials"), "AWS_CONFIG_FILE": str(cls.folder / "none"), "AWS_PAGER": "",
            # Credentials of an account that has nothing to do with it: the profiles go before them.
            "AWS_ACCESS_KEY_ID": "444455556666", "AWS_SECRET_ACCESS_KEY": "test",
        }

    @classmethod
    def run_script(cls, settings, *command):
        file = cls.folder / "notifier.json"
        file.write_text(json.dumps(settings))
        return subprocess.run(
            command or ["./notifier.sh", "--settings", str(file)], cwd=ROOT, env=cls.environment(), capture_output=True, text=True,
            timeout=SCRIPT_LIMIT, check=False,
        )

    def refuse(self, settings):
        """The one line in which it fails."""
        done = self.run_script(settings)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def stack_of(self, account, name):
        return self.client("cloudformation", account).describe_stacks(StackName=name)["Stacks"][0]

    def state(self):
        """What the script could change: the stacks with their parameters, and what the buckets hold."""
        seen = {}
        for account, names in ((A, ("S3Callee", "Callee")), (B, ("S3Caller", "Caller"))):
            for name in names:
                stack = self.stack_of(account, name)
                events = self.client("cloudformation", account).describe_stack_events(StackName=name)["StackEvents"]
                seen[name] = (stack["StackStatus"], len(events), stack["Parameters"])
            versions = self.client("s3", account).list_object_versions(Bucket=f"notifier-code-{account}")
            seen[account] = [(one["Key"], one["VersionId"]) for one in versions["Versions"]]
        return seen

    def key(self, account, stack):
        return self.outputs(self.client("cloudformation", account), stack)["KeyArn"]

    def do_as_told(self, line):
        """Runs the commands that a message quotes."""
        for command in re.findall(r"'(aws [^']+)'", line):
            done = subprocess.run(shlex.split(command), env=self.environment(), capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")

    def test_four_stacks_in_two_accounts_and_an_alert_goes_across(self):
        for line in (f"callee: account {A}", f"caller: account {B}", f"bucket notifier-code-{A}: notifier is new",
                     f"bucket notifier-code-{B}: notifier-invoker is new", "stack S3Callee: done", "stack Caller: done"):
            self.assertIn(line, self.first.stdout)
        event = {"severity": "info", "title": "Set up", "text": "It works.", "source": "test", "time": "2026-09-21T14:13:20Z", "id": "1"}
        answer = self.client("lambda", B).invoke(FunctionName="notifier-invoker", Payload=json.dumps(event).encode())
        self.assertTrue(json.loads(answer["Payload"].read()).get("sent"))

    def test_a_second_run_changes_nothing(self):
        before = self.state()
        done = self.run_script(self.settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("S3Callee", "Callee", "S3Caller", "Caller"):
            self.assertIn(f"stack {name}: nothing to change", done.stdout)
        self.assertNotIn("is new", done.stdout)
        self.assertEqual(self.state(), before)

    def test_a_setting_that_changed_updates_its_stack_and_keeps_the_external_id(self):
        def external_id():
            return {one["ParameterKey"]: one["ParameterValue"] for one in self.stack_of(A, "Callee")["Parameters"]}["ExternalId"]

        before = external_id()
        self.assertRegex(before, "^[0-9a-f]{32}$")
        self.settings["callee"]["Callee"]["SubjectPrefix"] = "[changed]"
        done = self.run_script(self.settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("stack Callee: done", done.stdout)
        self.assertIn("stack Caller: nothing to change", done.stdout)
        self.assertEqual(external_id(), before)

    def test_a_disabled_key_of_either_account_is_named_by_its_alias_and_nothing_is_changed(self):
        changed = json.loads(json.dumps(self.settings))
        changed["callee"]["Callee"]["SubjectPrefix"] = "[never]"
        before = self.state()
        key = self.key(B, "S3Caller")
        self.client("kms", B).disable_key(KeyId=key)
        try:
            line = self.refuse(changed)
            self.assertIn(f"the key {ALIAS} is disabled, and nothing was changed", line)
            self.assertEqual(self.state(), before)
            self.do_as_told(line)
            self.assertEqual(self.client("kms", B).describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")
        finally:
            self.client("kms", B).enable_key(KeyId=key)

    def look_at_keys(self, more=""):
        """What scripts/encryption_keys.sh says of the first account: an error, or nothing."""
        program = (
            "set -euo pipefail\n. scripts/common.sh\n. scripts/encryption_keys.sh\nprivate_folder\n"
            'setting() { local name=$1_$2; printf "%s" "${!name-}"; }\n'
            'aws() { command aws --profile "$PROFILE" "$@"; }\n'
            f"SIDE=callee BUCKET_STACK=S3Callee PROFILE=of-{A} REGION={REGION}\n"
            f"export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION\n{more}\nneed_keys"
        )
        done = self.run_script({}, "bash", "-c", program)
        self.assertEqual(done.stderr.count("\n"), 1 if done.returncode else 0, done.stderr)
        return done.stderr

    def test_each_way_in_which_a_key_is_lost_has_its_remedy(self):
        self.assertEqual(self.look_at_keys(), "")
        kms, key = self.client("kms", A), self.key(A, "S3Callee")
        identifier = key.rsplit("/", 1)[1]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        for what, lose in (
            ("will be deleted on", lambda: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)),
            ("is disabled", lambda: kms.disable_key(KeyId=key)),
            ("is gone", lambda: kms.delete_alias(AliasName=ALIAS)),
            ("names another key", lambda: kms.update_alias(AliasName=ALIAS, TargetKeyId=other)),
        ):
            with self.subTest(what):
                lose()
                line = self.look_at_keys()
                self.assertIn(f"{ALIAS} {what}", line)
                self.assertIn(identifier, line)
                self.do_as_told(line)
                self.assertEqual(self.look_at_keys(), "")
        # Rotation changes neither the key's ARN nor its alias.
        kms.enable_key_rotation(KeyId=key)
        self.assertEqual(self.look_at_keys(), "")

    def test_a_key_that_one_may_not_look_at_is_named_too(self):
        kms, key = self.client("kms", A), self.key(A, "S3Callee")
        before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before.replace(":role/deployer", ":role/another"))
        try:
            self.assertIn(f"the key {ALIAS} is deleted, or you may not look at it", self.look_at_keys())
        finally:
            kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)

    def test_the_key_of_the_relays_secret_is_looked_at_too(self):
        kms = self.client("kms", A)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/relay", TargetKeyId=key)
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:root"}, "Action": "kms:*", "Resource": "*"},
        ]}))
        secret = self.client("secretsmanager", A).create_secret(Name="relay", SecretString="{}", KmsKeyId=key)["ARN"]
        relay = f"Callee_Transport=smtp Callee_SmtpSecretArn={secret}"
        self.assertEqual(self.look_at_keys(relay), "")
        kms.disable_key(KeyId=key)
        self.assertIn("the key alias/relay is disabled", self.look_at_keys(relay))
        self.assertEqual(self.look_at_keys(f"Callee_Transport=ses Callee_SmtpSecretArn={secret}"), "")

    def test_one_account_alone_and_a_failure_that_leaves_nothing_in_the_way_and_a_key_that_is_gone_for_good(self):
        role = f"arn:aws:iam::{B}:role/notifier-invoker"
        settings = {"callee": {**self.side(C, "S3Callee"), "Callee": {"MailFrom": FROM, "MailTo": OPS, "InvokerRoleArn": role}}}
        settings["callee"]["S3Callee"]["KeyAlias"] = "alias/aws/code"
        self.assertRegex(self.refuse(settings), "stack S3Callee is ROLLBACK_COMPLETE: Alias .*alias/aws/code")
        settings["callee"]["S3Callee"]["KeyAlias"] = ALIAS
        done = self.run_script(settings)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = json.loads("{" + re.search("for the caller's settings: (.*)", done.stdout).group(1) + "}")
        self.assertEqual(told["NotifierArn"], f"arn:aws:lambda:{REGION}:{C}:function:notifier")
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in self.stack_of(C, "Callee")["Parameters"]}
        self.assertEqual((parameters["InvokerAccount"], parameters["ExternalId"]), (B, told["ExternalId"]))

        # The emulator deletes no key for good: an `aws` that finds none stands for that.
        real = subprocess.run(["which", "aws"], env=self.environment(), capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        stand_in = self.folder / "first" / "aws"
        stand_in.parent.mkdir()
        stand_in.write_text(
            '#!/bin/sh\ncase " $* " in *" kms describe-key "*)\n'
            "  echo 'An error occurred (NotFoundException) when calling the DescribeKey operation: Key does not exist' >&2\n"
            f'  exit 254 ;;\nesac\nexec "{real}" "$@"\n'
        )
        stand_in.chmod(0o755)
        file = self.folder / "notifier.json"
        done = self.run_script(settings, "env", f"PATH={stand_in.parent}:{self.environment()['PATH']}", "./notifier.sh", "--settings", str(file))
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn(f"the key {ALIAS} is deleted, and nothing was changed", done.stderr)
        self.assertIn(f"delete the stack S3Callee as arn:aws:iam::{C}:role/deployer, give another BucketName", done.stderr)

        # As the line says.
        cloudformation = self.client("cloudformation", credentials=self.deployer[C])
        cloudformation.delete_stack(StackName="S3Callee")
        settings["callee"]["S3Callee"]["BucketName"] += "-2"
        done = self.run_script(settings)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"bucket notifier-code-{C}-2: notifier is new", done.stdout)
        self.assertIn("stack Callee: done", done.stdout)
        self.client("s3", C).head_bucket(Bucket=f"notifier-code-{C}")

    def test_a_wrong_setting_is_named_before_anything_is_made(self):
        settings = {"callee": {**self.side(C, "S3Callee"), "Callee": {"MailFrom": FROM, "MailTwo": OPS, "InvokerRoleArn": "x"}}}
        done = self.run_script(settings)
        self.assertEqual(done.returncode, 1)
        self.assertIn("callee.Callee.MailTwo is unknown", done.stderr)
        self.assertIn("callee.Callee.MailTo is missing: Who may be written to", done.stderr)
        self.assertEqual(self.client("cloudformation", C).describe_stacks()["Stacks"], [])


if __name__ == "__main__":
    unittest.main()
