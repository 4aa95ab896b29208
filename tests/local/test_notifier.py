"""The notifier and its invoker in two accounts of the emulator, and Latchkey with its alarms and their notifier, set up by the stacks
and scripts that an owner uses.

It takes the binaries of `cargo build --package notifier --package latchkey --package end-to-end`. Run with the Python of the virtual environment
that local.sh makes:

    .local/venv/bin/python -m unittest discover -s tests/local -p test_notifier.py
"""

import datetime
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts import A, B, C, AccountsTest
from cloud import CALL_LIMIT, REGION, ROOT, SET_UP, run_scripts

BINARIES = Path(os.environ.get("NOTIFIER_BINARIES", ROOT / "target" / "debug"))
EXTERNAL_ID = "an-external-id-of-32-characters."
FROM, OPS, OWNER, OPERATOR = "alerts@example.com", "ops@example.com", "owner@example.com", "operator@example.com"
# ALARM_EMAIL of Latchkey, which is in A. Its topic has two listeners: its own notifier, and the other stack's.
NIGHT = "night@example.com"
LATCHKEY = {
    "AWS_ACCOUNT_ID": A, "REGION": REGION, "BUCKET": "latchkey-pages", "MAX_AGE": "10", "DDB_TABLE": "Users",
    "IDENTITY_POOL_NAME": "latchkey", "DEVELOPER_PROVIDER_NAME": "login.example.com", "EXTERNAL_NAME": "Test",
    "EMAIL_SOURCE": FROM, "ALARM_EMAIL": NIGHT,
}
# The functions themselves are not needed here: their metrics are given.
WITH_NOTIFIER = SET_UP + """
aws s3api put-object --bucket "$(of_stack CodeBucket)" --key notifier.zip --body "$ZIP" >/dev/null
apply_stack $(current_code | grep -v ^Notifier) NotifierCode=notifier.zip
echo "topics $(of_stack AlarmTopic) $(of_stack NotifierAlarmTopic)"
"""
INVOKER_ROLE = f"arn:aws:iam::{B}:role/notifier-invoker"
# A window of a minute, and what the emulator takes to deliver a message.
COUNT_LIMIT = 150


def packed(binary):
    """A zip as Lambda takes it, without symbols, which are most of the bytes."""
    source = BINARIES / binary
    if not source.exists():
        raise RuntimeError(f"{source} is missing: cargo build --package notifier --package end-to-end")
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "bootstrap"
        subprocess.run(["strip", "-o", stripped, source], check=True)
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", compresslevel=1) as written:
            written.writestr(entry, stripped.read_bytes())
        return archive.getvalue()


def make_certificate(key_file, certificate_file):
    """A certificate for localhost that signs for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class NotifierTest(AccountsTest):
    """Makes the four stacks once for all tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deployer = {}
        cls.keys, cls.buckets = {}, {}
        for account, binary in ((A, "notifier"), (B, "notifier-invoker")):
            cls.make_bucket(account, binary)
        ses = cls.client("ses", A)
        ses.verify_email_identity(EmailAddress=FROM)
        cls.topic, cls.own_topic = cls.latchkey(cls.folder)
        direct, cls.direct = cls.role(B, "direct", "lambda:InvokeFunction")
        cls.notifier = cls.stack(A, "notifier", "notifier.yaml", {
            "CodeBucket": cls.buckets[A], "CodeObject": "notifier.zip", "InvokerRoleArn": INVOKER_ROLE,
            "InvokerAccount": B, "ExternalId": EXTERNAL_ID, "AlarmTopicArn": cls.topic, "DirectInvokerArn": direct,
            "OperatorEmail": OPERATOR, "MailFrom": FROM,
            "MailTo": f"{OPS},{OWNER}", "SubjectPrefix": "[test]", "MailsPerCallerAndDay": "1000", "MailsPerDay": "1000",
        })
        cls.invoker = cls.stack(B, "invoker", "invoker.yaml", {
            "CodeBucket": cls.buckets[B], "CodeObject": "notifier-invoker.zip", "NotifierArn": cls.notifier["FunctionArn"],
            "NotifierRoleArn": cls.notifier["InvocationRoleArn"], "ExternalId": EXTERNAL_ID, "EventRuleName": "load-failed",
        })

    @classmethod
    def latchkey(cls, folder):
        """Sets Latchkey up with its alarms; the topic of the alarms, and that of the notifier's own."""
        config, archive = folder / "config.json", folder / "notifier.zip"
        config.write_text(json.dumps(LATCHKEY))
        archive.write_bytes(packed("notifier"))
        status, printed, complaint = run_scripts(cls.emulator, config, f"ZIP={archive}\n{WITH_NOTIFIER}")
        if status:
            raise AssertionError(printed + complaint)
        return printed.splitlines()[-1].split()[1:]

    @classmethod
    def make_bucket(cls, account, binary):
        arn, credentials = cls.role(account, "deployer", "s3:*", "kms:*")
        cls.deployer[account] = credentials
        cls.buckets[account] = f"notifier-code-{account}"
        outputs = cls.stack(account, "code", "code-bucket.yaml", {
            "BucketName": cls.buckets[account], "KeyAlias": "alias/notifier-code", "KeyAdministrators": arn,
            "KeyUsers": arn, "BucketPrincipals": arn, "PolicyAdministrator": f"arn:aws:iam::{account}:role/administrator",
        })
        cls.keys[account] = outputs["KeyArn"]
        cls.client("s3", credentials=credentials).put_object(
            Bucket=cls.buckets[account], Key=f"{binary}.zip", Body=packed(binary),
            ServerSideEncryption="aws:kms", SSEKMSKeyId=outputs["KeyArn"],
        )

    def mails(self, text):
        """The mails whose subject or text holds a text."""
        with urllib.request.urlopen(f"{self.emulator.endpoint}/_ministack/ses/messages?account={A}", timeout=CALL_LIMIT) as answer:
            messages = json.load(answer)["messages"].get(A, [])
        return [message for message in messages if text in json.dumps(message)]

    def wait_for_mail(self, text, limit=60):
        deadline = time.monotonic() + limit
        while not (found := self.mails(text)):
            self.assertLess(time.monotonic(), deadline, f"no mail with {text}")
            time.sleep(0.2)
        return found

    def alert(self, id, **more):
        return {
            "severity": "critical", "title": f"Load {id} failed", "text": "Step <3> ended.", "source": f"load-{id}",
            "time": "2026-09-21T14:13:20Z", "id": id, **more,
        }

    def invoke(self, client, function, event):
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def ledger(self):
        """The items of the notifier's ledger whose keys begin with `window`, by key."""
        table = self.client("dynamodb", A)
        items = table.scan(TableName=self.ledger_table(table))["Items"]

        def numbers(item):
            return {key: int(value["N"]) for key, value in item.items() if "N" in value}

        return {item["key"]["S"]: numbers(item) for item in items if item["key"]["S"].startswith("window")}

    def ledger_table(self, dynamodb):
        [name] = [name for name in dynamodb.list_tables()["TableNames"] if name.startswith("notifier-")]
        return name

    def begin_a_new_window(self):
        """Ends the window that another test may have begun. No alert of it is held back, so no mail with a count is to come."""
        dynamodb = self.client("dynamodb", A)
        dynamodb.delete_item(TableName=self.ledger_table(dynamodb), Key={"key": {"S": "window"}})

    def wait_for_a_new_window(self):
        """The window of another test ends a minute after its first alert."""
        ends_at = self.ledger().get("window", {}).get("endsAt", 0)
        time.sleep(max(0, ends_at - time.time() + 0.1))

    def test_an_upload_without_this_key_or_tls_and_a_policy_change_are_refused(self):
        s3, bucket = self.client("s3", credentials=self.deployer[A]), self.buckets[A]
        other = self.client("kms", A).create_key()["KeyMetadata"]["Arn"]
        right = {"Bucket": bucket, "Key": "x", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.keys[A]}
        s3.put_object(**right)
        self.refused(lambda: s3.put_object(Bucket=bucket, Key="x", Body=b"x"))
        self.refused(lambda: s3.put_object(Bucket=bucket, Key="x", Body=b"x", ServerSideEncryption="AES256"))
        self.refused(lambda: s3.put_object(**{**right, "SSEKMSKeyId": other}))
        plain = self.client("s3", credentials=self.deployer[A], endpoint=self.emulator.plain_endpoint)
        self.refused(lambda: plain.put_object(**right))
        self.refused(lambda: plain.get_object(Bucket=bucket, Key="x"))
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.refused(lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy))
        self.refused(lambda: s3.delete_bucket_policy(Bucket=bucket))
        _, administrator = self.role(A, "administrator", "s3:*")
        document = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        self.client("s3", credentials=administrator).put_bucket_policy(Bucket=bucket, Policy=document)

    def test_a_role_that_is_not_named_gets_nothing_from_the_bucket_of_another_account(self):
        _, stranger = self.role(B, "stranger-of-the-bucket", "s3:*")
        s3 = self.client("s3", credentials=stranger)
        self.refused(lambda: s3.get_object(Bucket=self.buckets[A], Key="notifier.zip"))

    def test_the_invoker_hands_an_event_on_and_the_mail_is_in_the_inbox_escaped(self):
        self.begin_a_new_window()
        answer, error = self.invoke(self.client("lambda", B), "notifier-invoker", self.alert("across"))
        self.assertIsNone(error, answer)
        self.assertTrue(answer["sent"], answer)
        [mail] = self.mails("Load across failed")
        self.assertIn("Step &lt;3&gt; ended.", json.dumps(mail))
        self.assertNotIn("<p>Step <3>", json.dumps(mail))
        self.assertIn(OPS, json.dumps(mail))
        self.assertIn(OWNER, json.dumps(mail))
        again, _ = self.invoke(self.client("lambda", B), "notifier-invoker", self.alert("across"))
        self.assertEqual(again["reason"], "duplicate")

    def test_of_the_same_alert_many_times_at_once_one_is_mailed(self):
        self.begin_a_new_window()
        function = self.client("lambda", A)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: self.invoke(function, "notifier", self.alert("at-once")), range(16)))
        self.assertEqual([answer for answer, error in answers if error], [])
        self.assertEqual(sum(answer["sent"] for answer, _ in answers), 1)
        self.assertEqual({answer["reason"] for answer, _ in answers if not answer["sent"]}, {"duplicate"})
        self.assertEqual(len(self.mails("Load at-once failed")), 1)

    def test_by_setting_the_mail_goes_to_a_relay_over_tls_with_the_credentials_of_a_secret(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = Path(folder) / "key.pem", Path(folder) / "certificate.pem"
            make_certificate(key, certificate)
            told = {"certificate": str(certificate), "key": str(key), "login": ["notifier", "right"]}
            relay = subprocess.Popen(
                [sys.executable, ROOT / "tools" / "notifier" / "tests" / "relay.py", json.dumps(told)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            self.addCleanup(relay.stdout.close)
            self.addCleanup(relay.wait, 20)
            self.addCleanup(relay.stdin.close)
            port = relay.stdout.readline().strip()
            self.assertTrue(port.isdigit(), "aiosmtpd is missing: local/requirements-checks.txt")
            secrets = self.client("secretsmanager", A)
            secret = secrets.create_secret(
                Name="relay", SecretString=json.dumps({"username": "notifier", "password": "wrong"})
            )["ARN"]
            self.stack(A, "relay", "notifier.yaml", {
                "CodeBucket": self.buckets[A], "CodeObject": "notifier.zip", "FunctionName": "by-relay", "RoleName": "by-relay",
                "InvokerRoleArn": INVOKER_ROLE, "InvokerAccount": B, "ExternalId": EXTERNAL_ID, "MailFrom": FROM, "MailTo": OPS,
                "Transport": "smtp", "SmtpHost": "localhost", "SmtpPort": port, "SmtpAuthority": certificate.read_text(),
                "SmtpSecretArn": secret, **self.network(),
            })
            self.check_the_network("relay")
            function = self.client("lambda", A)
            fault, error = self.invoke(function, "by-relay", self.alert("by-relay"))
            self.assertTrue(error, fault)
            self.assertEqual(fault["errorType"], "MailAuthenticateFailed")
            secrets.put_secret_value(SecretId=secret, SecretString=json.dumps({"username": "notifier", "password": "right"}))
            answer, error = self.invoke(function, "by-relay", self.alert("by-relay"))
            self.assertIsNone(error, answer)
            mail = json.loads(relay.stdout.readline())
            self.assertEqual((mail["to"], mail["user"], mail["tls"]), ([OPS], "notifier", True))
            self.assertEqual((mail["subject"], mail["messageId"]), ("[critical] Load by-relay failed", answer["messageId"]))
            self.assertIn("Step &lt;3&gt; ended.", mail["html"])

    def test_another_role_the_root_a_third_account_and_a_wrong_external_id_do_not_get_the_role(self):
        role = self.notifier["InvocationRoleArn"]
        _, other = self.role(B, "other", "sts:AssumeRole")
        _, third = self.role(C, "notifier-invoker", "sts:AssumeRole")
        for who in (self.client("sts", credentials=other), self.client("sts", B), self.client("sts", C), self.client("sts", credentials=third)):
            self.refused(lambda who=who: self.assume(who, role, EXTERNAL_ID))
        right = self.client("sts", credentials=self.as_the_invoker())
        self.refused(lambda: self.assume(right, role, "a-wrong-external-id"))
        self.refused(lambda: self.assume(right, role))
        self.assume(right, role, EXTERNAL_ID)

    def test_the_role_may_invoke_the_notifier_and_nothing_else(self):
        right = self.client("sts", credentials=self.as_the_invoker())
        lent = self.assume(right, self.notifier["InvocationRoleArn"], EXTERNAL_ID)
        answer, error = self.invoke(self.client("lambda", credentials=lent), self.notifier["FunctionArn"], {"id": "no alert"})
        self.assertIsNone(error)
        self.assertEqual(answer["reason"], "invalid_request")
        self.refused(lambda: self.client("lambda", credentials=lent).list_functions())
        self.refused(lambda: self.client("s3", credentials=lent).list_objects_v2(Bucket=self.buckets[A]))

    def test_the_role_that_the_functions_policy_names_invokes_it_directly_and_no_other_does(self):
        arn = self.notifier["FunctionArn"]
        answer, error = self.invoke(self.client("lambda", credentials=self.direct), arn, {"id": "no alert either"})
        self.assertIsNone(error)
        self.assertEqual(answer["reason"], "invalid_request")
        _, other = self.role(B, "direct-other", "lambda:InvokeFunction")
        _, third = self.role(C, "direct", "lambda:InvokeFunction")
        for who in (other, third):
            self.refused(lambda who=who: self.invoke(self.client("lambda", credentials=who), arn, {}))
        for account in (B, C):
            self.refused(lambda account=account: self.invoke(self.client("lambda", account), arn, {}))

    def as_the_invoker(self):
        """Credentials of the invoker's role, which Lambda alone may assume: its trust is widened for a moment."""
        iam = self.client("iam", B)
        before = iam.get_role(RoleName="notifier-invoker")["Role"]["AssumeRolePolicyDocument"]
        widened = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com", "AWS": f"arn:aws:iam::{B}:root"}, "Action": "sts:AssumeRole"},
        ]}
        iam.update_assume_role_policy(RoleName="notifier-invoker", PolicyDocument=json.dumps(widened))
        try:
            return self.assume(self.client("sts", B), INVOKER_ROLE)
        finally:
            iam.update_assume_role_policy(RoleName="notifier-invoker", PolicyDocument=json.dumps(before))

    def put_metric(self, namespace, name, value, **dimensions):
        self.client("cloudwatch", A).put_metric_data(Namespace=namespace, MetricData=[{
            "MetricName": name, "Value": value, "Dimensions": [{"Name": key, "Value": one} for key, one in dimensions.items()],
        }])

    def ringing(self):
        alarms = self.client("cloudwatch", A).describe_alarms(AlarmNamePrefix="sampleAuth", StateValue="ALARM")["MetricAlarms"]
        return {alarm["AlarmName"] for alarm in alarms if "Notifier" not in alarm["AlarmName"]}

    def mails_of_latchkey(self, text):
        return [mail for mail in self.mails(text) if mail["To"] == [NIGHT]]

    def test_only_alarms_publish_to_latchkeys_topic_and_only_it_invokes_the_notifier(self):
        _, stranger = self.role(B, "publisher", "sns:*")
        publish = {"TopicArn": self.topic, "Message": "{}"}
        self.refused(lambda: self.client("sns", credentials=stranger).publish(**publish), "AuthorizationError", "AccessDenied")
        policy = self.client("sns", A).get_topic_attributes(TopicArn=self.topic)["Attributes"]["Policy"]
        [statement] = json.loads(policy)["Statement"]
        self.assertEqual(statement["Principal"], {"Service": "cloudwatch.amazonaws.com"})
        alarms = f"arn:aws:cloudwatch:{REGION}:{A}:alarm:sampleAuth*"
        self.assertEqual(statement["Condition"], {"StringEquals": {"aws:SourceAccount": A}, "ArnLike": {"aws:SourceArn": alarms}})
        [permission] = json.loads(self.client("lambda", A).get_policy(FunctionName="sampleAuthNotifier")["Policy"])["Statement"]
        self.assertEqual(permission["Principal"], {"Service": "sns.amazonaws.com"})
        self.assertEqual(permission["Condition"], {"ArnLike": {"AWS:SourceArn": self.topic}})

    def test_that_the_notifier_fails_is_told_by_a_topic_of_its_own(self):
        sqs, sns = self.client("sqs", A), self.client("sns", A)
        [operator] = sns.list_subscriptions_by_topic(TopicArn=self.own_topic)["Subscriptions"]
        self.assertEqual((operator["Protocol"], operator["Endpoint"]), ("email", NIGHT))
        queue = sqs.create_queue(QueueName="operator")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=self.own_topic, Protocol="sqs", Endpoint=arn)
        self.put_metric("AWS/Lambda", "Errors", 1, FunctionName="sampleAuthNotifier")
        # Asking for the alarms has the emulator look at them.
        self.client("cloudwatch", A).describe_alarms()
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
        self.assertEqual(len(messages), 1)
        self.assertIn("Its log group /aws/lambda/sampleAuthNotifier names the fault", messages[0]["Body"])
        self.assertEqual(self.mails("NotifierFaults"), [])

    def test_ringing_alarms_of_latchkey_end_as_mails_and_five_hundred_alerts_in_a_minute_as_two(self):
        self.wait_for_a_new_window()
        windows_before, mails_before = set(self.ledger()), len(self.mails("[test]"))
        self.put_metric("AWS/Lambda", "Errors", 2, FunctionName="sampleAuthVerifyUser")
        self.put_metric("AWS/Lambda", "Errors", 3, FunctionName="sampleAuthLogin")
        self.wait_for_mail("sampleAuthLogin-faults is in alarm")
        # That function's, and no other's.
        self.assertEqual(self.ringing(), {"sampleAuthLogin-faults"})
        [mail] = self.mails_of_latchkey("sampleAuthLogin-faults is in alarm")
        self.assertEqual((mail["Subject"], mail["Source"]), ("[critical] sampleAuthLogin-faults is in alarm", FROM))
        console = f"https://{REGION}.console.aws.amazon.com"
        for part in (
            "People may be unable to log in.", "./audit.sh --since 1h\n", "/aws/lambda/sampleAuthLogin",
            "Threshold Crossed", "FunctionName=sampleAuthLogin", f"{console}/cloudwatch/home?region={REGION}#alarmsV2:alarm/sampleAuthLogin-faults",
            f"{console}/lambda/home?region={REGION}#/functions/sampleAuthLogin?tab=monitoring",
        ):
            self.assertIn(part, mail["BodyText"])
            self.assertIn(part.strip(), mail["BodyHtml"])
        if folder := os.environ.get("ALARM_MAIL"):
            Path(folder, "alarm.html").write_text(mail["BodyHtml"])
        # Within the same minute: counted by both notifiers, and named in the mail with the count.
        self.put_metric("Latchkey/sampleAuth", "Calls", 1, Operation="mail", Outcome="undelivered")

        function = self.client("lambda", A)
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda n: self.invoke(function, "notifier", self.alert(f"storm-{n}")), range(498)))
        self.assertEqual([answer for answer, error in answers if error], [])
        self.assertEqual({answer["reason"] for answer, _ in answers if not answer["sent"]}, {"too_many"})
        # A machine that takes more than a minute for the calls has more than one window, each with two mails.
        windows = [item for key, item in self.ledger().items() if key.startswith("window:") and key not in windows_before]
        self.assertEqual(sum(item["alerts"] for item in windows), 500)
        self.assertEqual([item["mailed"] for item in windows], [1] * len(windows))
        expected = sum(2 if item["alerts"] > 1 else 1 for item in windows)
        deadline = time.monotonic() + COUNT_LIMIT
        while len(self.mails("[test]")) - mails_before < expected:
            self.assertLess(time.monotonic(), deadline, "the count is not mailed")
            time.sleep(0.5)
        self.assertEqual(len(self.mails("[test]")) - mails_before, expected)
        self.assertEqual(expected, 2 * len(windows))
        for item in windows:
            self.assertEqual(len(self.mails(f"{item['alerts'] - 1} more alerts within a minute")), 1)
        [count] = self.mails_of_latchkey("1 more alert within a minute")
        self.assertIn("- sampleAuthMail-undelivered is in alarm", count["BodyText"])

    # --- whom Lambda's own services let in, and what becomes of an event that nobody could hand on ---

    def queue_of(self, account, stack, logical_id="Failed"):
        """The address of a queue of a stack."""
        resources = self.client("cloudformation", account).describe_stack_resources(StackName=stack)["StackResources"]
        [queue] = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == logical_id]
        return queue

    def wait_for_messages(self, account, queue, number, limit=60):
        """The bodies of so many messages, which are removed."""
        sqs, bodies = self.client("sqs", account), []
        deadline = time.monotonic() + limit
        while len(bodies) < number:
            self.assertLess(time.monotonic(), deadline, f"{len(bodies)} messages of {number}")
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10).get("Messages", []):
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def log_of(self, account, stack):
        """The text of all lines of a function's log."""
        resources = self.client("cloudformation", account).describe_stack_resources(StackName=stack)["StackResources"]
        [group] = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Log"]
        events = self.client("logs", account).filter_log_events(logGroupName=group)["events"]
        return "\n".join(event["message"] for event in events)

    def test_the_rule_that_is_named_invokes_the_invoker_and_another_does_not(self):
        self.begin_a_new_window()
        events = self.client("events", B)
        # The other one first: its event has no later moment to arrive.
        for rule in ("another", "load-failed"):
            events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
            target = {"Id": "1", "Arn": self.invoker["FunctionArn"], "Input": json.dumps(self.alert(f"by-rule-{rule}"))}
            events.put_targets(Rule=rule, Targets=[target])
            events.put_events(Entries=[{"Source": rule, "DetailType": "load", "Detail": "{}"}])
        self.wait_for_mail("Load by-rule-load-failed failed")
        windows = [item for key, item in self.ledger().items() if key.startswith("window:")]
        self.assertEqual(max(windows, key=lambda item: item["endsAt"])["alerts"], 1)

    def test_an_event_that_is_not_handed_on_is_tried_three_times_and_then_kept_and_the_log_tells_no_secret(self):
        wrong = "another-external-id-of-32-chars."
        stack = self.stack(B, "shut-out", "invoker.yaml", {
            "CodeBucket": self.buckets[B], "CodeObject": "notifier-invoker.zip", "NotifierArn": self.notifier["FunctionArn"],
            "NotifierRoleArn": self.notifier["InvocationRoleArn"], "ExternalId": wrong, "FunctionName": "shut-out", "RoleName": "shut-out",
        })
        event = self.alert("kept", text="What nobody else should read.")
        accepted = self.client("lambda", B).invoke(FunctionName=stack["FunctionArn"], InvocationType="Event", Payload=json.dumps(event))
        self.assertEqual(accepted["StatusCode"], 202)
        [kept] = self.wait_for_messages(B, self.queue_of(B, "shut-out"), 1)
        self.assertEqual(kept["requestPayload"], event)
        self.assertEqual(kept["responsePayload"]["errorType"], "RoleNotAssumed")
        log = self.log_of(B, "shut-out")
        faults = [json.loads(line) for line in log.splitlines() if '"cause"' in line]
        self.assertEqual(len(faults), 3, log)
        for fault in faults:
            self.assertEqual((fault["account"], fault["notifier"]), (A, self.notifier["FunctionArn"]))
            self.assertEqual(fault["role"], self.notifier["InvocationRoleArn"])
            self.assertTrue(fault["requestId"])
        for secret in (wrong, "What nobody else should read.", "Load kept failed"):
            self.assertNotIn(secret, log)

    def test_a_topic_that_is_not_the_alarms_invokes_nothing(self):
        self.begin_a_new_window()
        sns = self.client("sns", A)
        other = sns.create_topic(Name="other")["TopicArn"]
        sns.subscribe(TopicArn=other, Protocol="lambda", Endpoint=self.notifier["FunctionArn"])
        before = self.log_of(A, "notifier")
        sns.publish(TopicArn=other, Message="from a topic that nobody named")
        # What the right topic delivers after it is there, and what the other one brought is not.
        sns.publish(TopicArn=self.topic, Message="from the topic of the alarms")
        self.wait_for_mail("The message from SNS is not a CloudWatch alarm")
        self.assertEqual(self.log_of(A, "notifier")[len(before):].count('"outcome"'), 1)
        self.assertEqual(self.mails("does not listen to"), [])

    def test_the_notifiers_own_alarms_ring_past_the_notifier(self):
        sns, sqs, cloudwatch = (self.client(service, A) for service in ("sns", "sqs", "cloudwatch"))
        resources = self.client("cloudformation", A).describe_stack_resources(StackName="notifier")["StackResources"]
        physical = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
        topic = physical["OwnAlarms"]
        [operator] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertEqual((operator["Protocol"], operator["Endpoint"]), ("email", OPERATOR))
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"},
        ]}
        queue = sqs.create_queue(QueueName="past-the-notifier", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        # Of the notifier's own function and queue, and of nothing else.
        watched = {
            (alarm["MetricName"], alarm["Dimensions"][0]["Value"]): alarm["AlarmActions"]
            for alarm in cloudwatch.describe_alarms(AlarmNames=[physical[name] for name in ("Faults", "Throttles", "Lost")])["MetricAlarms"]
        }
        failed = physical["Failed"].rsplit("/", 1)[1]
        self.assertEqual(watched, {
            ("Errors", "notifier"): [topic], ("Throttles", "notifier"): [topic], ("ApproximateNumberOfMessagesVisible", failed): [topic],
        })

        self.begin_a_new_window()
        ses = self.client("ses", A)
        ses.delete_identity(Identity=FROM)
        try:
            fault, error = self.invoke(self.client("lambda", A), "notifier", {"id": "neither an alert nor a mail"})
        finally:
            ses.verify_email_identity(EmailAddress=FROM)
        self.assertTrue(error, fault)
        self.assertEqual(fault["errorType"], "MailRecipientFailed")
        # Lambda counts the fault. What SQS and a throttled Lambda count, which the emulator does not, is put here.
        self.put_metric("AWS/Lambda", "Throttles", 1, FunctionName="notifier")
        self.put_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, QueueName=failed)
        rung = {json.loads(body["Message"])["AlarmName"] for body in self.wait_for_messages(A, queue, 3)}
        self.assertEqual(rung, {physical[name] for name in ("Faults", "Throttles", "Lost")})
        self.assertEqual(self.mails(physical["Faults"]), [])

    def network(self):
        """A VPC and two subnets, as parameters."""
        ec2 = self.client("ec2", A)
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)]
        return {"VpcId": vpc, "SubnetIds": ",".join(subnets)}

    def check_the_network(self, stack):
        """A function in a VPC has a security group with two ways out, and the rights to its interfaces; one outside has neither."""
        cloudformation, iam = self.client("cloudformation", A), self.client("iam", A)
        for name in (stack, "notifier"):
            resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
            physical = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
            statements = iam.get_role_policy(RoleName=physical["Role"], PolicyName="notify")["PolicyDocument"]["Statement"]
            self.assertEqual("ec2:CreateNetworkInterface" in json.dumps(statements), name == stack)
            self.assertEqual("SecurityGroup" in physical, name == stack)
            if name == stack:
                [group] = self.client("ec2", A).describe_security_groups(GroupIds=[physical["SecurityGroup"]])["SecurityGroups"]
                parameters = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
                port = int(next(one["ParameterValue"] for one in parameters if one["ParameterKey"] == "SmtpPort"))
                self.assertEqual({(way["FromPort"], way["ToPort"]) for way in group["IpPermissionsEgress"]}, {(port, port), (443, 443)})
                self.assertEqual(group["IpPermissions"], [])


if __name__ == "__main__":
    unittest.main()
