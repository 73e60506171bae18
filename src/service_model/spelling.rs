//! The capitals of member names: Step Functions writes them as in `JobName`, some APIs as in `jobName`.

use crate::value::Value;

/// Members whose keys are the user's, not the API's.
const FREE: [&str; 6] = ["parameters", "tags", "dockerLabels", "options", "labels", "attributes"];

/// The value with other capitals in the names of members, as this API has them.
pub(crate) fn renamed(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(|item| renamed(item, rename))),
        Value::Object(members) => Value::object(members.iter().map(|(key, member)| {
            let free = FREE.contains(&&*decapital(key)) && matches!(member, Value::Object(_));
            let member = if free { member.clone() } else { renamed(member, rename) };
            (rename(key), member)
        })),
        scalar => scalar.clone(),
    }
}

/// With a small first letter.
pub(crate) fn decapital(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// With a capital first letter.
pub(crate) fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
