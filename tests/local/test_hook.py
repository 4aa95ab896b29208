"""What the role of the policy guard's hook (stacks/hook.yaml) may do, and who may take it, on the emulator.

The emulator has no hooks, so the stack is made without the resource AWS::CloudFormation::LambdaHook, and the test plays the part of
CloudFormation: it asks the emulator's own evaluation whether the service may take the role, and then, because no caller outside of AWS
can be that service, lets a role of the account take it for the rest.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_hook.py
"""

import io
import json
import re
import sys
import time
import unittest
import zipfile

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator

from cloud import ACCOUNT, CALL_LIMIT, REGION, ROOT, CloudTest

TEMPLATE = (ROOT / "stacks" / "hook.yaml").read_text()
# Another account, with a function that may be asked too.
OTHER = "222233334444"
STACK_LIMIT = 60
# A function that answers every event, in the place of the guard: the role is tried, and not what the guard says.
BOOTSTRAP = f"""#!{sys.executable}
import os, urllib.request
runtime = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{{runtime}}/next") as event:
        id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    print("answered", flush=True)
    urllib.request.urlopen(f"{{runtime}}/{{id}}/response", data=b'"answered"').close()
"""


def code():
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr(entry, BOOTSTRAP)
    return archive.getvalue()


class HookRole(CloudTest):
    """Number 2.5."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        s3 = cls.client("s3")
        s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="code", Key="guard.zip", Body=code())
        without_hook, found = re.subn(r"\n  Hook:\n.*?(?=\nOutputs:)", "", TEMPLATE, flags=re.DOTALL)
        without_hook, outputs = re.subn(r"\n  Hook:\n    Value: !Ref Hook\n", "\n", without_hook)
        assert (found, outputs) == (1, 1)
        cls.resources = cls.make_stack(without_hook)
        cls.guard = cls.client("lambda").get_function(FunctionName=cls.resources["Guard"])["Configuration"]["FunctionArn"]
        cls.role = cls.client("iam").get_role(RoleName=cls.resources["HookRole"])["Role"]

    @classmethod
    def client(cls, service, account="test", credentials=None):
        access = (account, "test", None)
        if credentials:
            access = tuple(credentials[key] for key in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return botocore.session.Session().create_client(
            service, region_name=REGION, endpoint_url=cls.emulator.endpoint, aws_access_key_id=access[0],
            aws_secret_access_key=access[1], aws_session_token=access[2],
            config=Config(connect_timeout=5, read_timeout=CALL_LIMIT, retries={"total_max_attempts": 1}),
        )

    @classmethod
    def make_stack(cls, template):
        """Makes the stack, and returns its resources by their names in the template."""
        stacks = cls.client("cloudformation")
        stacks.create_stack(
            StackName="policy-guard", TemplateBody=template, Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": "code"}, {"ParameterKey": "CodeObject", "ParameterValue": "guard.zip"}],
        )
        limit = time.monotonic() + STACK_LIMIT
        while (status := stacks.describe_stacks(StackName="policy-guard")["Stacks"][0]["StackStatus"]) == "CREATE_IN_PROGRESS":
            if time.monotonic() > limit:
                raise AssertionError("the stack does not settle")
            time.sleep(0.1)
        listed = stacks.list_stack_resources(StackName="policy-guard")["StackResourceSummaries"]
        if status != "CREATE_COMPLETE":
            raise AssertionError(f"{status}: {listed}")
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}

    @classmethod
    def function(cls, name, account="test"):
        """A function beside the guard, and its ARN."""
        role = f"arn:aws:iam::{ACCOUNT if account == 'test' else account}:role/{name}"
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        cls.client("iam", account).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        made = cls.client("lambda", account).create_function(
            FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role, Code={"ZipFile": code()}, Timeout=10,
        )
        return made["FunctionArn"]

    def as_hook(self):
        """A client of Lambda with the rights of the hook's role."""
        iam, account = self.client("iam"), {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        kept = json.dumps(self.role["AssumeRolePolicyDocument"])
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": account, "Action": "sts:AssumeRole"}]}
        iam.update_assume_role_policy(RoleName=self.role["RoleName"], PolicyDocument=json.dumps(trust))
        self.addCleanup(iam.update_assume_role_policy, RoleName=self.role["RoleName"], PolicyDocument=kept)
        taken = self.client("sts").assume_role(RoleArn=self.role["Arn"], RoleSessionName="hook")["Credentials"]
        return self.client("lambda", credentials=taken)

    def invoke(self, client, function):
        """What the function answers, or the code of the error."""
        try:
            answer = client.invoke(FunctionName=function, Payload=b"{}")
        except ClientError as error:
            return error.response["Error"]["Code"]
        self.assertNotIn("FunctionError", answer)
        return json.loads(answer["Payload"].read())

    def test_the_role_may_invoke_the_guard_and_no_other_function(self):
        other = self.function("other")
        hook = self.as_hook()
        self.assertEqual(self.invoke(hook, self.guard), "answered")
        self.assertEqual(self.invoke(hook, other), "AccessDeniedException")
        with self.assertRaises(ClientError) as refused:
            hook.get_function(FunctionName=self.guard)
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException")

    def test_nobody_of_the_account_takes_the_role(self):
        with self.assertRaises(ClientError) as refused:
            self.client("sts").assume_role(RoleArn=self.role["Arn"], RoleSessionName="test")
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDenied")

    def test_hooks_of_this_account_take_the_role_and_those_of_another_do_not(self):
        def may_take(account, arn, service="hooks.cloudformation.amazonaws.com"):
            context = iam_evaluator.EvalContext(
                principal_arn=service, principal_type="Service", principal_account=account, action="sts:AssumeRole",
                resource_arn=self.role["Arn"], region=REGION, service_context={"aws:sourceaccount": account, "aws:sourcearn": arn},
            )
            [statement] = self.role["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual((statement["Effect"], statement["Action"]), ("Allow", "sts:AssumeRole"))
            named = iam_evaluator._service_principal_matches(statement["Principal"], service)
            return named and iam_evaluator._conditions_met(statement["Condition"], context)

        own = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:type/hook/Latchkey-Policy-Guard"
        self.assertTrue(may_take(ACCOUNT, own))
        self.assertFalse(may_take(OTHER, own.replace(ACCOUNT, OTHER)))
        self.assertFalse(may_take(ACCOUNT, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/x/1"))
        self.assertFalse(may_take(ACCOUNT, own, "lambda.amazonaws.com"))

    def test_a_function_of_another_account_needs_a_policy_of_its_own(self):
        theirs = self.function("theirs", OTHER)
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": theirs}]}
        iam = self.client("iam")
        iam.put_role_policy(RoleName=self.role["RoleName"], PolicyName="theirs", PolicyDocument=json.dumps(allow))
        self.addCleanup(iam.delete_role_policy, RoleName=self.role["RoleName"], PolicyName="theirs")
        hook = self.as_hook()
        self.assertEqual(self.invoke(hook, theirs), "AccessDeniedException")
        self.client("lambda", OTHER).add_permission(
            FunctionName="theirs", StatementId="hook", Action="lambda:InvokeFunction", Principal=self.role["Arn"],
        )
        self.assertEqual(self.invoke(hook, theirs), "answered")


if __name__ == "__main__":
    unittest.main()
