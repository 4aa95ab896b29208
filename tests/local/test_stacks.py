"""How stacks fail, and what the scripts make of it: scripts/stack.sh and scripts/adopt.sh against the emulator.

The functions of the scripts are called one by one, so nothing is built: target/debug must have latchkey and user-table.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_stacks.py
"""

import json
import os
import shutil
import re
import subprocess
import time
import unittest
import urllib.request

from botocore.exceptions import ClientError

from cloud import ACCOUNT, REGION, ROOT, SCRIPT_LIMIT, SET_UP, CloudTest, programs, run_scripts

# One table, and nothing else that a rollback could leave.
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": True,
        "AttributeDefinitions": [{"AttributeName": "email", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
    },
}
DESCRIPTION = "Latchkey, before its first deployment"
# What every creation fails with.
BROKEN = {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": "missing-function", "AuthType": "AWS_IAM"}}


class ScriptTest(CloudTest):
    """An emulator, and the scripts' functions with a configuration of each test's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stacks = cls.emulator.client("cloudformation")

    def setUp(self):
        # Of the root user, unless a test says otherwise.
        self.credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        # A name that no other test's stack has.
        self.name = "t" + self._testMethodName.removeprefix("test_").replace("_", "")[:20]
        self.settings = {
            "AWS_ACCOUNT_ID": ACCOUNT, "REGION": REGION, "BUCKET": f"{self.name}-pages", "MAX_AGE": "10",
            "DDB_TABLE": f"{self.name}Users", "IDENTITY_POOL_NAME": self.name, "DEVELOPER_PROVIDER_NAME": "login.example.com",
            "EXTERNAL_NAME": "Test", "EMAIL_SOURCE": f"{self.name}@example.com", "FUNCTION_PREFIX": self.name,
        }

    def script(self, commands, first=None):
        config = self.folder / f"{self.name}.json"
        config.write_text(json.dumps(self.settings))
        return run_scripts(self.emulator, config, commands, first, self.credentials)

    def succeed(self, commands, **options):
        status, printed, complaint = self.script(commands, **options)
        self.assertEqual(status, 0, complaint)
        return printed

    def refuse(self, commands, **options):
        """The one line in which it fails."""
        status, printed, complaint = self.script(commands, **options)
        self.assertEqual(status, 1, printed + complaint)
        self.assertEqual(complaint.count("\n"), 1, complaint)
        return complaint

    def create(self, resources, outputs=None, **options):
        """Creates a stack, and returns the status in which it ends."""
        # By its description the scripts know a stack for Latchkey's.
        template = {"Description": DESCRIPTION, "Resources": resources, **({"Outputs": outputs} if outputs else {})}
        self.stacks.create_stack(StackName=self.name, TemplateBody=json.dumps(template), **options)
        return self.settled()

    def update(self, resources, **options):
        self.stacks.update_stack(StackName=self.name, TemplateBody=json.dumps({"Description": DESCRIPTION, "Resources": resources}), **options)
        return self.settled()

    def settled(self):
        limit = time.monotonic() + SCRIPT_LIMIT
        while time.monotonic() < limit:
            status = self.status()
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.05)
        self.fail("the stack does not settle")

    def status(self):
        try:
            return self.stacks.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            self.assertIn("does not exist", str(error))
            return "NONE"


class FailedStacks(ScriptTest):
    """Number 1: from each kind of failed stack."""

    def table(self, **attributes):
        properties = {**TABLE["Properties"], "TableName": self.settings["DDB_TABLE"]}
        return {**TABLE, "Properties": properties, **attributes}

    def broken(self):
        return {**BROKEN, "DependsOn": "Users"}

    def test_a_rollback_cannot_delete_a_protected_table_and_the_table_stays(self):
        resources = {"Users": self.table(DeletionPolicy="RetainExceptOnCreate"), "Broken": self.broken()}
        self.assertEqual(self.create(resources), "ROLLBACK_FAILED")
        printed = self.succeed("clear_failed_stack; echo \"now $(of_stack status)\"")
        self.assertIn("removing what a failed creation or deletion left", printed)
        self.assertIn("now NONE", printed)
        # Its users are still there, and the next stack takes it over.
        self.emulator.client("dynamodb").describe_table(TableName=self.settings["DDB_TABLE"])
        self.assertIn(f"table {self.settings['DDB_TABLE']}: was there before", self.succeed("adopt"))

    def test_a_deletion_that_failed_is_repeated(self):
        name = f"{self.name}-filled"
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
        self.assertEqual(self.create({"Code": bucket}), "CREATE_COMPLETE")
        s3 = self.emulator.client("s3")
        s3.put_object(Bucket=name, Key="one", Body=b"text")
        self.stacks.delete_stack(StackName=self.name)
        self.assertEqual(self.settled(), "DELETE_FAILED")
        # One line names the resource, the cause and the remedy.
        complaint = self.refuse("clear_failed_stack")
        self.assertIn("Code The bucket you tried to delete is not empty", complaint)
        self.assertIn("run the script again", complaint)
        self.assertIn("is DELETE_FAILED: run ./init.sh first", self.refuse("need_stack"))
        s3.delete_object(Bucket=name, Key="one")
        self.assertIn("now NONE", self.succeed("clear_failed_stack; echo \"now $(of_stack status)\""))

    def test_a_rollback_of_an_update_that_failed_is_completed(self):
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": self.name}}
        self.assertEqual(self.create({"Topic": topic}), "CREATE_COMPLETE")
        records = self.folder / "cli"
        records.mkdir(exist_ok=True)
        # The state cannot be brought about on the emulator: this stands between the scripts and the AWS CLI until it is continued.
        (records / "aws").write_text(
            "#!/usr/bin/env bash\n"
            f"real={shutil.which('aws', path=programs())} here={records}\n"
            'case "$1 $2" in\n'
            '  "cloudformation continue-update-rollback") printf "%s\\n" "$*" >"$here/continued" ;;\n'
            '  "cloudformation describe-stacks")\n'
            '    if [ -e "$here/continued" ]; then exec "$real" "$@"; fi\n'
            '    "$real" "$@" | sed "s/CREATE_COMPLETE/UPDATE_ROLLBACK_FAILED/" ;;\n'
            '  *) exec "$real" "$@" ;;\nesac\n'
        )
        (records / "aws").chmod(0o700)
        printed = self.succeed('clear_failed_stack; echo "now $(of_stack status)"', first=records)
        self.assertIn("completing the rollback of a failed update", printed)
        self.assertIn("now CREATE_COMPLETE", printed)
        self.assertIn(f"--stack-name {self.name}", (records / "continued").read_text())


class Reasons(ScriptTest):
    """Number 2: the reason is of this operation, and is never empty."""

    def test_the_reason_is_of_the_operation_and_not_of_an_older_one(self):
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": self.name}}
        self.assertEqual(self.create({"Topic": topic}), "CREATE_COMPLETE")
        for token in ("first", "second"):
            broken = {**BROKEN, "Properties": {**BROKEN["Properties"], "TargetFunctionArn": f"missing-{token}"}}
            status = self.update({"Topic": topic, f"Broken{token}": broken}, ClientRequestToken=token)
            self.assertEqual(status, "UPDATE_ROLLBACK_COMPLETE")
        for token, other in (("first", "second"), ("second", "first")):
            reason = self.succeed(f"first_failure {token}")
            self.assertIn(f"Broken{token}", reason)
            self.assertNotIn(other, reason)

    def test_what_a_stack_event_leaves_out_is_looked_up(self):
        taken = f"{self.name}-taken"
        self.emulator.client("s3").create_bucket(Bucket=taken, CreateBucketConfiguration={"LocationConstraint": REGION})
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": taken}}
        self.assertEqual(self.create({"Pages": bucket}, ClientRequestToken="one"), "ROLLBACK_COMPLETE")
        # The stack event says only where to look.
        reason = self.succeed("first_failure one")
        self.assertTrue(reason.startswith("Pages: "), reason)
        self.assertNotIn("DescribeEvents", reason)

    def test_code_that_is_not_in_its_bucket_fails_the_function_and_is_the_reason(self):
        bucket = f"{self.name}-code"
        self.emulator.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        function = {"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": f"arn:aws:iam::{ACCOUNT}:role/some",
            "Code": {"S3Bucket": bucket, "S3Key": "functions/missing.zip"},
        }}
        self.assertEqual(self.create({"Login": function}, ClientRequestToken="one"), "ROLLBACK_COMPLETE")
        reason = self.succeed("first_failure one")
        self.assertTrue(reason.startswith("Login ") and "NoSuchKey" in reason, reason)

    def test_an_operation_without_a_failure_gets_a_remedy(self):
        self.assertEqual(self.create({"Topic": {"Type": "AWS::SNS::Topic"}}), "CREATE_COMPLETE")
        self.assertEqual(self.succeed("first_failure none"), "see the events of the stack in the CloudFormation console")


class Values(ScriptTest):
    """Number 13: what the AWS CLI says on standard error is no part of a value."""

    def test_a_warning_of_the_cli_is_no_part_of_a_value(self):
        folder = self.folder / "warning"
        folder.mkdir(exist_ok=True)
        program = folder / "aws"
        program.write_text(
            f'#!/usr/bin/env bash\necho "Warning: this Python is no longer supported" >&2\nexec {shutil.which("aws", path=programs())} "$@"\n'
        )
        program.chmod(0o700)
        printed = self.succeed('look aws sts get-caller-identity --query Account --output text; echo "[$FOUND]"', first=folder)
        self.assertEqual(printed, f"[{ACCOUNT}]\n")


class Options(unittest.TestCase):
    """What the scripts are called with."""

    def read(self, arguments):
        program = f". scripts/common.sh; read_options '--one --two' {arguments}; has_option --two; ! has_option --one; echo $CONFIG"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LATCHKEY_")}
        done = subprocess.run(["bash", "-euc", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SCRIPT_LIMIT, check=False)
        return done.stdout + done.stderr

    def test_a_script_takes_its_own_options_and_no_other(self):
        self.assertEqual(self.read("--two --config other.json"), "other.json\n")
        refused = "error: unknown option --three; there are --config FILE and --one --two\n"
        self.assertEqual(self.read("--two --three"), refused)
        self.assertEqual(self.read("--one --config"), "error: --config needs a file\n")


# What deploy.sh --plan says of the stack.
PLAN = """
need_stack
remember_hashes ''
EXISTING_TABLE=$(of_stack ExistingTable) EXISTING_IDENTITY_POOL=$(of_stack ExistingIdentityPool) EXISTING_SENDER=$(of_stack ExistingSender)
plan_stack $(current_code)
"""


class PublicAccess(ScriptTest):
    """Number 7: an account that refuses public policies."""

    def block(self):
        """Sets the account's block, until the test ends."""
        control = self.emulator.client("s3control")
        control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
        self.addCleanup(control.delete_public_access_block, AccountId=ACCOUNT)

    def test_the_accounts_block_is_said_before_anything_is_made(self):
        self.block()
        self.assertIn(f"account {ACCOUNT} blocks public access to all its buckets", self.refuse("adopt"))
        self.assertEqual(self.status(), "NONE")

    def test_without_a_block_nothing_is_said(self):
        self.assertEqual(self.succeed("OWNED= ; refuse_public_access_block"), "")

    def test_whoever_may_not_read_the_block_hears_of_it_and_learns_it_from_the_stack(self):
        self.block()
        self.credentials = self.make_role({"Effect": "Allow", "Action": "*", "Resource": "*"},
                                          {"Effect": "Deny", "Action": "s3:GetAccountPublicAccessBlock", "Resource": "*"})
        status, printed, complaint = self.script(SET_UP)
        [said] = [line for line in printed.splitlines() if "public access" in line]
        self.assertIn(f"account {ACCOUNT}: whether it blocks public access to all its buckets could not be read", said)
        self.assertIn("AccessDenied", said)
        self.assertEqual((status, complaint.count("\n")), (1, 1), complaint)
        self.assertIn("SitePolicy", complaint)
        self.assertIn("Access Denied", complaint)

    def make_role(self, *statements):
        """The credentials of a role, as the AWS CLI takes them."""
        iam = self.emulator.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"},
        ]}
        arn = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=self.name, PolicyName="all", PolicyDocument=document)
        assumed = self.emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
        return {variable: assumed[field] for variable, field in names.items()}


class Sender(ScriptTest):
    """Number 8: a sender that is not verified gets a new link."""

    def mails(self):
        """How often AWS asked the sender to open a link."""
        with urllib.request.urlopen(f"{self.emulator.endpoint}/_ministack/ses/messages", timeout=30) as answer:
            mails = json.load(answer)["messages"].get(ACCOUNT, [])
        return sum(self.settings["EMAIL_SOURCE"] in mail["To"] for mail in mails)

    def sender(self, tag=""):
        self.settings["EMAIL_SOURCE"] = f"{self.name}{tag}@{self.name}.example.com"
        return self.settings["EMAIL_SOURCE"]

    def adopt(self):
        return self.succeed('OWNED= ; adopt_sender; echo "existing $EXISTING_SENDER"')

    def test_a_sender_that_waits_or_failed_gets_another_link(self):
        ses = self.emulator.client("ses")
        for tag, state in (("+pending", "Pending"), ("+failed", "Failed")):
            address = self.sender(tag)
            ses.verify_email_identity(EmailAddress=address)
            attributes = ses.get_identity_verification_attributes(Identities=[address])["VerificationAttributes"]
            self.assertEqual(attributes[address]["VerificationStatus"], state)
            sent = self.mails()
            printed = self.adopt()
            self.assertIn(f"sender {address}: SES knows it, but it is not verified; AWS sends it a new link", printed)
            self.assertIn("existing true", printed)
            self.assertEqual(self.mails(), sent + 1)

    def test_a_verified_sender_gets_none(self):
        address = self.sender()
        self.emulator.client("ses").verify_email_identity(EmailAddress=address)
        sent = self.mails()
        printed = self.adopt()
        self.assertIn(f"sender {address}: SES knows it already", printed)
        self.assertIn("existing true", printed)
        self.assertEqual(self.mails(), sent)

    def test_a_verified_domain_covers_the_addresses_below_it(self):
        self.sender()
        self.emulator.client("ses").verify_domain_identity(Domain=f"{self.name}.example.com")
        self.settings["EMAIL_SOURCE"] = f"sender@mail.{self.name}.example.com"
        self.assertIn("SES knows it already", self.adopt())

    def test_a_sender_that_nobody_knows_is_the_stacks(self):
        self.sender()
        self.assertEqual(self.adopt(), "existing false\n")

    def test_a_sender_of_the_stack_that_is_not_verified_gets_another_link(self):
        address = self.sender("+pending")
        self.emulator.client("ses").verify_email_identity(EmailAddress=address)
        sent = self.mails()
        printed = self.succeed(f'OWNED="SenderIdentity\t{address}"; adopt_sender; echo "existing $EXISTING_SENDER"')
        self.assertIn("AWS sends it a new link", printed)
        # It stays the stack's.
        self.assertIn("existing false", printed)
        self.assertEqual(self.mails(), sent + 1)


class IdentityPools(ScriptTest):
    """Number 12: the pool, with every user's identity, outlives the stack."""

    def pools(self):
        listed = self.emulator.client("cognito-identity").list_identity_pools(MaxResults=60)["IdentityPools"]
        return {pool["IdentityPoolId"] for pool in listed if pool["IdentityPoolName"] == self.name}

    def in_use(self):
        return self.succeed('settle; of_stack IdentityPoolId').strip()

    def make_pool(self, **options):
        return self.emulator.client("cognito-identity").create_identity_pool(
            IdentityPoolName="another", AllowUnauthenticatedIdentities=True, DeveloperProviderName="login.example.com", **options
        )["IdentityPoolId"]

    def test_a_stack_that_is_set_up_again_finds_its_pool(self):
        self.succeed(SET_UP)
        pool = self.in_use()
        # A user, who is to be the same one afterwards.
        cognito = self.emulator.client("cognito-identity")
        login = {"IdentityPoolId": pool, "Logins": {"login.example.com": "ada"}}
        identity = cognito.get_open_id_token_for_developer_identity(**login)["IdentityId"]
        code = next(one for one in self.emulator.client("s3").list_buckets()["Buckets"] if one["Name"].startswith(self.name.lower())
                    and not one["Name"].endswith("-pages"))["Name"]
        s3 = self.emulator.client("s3")
        for stored in s3.list_objects_v2(Bucket=code).get("Contents", []):
            s3.delete_object(Bucket=code, Key=stored["Key"])
        self.stacks.delete_stack(StackName=self.name)
        self.assertIn(self.settled(), ("DELETE_COMPLETE", "NONE"))
        self.assertEqual(self.pools(), {pool})

        # config.json has no IDENTITY_POOL_ID: it is found by its tag.
        printed = self.succeed(SET_UP)
        self.assertIn(f"identity pool {pool}: was there before", printed)
        self.assertEqual(self.in_use(), pool)
        self.assertEqual(self.pools(), {pool})
        self.assertEqual(cognito.get_open_id_token_for_developer_identity(**login)["IdentityId"], identity)

    def test_naming_another_pool_keeps_the_stacks_own_and_the_way_back(self):
        self.succeed(SET_UP)
        own = self.in_use()
        another = self.make_pool()
        self.settings["IDENTITY_POOL_ID"] = another
        printed = self.succeed(SET_UP)
        self.assertIn(f"identity pool {own}: leaves the stack, and stays in the account", printed)
        self.assertEqual(self.in_use(), another)
        self.assertEqual(self.pools(), {own})
        # What was left is no longer the stack's (DELETE_SKIPPED), so the way back is an adoption like any other.
        self.settings["IDENTITY_POOL_ID"] = own
        self.assertIn(f"identity pool {own}: was there before", self.succeed(SET_UP))
        self.assertEqual(self.in_use(), own)
        self.emulator.client("cognito-identity").describe_identity_pool(IdentityPoolId=another)

    def test_the_roles_that_a_pool_had_are_named_before_they_are_replaced(self):
        pool = self.make_pool(AllowClassicFlow=False)
        former = f"arn:aws:iam::{ACCOUNT}:role/theirs"
        self.emulator.client("cognito-identity").set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": former})
        self.settings["IDENTITY_POOL_ID"] = pool
        self.assertIn(f"the stack's role takes the place of {former}", self.succeed(SET_UP))
        # From then on they are the stack's own.
        self.assertNotIn("takes the place of", self.succeed("adopt"))

    def test_two_pools_of_a_former_stack_are_the_owners_choice(self):
        for _ in range(2):
            arn = f"arn:aws:cognito-identity:{REGION}:{ACCOUNT}:identitypool/{self.make_pool()}"
            # The emulator keeps tags that a creation names out of what the tagging API lists.
            self.emulator.client("cognito-identity").tag_resource(ResourceArn=arn, Tags={"latchkey:stack": self.name})
        self.assertIn("name the one with your users as IDENTITY_POOL_ID", self.refuse("adopt"))


class Alarms(ScriptTest):
    """The setting ALARM_EMAIL."""

    def resources(self):
        listed = self.stacks.list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        return {one["LogicalResourceId"] for one in listed if not one["ResourceStatus"].startswith("DELETE_")}

    def alarms(self):
        listed = self.emulator.client("cloudwatch").describe_alarms(AlarmNamePrefix=self.name)["MetricAlarms"]
        return {alarm["AlarmName"] for alarm in listed}

    def test_the_setting_brings_alarms_in_and_takes_all_of_it_out_again(self):
        self.settings["ALARM_EMAIL"] = f"night@{self.name}.example.com, day@{self.name}.example.com"
        self.succeed(SET_UP)
        self.assertLessEqual({"Alarms", "LoginFaults", "MailDelayed", "NotifierRole", "NotifierOwnAlarms"}, self.resources())
        self.assertLessEqual({f"{self.name}Login-faults", f"{self.name}Mail-undelivered"}, self.alarms())
        topic = self.succeed("settle; of_stack NotifierAlarmTopic").strip()
        [operator] = self.emulator.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertEqual(operator["Endpoint"], f"night@{self.name}.example.com")
        del self.settings["ALARM_EMAIL"]
        self.assertIn(f"stack {self.name}: done", self.succeed(SET_UP))
        left = {one for one in self.resources() if re.match("Alarms|Notifier|Mail(Delayed|Undelivered)$|.*(Faults|Throttles)$", one)}
        self.assertEqual((left, self.alarms()), (set(), set()))
        groups = self.emulator.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}Notifier")["logGroups"]
        topics = [one for one in self.emulator.client("sns").list_topics()["Topics"] if f":{self.name}-" in one["TopicArn"]]
        tables = [one for one in self.emulator.client("dynamodb").list_tables()["TableNames"] if one.startswith(f"{self.name}-")]
        queues = self.emulator.client("sqs").list_queues(QueueNamePrefix=self.name).get("QueueUrls", [])
        self.assertEqual((groups, topics, tables, queues), ([], [], [], []))

    def test_an_address_that_is_none_is_refused_by_its_key_before_anything_is_made(self):
        self.settings["ALARM_EMAIL"] = "night"
        complaint = self.refuse(SET_UP)
        self.assertIn("ALARM_EMAIL: should be the address", complaint)
        self.assertEqual(self.status(), "NONE")

    def check(self, confirmed=True):
        """What check_alarm_mail says, with a subscription of the first address in this state."""
        folder = self.folder / f"cli-{confirmed}"
        folder.mkdir(exist_ok=True)
        state = "arn:aws:sns:::topic:confirmed" if confirmed else "PendingConfirmation"
        # The emulator confirms subscriptions by itself.
        (folder / "aws").write_text(
            "#!/usr/bin/env bash\n"
            f'case "$1 $2" in "sns list-subscriptions-by-topic") echo {state} ;; *) exec {shutil.which("aws", path=programs())} "$@" ;; esac\n'
        )
        (folder / "aws").chmod(0o700)
        return self.succeed("check_alarm_mail", first=folder)

    def sandbox(self, enabled):
        self.emulator.client("sesv2").put_account_details(
            MailType="TRANSACTIONAL", WebsiteURL="http://localhost", ProductionAccessEnabled=not enabled
        )

    def mails_to(self, address):
        with urllib.request.urlopen(f"{self.emulator.endpoint}/_ministack/ses/messages", timeout=30) as answer:
            return sum(address in mail["To"] for mail in json.load(answer)["messages"].get(ACCOUNT, []))

    def test_in_the_sandbox_each_address_that_is_not_verified_is_named_and_gets_a_link(self):
        new, waiting, verified = (f"{who}@{self.name}.example.com" for who in ("new+pending", "waiting+pending", "verified"))
        ses = self.emulator.client("ses")
        for address in (waiting, verified):
            ses.verify_email_identity(EmailAddress=address)
        self.settings["ALARM_EMAIL"] = f"{new.title()},{waiting}, {verified}"
        self.assertEqual(self.check(), "")
        self.sandbox(True)
        self.addCleanup(self.sandbox, False)
        before = [self.mails_to(address) for address in (new, waiting, verified)]
        said = self.check().splitlines()
        self.assertEqual(len(said), 2, said)
        self.assertIn(f"alarms: {new} gets none yet", said[0])
        self.assertIn("AWS sends it a link to open", said[0])
        self.assertIn(f"alarms: {waiting} gets none yet", said[1])
        self.assertIn("open the link in the mail that AWS sent to it", said[1])
        self.assertEqual([self.mails_to(address) for address in (new, waiting, verified)], [before[0] + 1, *before[1:]])
        # Asked once, it waits.
        self.assertNotIn("AWS sends it a link", self.check())

    def test_whoever_has_not_confirmed_to_hear_of_the_notifiers_own_failures_is_told_to(self):
        self.settings["ALARM_EMAIL"] = "o'brien@example.com,day@example.com"
        self.assertIn("alarms: o'brien@example.com does not hear of it yet if mailing alarms fails", self.check(confirmed=False))
        self.assertEqual(self.check(), "")
        # One that nobody confirmed is gone after a while, and is asked for again.
        topic = self.emulator.client("sns").create_topic(Name=self.name)["TopicArn"]
        said = self.succeed(f'of_stack() {{ echo {topic}; }}; check_alarm_mail')
        self.assertIn("does not hear of it yet", said)
        [subscription] = self.emulator.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertEqual((subscription["Protocol"], subscription["Endpoint"]), ("email", "o'brien@example.com"))
        self.assertEqual(self.succeed(f'of_stack() {{ echo {topic}; }}; check_alarm_mail'), "")


class NothingToChange(ScriptTest):
    """Number 10: without a Transform, an update that changes nothing is refused as such, and said."""

    def test_the_same_again_is_no_change_and_a_plan_changes_nothing(self):
        self.assertIn(f"stack {self.name}: done", self.succeed(SET_UP))
        printed = self.succeed(SET_UP)
        self.assertIn(f"stack {self.name}: nothing to change", printed)
        self.assertNotIn("update-stack", printed)

        # A plan says what another setting would change, and changes nothing.
        events = self.stacks.describe_stack_events(StackName=self.name)["StackEvents"]
        self.settings["LOG_RETENTION_DAYS"] = "90"
        planned = self.succeed(PLAN)
        for change in ("parameter LogRetentionDays: 30 becomes 90", "each function gets a new version"):
            self.assertIn(f"stack {self.name}: would change: {change}\n", planned)
        self.assertEqual(planned.count("would change"), 2, planned)
        self.assertEqual(self.stacks.describe_stack_events(StackName=self.name)["StackEvents"], events)

    def test_with_a_transform_the_same_again_is_an_update(self):
        """Which is why the template has none."""
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        for transform, status in ({}, None), ({"Transform": "AWS::LanguageExtensions"}, "UPDATE_COMPLETE"):
            again = {
                "StackName": self.name, "TemplateBody": json.dumps({**template, **transform}), "Capabilities": ["CAPABILITY_AUTO_EXPAND"],
            }
            self.stacks.create_stack(**again)
            self.settled()
            with self.subTest(transform=transform):
                if status is None:
                    with self.assertRaisesRegex(ClientError, "No updates are to be performed"):
                        self.stacks.update_stack(**again)
                else:
                    self.stacks.update_stack(**again)
                    self.assertEqual(self.settled(), status)
            self.stacks.delete_stack(StackName=self.name)
            self.settled()


if __name__ == "__main__":
    unittest.main()
