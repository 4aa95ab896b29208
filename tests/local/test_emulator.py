"""The extensions of the emulator, seen from outside: what a caller gets from the emulator as local.sh starts it.

Run with the Python of the virtual environment that local.sh makes:

    .local/venv/bin/python -m unittest discover -s tests/local
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloud import ACCOUNT, LOCAL, REGION, START_LIMIT, CloudTest, Emulator
from without import SHOWN_BY

PROVIDER, LOGIN = "login.example.com", "cognito-identity.amazonaws.com"
SENDER, OTHER_SENDER = "sender@example.com", "other@example.com"


def part(value):
    """One part of a JSON Web Token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(token):
    """What a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class EmulatorTest(CloudTest):
    """Starts one emulator for all tests, with two pools and a role that may send from one address only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.identities = cls.emulator.client("cognito-identity")
        cls.guest = cls.emulator.client("cognito-identity", signed=False)
        cls.pool, cls.other_pool = cls.make_pool("one"), cls.make_pool("two")

    @classmethod
    def make_pool(cls, name):
        pool = cls.identities.create_identity_pool(
            IdentityPoolName=name, AllowUnauthenticatedIdentities=True, DeveloperProviderName=PROVIDER
        )["IdentityPoolId"]
        iam = cls.emulator.client("iam")
        policy = [{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{SENDER}"}]
        roles = {}
        for kind, statements in (("authenticated", policy), ("unauthenticated", [])):
            trust = {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Federated": LOGIN}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {f"{LOGIN}:aud": pool}, "ForAnyValue:StringLike": {f"{LOGIN}:amr": kind},
                },
            }]}
            role = f"{name}-{kind}"
            roles[kind] = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
            if statements:
                document = json.dumps({"Version": "2012-10-17", "Statement": statements})
                iam.put_role_policy(RoleName=role, PolicyName="mail", PolicyDocument=document)
        cls.identities.set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)
        return pool

    def token(self, user, pool=None, **options):
        return self.identities.get_open_id_token_for_developer_identity(
            IdentityPoolId=pool or self.pool, Logins={PROVIDER: user}, **options
        )

    def credentials(self, identity, token):
        return self.guest.get_credentials_for_identity(IdentityId=identity, Logins={LOGIN: token})["Credentials"]

    def role(self, credentials):
        return self.emulator.client("sts", credentials).get_caller_identity()["Arn"].split("/")[1]

    def assert_refused(self, codes, call, *arguments, **options):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **options)
        self.assertIn(caught.exception.response["Error"]["Code"], codes)

    def assert_no_credentials(self, identity, token):
        self.assert_refused({"NotAuthorizedException"}, self.credentials, identity, token)
        # The same token must not get in by naming no identity, nor by the other call that takes it.
        self.assert_refused({"NotAuthorizedException"}, self.guest.get_id, IdentityPoolId=self.pool, Logins={LOGIN: token})

    def test_a_repeated_user_keeps_the_identity(self):
        first, second = self.token("ann"), self.token("ann")
        self.assertEqual(first["IdentityId"], second["IdentityId"])
        self.assertRegex(first["IdentityId"], rf"^{REGION}:[0-9a-f-]{{36}}$")

    def test_users_and_pools_have_identities_of_their_own(self):
        ids = [self.token("ben")["IdentityId"], self.token("Ben")["IdentityId"], self.token("ben", self.other_pool)["IdentityId"]]
        self.assertEqual(len(set(ids)), 3)

    def test_a_token_says_who_where_and_how_long(self):
        answer = self.token("cat", TokenDuration=60)
        said = claims(answer["Token"])
        self.assertEqual((said["sub"], said["aud"]), (answer["IdentityId"], self.pool))
        self.assertEqual(said["amr"], ["authenticated", PROVIDER, f"{PROVIDER}:{self.pool}:cat"])
        self.assertEqual(said["exp"] - said["iat"], 60)

    def test_a_token_gives_the_authenticated_role(self):
        answer = self.token("dan")
        self.assertEqual(self.role(self.credentials(answer["IdentityId"], answer["Token"])), "one-authenticated")

    def test_nobody_in_particular_gets_the_anonymous_role(self):
        identity = self.guest.get_id(IdentityPoolId=self.pool)["IdentityId"]
        credentials = self.guest.get_credentials_for_identity(IdentityId=identity)["Credentials"]
        self.assertEqual(self.role(credentials), "one-unauthenticated")

    def test_an_identity_with_an_owner_is_not_given_without_a_token(self):
        identity = self.token("dora")["IdentityId"]
        self.assert_refused({"NotAuthorizedException"}, self.guest.get_credentials_for_identity, IdentityId=identity)

    def test_a_token_signed_by_another_key_is_refused(self):
        answer = self.token("eve")
        header, payload, _ = answer["Token"].split(".")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signature = key.sign(f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
        self.assert_no_credentials(answer["IdentityId"], f"{header}.{payload}.{part(signature)}")

    def test_a_changed_token_is_refused(self):
        mine, theirs = self.token("fay"), self.token("gus")
        header, _, signature = mine["Token"].split(".")
        changed = part({**claims(mine["Token"]), "sub": theirs["IdentityId"]})
        self.assert_no_credentials(theirs["IdentityId"], f"{header}.{changed}.{signature}")

    def test_a_token_without_a_signature_is_refused(self):
        answer = self.token("hal")
        for signature in ("", "AAAA"):
            with self.subTest(signature=signature):
                token = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims(answer['Token']))}.{signature}"
                self.assert_no_credentials(answer["IdentityId"], token)

    def test_what_is_no_token_is_refused(self):
        answer = self.token("ida")
        for token in ("x", "a.b.c", "..", "[].[].[]"):
            with self.subTest(token=token):
                self.assert_no_credentials(answer["IdentityId"], token)

    def test_an_expired_token_is_refused(self):
        answer = self.token("jon", TokenDuration=1)
        time.sleep(max(0, claims(answer["Token"])["exp"] - time.time()) + 0.1)
        self.assert_no_credentials(answer["IdentityId"], answer["Token"])

    def test_a_token_of_another_pool_is_refused(self):
        theirs = self.token("kim", self.other_pool)
        mine = self.token("kim")
        self.assert_no_credentials(mine["IdentityId"], theirs["Token"])

    def test_a_token_does_not_open_another_identity(self):
        mine, theirs = self.token("lea"), self.token("max")
        self.assert_refused({"NotAuthorizedException"}, self.credentials, theirs["IdentityId"], mine["Token"])

    def test_another_provider_is_refused(self):
        for logins in ({"login.example.org": "nan"}, {PROVIDER: "nan", "login.example.org": "nan"}, {}):
            with self.subTest(logins=logins):
                self.assert_refused(
                    {"InvalidParameterException", "NotAuthorizedException"},
                    self.identities.get_open_id_token_for_developer_identity, IdentityPoolId=self.pool, Logins=logins,
                )

    def test_an_unknown_pool_is_refused(self):
        self.assert_refused({"ResourceNotFoundException"}, self.token, "oda", f"{REGION}:00000000-0000-0000-0000-000000000000")

    def test_only_who_is_allowed_to_gets_tokens_for_others(self):
        identity = self.guest.get_id(IdentityPoolId=self.pool)["IdentityId"]
        anonymous = self.guest.get_credentials_for_identity(IdentityId=identity)["Credentials"]
        answer = self.token("pat")
        for credentials in (anonymous, self.credentials(answer["IdentityId"], answer["Token"])):
            client = self.emulator.client("cognito-identity", credentials)
            self.assert_refused(
                {"AccessDeniedException", "AccessDenied", "NotAuthorizedException"},
                client.get_open_id_token_for_developer_identity, IdentityPoolId=self.pool, Logins={PROVIDER: "root"},
            )

    def send(self, client, sender):
        return client.send_email(
            Source=sender, Destination={"ToAddresses": ["reader@example.com"]},
            Message={"Subject": {"Data": "Subject"}, "Body": {"Text": {"Data": "Text"}}},
        )

    def test_a_policy_names_the_only_sender(self):
        root = self.emulator.client("ses")
        for sender in (SENDER, OTHER_SENDER):
            root.verify_email_identity(EmailAddress=sender)
            self.send(root, sender)
        answer = self.token("ron")
        client = self.emulator.client("ses", self.credentials(answer["IdentityId"], answer["Token"]))
        self.assertTrue(self.send(client, SENDER)["MessageId"])
        self.assert_refused({"AccessDenied", "AccessDeniedException"}, self.send, client, OTHER_SENDER)


    def role_with(self, name, *statements):
        """The credentials of a role with these statements."""
        iam = self.emulator.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole",
        }]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=document)
        assumed = self.emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {**assumed, "SecretKey": assumed["SecretAccessKey"]}

    def test_a_policy_tells_an_alias_from_a_version(self):
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:some"
        credentials = self.role_with(
            "caller",
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [function, f"{function}:*"]},
            {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": [f"{function}:1*", f"{function}:$LATEST"]},
        )
        client = self.emulator.client("lambda", credentials)
        # There is no such function, which is said to whoever may call it.
        for allowed in ({}, {"Qualifier": "live"}, {"Qualifier": "2"}):
            self.assert_refused({"ResourceNotFoundException"}, client.invoke, FunctionName="some", **allowed)
        for denied in ("1", "12", "$LATEST"):
            self.assert_refused({"AccessDeniedException"}, client.invoke, FunctionName="some", Qualifier=denied)
        self.assert_refused({"AccessDeniedException"}, client.invoke, FunctionName="some:1")

    def test_a_policy_may_refuse_what_does_not_come_over_tls(self):
        s3 = self.emulator.client("s3")
        s3.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.delete_public_access_block(Bucket="pages")
        s3.put_object(Bucket="pages", Key="page", Body=b"text")
        objects = "arn:aws:s3:::pages/*"
        s3.put_bucket_policy(Bucket="pages", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": objects},
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": objects,
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ]}))
        # The owner may do everything on the emulator, whatever a policy says: nobody, and a role that may do all.
        role = self.role_with("reader", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        for endpoint, refused in ((self.emulator.endpoint, False), (self.emulator.plain_endpoint, True)):
            for credentials in (None, role):
                client = self.emulator.client("s3", credentials, signed=credentials is not None, endpoint=endpoint)
                with self.subTest(endpoint=endpoint, role=credentials is not None):
                    if refused:
                        self.assert_refused({"AccessDenied"}, client.get_object, Bucket="pages", Key="page")
                    else:
                        self.assertEqual(client.get_object(Bucket="pages", Key="page")["Body"].read(), b"text")

    def test_no_header_says_how_a_request_came(self):
        """Which a caller could send as well."""
        role = self.role_with("claimer", {
            "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}},
        })

        def list_buckets(endpoint, claimed):
            client = self.emulator.client("s3", role, endpoint=endpoint)
            client.meta.events.register(
                "before-sign.s3", lambda request, **_: request.headers.add_header("X-Forwarded-Proto", claimed)
            )
            return client.list_buckets()

        list_buckets(self.emulator.endpoint, "http")
        self.assert_refused({"AccessDenied"}, list_buckets, self.emulator.plain_endpoint, "https")


class ThreadsTest(unittest.TestCase):
    """The extension within one process, whose threads change over as often as they can."""

    def test_identities_are_added_while_others_are_looked_through(self):
        code = (
            "import sys, threading\n"
            "from emulator import developer_identity\n"
            "from ministack.services import cognito\n"
            "developer_identity.install()\n"
            "sys.setswitchinterval(1e-6)\n"
            "identities = {str(number): {} for number in range(2_000)}\n"
            "failed = []\n"
            "def look(data):\n"
            "    for identity in identities.items(): pass\n"
            "def add(data):\n"
            "    identities[str(len(identities))] = {}\n"
            "def repeat(handler, times):\n"
            "    try:\n"
            "        for _ in range(times): cognito._run_identity_handler(handler, 'GetId', {})\n"
            "    except RuntimeError as error: failed.append(error)\n"
            "threads = [threading.Thread(target=repeat, args=arguments) for arguments in ((look, 500), (add, 5_000))]\n"
            "for thread in threads: thread.start()\n"
            "for thread in threads: thread.join()\n"
            "sys.exit(str(failed) if failed else 0)\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(LOCAL), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=START_LIMIT, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)


class RestartTest(unittest.TestCase):
    """State that must outlive the process."""

    def test_identities_and_tokens_survive_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            emulator = Emulator(folder)
            try:
                client = emulator.client("cognito-identity")
                pool = client.create_identity_pool(
                    IdentityPoolName="kept", AllowUnauthenticatedIdentities=False, DeveloperProviderName=PROVIDER
                )["IdentityPoolId"]
                request = {"IdentityPoolId": pool, "Logins": {PROVIDER: "zoe"}}
                before = client.get_open_id_token_for_developer_identity(**request)
                emulator.stop()
                emulator.start()
                client = emulator.client("cognito-identity")
                after = client.get_open_id_token_for_developer_identity(**request)
                self.assertEqual(before["IdentityId"], after["IdentityId"])
                client.get_credentials_for_identity(IdentityId=before["IdentityId"], Logins={LOGIN: before["Token"]})
            finally:
                emulator.stop()


class StartTest(unittest.TestCase):
    """An emulator of another version must not run without what the extensions add."""

    def test_each_extension_has_tests_that_fail_without_it(self):
        # without.py runs them, by hand.
        names = {file.stem for file in (LOCAL / "emulator").glob("*.py") if "\ndef install():" in file.read_text()}
        self.assertGreater(len(names), 15)
        self.assertEqual(names, set(SHOWN_BY))

    def test_a_missing_internal_ends_the_start(self):
        wrapped = [
            ("ministack.services.cognito", "_dispatch_identity"),
            ("ministack.services.cognito", "_run_identity_handler"),
            ("ministack.services.cognito", "_identity_logins_error"),
            ("ministack.services.cognito", "_signature_valid"),
            ("ministack.core.iam_actions", "extract_resource_arn"),
            ("ministack.services.cloudformation.custom_resource", "invoke_custom_resource"),
            ("ministack.services.cloudformation.stacks", "_roll_back_operation"),
        ]
        # main is replaced so that a start that is not refused ends at once, and fails the test.
        code = (
            "import importlib, runpy, sys\n"
            "from ministack import app\n"
            "app.main = lambda: print('started')\n"
            "delattr(importlib.import_module(sys.argv[1]), sys.argv[2])\n"
            "runpy.run_module('emulator', run_name='__main__')\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(LOCAL), "PYTHONDONTWRITEBYTECODE": "1"}
        for module, name in wrapped:
            with self.subTest(name=name):
                done = subprocess.run(
                    [sys.executable, "-c", code, module, name], env=environment, capture_output=True, text=True,
                    timeout=START_LIMIT, check=False,
                )
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertNotIn("started", done.stdout)
                # One line that names the part, and no trace.
                self.assertIn(f"{module} has no {name}", done.stderr)
                self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
