//! Map states.

use std::sync::Arc;

use super::expression::Scope;
use super::{Fields, Parser};
use crate::asl::map::{
    ExecutionType, ItemBatcher, ItemReader, MapState, ProcessorMode, ResultWriter,
};
use crate::asl::state::{QueryLanguage, Template};
use crate::asl::state_machine::States;
use crate::document::{Kind, Node};
use crate::query::jsonata_template::expression_text;
use crate::value::{Map, Value};

impl Parser<'_> {
    /// The fields that only Map states have.
    pub(super) fn map(&mut self, fields: &mut Fields<'_>) -> Option<MapState> {
        let processor = self.processor(fields);
        let items_path = fields.jsonpath("ItemsPath").and_then(|node| self.path(node));
        let items = fields.jsonata("Items").and_then(|node| self.items(node));
        let item_selector = self.item_selector(fields);
        let most = self.limits.seconds;
        let max_concurrency =
            self.number_field(fields, "MaxConcurrency", "MaxConcurrencyPath", 0..=most);
        let tolerated_failure_count = self.field(
            fields,
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            |parser, node| parser.integer(node, 0..=i64::MAX).map(|count| count as f64),
        );
        let tolerated_failure_percentage = self.field(
            fields,
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            |parser, node| parser.number(node, 0.0..=100.0),
        );
        let label = self.label(fields);
        let item_reader = self.item_reader(fields);
        let item_batcher = self.item_batcher(fields);
        let result_writer = self.result_writer(fields);
        let (processor, mode) = processor?;
        if mode == ProcessorMode::Inline {
            self.check_inline(fields);
        }
        Some(MapState {
            processor: Arc::new(processor),
            mode,
            items_path,
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            label,
            item_reader,
            item_batcher,
            result_writer,
        })
    }

    /// What belongs to a Map Run has no effect where iterations are part of the execution.
    fn check_inline(&mut self, fields: &mut Fields<'_>) {
        for key in [
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            "Label",
        ] {
            if let Some(member) = fields.member(key) {
                let span = member.key_span.clone();
                let message = format!("\"{key}\" has no effect in an inline Map");
                let help =
                    "set \"ProcessorConfig\": {\"Mode\": \"DISTRIBUTED\", …} in ItemProcessor";
                self.warn(&span, "INLINE_MAP_FIELD", message, help);
            }
        }
    }

    fn processor(&mut self, fields: &mut Fields<'_>) -> Option<(States, ProcessorMode)> {
        let node = match (fields.any("ItemProcessor"), fields.any("Iterator")) {
            (Some(_), Some(iterator)) => {
                let message = "Only one of \"ItemProcessor\" and \"Iterator\" is allowed";
                let help = "remove Iterator, the older form";
                self.conflict(fields.node, &iterator.span, message, help);
                return None;
            }
            (Some(node), None) | (None, Some(node)) => node,
            (None, None) => {
                self.error_in(fields.node, "These fields are required: [ItemProcessor]", None);
                return None;
            }
        };
        let outer = self.execution_type;
        let mut mode = ProcessorMode::Inline;
        let states = self.inner_level(node, "an ItemProcessor", |parser, fields| {
            if let Some(node) = fields.any("ProcessorConfig") {
                mode = parser.processor_config(node);
            }
            if let ProcessorMode::Distributed(children) = mode {
                parser.execution_type = children;
            }
            mode == ProcessorMode::Inline
        });
        self.execution_type = outer;
        states.map(|states| (states, mode))
    }

    fn processor_config(&mut self, node: &Node) -> ProcessorMode {
        if self.open(node) {
            return ProcessorMode::Inline;
        }
        let Some(members) = self.decoder.object(node) else { return ProcessorMode::Inline };
        let mut fields = Fields::new(members, QueryLanguage::JsonPath, "ProcessorConfig");
        self.comment(&mut fields);
        let mode = fields.any("Mode").filter(|node| !self.open(node));
        let mode = mode.and_then(|node| {
            self.decoder.choice(node, &[("INLINE", false), ("DISTRIBUTED", true)])
        });
        let types = [("STANDARD", ExecutionType::Standard), ("EXPRESS", ExecutionType::Express)];
        let execution_type = fields.any("ExecutionType");
        let children = execution_type.filter(|node| !self.open(node));
        let children = children.and_then(|node| self.decoder.choice(node, &types));
        let distributed = mode == Some(true);
        if distributed && execution_type.is_none() {
            let help = "\"STANDARD\" or \"EXPRESS\": the type of the child executions";
            let message = "These fields are required: [ExecutionType]";
            self.error_in(node, message, Some(help.to_owned()));
        }
        if distributed && self.execution_type == ExecutionType::Express {
            self.error_in(node, "Express state machine does not support distributed Map", None);
        }
        self.finish(fields);
        match distributed {
            true => ProcessorMode::Distributed(children.unwrap_or_default()),
            false => ProcessorMode::Inline,
        }
    }

    /// `Items`: an array, or an expression that gives one.
    fn items(&mut self, node: &Node) -> Option<Template> {
        let expression = node.as_str().is_some_and(|text| expression_text(text).is_some());
        if !expression && !self.open(node) && !matches!(node.kind, Kind::Array(_) | Kind::Object(_))
        {
            let help = "an array, or an expression: \"{% … %}\"";
            self.error_help(&node.span, "Items must be an array or a JSONata expression", help);
            return None;
        }
        self.jsonata_template(node, Scope::FIELD).map(Template::Jsonata)
    }

    /// `ItemSelector`, or the `Parameters` that came before it.
    fn item_selector(&mut self, fields: &mut Fields<'_>) -> Option<Template> {
        let older = fields.jsonpath("Parameters");
        if let (Some(older), true) = (older, fields.has("ItemSelector")) {
            let message = "Only one of \"ItemSelector\" and \"Parameters\" is allowed";
            self.conflict(fields.node, &older.span, message, "remove Parameters, the older form");
            fields.any("ItemSelector");
            return None;
        }
        match older {
            Some(node) => self.payload_template(node).map(Template::Payload),
            None => self.template(fields, "ItemSelector", "ItemSelector"),
        }
    }

    fn label(&mut self, fields: &mut Fields<'_>) -> Option<Arc<str>> {
        let node = fields.any("Label")?;
        let label = self.text(node)?;
        if self.is_open(node) {
            return Some(label);
        }
        let chars = label.chars().count();
        let bad =
            |c: char| c.is_whitespace() || c.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(c);
        if chars == 0 || label.contains(bad) {
            let message = "Label must not be empty or contain blanks or punctuation";
            self.push(self.document.error(node.span.clone(), "INVALID_LABEL_NAME", message));
        } else if chars > self.limits.label_chars {
            // Machines in production have longer ones, so the documented number is no refusal.
            let limit = self.limits.label_chars;
            let message = format!("Label has {chars} characters; the guide allows {limit}");
            self.warn(&node.span, "LONG_LABEL", message, "shorten it");
        }
        if self.labels.insert(label.clone(), node.span.clone()).is_some() {
            let message = format!("Duplicate label name: {label}");
            self.push(self.document.error(node.span.clone(), "DUPLICATE_LABEL_NAME", message));
        }
        Some(label)
    }

    fn item_reader(&mut self, fields: &mut Fields<'_>) -> Option<ItemReader> {
        let node = fields.any("ItemReader").filter(|node| !self.open(node))?;
        let members = self.decoder.object(node)?;
        let mut reader = Fields::new(members, fields.language, "an ItemReader");
        self.comment(&mut reader);
        let resource = self.required_text(&mut reader, "Resource");
        let arguments = self.template(&mut reader, "Parameters", "Arguments");
        let config = reader.any("ReaderConfig");
        let mut out = ItemReader {
            resource: resource.unwrap_or_default(),
            arguments,
            reader_config: Value::object::<Arc<str>>([]),
            reader_config_template: None,
            max_items: None,
        };
        if let Some(config) = config {
            self.reader_config(config, fields.language, &mut out);
            self.check_reader(config, &out.resource);
        }
        self.finish(reader);
        Some(out)
    }

    fn reader_config(&mut self, node: &Node, language: QueryLanguage, out: &mut ItemReader) {
        if self.open(node) {
            return;
        }
        let Some(members) = self.decoder.object(node) else { return };
        let mut fields = Fields::new(members, language, "a ReaderConfig");
        self.comment(&mut fields);
        let words: [(&str, &[&str]); 5] = [
            ("InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]),
            ("Transformation", &["NONE", "LOAD_AND_FLATTEN"]),
            ("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]),
            ("CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]),
            ("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]),
        ];
        for (key, allowed) in words {
            if let Some(node) = fields.any(key) {
                self.word(node, allowed, language);
            }
        }
        if let Some(node) = fields.any("CSVHeaders").filter(|node| !self.open(node)) {
            for item in self.decoder.array(node).unwrap_or_default() {
                self.decoder.string(item);
            }
        }
        if let Some(node) = fields.any("ItemsPointer") {
            self.decoder.string(node);
        }
        out.max_items = self.number_field(&mut fields, "MaxItems", "MaxItemsPath", 0..=100_000_000);
        if language == QueryLanguage::Jsonata {
            let template = self.jsonata_template(node, Scope::FIELD);
            out.reader_config_template = template.map(Template::Jsonata);
        }
        let mut config = match node.to_value() {
            Value::Object(config) => config.into_map(),
            _ => Map::default(),
        };
        config.shift_remove("MaxItems");
        config.shift_remove("MaxItemsPath");
        out.reader_config = Value::from(config);
        self.finish(fields);
    }

    /// Warns of members of a ReaderConfig that the others leave without effect, as documented.
    fn check_reader(&mut self, config: &Node, resource: &str) {
        let text = |key: &str| config.get(key).and_then(Node::as_str).map(|text| &**text);
        let lists = resource.ends_with(":listObjectsV2");
        let input_type = text("InputType");
        let idle = [
            (
                "Transformation",
                text("Transformation") == Some("LOAD_AND_FLATTEN")
                    && resource.ends_with(":getObject"),
                "LOAD_AND_FLATTEN is for s3:listObjectsV2, whose objects it reads",
            ),
            (
                "ItemsPointer",
                !lists && matches!(input_type, Some("CSV" | "JSONL" | "PARQUET" | "MANIFEST")),
                "ItemsPointer leads into a file whose InputType is JSON",
            ),
            (
                "CSVHeaders",
                text("CSVHeaderLocation") == Some("FIRST_ROW"),
                "with the CSVHeaderLocation FIRST_ROW the file has the headers; say GIVEN",
            ),
        ];
        for (key, idle, help) in idle {
            let members = config.as_object().unwrap_or_default();
            let member = members.iter().find(|member| idle && &*member.key == key);
            if let Some(member) = member {
                let message = format!("\"{key}\" has no effect here");
                self.warn(&member.key_span, "IDLE_READER_FIELD", message, help);
            }
        }
    }

    /// One of some words; in JSONata also an expression.
    fn word(&mut self, node: &Node, allowed: &[&str], language: QueryLanguage) {
        let expression = language == QueryLanguage::Jsonata
            && node.as_str().is_some_and(|text| expression_text(text).is_some());
        if !expression && !self.open(node) {
            let words: Vec<(&str, ())> = allowed.iter().map(|word| (*word, ())).collect();
            self.decoder.choice(node, &words);
        }
    }

    fn item_batcher(&mut self, fields: &mut Fields<'_>) -> Option<ItemBatcher> {
        let node = fields.any("ItemBatcher").filter(|node| !self.open(node))?;
        let members = self.decoder.object(node)?;
        let mut batcher = Fields::new(members, fields.language, "an ItemBatcher");
        self.comment(&mut batcher);
        let batch_input = self.template(&mut batcher, "BatchInput", "BatchInput");
        let most = self.limits.seconds;
        let max_items_per_batch =
            self.number_field(&mut batcher, "MaxItemsPerBatch", "MaxItemsPerBatchPath", 1..=most);
        let max_input_bytes_per_batch = self.number_field(
            &mut batcher,
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            1..=262_144,
        );
        self.finish(batcher);
        Some(ItemBatcher { batch_input, max_items_per_batch, max_input_bytes_per_batch })
    }

    fn result_writer(&mut self, fields: &mut Fields<'_>) -> Option<ResultWriter> {
        let node = fields.any("ResultWriter").filter(|node| !self.open(node))?;
        let members = self.decoder.object(node)?;
        let mut writer = Fields::new(members, fields.language, "a ResultWriter");
        self.comment(&mut writer);
        let resource = writer.any("Resource").and_then(|node| self.text(node));
        let arguments = self.template(&mut writer, "Parameters", "Arguments");
        let mut writer_config = Value::object::<Arc<str>>([]);
        if let Some(node) = writer.any("WriterConfig").filter(|node| !self.open(node)) {
            self.writer_config(node, fields.language);
            writer_config = node.to_value();
        }
        self.finish(writer);
        Some(ResultWriter { resource, arguments, writer_config })
    }

    fn writer_config(&mut self, node: &Node, language: QueryLanguage) {
        let Some(members) = self.decoder.object(node) else { return };
        let mut fields = Fields::new(members, language, "a WriterConfig");
        self.comment(&mut fields);
        if let Some(node) = fields.any("Transformation") {
            self.word(node, &["NONE", "COMPACT", "FLATTEN"], language);
        }
        if let Some(node) = fields.any("OutputType") {
            self.word(node, &["JSON", "JSONL"], language);
        }
        self.finish(fields);
    }

    fn required_text(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Arc<str>> {
        match fields.any(key) {
            Some(node) => self.text(node),
            None => {
                let message = format!("These fields are required: [{key}]");
                self.error_in(fields.node, message, None);
                None
            }
        }
    }
}
