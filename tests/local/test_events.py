"""The extensions of the emulator for streams and invocations, seen from outside. Numbers 5 and 15.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_events.py
"""

import datetime
import io
import json
import re
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

from botocore.exceptions import ClientError

from cloud import ACCOUNT, REGION, Emulator

LIMIT = 60
# Notes each call in a file, and does what another file says: fails, or names records that failed.
HANDLER = '''
import json, os
def handler(event, context):
    folder = os.environ["FOLDER"]
    records = [[one["dynamodb"]["SequenceNumber"], one["dynamodb"]["Keys"]["id"]["S"]] for one in event.get("Records", []) if "dynamodb" in one]
    with open(folder + "/calls", "a") as file:
        file.write(json.dumps([context.function_version, [key for _, key in records], context.invoked_function_arn.split(":")[7:]]) + "\\n")
    with open(folder + "/plan") as file:
        plan = json.load(file)
    for line in plan.get("print", []):
        print(line)
    if plan.get("raise") and (plan["raise"] is True or any(key in plan["raise"] for _, key in records)):
        raise RuntimeError("as planned")
    return {"batchItemFailures": [{"itemIdentifier": number} for number, key in records if key in plan.get("fail", [])]}
'''
READING = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]


class EventTest(unittest.TestCase):
    """An emulator with a function that notes its calls."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "state").mkdir()
        self.emulator = Emulator(self.folder / "state")
        self.addCleanup(self.emulator.stop)
        self.plan()
        self.role = self.make_role("reader")
        self.make_function("noting")

    def plan(self, **what):
        new = self.folder / "plan.new"
        new.write_text(json.dumps(what))
        new.rename(self.folder / "plan")

    def calls(self):
        """The keys of each call's records."""
        return [keys for _, keys, _ in self.noted()]

    def noted(self):
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait(self, what, wanted):
        """Waits until something is as wanted."""
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit:
            found = what()
            if wanted(found):
                return found
            time.sleep(0.05)
        self.fail(f"it does not come: {found}")

    def make_role(self, name, statements=()):
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]}
        iam = self.emulator.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.allow(name, statements or [
            # What Lambda does for a function, it does over TLS.
            {"Effect": "Allow", "Action": READING, "Resource": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*/stream/*",
             "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            {"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": "*"},
        ])
        return arn

    def allow(self, name, statements):
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.emulator.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)

    def make_function(self, name, role=None):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("code.py", HANDLER)
        return self.emulator.client("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Handler="code.handler", Role=role or self.role,
            Code={"ZipFile": archive.getvalue()}, Environment={"Variables": {"FOLDER": str(self.folder)}},
        )["FunctionArn"]

    def make_table(self, name="Mails"):
        """A table with a stream, whose address it returns."""
        return self.emulator.client("dynamodb").create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]["LatestStreamArn"]

    def write(self, *keys):
        for key in keys:
            self.emulator.client("dynamodb").put_item(TableName="Mails", Item={"id": {"S": key}})

    def map(self, stream, function="noting", **options):
        return self.emulator.client("lambda").create_event_source_mapping(
            FunctionName=function, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", **{"BatchSize": 10, **options}
        )["UUID"]

    def weighted_alias(self, weight):
        """An alias `live` of two versions, which sends this share of its calls to the second; these."""
        client = self.emulator.client("lambda")
        first = client.publish_version(FunctionName="noting")["Version"]
        client.update_function_configuration(FunctionName="noting", Description="another")
        second = client.publish_version(FunctionName="noting")["Version"]
        weights = {"AdditionalVersionWeights": {second: weight}}
        client.create_alias(FunctionName="noting", Name="live", FunctionVersion=first, RoutingConfig=weights)
        return first, second

    def total(self, metric, *dimensions):
        """The sum of a metric of Lambda, with FunctionName, Resource and ExecutedVersion as far as they are given."""
        names = ("FunctionName", "Resource", "ExecutedVersion")
        now = datetime.datetime.now(datetime.timezone.utc)
        found = self.emulator.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda", MetricName=metric, Dimensions=[{"Name": name, "Value": value} for name, value in zip(names, dimensions)],
            StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1), Period=60, Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])


class Streams(EventTest):
    """Number 15: event source mappings."""

    def test_the_first_record_that_failed_is_where_a_mapping_goes_on(self):
        self.plan(fail=["c"])
        stream = self.make_table()
        self.write("a", "b", "c", "d")
        self.map(stream, FunctionResponseTypes=["ReportBatchItemFailures"])
        self.wait(self.calls, lambda calls: len(calls) > 1)
        self.assertEqual(self.calls()[:2], [["a", "b", "c", "d"], ["c", "d"]])
        self.plan()
        self.wait(self.calls, lambda calls: calls[-1] == ["c", "d"] and len(calls) > 2)

    def test_without_the_response_type_an_answer_is_a_success_whatever_it_names(self):
        self.plan(fail=["a"])
        stream = self.make_table()
        self.write("a")
        self.map(stream)
        self.wait(self.calls, lambda calls: len(calls) == 1)
        self.write("b")
        self.wait(self.calls, lambda calls: len(calls) == 2)
        self.assertEqual(self.calls(), [["a"], ["b"]])

    def test_retries_end_where_the_mapping_says_and_the_next_records_come(self):
        self.plan(**{"raise": ["a"]})
        stream = self.make_table()
        self.write("a")
        self.map(stream, MaximumRetryAttempts=1)
        self.wait(self.calls, lambda calls: len(calls) == 2)
        self.write("b")
        self.wait(self.calls, lambda calls: ["b"] in calls)
        self.assertEqual(self.calls(), [["a"], ["a"], ["b"]])

    def test_a_batch_that_fails_is_halved_until_the_record_is_alone(self):
        self.plan(**{"raise": ["d"]})
        stream = self.make_table()
        self.write("a", "b", "c", "d")
        self.map(stream, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)
        self.write("e")
        self.wait(self.calls, lambda calls: any("e" in one for one in calls) and ["d"] in calls)
        delivered = self.calls()
        self.assertIn(["d"], delivered)
        # All others were delivered in batches that did not hold it.
        good = {key for call in delivered if "d" not in call for key in call}
        self.wait(self.calls, lambda calls: {key for call in calls if "d" not in call for key in call} == {"a", "b", "c", "e"})
        self.assertLessEqual(good, {"a", "b", "c", "e"})

    def test_records_older_than_the_mapping_allows_are_not_delivered(self):
        self.plan(**{"raise": True})
        stream = self.make_table()
        self.write("old")
        # The shortest age that Lambda takes is a minute, so the record is made older instead of waiting.
        self.map(stream, MaximumRecordAgeInSeconds=60)
        self.wait(self.calls, lambda calls: ["old"] in calls)
        self.emulator.stop()
        # What is kept is kept as it was written.
        for file in (self.folder / "state").glob("*dynamodb*"):
            text = file.read_text()
            self.assertIn("ApproximateCreationDateTime", text)
            file.write_text(re.sub(r'("ApproximateCreationDateTime": ?)(\d+)', lambda m: m.group(1) + str(int(m.group(2)) - 120), text))
        self.plan()
        (self.folder / "calls").unlink()
        self.emulator.start()
        self.write("new")
        self.wait(self.calls, lambda calls: ["new"] in calls)
        self.assertEqual(self.calls(), [["new"]])

    def test_a_role_without_a_right_to_read_gets_nothing(self):
        stream = self.make_table()
        of_stream = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*/stream/*"
        listing = {"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": "*"}
        reading = {"Effect": "Allow", "Action": READING, "Resource": of_stream}
        self.allow("reader", [listing, {**reading, "Action": READING[:2]}])
        mapping = self.map(stream)
        self.write("a")

        def result():
            return self.emulator.client("lambda").get_event_source_mapping(UUID=mapping).get("LastProcessingResult") or ""

        self.wait(result, lambda said: "dynamodb:GetShardIterator" in said)
        self.allow("reader", [reading])
        self.wait(result, lambda said: "dynamodb:ListStreams" in said)
        self.assertEqual(self.calls(), [])
        self.allow("reader", [listing, reading])
        self.wait(self.calls, lambda calls: calls == [["a"]])

    def test_what_nobody_read_is_delivered_after_a_restart(self):
        self.plan(**{"raise": True})
        stream = self.make_table()
        self.map(stream)
        self.write("a", "b")
        self.wait(self.calls, lambda calls: len(calls) > 0)
        self.emulator.stop()
        self.plan()
        (self.folder / "calls").unlink()
        self.emulator.start()
        self.wait(self.calls, lambda calls: sorted({key for call in calls for key in call}) == ["a", "b"])
        # And so is what is written from now on.
        self.write("c")
        self.wait(self.calls, lambda calls: ["c"] in calls)


    def test_a_mapping_of_an_alias_calls_the_version_that_its_weights_choose(self):
        (_, second), stream = self.weighted_alias(1.0), self.make_table()
        self.write("a")
        self.map(stream, "noting:live")
        self.assertEqual(self.wait(self.noted, lambda noted: len(noted) == 1), [[second, ["a"], ["live"]]])
        self.wait(lambda: self.total("Invocations", "noting", "noting:live", second), lambda counted: counted == 1)


class Invocations(EventTest):
    """Number 15: retries, weights, and who may invoke."""

    def settle(self, count):
        """Waits for so many calls, and a little for one too many: a retry would come after a second."""
        self.wait(self.calls, lambda calls: len(calls) >= count)
        time.sleep(3)
        return len(self.calls())

    def test_an_alias_has_a_retry_setting_of_its_own(self):
        self.plan(**{"raise": True})
        client = self.emulator.client("lambda")
        version = client.publish_version(FunctionName="noting")["Version"]
        client.create_alias(FunctionName="noting", Name="live", FunctionVersion=version)
        for qualifier, retries in (("live", 0), ("$LATEST", 1)):
            client.put_function_event_invoke_config(FunctionName="noting", Qualifier=qualifier, MaximumRetryAttempts=retries)
        client.invoke(FunctionName="noting", Qualifier="live", InvocationType="Event", Payload=b"{}")
        self.assertEqual(self.settle(1), 1)
        client.invoke(FunctionName="noting", InvocationType="Event", Payload=b"{}")
        self.assertEqual(self.settle(3), 3)

    def test_an_alias_sends_calls_to_both_versions_by_their_weights(self):
        versions, client = self.weighted_alias(0.5), self.emulator.client("lambda")
        executed = [client.invoke(FunctionName="noting", Qualifier="live", Payload=b"{}")["ExecutedVersion"] for _ in range(30)]
        # All of them alike happens once in 500 million.
        self.assertEqual(set(executed), set(versions))
        # Whichever it is, it was called by the alias.
        self.assertEqual(self.noted(), [[version, [], ["live"]] for version in executed])

    def test_a_topic_calls_the_version_that_the_weights_of_an_alias_choose(self):
        (_, second), sns = self.weighted_alias(1.0), self.emulator.client("sns")
        topic = sns.create_topic(Name="news")["TopicArn"]
        self.emulator.client("lambda").add_permission(
            FunctionName="noting", Qualifier="live", StatementId="topic", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com",
            SourceArn=topic,
        )
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:noting:live")
        sns.publish(TopicArn=topic, Message="text")
        self.assertEqual(self.wait(self.noted, lambda noted: len(noted) == 1), [[second, [], ["live"]]])

    def test_metrics_tell_aliases_and_versions_apart(self):
        (first, second), client = self.weighted_alias(0.5), self.emulator.client("lambda")
        executed = [client.invoke(FunctionName="noting", Qualifier="live", Payload=b"{}")["ExecutedVersion"] for _ in range(6)]
        client.invoke(FunctionName="noting", Qualifier=second, Payload=b"{}")
        self.plan(**{"raise": True})
        client.invoke(FunctionName="noting", Payload=b"{}")
        self.assertEqual(self.total("Invocations", "noting", "noting:live"), 6)
        for version in (first, second):
            self.assertEqual(self.total("Invocations", "noting", "noting:live", version), executed.count(version))
            self.assertEqual(self.total("Errors", "noting", "noting:live", version), 0)
        self.assertEqual(self.total("Invocations", "noting", f"noting:{second}"), 1)
        # What is not called by an alias has no executed version.
        self.assertEqual(self.total("Invocations", "noting", f"noting:{second}", second), 0)
        for dimensions, invocations in ((("noting", "noting"), 1), (("noting",), 8)):
            with self.subTest(dimensions=dimensions):
                self.assertEqual(self.total("Invocations", *dimensions), invocations)
                self.assertEqual(self.total("Errors", *dimensions), 1)
                self.assertGreater(self.total("Duration", *dimensions), 0)
        # An alarm that watches one version does not ring for another's errors, nor does it wait for them.
        cloudwatch = self.emulator.client("cloudwatch")
        for name, resource in (("quiet", "noting:live"), ("loud", "noting")):
            cloudwatch.put_metric_alarm(
                AlarmName=name, Namespace="AWS/Lambda", MetricName="Errors", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                Dimensions=[{"Name": "FunctionName", "Value": "noting"}, {"Name": "Resource", "Value": resource}],
            )
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
        self.assertEqual(states, {"quiet": "OK", "loud": "ALARM"})
        # Each attempt of a call that nobody waits for is an invocation.
        client.put_function_event_invoke_config(FunctionName="noting", Qualifier="live", MaximumRetryAttempts=1)
        client.invoke(FunctionName="noting", Qualifier="live", InvocationType="Event", Payload=b"{}")
        self.wait(lambda: self.total("Errors", "noting", "noting:live"), lambda errors: errors == 2)
        self.assertEqual(self.total("Invocations", "noting", "noting:live"), 8)
        # One that is throttled is none.
        client.put_function_concurrency(FunctionName="noting", ReservedConcurrentExecutions=0)
        with self.assertRaises(client.exceptions.TooManyRequestsException):
            client.invoke(FunctionName="noting", Payload=b"{}")
        self.assertEqual(self.total("Throttles", "noting", "noting"), 1)
        self.assertEqual(self.total("Invocations", "noting", "noting"), 1)

    def test_a_bucket_invokes_only_what_allows_it_and_with_the_retry_setting_of_the_alias(self):
        self.plan(**{"raise": True})
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:noting:live"
        self.weighted_alias(1.0)
        self.emulator.client("lambda").put_function_event_invoke_config(FunctionName="noting", Qualifier="live", MaximumRetryAttempts=0)
        s3 = self.emulator.client("s3")
        for bucket in ("theirs", "ours"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.emulator.client("lambda").add_permission(
            FunctionName="noting", Qualifier="live", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
            SourceArn="arn:aws:s3:::ours", SourceAccount=ACCOUNT,
        )
        for bucket in ("theirs", "ours"):
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}],
            })
        s3.put_object(Bucket="theirs", Key="one", Body=b"text")
        s3.put_object(Bucket="ours", Key="one", Body=b"text")
        self.assertEqual(self.settle(1), 1)
        self.assertEqual(self.noted(), [["2", [], ["live"]]])


class Mail(EventTest):
    """Number 5: what a mail is authorized on."""

    def sender(self, statements):
        """A client of SES with these statements."""
        iam = self.emulator.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"},
        ]}
        name = f"sender-{len(iam.list_roles()['Roles'])}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.allow(name, statements)
        assumed = self.emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return self.emulator.client("ses", {**assumed, "SecretKey": assumed["SecretAccessKey"]})

    def send(self, client, recipient, sender="sender@example.com", **options):
        return client.send_email(
            Source=sender, Destination={"ToAddresses": [recipient]},
            Message={"Subject": {"Data": "Subject"}, "Body": {"Text": {"Data": "Text"}}}, **options,
        )

    def refused(self, code, *arguments, **options):
        with self.assertRaises(ClientError) as caught:
            self.send(*arguments, **options)
        self.assertIn(code, caught.exception.response["Error"]["Code"])

    def test_recipients_and_configuration_sets_are_authorized_by_their_own_arns(self):
        root = self.emulator.client("ses")
        for address in ("sender@example.com", "other@example.com", "reader@example.org"):
            root.verify_email_identity(EmailAddress=address)
        root.create_configuration_set(ConfigurationSet={"Name": "default"})
        arn = f"arn:aws:ses:{REGION}:{ACCOUNT}"
        narrow = self.sender([{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": f"{arn}:identity/sender@example.com"}])
        # As the stack's role has it (stacks/statements.yaml).
        wide = self.sender([{
            "Effect": "Allow", "Action": "ses:SendEmail", "Resource": [f"{arn}:identity/*", f"{arn}:configuration-set/*"],
            "Condition": {"StringEquals": {"ses:FromAddress": "sender@example.com"}},
        }])
        self.send(narrow, "nobody@example.net")
        self.refused("AccessDenied", narrow, "reader@example.org")
        self.send(wide, "reader@example.org")
        self.send(wide, "reader@example.org", ConfigurationSetName="default")
        self.refused("AccessDenied", narrow, "nobody@example.net", ConfigurationSetName="default")
        self.refused("AccessDenied", wide, "reader@example.org", sender="other@example.com")
        # The sender's default one is used without being named.
        identity = {"EmailIdentity": "sender@example.com", "ConfigurationSetAttributes": {"ConfigurationSetName": "default"}}
        template = {"Resources": {"Sender": {"Type": "AWS::SES::EmailIdentity", "Properties": identity}}}
        stacks = self.emulator.client("cloudformation")
        stacks.create_stack(StackName="sender", TemplateBody=json.dumps(template))
        stacks.get_waiter("stack_create_complete").wait(StackName="sender", WaiterConfig={"Delay": 1})
        self.refused("AccessDenied", narrow, "nobody@example.net")
        self.send(wide, "nobody@example.net")

    def test_the_sandbox_takes_mail_to_verified_addresses_only(self):
        root = self.emulator.client("ses")
        for address in ("sender@example.com", "reader@example.org"):
            root.verify_email_identity(EmailAddress=address)
        self.emulator.client("sesv2").put_account_details(
            MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=False
        )
        self.send(root, "reader@example.org")
        self.refused("MessageRejected", root, "nobody@example.net")
        root.verify_email_identity(EmailAddress="slow+pending@example.net")
        self.refused("MessageRejected", root, "slow+pending@example.net")


class Logs(EventTest):
    """Number 11: what Lambda makes of a JSON line."""

    def test_a_line_without_a_timestamp_loses_its_level(self):
        client = self.emulator.client("lambda")
        client.update_function_configuration(FunctionName="noting", LoggingConfig={"LogFormat": "JSON"})
        good = '{"timestamp":"2024-03-13T18:56:56.046Z","level":"ERROR"}'
        lines = ['{"level":"ERROR"}', '{"level":"ERROR","timestamp":1710356216}', good, "no json", "[]"]
        self.plan(**{"print": lines})
        client.invoke(FunctionName="noting", Payload=b"{}")
        events = self.emulator.client("logs").filter_log_events(logGroupName="/aws/lambda/noting")["events"]
        stored = [event["message"].strip() for event in events]
        begin = next(index for index, line in enumerate(stored) if "ERROR" in line or "INFO" in line)
        bare, number, *others = stored[begin:begin + len(lines)]
        for line in (bare, number):
            self.assertEqual(json.loads(line)["level"], "INFO")
            self.assertRegex(json.loads(line)["timestamp"], r"^\d{4}-.*Z$")
        self.assertEqual(others, [good, "no json", "[]"])


if __name__ == "__main__":
    unittest.main()
