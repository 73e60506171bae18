"""What clients of Step Functions do, done by boto3 and by the AWS CLI.

`cargo xtask clients` runs this with STEPPROOF, the command. A line of JSON tells of each flow.
"""

import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import traceback

from harness import (
    KEY,
    MODEL,
    ROLE,
    AwsCli,
    Boto3,
    Difference,
    Server,
    StandIn,
    outcome,
    refused,
    same,
    sync_localhost_resolves,
    true,
    until,
)

ACCOUNT = "arn:aws:states:us-east-1:123456789012"
HELLO = '{"StartAt":"Hello","States":{"Hello":{"Type":"Pass","End":true}}}'
FAILING = '{"StartAt":"Fail","States":{"Fail":{"Type":"Fail","Error":"Oh","Cause":"no"}}}'
WAITING = '{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":86400,"End":true}}}'


def task(resource, **more):
    state = {"Type": "Task", "Resource": resource, "End": True, **more}
    return json.dumps({"StartAt": "Do", "States": {"Do": state}})


def mapping(mode):
    pause = {"Type": "Wait", "Seconds": 3600, "End": True}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": mode},
        "StartAt": "Pause",
        "States": {"Pause": pause},
    }
    each = {"Type": "Map", "ItemProcessor": processor, "End": True}
    return json.dumps({"StartAt": "Each", "States": {"Each": each}})


def machine(api, name, definition, **more):
    members = {"name": name, "definition": definition, "roleArn": ROLE, **more}
    return api.call("CreateStateMachine", **members)["stateMachineArn"]


def start(api, arn, **more):
    return api.call("StartExecution", stateMachineArn=arn, **more)["executionArn"]


def ended(api, execution):
    def over():
        found = api.call("DescribeExecution", executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    return until(over, "the end of the execution")


# The guide's chapter on Step Functions Local, word by word where it has commands.


def shell(command):
    """A command of the guide, in a shell; `aws` is that of the virtual environment."""
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    return outcome(done.returncode, done.stdout, done.stderr)


GUIDE_HELLO = r'''aws stepfunctions --endpoint-url http://localhost:8083 create-state-machine --definition "{\
  \"Comment\": \"A Hello World example of the Amazon States Language using a Pass state\",\
  \"StartAt\": \"HelloWorld\",\
  \"States\": {\
    \"HelloWorld\": {\
      \"Type\": \"Pass\",\
      \"End\": true\
    }\
  }\
}" --name "HelloWorld" --role-arn "arn:aws:iam::012345678901:role/DummyRole"'''

GUIDE_LAMBDA = r'''aws stepfunctions --endpoint http://localhost:8083 create-state-machine --definition "{\
  \"Comment\": \"A Hello World example of the Amazon States Language using an AWS Lambda Local function\",\
  \"StartAt\": \"HelloWorld\",\
  \"States\": {\
    \"HelloWorld\": {\
      \"Type\": \"Task\",\
      \"Resource\": \"arn:aws:lambda:us-east-1:123456789012:function:HelloWorldFunction\",\
      \"End\": true\
    }\
  }\
}" --name "HelloWorld" --role-arn "arn:aws:iam::012345678901:role/DummyRole"'''

GUIDE_ARN = f"{ACCOUNT}:stateMachine:HelloWorld"


def guide_hello_world():
    with Server(port=8083):
        created = shell(GUIDE_HELLO)
        same(created["stateMachineArn"], GUIDE_ARN, "the ARN")
        true(abs(created["creationDate"] - time.time()) < 60, "the creation date is now")
        started = shell(
            "aws stepfunctions --endpoint-url http://localhost:8083 start-execution "
            f"--state-machine-arn {GUIDE_ARN}"
        )
        true(started["executionArn"].startswith(f"{ACCOUNT}:execution:HelloWorld:"), "an ARN")


def guide_sam(*options, **environment):
    answer = {"statusCode": 200, "body": '{"message": "hello world"}'}
    with StandIn(lambda event: answer) as functions:
        options = [option.format(functions.url) for option in options]
        environment = {name: value.format(functions.url) for name, value in environment.items()}
        with Server(*options, port=8083, **environment):
            same(shell(GUIDE_LAMBDA)["stateMachineArn"], GUIDE_ARN, "the ARN")
            started = shell(
                "aws stepfunctions --endpoint http://localhost:8083 start-execution "
                f"--state-machine {GUIDE_ARN} --name test"
            )
            execution = f"{ACCOUNT}:execution:HelloWorld:test"
            same(started["executionArn"], execution, "the ARN")

            def described():
                found = shell(
                    "aws stepfunctions --endpoint http://localhost:8083 describe-execution "
                    f"--execution-arn {execution}"
                )
                return found if found["status"] != "RUNNING" else None

            found = until(described, "the end of the execution")
            same(found["status"], "SUCCEEDED", "the status")
            same(json.loads(found["output"]), answer, "the output")
            same((found["name"], found["input"]), ("test", "{}"), "name and input")
            path, body, signature = functions.calls[0]
            same(path, "/2015-03-31/functions/HelloWorldFunction/invocations", "the call")
            same(json.loads(body), {}, "the payload")
            return signature


def guide_lambda_endpoint_option():
    guide_sam("--lambda-endpoint", "{}")


def guide_configuration_options():
    """Its table of options, in the spelling with one dash, and its environment variables."""
    guide_sam("-lambdaEndpoint", "{}", "-account", "123456789012", "-region", "us-east-1")
    guide_sam(LAMBDA_ENDPOINT="{}", AWS_ACCOUNT_ID="123456789012", AWS_DEFAULT_REGION="us-east-1")
    with Server("-waitTimeScale", "0.00001", "-account", "111122223333", "-region", "eu-north-1") as server:
        api = Boto3(server)
        arn = machine(api, "waiting", WAITING)
        same(arn, "arn:aws:states:eu-north-1:111122223333:stateMachine:waiting", "the ARN")
        same(ended(api, start(api, arn))["status"], "SUCCEEDED", "a day's wait, scaled,")


def guide_credentials_file():
    """What the guide puts into a file for Docker."""
    with tempfile.TemporaryDirectory() as folder, StandIn(lambda event: 1) as functions:
        file = pathlib.Path(folder, "aws-stepfunctions-local-credentials.txt")
        lines = [
            "AWS_DEFAULT_REGION=us-west-2",
            "AWS_ACCESS_KEY_ID=AKIDFROMFILE",
            "AWS_SECRET_ACCESS_KEY=secret",
            "WAIT_TIME_SCALE=0",
            f"LAMBDA_ENDPOINT={functions.url}",
        ]
        file.write_text("\n".join(lines) + "\n")
        with Server("--env-file", str(file)) as server:
            api = Boto3(server)
            function = "arn:aws:lambda:us-west-2:123456789012:function:f"
            arn = machine(api, "calls", task(function))
            true(":us-west-2:" in arn, "the region is that of the file")
            same(ended(api, start(api, arn))["output"], "1", "the output")
            true("Credential=AKIDFROMFILE/" in functions.calls[0][2], "the key is that of the file")


def guide_mock_file():
    """SFN_MOCK_CONFIG, and `arn#TestCase`."""
    mocks = {
        "StateMachines": {
            "LambdaSQSIntegration": {
                "TestCases": {
                    "HappyPath": {"Do": "MockedLambdaSuccess"},
                    "RetryPath": {"Do": "MockedLambdaRetry"},
                }
            }
        },
        "MockedResponses": {
            "MockedLambdaSuccess": {"0": {"Return": {"StatusCode": 200, "Payload": {"ok": True}}}},
            "MockedLambdaRetry": {
                "0": {"Throw": {"Error": "Lambda.ResourceNotReadyException", "Cause": "not yet"}},
                "1-2": {"Throw": {"Error": "Lambda.TimeoutException", "Cause": "too slow"}},
                "3": {"Return": {"StatusCode": 200, "Payload": {"tries": 4}}},
            },
        },
    }
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    definition = task(
        "arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "f"}, Retry=retry
    )
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "MockConfigFile.json")
        file.write_text(json.dumps(mocks))
        with Server(port=8083, SFN_MOCK_CONFIG=str(file), WAIT_TIME_SCALE="0.001"):
            pathlib.Path(folder, "machine.json").write_text(definition)
            arn = shell(
                "aws stepfunctions create-state-machine --endpoint http://localhost:8083 "
                f"--definition file://{folder}/machine.json --name LambdaSQSIntegration "
                f"--role-arn {shlex.quote(ROLE)}"
            )["stateMachineArn"]
            for case, payload in [("HappyPath", {"ok": True}), ("RetryPath", {"tries": 4})]:
                execution = shell(
                    "aws stepfunctions start-execution --endpoint http://localhost:8083 "
                    f"--name {case} --state-machine {arn}#{case}"
                )["executionArn"]
                history = shell(
                    "sleep 0.1; aws stepfunctions get-execution-history "
                    "--endpoint http://localhost:8083 "
                    f"--execution-arn {execution} --query 'events[-1]'"
                )
                same(history["type"], "ExecutionSucceeded", case)
                output = history["executionSucceededEventDetails"]["output"]
                same(json.loads(output)["Payload"], payload, case)


GUIDE = [
    guide_hello_world,
    guide_lambda_endpoint_option,
    guide_configuration_options,
    guide_credentials_file,
    guide_mock_file,
]


# What the aws-sdk-sfn tests do: all operations.


def state_machines(client):
    with Server() as server:
        api = client(server)
        arn = machine(api, "hello", HELLO, tags=[{"key": "stage", "value": "test"}])
        same(arn, f"{ACCOUNT}:stateMachine:hello", "the ARN")
        same(machine(api, "hello", HELLO, tags=[{"key": "stage", "value": "test"}]), arn, "again")
        listed = api.call("ListStateMachines")["stateMachines"]
        same([(one["name"], one["type"]) for one in listed], [("hello", "STANDARD")], "the list")
        described = api.call("DescribeStateMachine", stateMachineArn=arn)
        same((described["definition"], described["status"]), (HELLO, "ACTIVE"), "what it is")
        now = datetime.datetime.now(datetime.timezone.utc)
        apart = abs(api.time(described["creationDate"]) - now).total_seconds()
        true(apart < 60, "the creation date is now")
        updated = api.call("UpdateStateMachine", stateMachineArn=arn, definition=FAILING)
        same(sorted(updated), ["revisionId", "updateDate"], "the answer's members")
        api.call("TagResource", resourceArn=arn, tags=[{"key": "team", "value": "blue"}])
        tags = api.call("ListTagsForResource", resourceArn=arn)["tags"]
        tags = {tag["key"]: tag["value"] for tag in tags}
        same(tags, {"stage": "test", "team": "blue"}, "the tags")
        api.call("UntagResource", resourceArn=arn, tagKeys=["team", "stage"])
        same(api.call("ListTagsForResource", resourceArn=arn)["tags"], [], "the tags")
        valid = api.call("ValidateStateMachineDefinition", definition=HELLO)
        same((valid["result"], valid["diagnostics"]), ("OK", []), "the judgement")
        wrong = api.call("ValidateStateMachineDefinition", definition='{"StartAt":"A"}')
        same(wrong["result"], "FAIL", "the judgement")
        true(wrong["diagnostics"][0]["code"], "a diagnostic has a code")
        same(api.call("DeleteStateMachine", stateMachineArn=arn), {}, "the answer")
        until(lambda: gone(api, arn), "the deletion")


def gone(api, arn):
    listed = api.call("ListStateMachines")["stateMachines"]
    return arn not in [one["stateMachineArn"] for one in listed]


def versions_and_aliases(client):
    with Server() as server:
        api = client(server)
        arn = machine(api, "hello", HELLO)

        def publish(**more):
            published = api.call("PublishStateMachineVersion", stateMachineArn=arn, **more)
            return published["stateMachineVersionArn"]

        first = publish(description="the first")
        same(first, f"{arn}:1", "the ARN of a version")
        updated = api.call(
            "UpdateStateMachine",
            stateMachineArn=arn,
            definition=FAILING,
            publish=True,
            versionDescription="the second",
        )
        second = updated["stateMachineVersionArn"]
        same(second, f"{arn}:2", "the ARN of a version")
        listed = api.call("ListStateMachineVersions", stateMachineArn=arn)["stateMachineVersions"]
        listed = [one["stateMachineVersionArn"] for one in listed]
        same(listed, [second, first], "the versions")

        def route(*weights):
            routes = zip([first, second], weights)
            return [{"stateMachineVersionArn": one, "weight": weight} for one, weight in routes]

        alias = api.call("CreateStateMachineAlias", name="live", routingConfiguration=route(100))
        alias = alias["stateMachineAliasArn"]
        same(alias, f"{arn}:live", "the ARN of an alias")
        run = ended(api, start(api, alias))
        same(run["status"], "SUCCEEDED", "the status")
        same(run["stateMachineVersionArn"], first, "the version")
        same(run["stateMachineAliasArn"], alias, "the alias")
        to_second = [{"stateMachineVersionArn": second, "weight": 100}]
        api.call(
            "UpdateStateMachineAlias",
            stateMachineAliasArn=alias,
            routingConfiguration=to_second,
            description="moved on",
        )
        described = api.call("DescribeStateMachineAlias", stateMachineAliasArn=alias)
        same(described["routingConfiguration"], to_second, "the routing")
        same(described["description"], "moved on", "the description")
        same(ended(api, start(api, alias))["status"], "FAILED", "the status")
        aliases = api.call("ListStateMachineAliases", stateMachineArn=arn)["stateMachineAliases"]
        same([one["stateMachineAliasArn"] for one in aliases], [alias], "the aliases")
        refused(
            "ConflictException",
            lambda: api.call("DeleteStateMachineVersion", stateMachineVersionArn=second),
        )
        api.call("DeleteStateMachineAlias", stateMachineAliasArn=alias)
        api.call("DeleteStateMachineVersion", stateMachineVersionArn=second)
        listed = api.call("ListStateMachineVersions", stateMachineArn=arn)["stateMachineVersions"]
        same(len(listed), 1, "how many versions are left")


def executions(client):
    with Server() as server:
        api = client(server)
        hello = machine(api, "hello", HELLO)
        execution = start(api, hello, name="one", input='{"a": 1}')
        same(execution, f"{ACCOUNT}:execution:hello:one", "the ARN")
        run = ended(api, execution)
        same((run["status"], run["output"]), ("SUCCEEDED", '{"a":1}'), "the end")
        same(run["inputDetails"], {"included": True}, "inputDetails")
        same((run["redriveCount"], run["redriveStatus"]), (0, "NOT_REDRIVABLE"), "the redrive")
        true(api.time(run["stopDate"]) >= api.time(run["startDate"]), "it ends after its start")
        message = refused(
            "ExecutionAlreadyExists",
            lambda: start(api, hello, name="one", input="{}"),
        )
        same(message, f"Execution Already Exists: '{execution}'", "the message")
        of = api.call("DescribeStateMachineForExecution", executionArn=execution)
        same((of["stateMachineArn"], of["definition"]), (hello, HELLO), "the machine")
        waiting = machine(api, "waiting", WAITING)
        waits = start(api, waiting, name="two")
        same(start(api, waiting, name="two"), waits, "the same start again")
        stopped = api.call("StopExecution", executionArn=waits, error="Enough", cause="tired")
        api.time(stopped["stopDate"])
        run = ended(api, waits)
        found = (run["status"], run["error"], run["cause"], run["redriveStatus"])
        same(found, ("ABORTED", "Enough", "tired", "REDRIVABLE"), "the end")
        api.time(api.call("RedriveExecution", executionArn=waits)["redriveDate"])
        members = {"stateMachineArn": waiting, "statusFilter": "RUNNING"}
        running = api.call("ListExecutions", **members)["executions"]
        same([one["executionArn"] for one in running], [waits], "what runs")
        server.clock(advance="24h")
        same(ended(api, waits)["redriveCount"], 1, "the redrives")


def history(client):
    with Server() as server:
        api = client(server)
        steps = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(12)}
        steps["S12"] = {"Type": "Pass", "End": True}
        arn = machine(api, "steps", json.dumps({"StartAt": "S0", "States": steps}))
        execution = start(api, arn, input='{"a":1}')
        ended(api, execution)
        pages = api.pages("GetExecutionHistory", 5, executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        same([event["id"] for event in events], list(range(1, 29)), "the ids")
        same(events[0]["type"], "ExecutionStarted", "the first event")
        same(events[1]["stateEnteredEventDetails"]["name"], "S0", "the first state")
        times = [api.time(event["timestamp"]) for event in events]
        same(times, sorted(times), "the order of the times")
        back = api.call("GetExecutionHistory", executionArn=execution, reverseOrder=True)
        same([event["id"] for event in back["events"]], list(range(28, 0, -1)), "backwards")
        members = {"executionArn": execution, "includeExecutionData": False}
        bare = api.call("GetExecutionHistory", **members)["events"]
        true("input" not in bare[0]["executionStartedEventDetails"], "no data was asked for")
        same("nextToken" in back, False, "a further page")


def pages(client):
    with Server() as server:
        api = client(server)
        arns = [machine(api, f"m-{n}", HELLO) for n in range(7)]
        listed = api.pages("ListStateMachines", 3)
        found = [one["stateMachineArn"] for page in listed for one in page["stateMachines"]]
        same(sorted(found), arns, "all machines")
        for n in range(5):
            api.call("CreateActivity", name=f"a-{n}")
        listed = api.pages("ListActivities", 2)
        found = [one["name"] for page in listed for one in page["activities"]]
        same(sorted(found), [f"a-{n}" for n in range(5)], "all activities")
        started = [start(api, arns[0], name=f"e-{n}") for n in range(5)]
        listed = api.pages("ListExecutions", 2, stateMachineArn=arns[0])
        found = [one["executionArn"] for page in listed for one in page["executions"]]
        same(sorted(found), started, "all executions")
        refused("InvalidToken", lambda: api.call("ListActivities", nextToken="nothing"))
        if issubclass(client, Boto3):
            known = [name for name in MODEL.operation_names if api.client.can_paginate(snake(name))]
            expected = ["GetExecutionHistory", "ListActivities", "ListExecutions"]
            expected += ["ListMapRuns", "ListStateMachines"]
            same(sorted(known), expected, "the paginators that boto3 has")
            same(api.client.waiter_names, [], "the waiters that boto3 has")


def snake(name):
    from botocore import xform_name

    return xform_name(name)


def synchronous(client):
    with Server() as server:
        api = client(server)
        express = machine(api, "quick", HELLO, type="EXPRESS")
        run = api.call("StartSyncExecution", stateMachineArn=express, input='{"a":1}', name="n")
        same((run["status"], run["output"], run["name"]), ("SUCCEEDED", '{"a":1}', "n"), "the run")
        true(run["executionArn"].startswith(f"{ACCOUNT}:express:quick:n:"), "the ARN")
        true(run["billingDetails"]["billedDurationInMilliseconds"] >= 0, "billed time")
        failing = machine(api, "failing", FAILING, type="EXPRESS")
        run = api.call("StartSyncExecution", stateMachineArn=failing)
        found = (run["status"], run["error"], run["cause"])
        same(found, ("FAILED", "Oh", "no"), "the run")
        same("output" in run, False, "an output")
        standard = machine(api, "standard", HELLO)
        refused(
            "StateMachineTypeNotSupported",
            lambda: api.call("StartSyncExecution", stateMachineArn=standard),
        )


def host_prefix(client):
    """As SDKs are by default: `sync-` stands before the host."""
    with Server() as server, sync_localhost_resolves():
        api = client(server, host_prefix=True)
        express = machine(api, "quick", HELLO, type="EXPRESS")
        run = api.call("StartSyncExecution", stateMachineArn=express, input="3")
        same((run["status"], run["output"]), ("SUCCEEDED", "3"), "the run")
        state = '{"Type":"Pass","Result":7,"End":true}'
        same(api.call("TestState", definition=state)["output"], "7", "the state's output")


def single_states(client):
    with Server() as server:
        api = client(server)
        publish = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message.$": "$.m"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
            "Next": "Done",
        }

        def test(**mock):
            return api.call(
                "TestState",
                definition=json.dumps(publish),
                roleArn=ROLE,
                input='{"m":"hi"}',
                inspectionLevel="DEBUG",
                mock=mock,
            )

        tested = test(result='{"MessageId":"m-1"}')
        found = (tested["status"], tested["nextState"], tested["output"])
        same(found, ("SUCCEEDED", "Done", '{"MessageId":"m-1"}'), "the state")
        parameters = json.loads(tested["inspectionData"]["afterParameters"])
        same(parameters["Message"], "hi", "the parameters")
        tested = test(errorOutput={"error": "Oh", "cause": "no"})
        found = (tested["status"], tested["nextState"], tested["error"])
        same(found, ("CAUGHT_ERROR", "Sorry", "Oh"), "the state")


def activities(client):
    with Server() as server:
        api = client(server)
        desk = api.call("CreateActivity", name="desk")["activityArn"]
        same(desk, f"{ACCOUNT}:activity:desk", "the ARN")
        listed = api.call("ListActivities")["activities"]
        same([one["activityArn"] for one in listed], [desk], "the activities")
        same(api.call("DescribeActivity", activityArn=desk)["name"], "desk", "the name")
        ask = machine(api, "ask", task(desk, TimeoutSeconds=3600, HeartbeatSeconds=600))
        # The worker waits before there is anything to do.
        poll = {"activityArn": desk, "workerName": "me"}
        with api.in_background("GetActivityTask", **poll) as answer:
            time.sleep(0.3)
            first = start(api, ask, input='{"q":1}')
            given = answer()
        same(given["input"], '{"q":1}', "the input")
        token = given["taskToken"]
        same(api.call("SendTaskHeartbeat", taskToken=token), {}, "the answer")
        api.call("SendTaskSuccess", taskToken=token, output='{"a":2}')
        same(ended(api, first)["output"], '{"a":2}', "the output")
        late = lambda: api.call("SendTaskSuccess", taskToken=token, output="2")
        refused("TaskTimedOut", late)
        second = start(api, ask)
        given = api.call("GetActivityTask", **poll)
        api.call("SendTaskFailure", taskToken=given["taskToken"], error="No", cause="way")
        run = ended(api, second)
        same((run["status"], run["error"], run["cause"]), ("FAILED", "No", "way"), "the end")
        third = start(api, ask)
        api.call("GetActivityTask", **poll)
        server.clock(advance="10m")
        same(ended(api, third)["error"], "States.Timeout", "a missed heartbeat")
        api.call("DeleteActivity", activityArn=desk)
        refused("ActivityDoesNotExist", lambda: api.call("DescribeActivity", activityArn=desk))


def poll_without_a_task(client):
    """Takes a minute."""
    with Server() as server:
        api = client(server)
        desk = api.call("CreateActivity", name="desk")["activityArn"]
        began = time.monotonic()
        with api.in_background("GetActivityTask", activityArn=desk) as answer:
            found = answer()
        took = time.monotonic() - began
        same(found.get("taskToken"), None, "the token")
        true(59 < took < 70, f"the poll takes a minute, not {took:.1f} s")


def map_runs(client):
    with Server() as server:
        api = client(server)
        server.clock(freeze=True)
        arn = machine(api, "mapping", mapping("STANDARD"))
        execution = start(api, arn, input="[1,2,3]")
        runs = api.call("ListMapRuns", executionArn=execution)["mapRuns"]
        run = runs[0]["mapRunArn"]
        same(runs[0]["executionArn"], execution, "the execution")
        same(api.call("UpdateMapRun", mapRunArn=run, maxConcurrency=2), {}, "the answer")
        found = api.call("DescribeMapRun", mapRunArn=run)
        same((found["status"], found["maxConcurrency"]), ("RUNNING", 2), "the run")
        same(found["itemCounts"]["total"], 3, "the items")
        members = {"mapRunArn": run, "redriveFilter": "NOT_REDRIVEN"}
        children = api.call("ListExecutions", **members)["executions"]
        same(len(children), 3, "the children")
        same([one["mapRunArn"] for one in children], [run] * 3, "their run")
        server.clock(advance="3h")
        same(ended(api, execution)["status"], "SUCCEEDED", "the status")
        found = api.call("DescribeMapRun", mapRunArn=run)
        same((found["status"], found["itemCounts"]["succeeded"]), ("SUCCEEDED", 3), "the run")


def errors(client):
    """By their names, and with boto3 by their classes."""
    with Server() as server:
        api = client(server)
        hello = machine(api, "hello", HELLO)
        desk = api.call("CreateActivity", name="desk")["activityArn"]
        done = start(api, hello)
        ended(api, done)
        run = f"{ACCOUNT}:mapRun:m/l:0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a"
        tags = [{"key": f"k{n}", "value": "v"} for n in range(51)]
        create = {"name": "other", "definition": HELLO, "roleArn": ROLE}
        cases = [
            ("ActivityDoesNotExist", "DescribeActivity", {"activityArn": f"{desk}s"}),
            ("ConflictException", "UpdateStateMachineAlias", None),
            ("ExecutionAlreadyExists", "StartExecution", None),
            ("ExecutionDoesNotExist", "DescribeExecution", {"executionArn": f"{done}s"}),
            ("ExecutionNotRedrivable", "RedriveExecution", {"executionArn": done}),
            ("InvalidArn", "DescribeStateMachine", {"stateMachineArn": "nonsense"}),
            ("InvalidDefinition", "CreateStateMachine", {**create, "definition": '{"a":1}'}),
            ("InvalidExecutionInput", "StartExecution", {"stateMachineArn": hello, "input": "{"}),
            (
                "InvalidLoggingConfiguration",
                "CreateStateMachine",
                {**create, "loggingConfiguration": {"level": "ALL"}},
            ),
            ("InvalidName", "CreateStateMachine", {**create, "name": "a b"}),
            ("InvalidToken", "ListStateMachines", {"nextToken": "x"}),
            ("MissingRequiredParameter", "UpdateStateMachine", {"stateMachineArn": hello}),
            ("ResourceNotFound", "DescribeMapRun", {"mapRunArn": run}),
            ("ResourceNotFound", "ListTagsForResource", {"resourceArn": f"{hello}s"}),
            ("StateMachineAlreadyExists", "CreateStateMachine", {**create, "name": "hello", "definition": FAILING}),
            ("StateMachineDoesNotExist", "StartExecution", {"stateMachineArn": f"{hello}s"}),
            ("InvalidToken", "SendTaskSuccess", {"taskToken": "x", "output": "1"}),
            ("InvalidOutput", "SendTaskSuccess", {"taskToken": "x", "output": "{"}),
            ("TooManyTags", "CreateActivity", {"name": "tagged", "tags": tags}),
            ("ValidationException", "ListExecutions", {"maxResults": 3}),
        ]
        for code, operation, members in cases:
            if members is not None:
                refused(code, lambda: api.call(operation, **members))
        stranger = "arn:aws:states:us-east-1:999999999999:stateMachine:hello"
        for members in [{"stateMachineArn": stranger}, {"stateMachineArn": stranger.replace("us-", "eu-")}]:
            try:
                api.call("DescribeStateMachine", **members)
            except Exception as error:
                true(not isinstance(error, Difference), str(error))
            else:
                raise Difference("a machine of another account is described")


def signatures(client):
    with Server("--auth=AKIDEXAMPLE:secret") as server:
        same(client(server).call("ListActivities")["activities"], [], "the activities")

        def with_key(key_id, secret, region="us-east-1"):
            key = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
            return lambda: client(server, region, key).call("ListActivities")

        refused("InvalidSignatureException", with_key("AKIDEXAMPLE", "wrong"))
        refused("UnrecognizedClientException", with_key("AKIDOTHER", "secret"))
        refused("InvalidSignatureException", with_key("AKIDEXAMPLE", "secret", "eu-west-1"))


def throttling(client):
    """Clients try again by themselves."""
    with Server("--quota", "ListActivities=1/2") as server:
        api = client(server)
        for _ in range(3):
            api.call("ListActivities")
        if issubclass(client, Boto3):
            true(api.metadata["RetryAttempts"] > 0, "the last call was tried again")


def outputs(client):
    """What is written beside the answers, and what Prometheus makes of `/metrics`."""
    from prometheus_client.parser import text_string_to_metric_families

    kinds = ["events", "trail", "metrics", "log"]
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: pathlib.Path(folder, kind) for kind in kinds}
        options = [f"--{kind}-out={file}" for kind, file in files.items()]
        with Server(*options) as server:
            api = client(server)
            hello = machine(api, "hello", HELLO)
            execution = start(api, hello, input='{"secret":1}')
            started = getattr(api, "metadata", None)
            ended(api, execution)
            group = "arn:aws:logs:us-east-1:123456789012:log-group:g:*"
            destination = {"cloudWatchLogsLogGroup": {"logGroupArn": group}}
            logging = {"level": "ALL", "includeExecutionData": True, "destinations": [destination]}
            quick = machine(api, "quick", HELLO, type="EXPRESS", loggingConfiguration=logging)
            run = api.call("StartSyncExecution", stateMachineArn=quick)
            refused("InvalidArn", lambda: api.call("DescribeExecution", executionArn="x"))
            page = text_string_to_metric_families(server.get("/metrics"))
            samples = {}
            for family in page:
                for sample in family.samples:
                    samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
            count = samples["stepproof_executions_succeeded_total", (("state_machine_arn", hello),)]
            same(count, 1, "how many executions succeeded")
            same(samples["stepproof_open_executions", ()], 0, "how many executions run")
        lines = {
            kind: [json.loads(line) for line in file.read_text().splitlines()]
            for kind, file in files.items()
        }
        statuses = [event["detail"]["status"] for event in lines["events"]]
        same(statuses, ["RUNNING", "SUCCEEDED"], "the events")
        trail = [one for one in lines["trail"] if one["eventName"] != "DescribeExecution"]
        names = ["CreateStateMachine", "StartExecution", "CreateStateMachine", "StartSyncExecution"]
        same([one["eventName"] for one in trail], names, "the calls")
        same(trail[1]["responseElements"]["executionArn"], execution, "what StartExecution answered")
        if started:
            same(trail[1]["requestID"], started["RequestId"], "the request's id")
        keys = {one["userIdentity"]["accessKeyId"] for one in lines["trail"]}
        same(keys, {KEY["aws_access_key_id"]}, "who called")
        same(lines["trail"][-1]["errorCode"], "InvalidArn", "the last call's error")
        true("secret" not in files["trail"].read_text(), "the trail holds no secrets")
        arns = {line["execution_arn"] for line in lines["log"]}
        same(arns, {run["executionArn"]}, "what is logged")
        names = [line["metric_name"] for line in lines["metrics"]]
        same(names.count("ExecutionsSucceeded"), 2, "the datapoints")


FLOWS = [
    state_machines,
    versions_and_aliases,
    executions,
    history,
    pages,
    synchronous,
    host_prefix,
    single_states,
    activities,
    map_runs,
    errors,
    signatures,
    throttling,
    outputs,
    poll_without_a_task,
]


def run(flow, client, *arguments):
    began = time.monotonic()
    problem = None
    try:
        flow(*arguments)
    except Difference as error:
        problem = f"{error}\n{traceback.format_exc(limit=-3)}"
    except Exception:
        problem = traceback.format_exc()
    told = {
        "flow": flow.__name__,
        "client": client,
        "seconds": round(time.monotonic() - began, 1),
        "problem": problem,
    }
    print(json.dumps(told), flush=True)
    return problem is None


def main():
    wanted = os.environ.get("FILTER", "")
    good = True
    for flow in GUIDE:
        if wanted in flow.__name__:
            good &= run(flow, AwsCli.name)
    for client in [Boto3, AwsCli]:
        called = set()

        class Counted(client):
            def __init__(self, *arguments, **more):
                super().__init__(*arguments, **more)
                self.called = called

        for flow in FLOWS:
            if wanted in flow.__name__:
                good &= run(flow, client.name, Counted)

        def all_operations():
            missing = sorted(set(MODEL.operation_names) - called)
            same(missing, [], "what was not called")

        if not wanted:
            good &= run(all_operations, client.name)
    sys.exit(0 if good else 1)


main()
