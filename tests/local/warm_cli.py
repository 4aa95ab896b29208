"""The AWS CLI for scripts that a test runs: the same program, without starting Python and reading models for each call.

A server has the AWS CLI loaded, and forks for each call. What is called `aws` on the PATH hands its arguments, its environment, its
folder and its streams over, and ends with the status of the fork.
"""

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

START_LIMIT = 60
# Whose models the scripts need.
SERVICES = ("cloudformation", "cognito-identity", "dynamodb", "lambda", "logs", "resourcegroupstaggingapi", "s3", "s3control", "ses", "sts")
CLIENT = """#!{python} -ISs
import array, json, os, socket, sys
call = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
server.sendmsg([len(call).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(call)
status = server.recv(1)
os._exit(status[0] if status else 255)
"""


class WarmCli:
    """A server, and a folder for the PATH."""

    def __init__(self, folder):
        """Puts `aws` into this folder, which has to be short: a socket's address may have some 100 bytes."""
        self.folder = Path(folder)
        address = str(self.folder / "socket")
        program = self.folder / "aws"
        program.write_text(CLIENT.format(python=sys.executable, address=address))
        program.chmod(0o700)
        self.process = subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        # It says so once it listens, and ends with a line less where it cannot.
        if not self.process.stdout.readline():
            raise RuntimeError(f"the AWS CLI does not start: {self.process.wait(START_LIMIT)}")

    def stop(self):
        """Ends the server and the calls that are under way."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(START_LIMIT)
        self.process.stdin.close()
        self.process.stdout.close()


def load():
    """Loads the AWS CLI with the models of the services, and lets every reading of them after that find them."""
    import botocore.loaders
    from awscli.clidriver import create_clidriver

    loaded = {}
    read = botocore.loaders.JSONFileLoader.load_file

    def load_file(self, path):
        if path not in loaded:
            loaded[path] = read(self, path)
        return loaded[path]

    botocore.loaders.JSONFileLoader.load_file = load_file
    # The host of S3 Control has the account in front: every name below localhost is this machine, as RFC 6761 has it.
    look_up = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *rest, **options: look_up(
        "127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **options
    )
    driver = create_clidriver()
    for service in SERVICES:
        driver.session.create_client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
        driver.session.get_paginator_model(service)
    # The customizations of `aws s3` are imported when they are first used.
    driver.create_help_command().command_table["s3"].create_help_command()


def serve(address):
    """Takes calls until it is killed, or whoever started it is gone and with it the other end of the standard input."""
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("listening", flush=True)
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in readable:
            return
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            answer(caller)
        caller.close()


def answer(caller):
    """Runs one call as a process of its own."""
    status = 255
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        length, ancillary, _, _ = caller.recvmsg(4, socket.CMSG_SPACE(3 * 4))
        streams = array.array("i")
        streams.frombytes(ancillary[0][2])
        call = b""
        while len(call) < int.from_bytes(length, "big"):
            call += caller.recv(1 << 20)
        arguments, environment, folder = json.loads(call)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # Where the AWS CLI found its own data as it was imported.
        data = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
        os.environ.clear()
        os.environ.update(environment | data)
        os.chdir(folder)
        sys.argv = ["aws", *arguments]
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        from awscli.clidriver import main

        status = main() or 0
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:  # the caller must learn it, whatever it is
        print(f"warm_cli: {error!r}", file=sys.stderr, flush=True)
    finally:
        try:
            caller.sendall(bytes([status & 255]))
        finally:
            os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
