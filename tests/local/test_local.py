"""local.sh as its users call it: what starts, what stays, what ends.

Run with the Python of the virtual environment that local.sh makes:

    .local/venv/bin/python -m unittest discover -s tests/local
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import botocore.session

from cloud import ROOT

# Seconds: a first start deploys everything, and builds the functions where nobody has yet.
START_LIMIT, STOP_LIMIT = 900, 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalTest(unittest.TestCase):
    """One service in a folder of its own, through its life."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        atexit.register(self.stop)
        self.addCleanup(self.stop)
        self.port = free_port()

    def stop(self):
        atexit.unregister(self.stop)
        self.local("stop", check=False)

    def command(self, *arguments):
        # A caller's own AWS settings must not get in the way, and the AWS CLI of ./test.sh must not help.
        environment = {**os.environ, "AWS_PROFILE": "no-such-profile"}
        folders = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(folder for folder in folders if not (Path(folder) / "socket").exists())
        environment.pop("LATCHKEY_STARTED", None)
        return [ROOT / "local.sh", "--dir", self.folder, *arguments], {"env": environment, "text": True}

    def local(self, *arguments, check=True):
        command, options = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, timeout=START_LIMIT, check=False, **options)
        if check and done.returncode:
            self.fail(f"{arguments} failed:\n{done.stdout}{done.stderr}")
        return done

    def start(self, *options):
        return self.local("--detach", "--port", str(self.port), *options).stdout

    @contextmanager
    def in_a_terminal(self, *arguments):
        """local.sh as a terminal starts it, and its group's leader; ended with the block, whatever happens in it."""
        command, options = self.command(*arguments, "--port", str(self.port))

        def take_signals():
            # Whoever started these tests in the background ignores Ctrl-C, and what it starts inherits that.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=take_signals, **options
        ) as started:
            try:
                yield started
            finally:
                if started.poll() is None:
                    os.killpg(started.pid, signal.SIGKILL)

    def addresses(self):
        lines = (self.folder / "env").read_text().splitlines()
        return {key: value.strip("'") for key, value in (line.split("=", 1) for line in lines)}

    def client(self, service):
        env = self.addresses()
        return botocore.session.Session().create_client(
            service, region_name=env["AWS_REGION"], endpoint_url=env["AWS_ENDPOINT_URL"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )

    def table(self):
        return self.client("dynamodb"), self.addresses()["DDB_TABLE"]

    def remember(self):
        client, table = self.table()
        client.put_item(TableName=table, Item={"email": {"S": "ada@example.com"}})

    def remembers(self):
        client, table = self.table()
        return "Item" in client.get_item(TableName=table, Key={"email": {"S": "ada@example.com"}})

    def processes(self, group):
        listed = subprocess.run(["ps", "-A", "-o", "pgid="], capture_output=True, text=True, check=True).stdout.split()
        return listed.count(str(group))

    def assert_nothing_left(self, group):
        # A process that was killed takes a moment to go.
        limit = time.monotonic() + STOP_LIMIT
        while self.processes(group) and time.monotonic() < limit:
            time.sleep(0.1)
        self.assertEqual(self.processes(group), 0)
        with socket.socket() as probe:
            self.assertNotEqual(probe.connect_ex(("127.0.0.1", self.port)), 0)

    def group(self):
        return int((self.folder / "emulator.pid").read_text())

    def test_what_is_kept_and_what_is_forgotten(self):
        self.assertIn("pages: http://localhost:", self.start())
        self.assertEqual(
            sorted(self.addresses()),
            sorted(
                "AWS_ENDPOINT_URL PLAIN_ENDPOINT_URL AWS_REGION AWS_ACCOUNT_ID AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY LATCHKEY_BUILD "
                "IDENTITY_POOL_ID DEVELOPER_PROVIDER_NAME DDB_TABLE FUNCTION_PREFIX SITE_URL INBOX_URL MAILS_URL".split()
            ),
        )
        for address in ("SITE_URL", "INBOX_URL", "MAILS_URL"):
            with urllib.request.urlopen(self.addresses()[address], timeout=STOP_LIMIT) as answer:
                self.assertEqual(answer.status, 200)
        self.assertIn("running", self.local("status").stdout)
        self.remember()

        # Started again while it runs: nothing changes, wherever it was said to run.
        again = self.local("--detach").stdout
        self.assertIn("stack, functions and pages: nothing to change", again)
        elsewhere = self.local("--detach", "--port", str(free_port()), check=False)
        self.assertEqual(elsewhere.returncode, 1)
        self.assertIn(f"it runs on port {self.port}", elsewhere.stderr)

        # Ended and started again, on another port: the users are there.
        group = self.group()
        self.assertIn("stopped", self.local("stop").stdout)
        self.assert_nothing_left(group)
        self.assertEqual(self.local("status", check=False).returncode, 1)
        self.start()
        self.assertTrue(self.remembers())

        # Killed, as by a machine that is switched off: it starts again, and leaves none of the old processes.
        group = self.group()
        os.kill(group, signal.SIGKILL)
        self.start()
        self.assert_only_new(group)
        self.assertTrue(self.remembers())

        started = self.start("--fresh", "--ses-sandbox")
        self.assertFalse(self.remembers())
        # init.sh has looked at the account's block of public access: it says so where it cannot.
        self.assertNotIn("public access", started)
        self.check_the_sandbox()

    def check_the_sandbox(self):
        """As for a new account, SES takes mail to verified addresses only. Nobody who signs up learns that."""
        ses, verified, stranger = self.client("ses"), "ada@example.com", "bea@example.com"
        ses.verify_email_identity(EmailAddress=verified)
        answers = [self.sign_up(address) for address in (verified, stranger)]
        self.assertEqual(answers, [{"created": True}] * 2)
        self.wait("the mail to a verified address", lambda: self.mails(verified))
        [line] = self.wait("the line of the refused mail", self.undelivered)
        self.assertEqual((line["operation"], line["reason"]), ("mail", "signUp"))
        # It names nobody.
        self.assertNotIn(stranger, json.dumps(line))
        self.assertEqual(self.mails(stranger), [])
        trail = [json.loads(line) for line in self.local("audit", "--since", "1h", "--account", stranger).stdout.splitlines()]
        self.assertEqual([entry["cause"] for entry in trail if entry["operation"] == "mail"], ["MessageRejected"])
        # No link was lost for good: with the address verified, signing up again brings it.
        ses.verify_email_identity(EmailAddress=stranger)
        self.assertEqual(self.sign_up(stranger), {"created": True})
        self.wait("the mail to the address that is verified now", lambda: self.mails(stranger))

        def production():
            return self.client("sesv2").get_account()["ProductionAccessEnabled"]

        # A start without the option ends the sandbox.
        self.assertFalse(production())
        self.local("--detach")
        self.assertTrue(production())

    def sign_up(self, address):
        """What somebody who signs up is answered."""
        answer = self.client("lambda").invoke(
            FunctionName=self.addresses()["FUNCTION_PREFIX"] + "CreateUser", Qualifier="live",
            Payload=json.dumps({"email": address, "password": "a password for a test"}),
        )
        return json.load(answer["Payload"])

    def mails(self, address):
        with urllib.request.urlopen(self.addresses()["MAILS_URL"], timeout=STOP_LIMIT) as answer:
            return [mail for sent in json.load(answer)["messages"].values() for mail in sent if address in mail["To"]]

    def undelivered(self):
        """The lines about mails that were not delivered, in the log of the function that sends them."""
        group = f"/aws/lambda/{self.addresses()['FUNCTION_PREFIX']}Mail"
        messages = [event["message"] for event in self.client("logs").filter_log_events(logGroupName=group)["events"]]
        lines = [json.loads(message) for message in messages if message.startswith("{")]
        return [line for line in lines if line.get("outcome") == "undelivered"]

    def wait(self, what, look):
        """Waits until a look finds something."""
        limit = time.monotonic() + STOP_LIMIT
        while time.monotonic() < limit:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        self.fail(f"{what} does not come")

    def assert_only_new(self, group):
        self.assertNotEqual(self.group(), group)
        self.assertEqual(self.processes(group), 0)

    def test_ctrl_c_ends_everything_that_was_started(self):
        with self.in_a_terminal() as started:
            said = []
            for line in started.stdout:
                said.append(line)
                if "Ctrl-C ends it" in line:
                    break
            else:
                self.fail("".join(said))
            group = self.group()
            # A terminal sends it to every process of the foreground group.
            os.killpg(started.pid, signal.SIGINT)
            started.wait(STOP_LIMIT)
        self.assertNotEqual(started.returncode, 0)
        self.assert_nothing_left(group)

    def test_ctrl_c_during_the_start_leaves_nothing_behind(self):
        with self.in_a_terminal("--detach") as started:
            for line in started.stdout:
                if "emulator: starting" in line:
                    break
            while not (self.folder / "emulator.pid").exists():
                time.sleep(0.01)
            group = self.group()
            os.killpg(started.pid, signal.SIGINT)
            started.wait(STOP_LIMIT)
        self.assert_nothing_left(group)

    def test_a_port_in_use_is_a_clear_error(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            done = self.local("--detach", "--port", str(port), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"error: port {port} is in use: choose another with --port N\n")

    def test_what_is_missing_is_named_with_how_to_get_it(self):
        with tempfile.TemporaryDirectory() as programs:
            # All that a shell script needs, but no Rust, no compiler, no Python.
            for program in ("bash", "env", "dirname", "date", "mkdir", "cat", "ps", "sed"):
                for place in ("/usr/bin", "/bin"):
                    if (Path(place) / program).exists():
                        (Path(programs) / program).symlink_to(Path(place) / program)
                        break
            command, options = self.command()
            options["env"]["PATH"] = programs
            done = subprocess.run(command, capture_output=True, timeout=STOP_LIMIT, check=False, **options)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1)
        for named in ("Rust (https://rustup.rs)", "a C compiler", "Python 3.10"):
            self.assertIn(named, done.stderr)


if __name__ == "__main__":
    unittest.main()
