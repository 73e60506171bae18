//! One recorded API call: TestState, ValidateStateMachineDefinition, or a CreateStateMachine that
//! was refused.

use std::path::PathBuf;

use stepproof::asl::{self, ValidationRequest};
use stepproof::limits::Limits;
use stepproof::test_state::{TestStateError, TestStateRequest, test_state};
use stepproof::value::Value;

use crate::{Outcome, read};

#[derive(clap::Args)]
pub struct Arguments {
    request: PathBuf,
    out: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let file = arguments.request.display();
    let call =
        Value::parse(&read(&arguments.request)?).map_err(|error| format!("`{file}`: {error}"))?;
    let nothing = Value::Null;
    let parameters = call.get("params").unwrap_or(&nothing);
    let answer = match call.get("api").and_then(Value::as_str) {
        Some("TestState") => tested(parameters),
        Some("ValidateStateMachineDefinition") => {
            asl::validate_definition(&definition(parameters)?).to_value()
        }
        Some("CreateStateMachine") => created(&definition(parameters)?),
        other => return Err(format!("`{file}`: no such call as {other:?} is answered here").into()),
    };
    std::fs::write(&arguments.out, answer.to_json())
        .map_err(|error| format!("`{}`: {error}", arguments.out.display()))?;
    Ok(true)
}

fn tested(parameters: &Value) -> Value {
    let response = TestStateRequest::from_json(parameters).and_then(|request| test_state(&request));
    match response {
        Ok(response) => response.to_json(),
        Err(TestStateError { code, message }) => error(code, &message),
    }
}

fn definition(parameters: &Value) -> Result<ValidationRequest<'_>, String> {
    let text = parameters.get("definition").and_then(Value::as_str);
    let mut request = ValidationRequest::new(text.ok_or("the call has no definition")?);
    let parameter = |name| parameters.get(name).and_then(Value::as_str);
    if parameter("type") == Some("EXPRESS") {
        request.execution_type = asl::ExecutionType::Express;
    }
    Ok(request)
}

fn created(request: &ValidationRequest<'_>) -> Value {
    let limits = Limits::today();
    match asl::accept_definition(request.definition, &limits, request.execution_type) {
        Ok(_) => Value::object([("stateMachineArn", Value::from("accepted"))]),
        Err(message) => error("InvalidDefinition", &message),
    }
}

fn error(code: &str, message: &str) -> Value {
    let error = [("Code", Value::from(code)), ("Message", Value::from(message))];
    Value::object([("Error", Value::object(error))])
}
