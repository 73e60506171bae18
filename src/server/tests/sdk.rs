//! All 37 operations through aws-sdk-sfn, over a loopback port.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{
    ExecutionStatus, HistoryEventType, MapRunStatus, MockInput, RoutingConfigurationListItem,
    StateMachineType, SyncExecutionStatus, Tag, TestExecutionStatus,
    ValidateStateMachineDefinitionResultCode,
};

use super::*;
use crate::server::{ClockMode, Key, sdk_config};
use crate::time::Timestamp;

const ROLE: &str = "arn:aws:iam::012345678901:role/DummyRole";

const HELLO: &str = r#"{"StartAt":"Hello","States":{"Hello":{"Type":"Pass","End":true}}}"#;

const ASK: &str = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task",
  "Resource":"arn:aws:states:us-east-1:123456789012:activity:desk","TimeoutSeconds":3600,
  "HeartbeatSeconds":600,"End":true}}}"#;

const FAILING: &str = r#"{"StartAt":"Fail","States":{"Fail":{"Type":"Fail","Error":"Oh"}}}"#;

const WAITING: &str =
    r#"{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":86400,"End":true}}}"#;

const MAPPING: &str = r#"{"StartAt":"Each","States":{"Each":{"Type":"Map","End":true,
  "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
  "StartAt":"Pause","States":{"Pause":{"Type":"Wait","Seconds":3600,"End":true}}}}}}"#;

fn in_runtime(test: impl AsyncFnOnce(&Server, Client)) {
    let server = start(Options::default());
    let client = Client::from_conf(sdk_config(&server.url()).build());
    runtime().block_on(test(&server, client));
    server.shutdown();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn machine(client: &Client, name: &str, definition: &str) -> String {
    let created = client.create_state_machine().name(name).definition(definition).role_arn(ROLE);
    created.send().await.expect("created").state_machine_arn
}

async fn started(client: &Client, machine: &str, input: &str) -> String {
    let started = client.start_execution().state_machine_arn(machine).input(input).send().await;
    started.expect("started").execution_arn
}

async fn ended(client: &Client, execution: &str) -> ExecutionStatus {
    for _ in 0..500 {
        let described = client.describe_execution().execution_arn(execution).send().await;
        let status = described.expect("described").status;
        if status != ExecutionStatus::Running {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{execution} does not end");
}

#[test]
fn state_machines() {
    in_runtime(async |_, client| {
        let arn = machine(&client, "hello", HELLO).await;
        assert_eq!(arn, "arn:aws:states:us-east-1:123456789012:stateMachine:hello");
        let listed = client.list_state_machines().send().await.unwrap();
        assert_eq!(listed.state_machines()[0].name(), "hello");
        let described = client.describe_state_machine().state_machine_arn(&arn).send().await;
        assert_eq!(described.unwrap().definition(), HELLO);
        let updated =
            client.update_state_machine().state_machine_arn(&arn).definition(FAILING).send().await;
        assert!(updated.unwrap().revision_id().is_some());

        let tag = Tag::builder().key("team").value("blue").build();
        client.tag_resource().resource_arn(&arn).tags(tag).send().await.unwrap();
        let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap();
        assert_eq!(tags.tags()[0].value(), Some("blue"));
        client.untag_resource().resource_arn(&arn).tag_keys("team").send().await.unwrap();
        let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap();
        assert!(tags.tags().is_empty());

        let valid = client.validate_state_machine_definition().definition("{}").send().await;
        let valid = valid.unwrap();
        assert_eq!(valid.result(), &ValidateStateMachineDefinitionResultCode::Fail);
        client.delete_state_machine().state_machine_arn(&arn).send().await.unwrap();
        let gone = client.start_execution().state_machine_arn(&arn).send().await.unwrap_err();
        assert!(
            matches!(gone.code(), Some("StateMachineDoesNotExist" | "StateMachineDeleting")),
            "{gone:?}"
        );
    });
}

#[test]
fn versions_and_aliases() {
    in_runtime(async |_, client| {
        let arn = machine(&client, "hello", HELLO).await;
        let publish = || client.publish_state_machine_version().state_machine_arn(&arn);
        let first = publish().send().await.unwrap().state_machine_version_arn;
        client
            .update_state_machine()
            .state_machine_arn(&arn)
            .definition(FAILING)
            .send()
            .await
            .unwrap();
        let second = publish().send().await.unwrap().state_machine_version_arn;
        assert_ne!(first, second);
        let versions = client.list_state_machine_versions().state_machine_arn(&arn).send().await;
        assert_eq!(versions.unwrap().state_machine_versions().len(), 2);

        let route = |version: &str, weight| {
            RoutingConfigurationListItem::builder()
                .state_machine_version_arn(version)
                .weight(weight)
                .build()
                .unwrap()
        };
        let alias = client.create_state_machine_alias().name("live");
        let alias = alias.routing_configuration(route(&first, 100)).send().await.unwrap();
        let alias = alias.state_machine_alias_arn;
        assert_eq!(
            ended(&client, &started(&client, &alias, "{}").await).await,
            ExecutionStatus::Succeeded
        );
        let updated = client.update_state_machine_alias().state_machine_alias_arn(&alias);
        updated.routing_configuration(route(&second, 100)).send().await.unwrap();
        assert_eq!(
            ended(&client, &started(&client, &alias, "{}").await).await,
            ExecutionStatus::Failed
        );
        let described = client.describe_state_machine_alias().state_machine_alias_arn(&alias);
        let described = described.send().await.unwrap();
        assert_eq!(described.routing_configuration()[0].state_machine_version_arn(), second);
        let aliases = client.list_state_machine_aliases().state_machine_arn(&arn).send().await;
        assert_eq!(aliases.unwrap().state_machine_aliases().len(), 1);

        let used = client.delete_state_machine_version().state_machine_version_arn(&second);
        assert_eq!(used.send().await.unwrap_err().code(), Some("ConflictException"));
        let delete = client.delete_state_machine_alias().state_machine_alias_arn(&alias);
        delete.send().await.unwrap();
        let delete = client.delete_state_machine_version().state_machine_version_arn(&second);
        delete.send().await.unwrap();
    });
}

#[test]
fn executions() {
    in_runtime(async |_, client| {
        let hello = machine(&client, "hello", HELLO).await;
        let named = || client.start_execution().state_machine_arn(&hello).name("one").input("{}");
        let execution = named().send().await.unwrap().execution_arn;
        assert_eq!(ended(&client, &execution).await, ExecutionStatus::Succeeded);
        assert_eq!(named().send().await.unwrap_err().code(), Some("ExecutionAlreadyExists"));
        let history = client.get_execution_history().execution_arn(&execution);
        let events = history.reverse_order(true).send().await.unwrap();
        assert_eq!(events.events()[0].r#type(), &HistoryEventType::ExecutionSucceeded);
        let of = client.describe_state_machine_for_execution().execution_arn(&execution);
        assert_eq!(of.send().await.unwrap().state_machine_arn(), hello);

        let waiting = machine(&client, "waiting", WAITING).await;
        let waits = started(&client, &waiting, "{}").await;
        let stop = client.stop_execution().execution_arn(&waits).error("Enough").cause("tired");
        stop.send().await.unwrap();
        assert_eq!(ended(&client, &waits).await, ExecutionStatus::Aborted);
        let redriven = client.redrive_execution().execution_arn(&waits).send().await.unwrap();
        assert!(redriven.redrive_date().secs() > 0);
        let running = client.list_executions().state_machine_arn(&waiting);
        let running = running.status_filter(ExecutionStatus::Running).send().await.unwrap();
        assert_eq!(running.executions()[0].execution_arn(), waits);
    });
}

#[test]
fn synchronous_executions_and_single_states() {
    in_runtime(async |_, client| {
        let express = client.create_state_machine().name("quick").definition(HELLO).role_arn(ROLE);
        let express = express.r#type(StateMachineType::Express).send().await.unwrap();
        let run = client.start_sync_execution().state_machine_arn(express.state_machine_arn());
        let run = run.input("{\"a\":1}").send().await.unwrap();
        assert_eq!(
            (run.status(), run.output()),
            (&SyncExecutionStatus::Succeeded, Some("{\"a\":1}"))
        );

        let state = r#"{"Type":"Task","Resource":"arn:aws:states:::sns:publish","Parameters":{"TopicArn":"arn:aws:sns:us-east-1:123456789012:t","Message":"m"},"End":true}"#;
        let mock = MockInput::builder().result("{\"MessageId\":\"m-1\"}").build();
        let tested = client.test_state().definition(state).role_arn(ROLE).input("{}").mock(mock);
        let tested = tested.send().await.unwrap();
        assert_eq!(tested.status(), Some(&TestExecutionStatus::Succeeded));
    });
}

#[test]
fn activities_and_task_tokens() {
    in_runtime(async |_, client| {
        let desk = client.create_activity().name("desk").send().await.unwrap().activity_arn;
        let listed = client.list_activities().send().await.unwrap();
        assert_eq!(listed.activities()[0].activity_arn(), desk);
        let described = client.describe_activity().activity_arn(&desk).send().await.unwrap();
        assert_eq!(described.name(), "desk");
        let ask = machine(&client, "ask", ASK).await;

        // The worker waits before there is anything to do.
        let poll = client.get_activity_task().activity_arn(&desk).worker_name("me").send();
        let poll = tokio::spawn(poll);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let first = started(&client, &ask, "{\"q\":1}").await;
        let task = poll.await.unwrap().unwrap();
        assert_eq!(task.input(), Some("{\"q\":1}"));
        let token = task.task_token().unwrap();
        client.send_task_heartbeat().task_token(token).send().await.unwrap();
        client.send_task_success().task_token(token).output("2").send().await.unwrap();
        assert_eq!(ended(&client, &first).await, ExecutionStatus::Succeeded);
        let late = client.send_task_success().task_token(token).output("2").send().await;
        let late = late.unwrap_err();
        assert!(matches!(late.code(), Some("TaskTimedOut" | "TaskDoesNotExist")), "{late:?}");

        let second = started(&client, &ask, "{}").await;
        let task = client.get_activity_task().activity_arn(&desk).send().await.unwrap();
        let failure = client.send_task_failure().task_token(task.task_token().unwrap());
        failure.error("No").cause("way").send().await.unwrap();
        assert_eq!(ended(&client, &second).await, ExecutionStatus::Failed);
        client.delete_activity().activity_arn(&desk).send().await.unwrap();
        let gone = client.describe_activity().activity_arn(&desk).send().await.unwrap_err();
        assert_eq!(gone.code(), Some("ActivityDoesNotExist"));
    });
}

#[test]
fn map_runs() {
    in_runtime(async |server, client| {
        assert_eq!(clock(server, "{\"freeze\": true}").0, 200);
        let mapping = machine(&client, "mapping", MAPPING).await;
        let execution = started(&client, &mapping, "[1,2,3]").await;
        let runs = client.list_map_runs().execution_arn(&execution).send().await.unwrap();
        let run = runs.map_runs()[0].map_run_arn().to_owned();
        let update = client.update_map_run().map_run_arn(&run).max_concurrency(2);
        update.send().await.unwrap();
        let described = client.describe_map_run().map_run_arn(&run).send().await.unwrap();
        assert_eq!((described.status(), described.max_concurrency()), (&MapRunStatus::Running, 2));
        let children = client.list_executions().map_run_arn(&run).send().await.unwrap();
        assert!(!children.executions().is_empty());
        assert_eq!(clock(server, "{\"advance\": \"3h\"}").0, 200);
        assert_eq!(ended(&client, &execution).await, ExecutionStatus::Succeeded);
    });
}

#[test]
fn signatures_are_verified() {
    let key = |id: &str, secret: &str| Key {
        access_key_id: id.to_owned(),
        secret_access_key: secret.to_owned(),
    };
    let code = |keys: Vec<Key>, region: &'static str| {
        let server = start(Options { keys: Some(keys), ..Options::default() });
        let region = aws_sdk_sfn::config::Region::new(region);
        let client = Client::from_conf(sdk_config(&server.url()).region(region).build());
        let answer = runtime().block_on(client.list_activities().max_results(5).send());
        answer.err().and_then(|error| error.code().map(str::to_owned))
    };
    assert_eq!(code(vec![key("other", "x"), key("stepproof", "stepproof")], "us-east-1"), None);
    let invalid = Some("InvalidSignatureException".to_owned());
    assert_eq!(code(vec![key("stepproof", "wrong")], "us-east-1"), invalid);
    assert_eq!(code(vec![key("stepproof", "stepproof")], "eu-west-1"), invalid);
    let unknown = Some("UnrecognizedClientException".to_owned());
    assert_eq!(code(vec![key("other", "stepproof")], "us-east-1"), unknown);
}

#[test]
fn a_poll_that_was_given_up_takes_no_task() {
    in_runtime(async |_, client| {
        let desk = client.create_activity().name("desk").send().await.unwrap().activity_arn;
        let poll = client.get_activity_task().activity_arn(&desk).send();
        assert!(tokio::time::timeout(Duration::from_millis(100), poll).await.is_err());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ask = machine(&client, "ask", ASK).await;
        started(&client, &ask, "{}").await;
        let task = client.get_activity_task().activity_arn(&desk).send();
        let task = tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
        assert!(task.task_token().is_some());
    });
}

#[test]
fn a_virtual_clock_jumps_and_waits_for_callbacks() {
    let start_time = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let virtually = ClockMode::Virtual { start: start_time };
    let server = start(Options { clock: virtually, ..Options::default() });
    let client = Client::from_conf(sdk_config(&server.url()).build());
    runtime().block_on(async {
        let waiting = machine(&client, "waiting", WAITING).await;
        let execution = started(&client, &waiting, "{}").await;
        let run = client.describe_execution().execution_arn(&execution).send().await.unwrap();
        assert_eq!(run.status(), &ExecutionStatus::Succeeded);
        let took = run.stop_date().unwrap().secs() - run.start_date().secs();
        assert_eq!(took, 86_400);

        let desk = client.create_activity().name("desk").send().await.unwrap().activity_arn;
        let ask = machine(&client, "ask", ASK).await;
        let asks = started(&client, &ask, "{}").await;
        client.get_activity_task().activity_arn(&desk).send().await.unwrap();
        let waits = started(&client, &waiting, "{}").await;
        let status = async |arn: &str| {
            client.describe_execution().execution_arn(arn).send().await.unwrap().status
        };
        assert_eq!(status(&waits).await, ExecutionStatus::Running);
        let (_, state) = clock(&server, "{\"advance\": \"9m\"}");
        assert_eq!(text(&state, "time"), "2024-01-02T00:09:00.000Z");
        assert_eq!(text(state.get("waitingFor").unwrap().at(0).unwrap(), "state"), "Ask");
        // The heartbeat is missed, and nothing holds the clock any more.
        let (_, state) = clock(&server, "{\"advance\": \"1m\"}");
        assert_eq!(text(&state, "time"), "2024-01-03T00:00:00.000Z");
        assert_ne!(status(&asks).await, ExecutionStatus::Running);
        assert_eq!(status(&waits).await, ExecutionStatus::Succeeded);
    });
}
