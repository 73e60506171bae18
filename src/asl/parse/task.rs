//! Task states.

use super::resource::resource;
use super::{Fields, Parser};
use crate::asl::map::ExecutionType;
use crate::asl::state::{Field, QueryLanguage, Template};
use crate::asl::task::{Pattern, Resource, TaskState};
use crate::document::{Kind, Node};

impl Parser<'_> {
    /// The fields that only Task states have.
    pub(super) fn task(&mut self, fields: &mut Fields<'_>) -> Option<TaskState> {
        let resource = match fields.any("Resource") {
            Some(node) => self.resource(node),
            None => {
                self.error_in(fields.node, "These fields are required: [Resource]", None);
                None
            }
        };
        let seconds = self.limits.seconds;
        let heartbeat = fields.member("HeartbeatSeconds");
        let timeout_seconds =
            self.number_field(fields, "TimeoutSeconds", "TimeoutSecondsPath", 1..=seconds);
        let heartbeat_seconds =
            self.number_field(fields, "HeartbeatSeconds", "HeartbeatSecondsPath", 1..=seconds);
        if let (Some(Field::Literal(timeout)), Some(Field::Literal(beat)), Some(member)) =
            (&timeout_seconds, &heartbeat_seconds, heartbeat)
            && beat >= timeout
            && !self.is_open(&member.value)
        {
            let message = "HeartbeatSeconds must be smaller than TimeoutSeconds";
            self.error(&member.value.span, message);
        }
        let credentials = self.credentials(fields);
        Some(TaskState { resource: resource?, timeout_seconds, heartbeat_seconds, credentials })
    }

    fn resource(&mut self, node: &Node) -> Option<Resource> {
        let text = self.text(node)?;
        let Some(resource) = resource(&text, &|part| self.document.has_placeholder(part)) else {
            let help = "the ARN of a Lambda function or an activity, or \
                        arn:aws:states:::SERVICE:ACTION";
            self.error_help(&node.span, "Value is not a valid resource ARN", help);
            return None;
        };
        if self.execution_type == ExecutionType::Express {
            let problem = match (&resource, resource.pattern()) {
                (Resource::Activity { .. }, _) => Some("Activity ARN".to_owned()),
                (_, Pattern::Sync | Pattern::Sync2) => {
                    Some("'.sync' service integration".to_owned())
                }
                // AWS's text has two blanks behind this one (`illegal_callbacks`).
                (_, Pattern::WaitForTaskToken) => {
                    Some("'.waitForTaskToken' service integration ".to_owned())
                }
                _ => None,
            };
            if let Some(problem) = problem {
                let message = format!("Express state machine does not support {problem}");
                self.error(&node.span, message);
            }
        }
        Some(resource)
    }

    /// `Credentials`: an object with `RoleArn`, or a path or expression for it.
    fn credentials(&mut self, fields: &mut Fields<'_>) -> Option<Template> {
        let node = fields.any("Credentials")?;
        if self.open(node) {
            return None;
        }
        let jsonata = fields.language == QueryLanguage::Jsonata;
        if let Kind::Object(members) = &node.kind {
            let named = members.iter().any(|member| {
                &*member.key == "RoleArn" || (!jsonata && &*member.key == "RoleArn.$")
            });
            if !named {
                let message = "The field 'RoleArn' is required but was missing";
                self.error_in(node, message, None);
                return None;
            }
            if let Some(role) = node.get("RoleArn") {
                self.decoder.string(role);
            }
        }
        match jsonata {
            true => {
                let scope = super::expression::Scope::FIELD;
                self.jsonata_template(node, scope).map(Template::Jsonata)
            }
            false => self.payload_template(node).map(Template::Payload),
        }
    }
}
