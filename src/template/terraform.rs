//! Terraform's plans and states, as `terraform show -json` prints them.

use std::path::Path;
use std::sync::Arc;

use super::{
    INVALID_TEMPLATE, Inputs, Logging, Template, TemplateKind, TemplateMachine, Text, UNRESOLVED,
    members,
};
use crate::asl::ExecutionType;
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Kind, Node};

/// How deep modules may be nested.
const MAX_MODULES: usize = 64;

/// The type of the resources that are looked for.
const MACHINE: &str = "aws_sfn_state_machine";

/// Reads the machines of a plan (`planned_values`) or of a state (`values`).
pub(super) fn load(
    path: &Path,
    document: &Document,
    inputs: &Inputs,
) -> Result<Template, Vec<Diagnostic>> {
    let root = &document.root;
    let values = root.get("planned_values").or_else(|| root.get("values"));
    let Some(module) = values.and_then(|node| node.get("root_module")) else {
        let message = "there is neither `planned_values` nor `values` in it";
        let help = "write it with `terraform plan -out=PLAN` and `terraform show -json PLAN`";
        let problem = document.error_in(root, INVALID_TEMPLATE, message);
        return Err(vec![problem.with_help(help)]);
    };
    let mut reader = Reader { document, inputs, machines: Vec::new(), problems: Vec::new() };
    reader.module(module, 0);
    let Reader { machines, problems, .. } = reader;
    Ok(Template { path: path.to_path_buf(), kind: TemplateKind::Terraform, machines, problems })
}

struct Reader<'d> {
    document: &'d Document,
    inputs: &'d Inputs,
    machines: Vec<TemplateMachine>,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn module(&mut self, module: &Node, depth: usize) {
        for resource in items(module.get("resources")) {
            let is = |key: &str, value: &str| {
                resource.get(key).and_then(Node::as_str).is_some_and(|text| **text == *value)
            };
            if is("type", MACHINE) && !is("mode", "data") {
                let machine = self.machine(resource);
                self.machines.push(machine);
            }
        }
        for child in items(module.get("child_modules")) {
            if depth >= MAX_MODULES {
                let message = format!("modules are nested deeper than {MAX_MODULES} levels");
                self.problems.push(self.document.error_in(child, INVALID_TEMPLATE, message));
                return;
            }
            self.module(child, depth + 1);
        }
    }

    fn machine(&self, resource: &Node) -> TemplateMachine {
        let text = |node: Option<&Node>| node.and_then(Node::as_str).cloned();
        let own_name = text(resource.get("name")).unwrap_or_else(|| "state_machine".into());
        let address = text(resource.get("address")).unwrap_or_else(|| own_name.clone());
        let values = resource.get("values");
        let value = |key: &str| values.and_then(|values| values.get(key));
        let mut machine = TemplateMachine::new(address.clone());
        machine.aliases.push(own_name.clone());
        machine.name = text(value("name")).unwrap_or(own_name);
        if text(value("type")).as_deref() == Some("EXPRESS") {
            machine.execution_type = ExecutionType::Express;
        }
        machine.role_arn = text(value("role_arn"));
        // A block that occurs once is a list of one.
        let logging = items(value("logging_configuration")).first();
        machine.logging = text(logging.and_then(|node| node.get("level"))).map(|level| Logging {
            level,
            include_execution_data: matches!(
                logging.and_then(|node| node.get("include_execution_data")).map(|node| &node.kind),
                Some(Kind::Bool(true))
            ),
        });
        match value("definition").map(|node| (node, &node.kind)) {
            Some((node, Kind::String(definition))) => {
                let text = Text::spelled(definition, &self.document.source, node.span.clone());
                machine.definition = Some(text);
                machine.substitute(&self.inputs.substitutions);
            }
            _ => machine.problems.push(self.unknown(resource, &address)),
        }
        machine
    }

    /// A definition that is only known after apply, with what it waits for.
    fn unknown(&self, resource: &Node, address: &str) -> Diagnostic {
        let mut waits: Vec<Arc<str>> = Vec::new();
        let module =
            self.document.root.get("configuration").and_then(|node| node.get("root_module"));
        if let Some(found) = module.and_then(|module| configured(module, address, 0)) {
            let definition = found.get("expressions").and_then(|node| node.get("definition"));
            for reference in items(definition.and_then(|node| node.get("references"))) {
                waits.extend(reference.as_str().cloned());
            }
        }
        let message = match waits.is_empty() {
            true => format!("the definition of `{address}` is only known after apply"),
            false => format!(
                "the definition of `{address}` is only known after apply: it reads {}",
                waits.join(", ")
            ),
        };
        let help = "give names in place of references that are not known yet, name the definition's \
                    own file, or use the state: `terraform show -json` after apply";
        let problem = self.document.error_in(resource, UNRESOLVED, message);
        problem.with_help(help)
    }
}

/// The configuration of the resource at `address`, whose instances (`[0]`, `["a"]`) share one.
fn configured<'n>(module: &'n Node, address: &str, depth: usize) -> Option<&'n Node> {
    let rest = address.strip_prefix("module.").filter(|_| depth < MAX_MODULES);
    if let Some(rest) = rest {
        let end = rest.find(['.', '['])?;
        let (name, rest) = rest.split_at(end);
        let rest = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?.1,
            None => rest,
        };
        let call = members(module.get("module_calls")).iter().find(|call| *call.key == *name)?;
        return configured(call.value.get("module")?, rest.strip_prefix('.')?, depth + 1);
    }
    let address = address.split('[').next().unwrap_or(address);
    items(module.get("resources")).iter().find(|resource| {
        resource.get("address").and_then(Node::as_str).is_some_and(|text| **text == *address)
    })
}

/// The elements of `node`, where it is an array.
fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_array).unwrap_or_default()
}
