"""Runs the AWS CLI without loading it for each call.

    python local/aws_cli/server.py FOLDER

Most of the time that a call of the AWS CLI takes goes into loading it: 0.7 of 0.8 seconds. This process loads it once. For each call it
forks one that has the caller's arguments, environment, folder and streams, and runs the CLI's own main function. FOLDER/aws is the program
to call. The server ends with the process that started it.
"""

import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from pathlib import Path

import awscli
import botocore.exceptions
import botocore.loaders
from awscli import clidriver

# What the scripts and the tests call, so that the descriptions of these services are read once.
SERVICES = (
    "cloudformation", "cloudwatch", "cognito-identity", "dynamodb", "iam", "kms", "lambda", "logs", "s3", "s3control", "ses", "sesv2",
    "sns", "sqs", "ssm", "sts",
)


def load():
    """Loads the AWS CLI, and what it reads at its start whatever is called."""
    # A process that is forked may change what it got, so it needs no copy of its own.
    read, files = botocore.loaders.JSONFileLoader.load_file, {}

    def read_once(self, path):
        if path not in files:
            files[path] = read(self, path)
        return files[path]

    botocore.loaders.JSONFileLoader.load_file = read_once
    session = clidriver.create_clidriver().session
    session.create_client("sts", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    loader = session.get_component("data_loader")
    for service in SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"):
            try:
                loader.load_service_model(service, kind)
            except botocore.exceptions.DataNotFoundError:
                pass


def received(caller):
    """The call, and its standard streams."""
    size, streams, _, _ = socket.recv_fds(caller, 4, 3)
    size = int.from_bytes(size, "big")
    call = bytearray()
    while len(call) < size:
        more = caller.recv(size - len(call))
        if not more:
            raise EOFError("the caller ended before it said what to call")
        call += more
    return json.loads(call), streams


def run(call, streams):
    """Becomes the process of a call."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.umask(call["mask"])
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    # It names the folder of its own data in the environment.
    importlib.reload(awscli)
    sys.argv = ["aws", *call["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))
    try:
        status = clidriver.main()
    except SystemExit as end:
        status = end.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def serve_one(caller):
    call, streams = received(caller)
    ended, running = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(ended)
        caller.close()
        status = 1
        try:
            status = run(call, streams)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(running)
    for stream in streams:
        os.close(stream)
    ready, _, _ = select.select([ended, caller], [], [])
    if ended not in ready:
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    if ended in ready:
        status = os.waitstatus_to_exitcode(status)
        caller.sendall(bytes([status if status >= 0 else 128 - status]))


def main():
    parent = os.getppid()
    folder = Path(sys.argv[1])
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whoever can reach the socket can have anything run.
    folder.mkdir(mode=0o700)
    load()
    program = folder / "aws"
    shutil.copy(Path(__file__).with_name("aws"), program)
    program.chmod(0o700)
    os.chdir(folder)
    # A script that starts this in the background ignores Ctrl-C, and what it starts inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The kernel ends processes that nobody waits for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        server.listen(64)
        server.settimeout(0.5)
        while os.getppid() == parent:
            try:
                caller, _ = server.accept()
            except TimeoutError:
                continue
            with caller:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    server.close()
                    try:
                        caller.setblocking(True)
                        serve_one(caller)
                    finally:
                        os._exit(0)


main()
