"""Servers, clients and checks that the flows are written with."""

import contextlib
import datetime
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
from botocore import xform_name

BINARY = os.environ["STEPPROOF"]
KEY = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
ROLE = "arn:aws:iam::012345678901:role/DummyRole"
MODEL = botocore.session.get_session().get_service_model("stepfunctions")


class Difference(Exception):
    """The server does something else than AWS."""


def same(found, expected, what="the answer"):
    if found != expected:
        raise Difference(f"{what} is {found!r}, not {expected!r}")


def true(condition, what):
    if not condition:
        raise Difference(what)


class Refused(Exception):
    """An error of the API."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def refused(code, call):
    """The message with which the call is refused, by an error of this name."""
    try:
        answer = call()
    except Refused as error:
        same(error.code, code, "the error")
        return error.message
    raise Difference(f"{code} was expected, and the answer is {answer!r}")


class Server:
    """`stepproof serve` in a process of its own."""

    def __init__(self, *options, port=0, **environment):
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.process = subprocess.Popen(
            [BINARY, "serve", "--log-level", "warn", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**clean, **environment},
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise Difference(f"the server does not start: {self.process.communicate()[1]}")
        self.port = int(line.rsplit(":", 1)[1])
        self.url = f"http://localhost:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            _, errors = self.process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Difference("the server does not stop when it is told to")
        true("panicked" not in errors, f"the server says: {errors}")

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read().decode()

    def clock(self, **change):
        request = urllib.request.Request(
            self.url + "/_stepproof/clock",
            json.dumps(change).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


class StandIn:
    """A Lambda endpoint as `sam local start-lambda` has it: it answers as `function` does."""

    def __init__(self, function):
        calls = self.calls = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                calls.append((self.path, body.decode(), self.headers.get("authorization", "")))
                answer = json.dumps(function(json.loads(body))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


class Boto3:
    """boto3; every answer is held against the service model."""

    name = "boto3"

    def __init__(self, server, region="us-east-1", key=KEY, host_prefix=False, **config):
        self.server = server
        config = botocore.config.Config(inject_host_prefix=host_prefix, read_timeout=70, **config)
        self.client = boto3.client(
            "stepfunctions", endpoint_url=server.url, region_name=region, config=config, **key
        )
        self.client.meta.events.register("before-parse", self.keep_body)
        self.called = set()

    def keep_body(self, response_dict, **_):
        self.body = response_dict["body"]

    def call(self, operation, **members):
        self.called.add(operation)
        try:
            answer = getattr(self.client, xform_name(operation))(**members)
        except botocore.exceptions.ClientError as error:
            self.check_error(operation, error)
            found = error.response["Error"]
            raise Refused(found["Code"], found.get("Message", "")) from error
        metadata = answer.pop("ResponseMetadata")
        true(re.fullmatch(r"[0-9a-f-]{36}", metadata["RequestId"]), "a request id is a UUID")
        self.metadata = metadata
        # botocore drops what it does not know: the body itself is looked at.
        fits(MODEL.operation_model(operation).output_shape, json.loads(self.body), operation)
        return answer

    def check_error(self, operation, error):
        """An error that the operation has in the model is caught by its class."""
        code = error.response["Error"]["Code"]
        known = {shape.name: shape for shape in MODEL.operation_model(operation).error_shapes}
        if code in known:
            true(isinstance(error, getattr(self.client.exceptions, code)), f"{code} has no class")
            documented = re.search(r"HTTP Status Code: (\d+)", known[code].documentation)
            modeled = int(documented[1]) if documented else 400
            same(error.response["ResponseMetadata"]["HTTPStatusCode"], modeled, "the status")

    def time(self, value):
        true(value.tzinfo is not None, f"{value} has no time zone")
        return value

    def pages(self, operation, size, **members):
        paginator = self.client.get_paginator(xform_name(operation))
        self.called.add(operation)
        return list(paginator.paginate(PaginationConfig={"PageSize": size}, **members))

    @contextlib.contextmanager
    def in_background(self, operation, **members):
        """Calls while something else happens; yields what waits for the answer."""
        box = {}

        def call():
            try:
                box["answer"] = Boto3(self.server).call(operation, **members)
            except Exception as error:
                box["error"] = error

        self.called.add(operation)
        thread = threading.Thread(target=call)
        thread.start()

        def answer():
            thread.join(80)
            if "error" in box:
                raise box["error"]
            return box["answer"]

        yield answer
        thread.join(80)


class AwsCli:
    """The AWS CLI, in this process: starting it anew for each call would take a minute."""

    name = "AWS CLI"

    def __init__(self, server, region="us-east-1", key=KEY, host_prefix=False):
        self.server, self.region, self.key = server, region, key
        self.prefix = "false" if host_prefix else "true"
        self.called = set()

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": self.key["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.key["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": self.region,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": self.prefix,
            "AWS_MAX_ATTEMPTS": "5",
        }

    def arguments(self, operation, members, more=()):
        line = ["stepfunctions", "--endpoint-url", self.server.url, "--output", "json", *more]
        line.append(xform_name(operation, "-"))
        for name, value in members.items():
            option = "--" + xform_name(name, "-")
            if (operation, name) == ("SendTaskSuccess", "output"):
                # `--output` is the form of all commands' answers.
                option = "--task-output"
            if value is False:
                line.append("--no-" + option[2:])
            elif value is True:
                line.append(option)
            elif isinstance(value, str):
                line += [option, value]
            elif isinstance(value, list) and all(isinstance(one, str) for one in value):
                line += [option, *value]
            else:
                line += [option, json.dumps(value)]
        return line

    def call(self, operation, **members):
        return self.run(operation, self.arguments(operation, members))

    def run(self, operation, arguments):
        self.called.add(operation)
        from awscli.clidriver import create_clidriver

        out, errors = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment())
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                code = create_clidriver().main(arguments)
        except SystemExit as end:
            code = end.code
        finally:
            os.environ.clear()
            os.environ.update(before)
        return outcome(code, out.getvalue(), errors.getvalue())

    def time(self, value):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)

    def pages(self, operation, size, **members):
        """All items at once: the CLI pages by itself."""
        members = {**members, "pageSize": str(size)}
        return [self.run(operation, self.arguments(operation, members))]

    @contextlib.contextmanager
    def in_background(self, operation, **members):
        self.called.add(operation)
        arguments = self.arguments(operation, members, ["--cli-read-timeout", "70"])
        process = subprocess.Popen(
            [sys.executable, "-m", "awscli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment()},
        )
        # Python takes its time to come up.
        time.sleep(2)

        def answer():
            out, errors = process.communicate(timeout=80)
            return outcome(process.returncode, out, errors)

        yield answer
        process.wait(80)


def outcome(code, out, errors):
    """The answer of a command, or the error that it tells of."""
    if code == 0:
        return json.loads(out) if out.strip() else {}
    found = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: ?(.*)", errors, re.S)
    if not found:
        raise Difference(f"the command fails: {errors.strip()}")
    raise Refused(found[1], found[2].strip())


def fits(shape, value, place):
    """Holds an answer against its shape: required members, no others, types and constraints."""
    if shape is None:
        return
    kinds = {
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "timestamp": (int, float),
        "float": (int, float),
        "double": (int, float),
        "list": list,
        "map": dict,
        "structure": dict,
    }
    if value is None:
        # GetActivityTask answers a null token where there was no task.
        return
    true(isinstance(value, kinds[shape.type_name]), f"{place} is {value!r}, not a {shape.type_name}")
    if shape.type_name == "structure":
        for name in shape.required_members:
            true(name in value, f"{place} has no {name}")
        for name, member in value.items():
            true(name in shape.members, f"{place} has a {name}, which the model does not know")
            fits(shape.members[name], member, f"{place}.{name}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            fits(shape.member, item, f"{place}[{index}]")
    elif shape.type_name == "string" and shape.enum:
        true(value in shape.enum, f"{place} is {value!r}, none of {shape.enum}")


@contextlib.contextmanager
def sync_localhost_resolves():
    """As where `sync-localhost` stands in the hosts file of the computer."""
    resolve = socket.getaddrinfo

    def resolves(host, *rest, **more):
        return resolve("localhost" if host == "sync-localhost" else host, *rest, **more)

    socket.getaddrinfo = resolves
    try:
        yield
    finally:
        socket.getaddrinfo = resolve


def until(condition, what, seconds=20):
    """Waits for what happens in real time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise Difference(f"{what} does not happen within {seconds} s")
