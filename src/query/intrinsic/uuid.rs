//! `States.UUID`.

use crate::entropy::Entropy;
use crate::value::Value;

/// A version 4 UUID.
pub(super) fn uuid(entropy: &mut Entropy) -> Value {
    entropy.next_uuid().into()
}
