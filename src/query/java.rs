//! The order in which Java's hash maps list their keys.
//!
//! Step Functions collects some members in such a map before it writes them, and the texts in its
//! histories show the order: `callback.start_execution_sync` writes a template's
//! `StateMachineArn.$, Input.$, Name.$` as `Input, StateMachineArn, Name`.

/// Sorts items by name as a `java.util.HashMap` filled with them iterates, when they are added in
/// the given order. The names differ.
pub(crate) fn hash_map_order<T>(items: &mut [T], name: impl Fn(&T) -> &str) {
    // A map has 16 buckets and doubles them when it is three quarters full.
    let mut buckets = 16;
    while items.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    // Buckets keep the order of insertion, also when they are split: so does a stable sort.
    items.sort_by_key(|item| bucket(name(item), buckets));
}

fn bucket(name: &str, buckets: usize) -> usize {
    let hash = name
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let mut names = names.to_vec();
        hash_map_order(&mut names, |name| name);
        assert_eq!(names, expected);
    }

    /// Recorded orders: `callback.start_execution_sync`, `callback.sns_publish_wait_for_task_token`,
    /// `apigetway_task_service.invoke_error`, `json_manipulation.json_merge_escaped_argument`.
    #[test]
    fn recorded_orders() {
        check(&["StateMachineArn", "Input", "Name"], &["Input", "StateMachineArn", "Name"]);
        check(&["TaskToken", "arg1", "arg2"], &["arg2", "arg1", "TaskToken"]);
        check(
            &["ApiEndpoint", "Method", "Path", "Stage", "RequestBody"],
            &["Path", "Stage", "ApiEndpoint", "Method", "RequestBody"],
        );
        check(
            &["constant_in_literal", "constant_input_field"],
            &["constant_input_field", "constant_in_literal"],
        );
    }

    #[test]
    fn large_maps_have_more_buckets() {
        // The hashes of single characters are their codes: `a` is 97, `q` 113.
        check(&["q", "a"], &["q", "a"]);
        let many = ["q", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        check(&many, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "q"]);
    }
}
