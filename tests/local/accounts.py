"""Several accounts of one emulator, for the suites that need them: clients, roles and the stacks of `stacks/notifier`."""

import json
import time

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud import ACCOUNT, CALL_LIMIT, REGION, ROOT, CloudTest

# A has the notifier, B the invoker; C is nobody's.
A, B, C = ACCOUNT, "222233334444", "333344445555"
STACK_LIMIT = 90


class AccountsTest(CloudTest):
    """Tests that share an emulator."""

    @classmethod
    def client(cls, service, account=None, credentials=None, endpoint=None):
        """A client of an account's root user or of temporary credentials."""
        access = (account, "test", None)
        if credentials:
            access = tuple(credentials[key] for key in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        config = Config(connect_timeout=5, read_timeout=CALL_LIMIT * 3, retries={"total_max_attempts": 1}, max_pool_connections=40)
        return botocore.session.Session().create_client(
            service, region_name=REGION, endpoint_url=endpoint or cls.emulator.endpoint, aws_access_key_id=access[0],
            aws_secret_access_key=access[1], aws_session_token=access[2], config=config,
        )

    @classmethod
    def role(cls, account, name, *actions, trusted=None):
        """A role that may do these actions and that the account may assume; its ARN and its credentials."""
        iam = cls.client("iam", account)
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": trusted or {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole",
        }]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        return arn, cls.assume(cls.client("sts", account), arn)

    @classmethod
    def assume(cls, sts, arn, external_id=None):
        more = {"ExternalId": external_id} if external_id else {}
        return sts.assume_role(RoleArn=arn, RoleSessionName="test", **more)["Credentials"]

    @classmethod
    def stack(cls, account, name, template, parameters, credentials=None):
        """Makes a stack, and returns its outputs."""
        cloudformation = cls.client("cloudformation", account, credentials)
        cloudformation.create_stack(
            StackName=name, TemplateBody=(ROOT / "stacks" / "notifier" / template).read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        status = cls.settled(cloudformation, name)
        if status != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [event.get("ResourceStatusReason") for event in events if "FAILED" in event["ResourceStatus"]]
            raise AssertionError(f"{name}: {status} {reasons}")
        return cls.outputs(cloudformation, name)

    @staticmethod
    def outputs(cloudformation, name):
        """The outputs of a stack."""
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    @staticmethod
    def settled(cloudformation, name):
        """The status of a stack, once nothing is under way."""
        limit = time.monotonic() + STACK_LIMIT
        while True:
            status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            if not status.endswith("_IN_PROGRESS") or time.monotonic() > limit:
                return status
            time.sleep(0.2)

    def refused(self, call, *codes):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertIn(caught.exception.response["Error"]["Code"], codes or ("AccessDenied", "AccessDeniedException"))
