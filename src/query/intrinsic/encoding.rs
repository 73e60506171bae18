//! `States.Base64Encode` and `States.Base64Decode`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Arguments;
use crate::value::Value;

/// The most characters that are encoded or decoded.
const MAX_LENGTH: usize = 10_000;

/// As lenient as `java.util.Base64`: padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn encode(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(BASE64.encode(arguments.short_string(0, MAX_LENGTH)?).into())
}

/// Bytes that are no UTF-8 become replacement characters.
pub(super) fn decode(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = arguments.short_string(0, MAX_LENGTH)?;
    let bytes = BASE64.decode(text).map_err(|error| format!("argument 1 is no Base64: {error}"))?;
    Ok(Value::string(String::from_utf8_lossy(&bytes)))
}
