"""Custom resources on the emulator: what CloudFormation sends, what it takes for an answer, and what it does then.

A function that the emulator runs plays the provider. What it answers to each request is in the properties of the resource, and
what it was sent it writes to a file. Run with the Python of the virtual environment that local.sh makes:

    .local/venv/bin/python -m unittest discover -s tests/local
"""

import io
import json
import re
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

from test_emulator import ACCOUNT, REGION, Emulator

STACK_LIMIT = 60
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PROVIDER = """
import json, os, time, urllib.error, urllib.request

def handler(event, context):
    orders = json.loads(event["ResourceProperties"]["Orders"]).get(event["RequestType"], {})
    note = {"event": event, "statuses": []}
    if not orders.get("silent"):
        answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        answer.update(Status="SUCCESS", PhysicalResourceId=event.get("PhysicalResourceId", "first"))
        answer.update(orders.get("answer", {}))
        answer = {key: value for key, value in answer.items() if value is not None}
        body = orders.get("body", json.dumps(answer)).encode()
        url = event["ResponseURL"].split("?")[0] if orders.get("unsigned") else event["ResponseURL"]
        for _ in range(orders.get("attempts", 1)):
            request = urllib.request.Request(url, data=body, method="PUT")
            request.add_header("Content-Type", orders.get("type", ""))
            try:
                note["statuses"].append(urllib.request.urlopen(request).status)
                break
            except urllib.error.HTTPError as error:
                note["statuses"].append(error.code)
    with open(os.environ["NOTES"], "a") as file:
        file.write(json.dumps(note) + "\\n")
    if orders.get("raises"):
        raise ValueError("as ordered")
"""


class CustomResourcesTest(unittest.TestCase):
    """One emulator for all tests; each makes a stack of its own, with a function of its own."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.emulator = Emulator(folder.name)
        cls.addClassCleanup(cls.emulator.stop)
        cls.stacks, cls.functions = cls.emulator.client("cloudformation"), cls.emulator.client("lambda")
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]}
        cls.role = cls.emulator.client("iam").create_role(
            RoleName="provider", AssumeRolePolicyDocument=json.dumps(trust)
        )["Role"]["Arn"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("provider.py", PROVIDER)
        cls.code = packed.getvalue()

    def setUp(self):
        self.name = re.sub("[^a-z]", "-", self.id().rsplit(".", 1)[1])[5:64].rstrip("-")
        self.notes = self.folder / f"{self.name}.jsonl"
        self.token = self.provider(self.name)

    def provider(self, name):
        return self.functions.create_function(
            FunctionName=name, Runtime=RUNTIME, Role=self.role, Handler="provider.handler", Timeout=20,
            Code={"ZipFile": self.code}, Environment={"Variables": {"NOTES": str(self.notes)}},
        )["FunctionArn"]

    def template(self, orders, outputs=None, **properties):
        """A stack with one custom resource, which is ordered what to answer to each type of request."""
        return json.dumps({
            "Resources": {"Thing": {"Type": "Custom::Thing", "Properties": {
                "ServiceToken": self.token, "ServiceTimeout": 20, "Orders": json.dumps(orders), **properties,
            }}},
            **({"Outputs": outputs} if outputs else {}),
        })

    def settled(self):
        """The stack, once nothing is under way."""
        until = time.monotonic() + STACK_LIMIT
        while True:
            stack = self.stacks.describe_stacks(StackName=self.stack)["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack
            self.assertLess(time.monotonic(), until, "the stack does not settle")
            time.sleep(0.05)

    def create(self, orders, tags=None, outputs=None, **properties):
        tags = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        template = self.template(orders, outputs, **properties)
        self.stack = self.stacks.create_stack(StackName=self.name, TemplateBody=template, Tags=tags)["StackId"]
        return self.settled()

    def update(self, orders, outputs=None, **properties):
        self.stacks.update_stack(StackName=self.name, TemplateBody=self.template(orders, outputs, **properties))
        return self.settled()

    def delete(self):
        self.stacks.delete_stack(StackName=self.name)
        return self.settled()

    def noted(self):
        return [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    def sent(self):
        """Type and id of each request that the function got."""
        return [(note["event"]["RequestType"], note["event"].get("PhysicalResourceId")) for note in self.noted()]

    def reason(self):
        events = self.stacks.describe_stack_events(StackName=self.stack)["StackEvents"]
        reasons = [
            event["ResourceStatusReason"] for event in events
            if event["LogicalResourceId"] == "Thing" and event["ResourceStatus"].endswith("FAILED")
        ]
        return reasons[-1]

    def assert_create_fails(self, reason, orders, **options):
        stack = self.create({"Create": orders}, **options)
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn(reason, self.reason())

    def test_an_answer_as_it_should_be_makes_the_resource(self):
        outputs = {"Said": {"Value": {"Fn::GetAtt": ["Thing", "Word"]}}}
        stack = self.create({"Create": {"answer": {"Data": {"Word": "yes"}, "PhysicalResourceId": "one"}}}, outputs=outputs)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(stack["Outputs"][0]["OutputValue"], "yes")
        thing = self.stacks.describe_stack_resource(StackName=self.name, LogicalResourceId="Thing")
        self.assertEqual(thing["StackResourceDetail"]["PhysicalResourceId"], "one")
        self.assertEqual(self.delete()["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(self.sent(), [("Create", None), ("Delete", "one")])

    def test_numbers_and_booleans_arrive_as_text(self):
        self.create({}, Number=7, Half=0.5, Yes=True, Nested={"No": False, "List": [1, "two"]})
        properties = self.noted()[0]["event"]["ResourceProperties"]
        self.assertEqual({key: properties[key] for key in ("Number", "Half", "Yes", "Nested")}, {
            "Number": "7", "Half": "0.5", "Yes": "true", "Nested": {"No": "false", "List": ["1", "two"]},
        })

    def test_an_answer_of_more_than_four_kibibytes_is_refused(self):
        self.assert_create_fails("Response object is too long", {"answer": {"Data": {"Word": "x" * 4_096}}})

    def test_an_answer_of_exactly_four_kibibytes_is_taken(self):
        orders = {"Create": {"answer": {"Data": {"Word": ""}}}}
        self.create(orders)
        event = self.noted()[0]["event"]
        answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        answer.update(Status="SUCCESS", PhysicalResourceId="first", Data={"Word": ""})
        # The ids of another stack of the same name are as long.
        self.delete()
        orders["Create"]["answer"]["Data"]["Word"] = "x" * (4_096 - len(json.dumps(answer)))
        self.assertEqual(self.create(orders)["StackStatus"], "CREATE_COMPLETE")
        self.delete()
        orders["Create"]["answer"]["Data"]["Word"] += "x"
        self.assertEqual(self.create(orders)["StackStatus"], "ROLLBACK_COMPLETE")

    def test_what_is_no_json_object_is_refused(self):
        self.assert_create_fails("no JSON.", {"body": "yes"})
        self.delete()
        self.assert_create_fails("no JSON object", {"body": "[]"})

    def test_an_answer_with_a_content_type_is_never_taken(self):
        self.assert_create_fails("did not receive a response", {"type": "application/json"}, ServiceTimeout=2)
        self.assertEqual(self.noted()[0]["statuses"], [403])

    def test_an_answer_to_the_url_without_its_query_is_never_taken(self):
        self.assert_create_fails("did not receive a response", {"unsigned": True}, ServiceTimeout=2)
        self.assertEqual(self.noted()[0]["statuses"], [403])

    def test_ids_that_are_not_those_of_the_request_are_refused(self):
        for field in ("StackId", "RequestId", "LogicalResourceId"):
            for value in ("another", None):
                with self.subTest(field=field, value=value):
                    self.assert_create_fails(f"{field} is not that of the request", {"answer": {field: value}})
                    self.delete()

    def test_an_id_that_is_missing_empty_or_too_long_is_refused(self):
        for id in (None, "", 7, "x" * 1_025):
            with self.subTest(id=id):
                self.assert_create_fails("Invalid PhysicalResourceId", {"answer": {"PhysicalResourceId": id}})
                self.delete()
        longest = "x" * 1_024
        self.assertEqual(self.create({"Create": {"answer": {"PhysicalResourceId": longest}}})["StackStatus"], "CREATE_COMPLETE")

    def test_another_status_and_a_failure_without_a_reason_are_refused(self):
        self.assert_create_fails("neither SUCCESS nor FAILED", {"answer": {"Status": "OK"}})
        self.delete()
        self.assert_create_fails("there is no Reason", {"answer": {"Status": "FAILED"}})

    def test_after_a_failed_create_a_delete_is_sent_for_the_id_of_the_answer(self):
        failed = {"answer": {"Status": "FAILED", "Reason": "half done", "PhysicalResourceId": "half"}}
        self.assert_create_fails("half done", failed)
        self.assertEqual(self.sent(), [("Create", None), ("Delete", "half")])

    def test_after_a_refused_answer_or_none_a_delete_is_sent_for_an_id_that_is_made_up(self):
        self.assert_create_fails("no JSON.", {"body": "yes"})
        (_, (kind, id)) = self.sent()
        self.assertEqual(kind, "Delete")
        self.assertRegex(id, rf"^{self.name}-Thing-[0-9A-F]+$")

    def test_without_rollback_the_delete_comes_with_that_of_the_stack(self):
        failed = {"answer": {"Status": "FAILED", "Reason": "half done", "PhysicalResourceId": "half"}}
        template = self.template({"Create": failed})
        self.stack = self.stacks.create_stack(
            StackName=self.name, TemplateBody=template, DisableRollback=True
        )["StackId"]
        self.assertEqual(self.settled()["StackStatus"], "CREATE_FAILED")
        self.assertEqual(self.sent(), [("Create", None)])
        self.delete()
        self.assertEqual(self.sent(), [("Create", None), ("Delete", "half")])

    def test_a_delete_that_fails_fails_the_rollback(self):
        failed = {"Status": "FAILED", "Reason": "stuck"}
        stack = self.create({"Create": {"answer": failed}, "Delete": {"answer": failed}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_FAILED")

    def test_an_update_with_another_id_is_followed_by_a_delete_of_the_old_one(self):
        self.create({})
        orders = {"Update": {"answer": {"PhysicalResourceId": "second"}}}
        self.assertEqual(self.update(orders)["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(self.sent(), [("Create", None), ("Update", "first"), ("Delete", "first")])
        properties = self.noted()[1]["event"]
        self.assertEqual(json.loads(properties["OldResourceProperties"]["Orders"]), {})

    def test_an_update_that_fails_is_followed_by_one_with_the_properties_swapped(self):
        self.create({}, Word="old")
        stack = self.update({"Update": {"answer": {"Status": "FAILED", "Reason": "no"}}}, Word="new")
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.sent(), [("Create", None), ("Update", "first"), ("Update", "first")])
        words = [
            (note["event"]["OldResourceProperties"]["Word"], note["event"]["ResourceProperties"]["Word"])
            for note in self.noted()[1:]
        ]
        self.assertEqual(words, [("old", "new"), ("new", "old")])

    def test_a_resource_that_an_update_adds_and_that_fails_is_deleted_in_the_rollback(self):
        self.create({})
        template = json.loads(self.template({}))
        orders = json.dumps({"Create": {"answer": {"Status": "FAILED", "Reason": "no", "PhysicalResourceId": "half"}}})
        template["Resources"]["Other"] = {"Type": "Custom::Thing", "Properties": {
            "ServiceToken": self.token, "Orders": orders,
        }}
        self.stacks.update_stack(StackName=self.name, TemplateBody=json.dumps(template))
        self.assertEqual(self.settled()["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.sent(), [("Create", None), ("Create", None), ("Delete", "half")])

    def test_the_service_token_cannot_be_changed(self):
        self.create({})
        self.token = self.provider(f"{self.name[:50]}-second")
        self.assertEqual(self.update({})["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("Modifying service token is not allowed", self.reason())

    def test_a_function_that_does_not_answer_ends_with_the_service_timeout(self):
        begun = time.monotonic()
        self.assert_create_fails("did not receive a response", {"silent": True}, ServiceTimeout=2)
        self.assertLess(time.monotonic() - begun, 20)

    def test_a_service_timeout_out_of_range_is_refused(self):
        for timeout in (0, 3_601, "soon"):
            with self.subTest(timeout=timeout):
                self.assert_create_fails("Invalid ServiceTimeout", {}, ServiceTimeout=timeout)
                self.delete()
        self.assertEqual(self.sent(), [])

    def test_a_function_that_fails_without_an_answer_is_invoked_twice_more_with_the_same_request(self):
        self.assert_create_fails("did not receive a response", {"silent": True, "raises": True}, ServiceTimeout=8)
        creates = [note["event"]["RequestId"] for note in self.noted() if note["event"]["RequestType"] == "Create"]
        self.assertEqual((len(creates), len(set(creates))), (3, 1))

    def test_a_request_is_delivered_twice_on_demand(self):
        self.create({}, tags={"local:deliveries": "2"})
        notes = self.noted()
        self.assertEqual(len(notes), 2)
        self.assertEqual(notes[0]["event"], notes[1]["event"])
        self.assertNotIn("local:deliveries", json.dumps(notes))

    def test_attempts_to_answer_are_refused_on_demand(self):
        stack = self.create({"Create": {"attempts": 5}}, tags={"local:refused-answers": "4"})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.noted()[0]["statuses"], [503, 503, 503, 503, 200])

    def test_what_is_answered_with_no_echo_is_masked_in_outputs_and_handed_on_to_resources(self):
        secret = {"answer": {"Data": {"Word": "secret"}, "NoEcho": True}}
        outputs = {
            "Said": {"Value": {"Fn::Sub": "it is ${Thing.Word}"}, "Export": {"Name": self.name}},
            "Id": {"Value": {"Ref": "Thing"}},
        }
        template = json.loads(self.template({"Create": secret, "Update": {"answer": {"Data": {"Word": "open"}}}}, outputs))
        template["Resources"]["Other"] = {"Type": "Custom::Thing", "Properties": {
            "ServiceToken": self.token, "Orders": "{}", "Word": {"Fn::GetAtt": ["Thing", "Word"]},
        }}
        self.stack = self.stacks.create_stack(StackName=self.name, TemplateBody=json.dumps(template))["StackId"]
        shown = {output["OutputKey"]: output["OutputValue"] for output in self.settled()["Outputs"]}
        self.assertEqual(shown, {"Said": "****", "Id": "first"})
        self.assertEqual([export["Value"] for export in self.stacks.list_exports()["Exports"]], ["****"])
        self.assertEqual(self.noted()[1]["event"]["ResourceProperties"]["Word"], "secret")
        # What was a secret need not be one after the next answer.
        template["Resources"]["Thing"]["Properties"]["More"] = "properties"
        self.stacks.update_stack(StackName=self.name, TemplateBody=json.dumps(template))
        shown = {output["OutputKey"]: output["OutputValue"] for output in self.settled()["Outputs"]}
        self.assertEqual(shown["Said"], "it is open")

    def test_a_service_token_that_is_no_function_of_the_region_is_refused(self):
        for token in (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{self.name}", f"{self.token}-missing", "none"):
            with self.subTest(token=token):
                self.token = token
                self.assert_create_fails("Invalid service token", {})
                self.delete()
        self.assertEqual(self.sent(), [])


if __name__ == "__main__":
    unittest.main()
