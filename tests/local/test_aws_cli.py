"""The AWS CLI of the local cloud, which is loaded once: a call is as if it had been started.

    .local/venv/bin/python -m unittest discover -s tests/local -p test_aws_cli.py
"""

import os
import select
import stat
import subprocess
import sys
import unittest

from cloud import CALL_LIMIT, LOCAL, REGION, START_LIMIT, AwsCli, CloudTest, programs

# Starts the server as scripts/tools.sh does, says when it is there, and goes on until its input ends.
STARTER = """
"$0" "$1" "$2" & server=$!
until [ -S "$2/socket" ]; do kill -0 $server || exit 1; sleep 0.1; done
echo there
exec cat >/dev/null
"""


class AwsCliTest(CloudTest):
    """One server for all tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.folder / "aws-cli"
        cls.addClassCleanup(AwsCli(cls.home).stop)
        cls.emulator.client("s3").create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": REGION})

    @classmethod
    def start(cls, home):
        """What starts a server, and holds it."""
        starter = subprocess.Popen(
            ["bash", "-c", STARTER, sys.executable, LOCAL / "aws_cli" / "server.py", home], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        cls.addClassCleanup(starter.stdout.close)
        cls.addClassCleanup(starter.wait, CALL_LIMIT)
        cls.addClassCleanup(starter.stdin.close)
        if starter.stdout.readline() != b"there\n":
            raise RuntimeError("no server of the AWS CLI")
        return starter

    def options(self, **settings):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        environment.update(
            PATH=f"{self.home}:{programs()}", AWS_ENDPOINT_URL=self.emulator.endpoint, AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION,
        )
        environment.update(settings)
        return {"cwd": self.folder, "env": environment}

    def aws(self, *arguments, input=None, **settings):
        done = subprocess.run(
            ["aws", *arguments], input=input, capture_output=True, text=True, timeout=START_LIMIT, check=False, **self.options(**settings)
        )
        return done.returncode, done.stdout, done.stderr

    def test_a_call_reads_and_writes_the_callers_streams_and_files(self):
        self.assertEqual(self.aws("s3", "cp", "-", "s3://files/one", input="what was typed"), (0, "", ""))
        self.assertEqual(self.aws("s3", "cp", "s3://files/one", "-"), (0, "what was typed", ""))
        command = "umask 027; exec aws s3 cp --quiet s3://files/one here"
        subprocess.run(["bash", "-c", command], timeout=START_LIMIT, check=True, **self.options())
        self.assertEqual((self.folder / "here").read_text(), "what was typed")
        self.assertEqual(stat.S_IMODE((self.folder / "here").stat().st_mode) & 0o027, 0)

    def test_a_call_has_the_callers_settings_and_no_other_calls(self):
        self.assertEqual(self.aws("sts", "get-caller-identity", "--query", "Account", AWS_ACCESS_KEY_ID="222233334444")[1], '"222233334444"\n')
        status, _, complaint = self.aws("sts", "get-caller-identity", AWS_PROFILE="no-such-profile")
        self.assertEqual(status, 255)
        self.assertIn("no-such-profile", complaint)
        self.assertEqual(self.aws("sts", "get-caller-identity")[0], 0)

    def test_a_call_ends_as_the_program_does(self):
        itself = [os.path.join(os.path.dirname(sys.executable), "aws")]
        for arguments in (["s3api", "get-object"], ["s3api", "head-bucket", "--bucket", "none"], ["--version"]):
            done = subprocess.run(
                [*itself, *arguments], capture_output=True, text=True, timeout=START_LIMIT, check=False, **self.options()
            )
            self.assertEqual(self.aws(*arguments), (done.returncode, done.stdout, done.stderr), arguments)

    def test_a_call_ends_with_its_caller(self):
        # It waits for an input that never ends.
        with subprocess.Popen(
            ["aws", "s3", "cp", "-", "s3://files/two"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **self.options()
        ) as caller:
            caller.kill()
            # The end of the output, which the call holds open as long as it runs.
            self.assertTrue(select.select([caller.stdout], [], [], CALL_LIMIT)[0], "it goes on")
            self.assertEqual(caller.stdout.read(), b"")

    def test_the_server_ends_with_whoever_started_it_and_lets_nobody_else_in(self):
        home = self.folder / "another"
        starter = self.start(home)
        self.assertEqual(stat.S_IMODE(home.stat().st_mode), 0o700)
        starter.kill()
        # The end of the output, which the server holds open as long as it runs.
        self.assertEqual(starter.communicate(timeout=CALL_LIMIT)[0], b"")


if __name__ == "__main__":
    unittest.main()
