"""Who may use the key of a code bucket, and what a disabled key stops: `stacks/notifier/code-bucket.yaml` on the emulator, whose
extension is `local/emulator/encryption_keys.py`.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_encryption_keys.py
"""

import io
import json
import unittest
import zipfile

from botocore.exceptions import ClientError

from accounts import A, B, AccountsTest

BUCKET = f"keys-{A}"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
]}


class KeysTest(AccountsTest):
    """Makes one bucket: a user of both, one of the bucket alone, and an administrator of the key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        administrator, cls.administrator = cls.role(A, "key-administrator", "kms:*")
        # The policies of the key and of the bucket decide, and none of these roles has less in its own.
        user, cls.user = cls.role(A, "user", "s3:*", "kms:*", "lambda:*", "iam:PassRole")
        only_bucket, cls.only_bucket = cls.role(A, "only-bucket", "s3:*", "kms:*", "lambda:*", "iam:PassRole")
        foreign, cls.foreign = cls.role(B, "foreign", "s3:*", "kms:*")
        cls.key = cls.stack(A, "code", "code-bucket.yaml", {
            "BucketName": BUCKET, "KeyAlias": "alias/code", "KeyAdministrators": administrator, "KeyUsers": user,
            "BucketPrincipals": f"{user},{only_bucket},{foreign}", "PolicyAdministrator": administrator,
        })["KeyArn"]
        cls.execution = cls.client("iam", A).create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as written:
            written.writestr("bootstrap", "#!/bin/sh\n")
        cls.code = archive.getvalue()
        cls.upload(cls.user, "code.zip")

    @classmethod
    def upload(cls, credentials, name):
        return cls.client("s3", credentials=credentials).put_object(
            Bucket=BUCKET, Key=name, Body=cls.code, ServerSideEncryption="aws:kms", SSEKMSKeyId=cls.key,
        )

    @classmethod
    def read(cls, credentials):
        return cls.client("s3", credentials=credentials).get_object(Bucket=BUCKET, Key="code.zip")["Body"].read()

    def function(self, credentials, name):
        self.client("lambda", credentials=credentials).create_function(
            FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=self.execution,
            Code={"S3Bucket": BUCKET, "S3Key": "code.zip"},
        )

    def error(self, call):
        with self.assertRaises(ClientError) as caught:
            call()
        answered = caught.exception.response
        return answered["ResponseMetadata"]["HTTPStatusCode"], answered["Error"]["Code"], answered["Error"]["Message"]

    def test_a_user_of_the_key_writes_and_reads_and_whoever_has_only_the_bucket_does_neither(self):
        self.upload(self.user, "more.zip")
        self.assertEqual(self.read(self.user), self.code)
        for action, call in (
            ("kms:GenerateDataKey", lambda: self.upload(self.only_bucket, "more.zip")),
            ("kms:Decrypt", lambda: self.read(self.only_bucket)),
        ):
            status, code, message = self.error(call)
            self.assertEqual((status, code), (403, "AccessDenied"))
            self.assertIn(f"assumed-role/only-bucket/test is not authorized to perform: {action} on resource: {self.key}", message)
        # What an object is called, and when it was stored, is not encrypted.
        head = self.client("s3", credentials=self.only_bucket).head_object(Bucket=BUCKET, Key="code.zip")
        self.assertEqual(head["SSEKMSKeyId"], self.key)

    def test_a_role_of_another_account_that_the_bucket_names_and_the_key_does_not_reads_nothing(self):
        self.assertEqual(self.error(lambda: self.read(self.foreign))[:2], (403, "AccessDenied"))

    def test_nobody_is_named_by_a_pattern(self):
        role = f"arn:aws:iam::{A}:role/user"
        right = {
            "BucketName": f"open-{A}", "KeyAlias": "alias/open", "KeyAdministrators": role, "KeyUsers": role, "BucketPrincipals": role,
            "PolicyAdministrator": role,
        }
        for name in ("KeyAdministrators", "KeyUsers", "BucketPrincipals", "PolicyAdministrator"):
            for wrong in ("*", f"arn:aws:iam::{A}:role/*"):
                with self.assertRaises(ClientError) as caught:
                    self.stack(A, "open", "code-bucket.yaml", {**right, name: wrong})
                self.assertIn(name, str(caught.exception))
        # ArnEquals takes a star for any text: all roles of the other account could assume the notifier's.
        with self.assertRaises(ClientError) as caught:
            self.stack(A, "open", "notifier.yaml", {
                "CodeBucket": BUCKET, "CodeObject": "code.zip", "InvokerRoleArn": f"arn:aws:iam::{B}:role/*", "InvokerAccount": B,
                "ExternalId": "an-external-id-of-32-characters.", "MailFrom": "a@example.com", "MailTo": "b@example.com",
            })
        self.assertIn("InvokerRoleArn", str(caught.exception))

    def test_a_copy_needs_the_key_of_what_it_copies(self):
        copy = {"Bucket": BUCKET, "Key": "copy.zip", "CopySource": f"{BUCKET}/code.zip", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key}
        self.client("s3", credentials=self.user).copy_object(**copy)
        status, code, message = self.error(lambda: self.client("s3", credentials=self.only_bucket).copy_object(**copy))
        self.assertEqual((status, code), (403, "AccessDenied"))
        self.assertIn("kms:Decrypt", message)

    def test_a_function_is_made_from_code_that_its_maker_can_decrypt(self):
        self.function(self.user, "readable")
        status, code, message = self.error(lambda: self.function(self.only_bucket, "unreadable"))
        self.assertEqual((status, code), (400, "InvalidParameterValueException"))
        self.assertIn("S3 Error Code: AccessDenied", message)

    def test_a_key_that_is_disabled_or_waits_for_its_deletion_stops_what_it_encrypts_and_rotation_does_not(self):
        kms = self.client("kms", credentials=self.administrator)

        def code_of(call):
            return self.error(call)[1]

        kms.enable_key_rotation(KeyId=self.key)
        self.assertEqual(self.read(self.user), self.code)
        kms.disable_key(KeyId=self.key)
        try:
            for call in (lambda: self.upload(self.user, "late.zip"), lambda: self.read(self.user)):
                self.assertEqual(self.error(call), (400, "KMS.DisabledException", f"{self.key} is disabled."))
            status, code, message = self.error(lambda: self.function(self.user, "late"))
            self.assertEqual((status, code), (400, "InvalidParameterValueException"))
            self.assertIn(f"S3 Error Code: KMS.DisabledException. S3 Error Message: {self.key} is disabled.", message)
            used = self.client("kms", credentials=self.user)
            self.assertEqual(code_of(lambda: used.generate_data_key(KeyId=self.key, KeySpec="AES_256")), "DisabledException")

            kms.schedule_key_deletion(KeyId=self.key, PendingWindowInDays=7)
            message = f"{self.key} is pending deletion."
            self.assertEqual(self.error(lambda: self.read(self.user)), (400, "KMS.KMSInvalidStateException", message))
            self.assertEqual(code_of(lambda: kms.enable_key(KeyId=self.key)), "KMSInvalidStateException")
            kms.cancel_key_deletion(KeyId=self.key)
            self.assertEqual(code_of(lambda: self.read(self.user)), "KMS.DisabledException")
        finally:
            if kms.describe_key(KeyId=self.key)["KeyMetadata"]["KeyState"] == "PendingDeletion":
                kms.cancel_key_deletion(KeyId=self.key)
            kms.enable_key(KeyId=self.key)
        self.assertEqual(self.read(self.user), self.code)

    def test_a_stack_does_not_make_a_function_from_code_of_a_disabled_key(self):
        template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": self.execution, "Code": {"S3Bucket": BUCKET, "S3Key": "code.zip"},
        }}}}
        kms = self.client("kms", credentials=self.administrator)
        cloudformation = self.client("cloudformation", A)
        kms.disable_key(KeyId=self.key)
        try:
            cloudformation.create_stack(StackName="late", TemplateBody=json.dumps(template))
            self.assertNotEqual(self.settled(cloudformation, "late"), "CREATE_COMPLETE")
        finally:
            kms.enable_key(KeyId=self.key)
        reasons = [event.get("ResourceStatusReason", "") for event in cloudformation.describe_stack_events(StackName="late")["StackEvents"]]
        self.assertTrue(any("KMS.DisabledException" in reason for reason in reasons), reasons)


if __name__ == "__main__":
    unittest.main()
