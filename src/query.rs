//! The two query languages: JSONPath with payload templates and intrinsic functions, and JSONata.

pub mod intrinsic;
mod java;
pub mod jsonata;
pub mod jsonata_template;
pub mod jsonpath;
pub mod scope;
pub mod template;

/// A file or folder of the reference material beside the project; where it is absent, says so.
#[cfg(test)]
pub(crate) fn shared(path: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("STEPPROOF_SHARED")
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into());
    let path = std::path::Path::new(&folder).join(path);
    if !path.exists() {
        eprintln!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(path)
}
