//! `States.Hash`.

use std::fmt::Write as _;

use sha2::Digest;

use super::Arguments;
use crate::value::Value;

/// The most characters that are hashed.
const MAX_LENGTH: usize = 10_000;

pub(super) fn hash(arguments: &Arguments<'_>) -> Result<Value, String> {
    let data = arguments.short_string(0, MAX_LENGTH)?;
    Ok(match arguments.string(1)? {
        "MD5" => hex::<md5::Md5>(data),
        "SHA-1" => hex::<sha1::Sha1>(data),
        "SHA-256" => hex::<sha2::Sha256>(data),
        "SHA-384" => hex::<sha2::Sha384>(data),
        "SHA-512" => hex::<sha2::Sha512>(data),
        other => {
            return Err(format!(
                "the algorithm `{other}` is not one of MD5, SHA-1, SHA-256, SHA-384 and SHA-512"
            ));
        }
    })
}

fn hex<D: Digest>(data: &str) -> Value {
    let digest = D::digest(data.as_bytes());
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest.iter() {
        let _ = write!(text, "{byte:02x}");
    }
    Value::from(text)
}
