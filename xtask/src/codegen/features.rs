//! The table of features in `conformance/README.md`: how many cases prove each, and on what grounds.

use super::Generated;

/// The files with a table of features.
pub fn files() -> Result<Vec<Generated>, String> {
    Ok(Vec::new())
}
