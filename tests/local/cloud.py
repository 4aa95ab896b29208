"""What the tests of this folder share: an emulator of their own, as local.sh starts it, and the programs of the virtual environment."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "local"
ACCOUNT, REGION = "123412341234", "eu-west-1"
START_LIMIT, STOP_LIMIT, CALL_LIMIT, SCRIPT_LIMIT = 60, 20, 30, 120
# init.sh without what it builds.
SET_UP = """
clear_failed_stack
adopt
remember_hashes $FOUND_HASHES
apply_stack $(current_code)
"""


def interrupt(*_):
    raise KeyboardInterrupt


# ./test.sh ends this process so when another check fails. What it started ends with it.
signal.signal(signal.SIGTERM, interrupt)


def programs():
    """Where programs are looked for: ./test.sh puts the virtual environment there, and its own AWS CLI before it."""
    path, tools = os.environ["PATH"], str(Path(sys.executable).parent)
    return path if tools in path.split(os.pathsep) else f"{tools}{os.pathsep}{path}"


class Emulator:
    """One emulator with its state in a folder; its process group ends with it."""

    def __init__(self, state):
        self.state = state
        self.start()

    def start(self):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            port, plain_port = one.getsockname()[1], other.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        # What arrives here did not come over TLS.
        self.plain_endpoint = f"http://127.0.0.1:{plain_port}"
        # Nothing of the caller's own AWS settings may reach it.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        environment.update(
            AUTH="true", MINISTACK_ACCOUNT_ID=ACCOUNT, AWS_ENDPOINT_URL=self.endpoint, GATEWAY_PORT=str(port),
            PLAIN_PORT=str(plain_port), BIND_HOST="127.0.0.1", PERSIST_STATE="1", STATE_DIR=str(self.state), IOT_MTLS_ENABLED="0", RESPONSE_TEST_ENDPOINT=f"http://localhost:{port}",
            SFTP_ENABLED="0", PYTHONPATH=str(LOCAL), PYTHONDONTWRITEBYTECODE="1",
        )
        atexit.register(self.stop)
        self.log = open(Path(self.state) / "emulator.log", "ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator"], env=environment, stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )
        limit = time.monotonic() + START_LIMIT
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/ses/messages", timeout=CALL_LIMIT).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > limit:
                    self.stop()
                    raise RuntimeError(f"no emulator:\n{Path(self.log.name).read_text()[-2000:]}") from None
                time.sleep(0.1)

    def stop(self):
        """The process first and alone, because it saves its state as it ends; then whatever is left of its group."""
        atexit.unregister(self.stop)
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.log.close()

    def endpoint_of(self, service):
        """Of S3 Control the SDK puts the account in front of the host, which scripts/common.sh says more about."""
        return self.endpoint.replace("//", "//account@") if service == "s3control" else self.endpoint

    def client(self, service, credentials=None, signed=True, endpoint=None, **options):
        """A client of the root user, of temporary credentials (as Cognito spells them), or of nobody."""
        access = ("test", "test", None)
        if credentials:
            access = tuple(credentials[key] for key in ("AccessKeyId", "SecretKey", "SessionToken"))
        settings = {"connect_timeout": 5, "read_timeout": CALL_LIMIT, "retries": {"total_max_attempts": 1}, **options}
        if not signed:
            settings["signature_version"] = UNSIGNED
        return botocore.session.Session().create_client(
            service, region_name=REGION, endpoint_url=endpoint or self.endpoint_of(service), aws_access_key_id=access[0],
            aws_secret_access_key=access[1], aws_session_token=access[2], config=Config(**settings),
        )


def run_scripts(emulator, config, commands, first=None, credentials=None):
    """Runs commands after the scripts' own, as the root user unless it says otherwise, with the programs of a folder first. Returns the exit
    status, what was printed, and the complaint."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "LATCHKEY_"))}
    environment.update(
        PATH=f"{first}:{programs()}" if first else programs(), LATCHKEY_BUILD="host", AWS_ENDPOINT_URL=emulator.endpoint,
        AWS_DEFAULT_REGION=REGION, **(credentials or {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}),
    )
    program = (
        "set -euo pipefail\n. scripts/common.sh\n. scripts/adopt.sh\n"
        # What builds the tools is no part of these tests.
        f"build_latchkey() {{ :; }}\nbuild_tool() {{ :; }}\nCONFIG={config}\nprepare\n{commands}"
    )
    done = subprocess.run(
        ["bash", "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SCRIPT_LIMIT, check=False
    )
    return done.returncode, done.stdout, done.stderr


class AwsCli:
    """The AWS CLI of local/aws_cli, as a program `aws` in a folder that it makes."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, LOCAL / "aws_cli" / "server.py", folder], stdin=subprocess.DEVNULL)
        atexit.register(self.stop)
        limit = time.monotonic() + START_LIMIT
        while not (folder / "socket").exists():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("no server of the AWS CLI")
            time.sleep(0.05)

    def stop(self):
        atexit.unregister(self.stop)
        self.process.terminate()
        self.process.wait(STOP_LIMIT)


class CloudTest(unittest.TestCase):
    """Tests that share an emulator, and a folder for what else they need."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        state = cls.folder / "state"
        state.mkdir()
        cls.emulator = Emulator(state)
        cls.addClassCleanup(cls.emulator.stop)
