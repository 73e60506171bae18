// What clients of Step Functions do, done by the AWS SDK for JavaScript.
//
// `cargo xtask clients` runs this in a folder that has @aws-sdk/client-sfn, with STEPPROOF, the
// command. A line of JSON tells of each flow.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// The packages lie in the folder that this runs in, not beside this file.
const { resolve } = createRequire(pathToFileURL(path.join(process.cwd(), "package.json")));
const sfn = await import(pathToFileURL(resolve("@aws-sdk/client-sfn")));
const library = sfn.default ?? sfn;

const ROLE = "arn:aws:iam::012345678901:role/DummyRole";
const ACCOUNT = "arn:aws:states:us-east-1:123456789012";
const HELLO = '{"StartAt":"Hello","States":{"Hello":{"Type":"Pass","End":true}}}';
const FAILING = '{"StartAt":"Fail","States":{"Fail":{"Type":"Fail","Error":"Oh","Cause":"no"}}}';
const WAITING = '{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":86400,"End":true}}}';

const called = new Set();

/** A server, and a client whose operations are functions. */
async function serve(options, use) {
  const server = spawn(process.env.STEPPROOF, ["serve", "--log-level", "warn", "--port", "0", ...options]);
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const lines = createInterface({ input: server.stdout });
  const line = await new Promise((resolve) => lines.once("line", resolve));
  const endpoint = line.replace("listening on ", "");
  const connect = (more = {}) => new library.SFNClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    // There is no `sync-127.0.0.1`.
    disableHostPrefix: true,
    ...more,
  });
  const client = connect();
  const api = new Proxy({ client, connect, endpoint }, {
    get: (known, name) => known[name] ?? ((input = {}) => {
      called.add(name);
      return known.client.send(new library[`${name}Command`](input));
    }),
  });
  try {
    await use(api);
  } finally {
    client.destroy();
    server.kill("SIGTERM");
    await ended;
  }
}

async function clock(api, change) {
  const answer = await fetch(`${api.endpoint}/_stepproof/clock`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(change),
  });
  assert.equal(answer.status, 200);
}

async function machine(api, name, definition, more = {}) {
  return (await api.CreateStateMachine({ name, definition, roleArn: ROLE, ...more })).stateMachineArn;
}

async function start(api, stateMachineArn, more = {}) {
  return (await api.StartExecution({ stateMachineArn, ...more })).executionArn;
}

async function ended(api, executionArn) {
  for (let tries = 0; tries < 400; tries += 1) {
    const found = await api.DescribeExecution({ executionArn });
    if (found.status !== "RUNNING") return found;
    await sleep(50);
  }
  throw new Error(`${executionArn} does not end`);
}

/** The call is refused by an error of this class. */
async function refused(name, call) {
  const error = await call().then(() => assert.fail(`${name} was expected`), (error) => error);
  assert.equal(error.name, name, String(error));
  if (library[name]) assert.ok(error instanceof library[name], `${name} has no class`);
  return error;
}

async function state_machines() {
  await serve([], async (api) => {
    const arn = await machine(api, "hello", HELLO, { tags: [{ key: "stage", value: "test" }] });
    assert.equal(arn, `${ACCOUNT}:stateMachine:hello`);
    const listed = await api.ListStateMachines();
    assert.deepEqual(listed.stateMachines.map((one) => one.name), ["hello"]);
    const described = await api.DescribeStateMachine({ stateMachineArn: arn });
    assert.deepEqual([described.definition, described.status], [HELLO, "ACTIVE"]);
    assert.ok(described.creationDate instanceof Date);
    assert.ok(Math.abs(described.creationDate - Date.now()) < 60_000);
    const updated = await api.UpdateStateMachine({ stateMachineArn: arn, definition: FAILING });
    assert.ok(updated.revisionId && updated.updateDate instanceof Date);
    await api.TagResource({ resourceArn: arn, tags: [{ key: "team", value: "blue" }] });
    await api.UntagResource({ resourceArn: arn, tagKeys: ["stage"] });
    const { tags } = await api.ListTagsForResource({ resourceArn: arn });
    assert.deepEqual(tags, [{ key: "team", value: "blue" }]);
    const wrong = await api.ValidateStateMachineDefinition({ definition: "{}" });
    assert.equal(wrong.result, "FAIL");
    await api.DeleteStateMachine({ stateMachineArn: arn });
    await refused("StateMachineDoesNotExist", () => start(api, arn));
  });
}

async function versions_and_aliases() {
  await serve([], async (api) => {
    const arn = await machine(api, "hello", HELLO);
    const publish = () => api.PublishStateMachineVersion({ stateMachineArn: arn });
    const first = (await publish()).stateMachineVersionArn;
    await api.UpdateStateMachine({ stateMachineArn: arn, definition: FAILING });
    const second = (await publish()).stateMachineVersionArn;
    const versions = await api.ListStateMachineVersions({ stateMachineArn: arn });
    assert.equal(versions.stateMachineVersions.length, 2);
    const route = (version) => [{ stateMachineVersionArn: version, weight: 100 }];
    const made = await api.CreateStateMachineAlias({ name: "live", routingConfiguration: route(first) });
    const alias = made.stateMachineAliasArn;
    assert.equal((await ended(api, await start(api, alias))).status, "SUCCEEDED");
    await api.UpdateStateMachineAlias({ stateMachineAliasArn: alias, routingConfiguration: route(second) });
    assert.equal((await ended(api, await start(api, alias))).status, "FAILED");
    const described = await api.DescribeStateMachineAlias({ stateMachineAliasArn: alias });
    assert.deepEqual(described.routingConfiguration, route(second));
    const aliases = await api.ListStateMachineAliases({ stateMachineArn: arn });
    assert.equal(aliases.stateMachineAliases.length, 1);
    const remove = () => api.DeleteStateMachineVersion({ stateMachineVersionArn: second });
    await refused("ConflictException", remove);
    await api.DeleteStateMachineAlias({ stateMachineAliasArn: alias });
    await remove();
  });
}

async function executions() {
  await serve([], async (api) => {
    const hello = await machine(api, "hello", HELLO);
    const execution = await start(api, hello, { name: "one", input: '{"a":1}' });
    const run = await ended(api, execution);
    assert.deepEqual([run.status, run.output], ["SUCCEEDED", '{"a":1}']);
    assert.ok(run.stopDate >= run.startDate);
    await refused("ExecutionAlreadyExists", () => start(api, hello, { name: "one" }));
    const of = await api.DescribeStateMachineForExecution({ executionArn: execution });
    assert.equal(of.stateMachineArn, hello);
    const waiting = await machine(api, "waiting", WAITING);
    const waits = await start(api, waiting);
    await api.StopExecution({ executionArn: waits, error: "Enough", cause: "tired" });
    const stopped = await ended(api, waits);
    assert.deepEqual([stopped.status, stopped.error, stopped.cause], ["ABORTED", "Enough", "tired"]);
    assert.ok((await api.RedriveExecution({ executionArn: waits })).redriveDate instanceof Date);
    const running = await api.ListExecutions({ stateMachineArn: waiting, statusFilter: "RUNNING" });
    assert.deepEqual(running.executions.map((one) => one.executionArn), [waits]);
  });
}

async function pages() {
  await serve([], async (api) => {
    const arn = await machine(api, "hello", HELLO);
    const started = [];
    for (let n = 0; n < 5; n += 1) started.push(await start(api, arn, { name: `e-${n}` }));
    const found = [];
    const paginator = library.paginateListExecutions(
      { client: api.client, pageSize: 2 }, { stateMachineArn: arn },
    );
    for await (const page of paginator) found.push(...page.executions.map((one) => one.executionArn));
    assert.deepEqual(found.sort(), started);
    await ended(api, started[0]);
    const events = [];
    called.add("GetExecutionHistory");
    const history = library.paginateGetExecutionHistory(
      { client: api.client, pageSize: 2 }, { executionArn: started[0] },
    );
    for await (const page of history) events.push(...page.events);
    assert.deepEqual(events.map((event) => event.id), [1, 2, 3, 4].map((id) => events[0].id - 1 + id));
    assert.equal(events.at(-1).type, "ExecutionSucceeded");
    assert.ok(events.every((event) => event.timestamp instanceof Date));
  });
}

async function synchronous() {
  await serve([], async (api) => {
    const express = await machine(api, "quick", HELLO, { type: "EXPRESS" });
    const run = await api.StartSyncExecution({ stateMachineArn: express, input: '{"a":1}' });
    assert.deepEqual([run.status, run.output], ["SUCCEEDED", '{"a":1}']);
    const definition = '{"Type":"Pass","Result":7,"End":true}';
    assert.equal((await api.TestState({ definition })).output, "7");
  });
}

async function activities() {
  await serve([], async (api) => {
    const desk = (await api.CreateActivity({ name: "desk" })).activityArn;
    assert.equal((await api.ListActivities()).activities[0].activityArn, desk);
    assert.equal((await api.DescribeActivity({ activityArn: desk })).name, "desk");
    const ask = { Type: "Task", Resource: desk, End: true };
    const arn = await machine(api, "ask", JSON.stringify({ StartAt: "Ask", States: { Ask: ask } }));
    const poll = () => api.GetActivityTask({ activityArn: desk, workerName: "me" });
    const waits = poll();
    await sleep(200);
    const first = await start(api, arn, { input: '{"q":1}' });
    const { taskToken, input } = await waits;
    assert.equal(input, '{"q":1}');
    await api.SendTaskHeartbeat({ taskToken });
    await api.SendTaskSuccess({ taskToken, output: "2" });
    assert.equal((await ended(api, first)).output, "2");
    await refused("TaskTimedOut", () => api.SendTaskSuccess({ taskToken, output: "2" }));
    const second = await start(api, arn);
    const given = await poll();
    await api.SendTaskFailure({ taskToken: given.taskToken, error: "No", cause: "way" });
    assert.equal((await ended(api, second)).error, "No");
    await api.DeleteActivity({ activityArn: desk });
    await refused("ActivityDoesNotExist", () => api.DescribeActivity({ activityArn: desk }));
  });
}

async function map_runs() {
  await serve([], async (api) => {
    await clock(api, { freeze: true });
    const pause = { Type: "Wait", Seconds: 3600, End: true };
    const processor = {
      ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
      StartAt: "Pause",
      States: { Pause: pause },
    };
    const each = { Type: "Map", ItemProcessor: processor, End: true };
    const arn = await machine(api, "each", JSON.stringify({ StartAt: "Each", States: { Each: each } }));
    const execution = await start(api, arn, { input: "[1,2,3]" });
    const { mapRuns } = await api.ListMapRuns({ executionArn: execution });
    const { mapRunArn } = mapRuns[0];
    await api.UpdateMapRun({ mapRunArn, maxConcurrency: 2 });
    const run = await api.DescribeMapRun({ mapRunArn });
    assert.deepEqual([run.status, run.maxConcurrency, run.itemCounts.total], ["RUNNING", 2, 3]);
    await clock(api, { advance: "3h" });
    assert.equal((await ended(api, execution)).status, "SUCCEEDED");
  });
}

async function errors() {
  await serve([], async (api) => {
    const arn = await machine(api, "hello", HELLO);
    const create = { name: "other", definition: HELLO, roleArn: ROLE };
    const cases = [
      ["InvalidArn", () => api.DescribeStateMachine({ stateMachineArn: "nonsense" })],
      ["InvalidDefinition", () => api.CreateStateMachine({ ...create, definition: '{"a":1}' })],
      ["InvalidExecutionInput", () => start(api, arn, { input: "{" })],
      ["InvalidName", () => api.CreateStateMachine({ ...create, name: "a b" })],
      ["InvalidToken", () => api.ListActivities({ nextToken: "x" })],
      ["ExecutionDoesNotExist", () => api.DescribeExecution({ executionArn: `${ACCOUNT}:execution:a:b` })],
      ["ValidationException", () => api.ListExecutions({})],
    ];
    for (const [name, call] of cases) {
      const error = await refused(name, call);
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
    }
  });
}

async function signatures() {
  await serve(["--auth=AKIDEXAMPLE:secret"], async (api) => {
    assert.deepEqual((await api.ListActivities()).activities, []);
    const wrong = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wrong" };
    const other = api.connect({ credentials: wrong });
    await refused("InvalidSignatureException", () => other.send(new library.ListActivitiesCommand({})));
  });
}

async function all_operations() {
  const commands = Object.keys(library).filter((name) => /^[A-Z]\w+Command$/.test(name));
  assert.equal(commands.length, 37);
  const missing = commands.map((name) => name.slice(0, -"Command".length));
  assert.deepEqual(missing.filter((name) => !called.has(name)), []);
}

const wanted = process.env.FILTER ?? "";
const flows = [
  state_machines, versions_and_aliases, executions, pages, synchronous, activities, map_runs,
  errors, signatures, ...(wanted ? [] : [all_operations]),
];
for (const flow of flows.filter((flow) => flow.name.includes(wanted))) {
  const began = Date.now();
  let problem = null;
  try {
    await flow();
  } catch (error) {
    problem = error.stack;
    process.exitCode = 1;
  }
  const seconds = Math.round((Date.now() - began) / 100) / 10;
  console.log(JSON.stringify({ flow: flow.name, client: "JavaScript SDK", seconds, problem }));
}
