//! Map states, inline and distributed.

use std::sync::Arc;

use super::state::{Field, Template};
use super::state_machine::States;
use crate::query::scope::ScopedPath;
use crate::value::Value;

/// The fields of a Map state.
#[derive(Debug)]
pub struct MapState {
    /// `ItemProcessor`, or the older `Iterator`.
    pub processor: Arc<States>,
    /// `ProcessorConfig.Mode`
    pub mode: ProcessorMode,
    /// `ItemsPath` (JSONPath)
    pub items_path: Option<ScopedPath>,
    /// `Items` (JSONata): an array, or an expression that gives one.
    pub items: Option<Template>,
    /// `ItemSelector`, or the older `Parameters`.
    pub item_selector: Option<Template>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; zero is no limit of the definition's own.
    pub max_concurrency: Option<Field<i64>>,
    /// `ToleratedFailureCount`, or its path.
    pub tolerated_failure_count: Option<Threshold>,
    /// `ToleratedFailurePercentage`, or its path.
    pub tolerated_failure_percentage: Option<Threshold>,
    /// `Label` (distributed)
    pub label: Option<Arc<str>>,
    /// `ItemReader` (distributed)
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher` (distributed)
    pub item_batcher: Option<ItemBatcher>,
    /// `ResultWriter` (distributed)
    pub result_writer: Option<ResultWriter>,
}

/// A tolerated failure count or percentage.
pub type Threshold = Field<f64>;

/// `ProcessorConfig.Mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessorMode {
    /// `INLINE`: iterations are part of the execution.
    Inline,
    /// `DISTRIBUTED`: iterations are child executions of this type.
    Distributed(ExecutionType),
}

/// The type of a state machine or of a Map Run's child executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExecutionType {
    /// `STANDARD`
    #[default]
    Standard,
    /// `EXPRESS`
    Express,
}

/// `ItemReader`
#[derive(Debug)]
pub struct ItemReader {
    /// `Resource`: `arn:aws:states:::s3:getObject` or `…:listObjectsV2`.
    pub resource: Arc<str>,
    /// `Parameters` or `Arguments`
    pub arguments: Option<Template>,
    /// `ReaderConfig` as written, `MaxItems` and `MaxItemsPath` apart.
    pub reader_config: Value,
    /// `ReaderConfig` as a template, where it holds expressions (JSONata).
    pub reader_config_template: Option<Template>,
    /// `ReaderConfig.MaxItems` or `MaxItemsPath`
    pub max_items: Option<Field<i64>>,
}

/// `ItemBatcher`
#[derive(Debug)]
pub struct ItemBatcher {
    /// `BatchInput`
    pub batch_input: Option<Template>,
    /// `MaxItemsPerBatch` or its path
    pub max_items_per_batch: Option<Field<i64>>,
    /// `MaxInputBytesPerBatch` or its path
    pub max_input_bytes_per_batch: Option<Field<i64>>,
}

/// `ResultWriter`
#[derive(Debug)]
pub struct ResultWriter {
    /// `Resource`: `arn:aws:states:::s3:putObject`; absent where only `WriterConfig` is given.
    pub resource: Option<Arc<str>>,
    /// `Parameters` or `Arguments`
    pub arguments: Option<Template>,
    /// `WriterConfig`
    pub writer_config: Value,
}
