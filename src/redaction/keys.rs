//! Which names of members promise a secret.

/// Last words of a name whose value is secret.
const SECRET: [&str; 17] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "apikey",
    "authorization",
    "jwt",
    "cookie",
    "otp",
    "signature",
];

/// Words that every such name holds, to be looked for in a text.
pub(super) fn words_to_find() -> impl Iterator<Item = &'static str> {
    SECRET.into_iter().chain(["key", "connectionstring", "connection_string"])
}

/// Words before `key` (or `string`) that make it secret.
const BEFORE_KEY: [&str; 10] = [
    "api",
    "access",
    "private",
    "secret",
    "session",
    "signing",
    "encryption",
    "auth",
    "master",
    "subscription",
];

/// Whether a member of this name holds a secret: by the last of its words, so that `secretName`
/// and `tokenType` do not.
pub(super) fn is_secret(key: &str) -> bool {
    let words = words(key);
    let mut last = words.iter().rev().map(String::as_str);
    match (last.next(), last.next()) {
        // Where to go on reading, not who may.
        (Some("token"), Some("next" | "page" | "pagination" | "continuation")) => false,
        (Some("tokens"), Some("max" | "min" | "total" | "input" | "output")) => false,
        (Some("key"), Some(before)) => BEFORE_KEY.iter().any(|word| before.ends_with(word)),
        (Some("id"), Some("key")) => words.len() > 2 && words[words.len() - 3].ends_with("access"),
        (Some("string" | "binary"), Some("secret" | "connection")) => true,
        (Some(last), _) => SECRET.contains(&last),
        (None, _) => false,
    }
}

/// The words of a name in lower case: `X-Api-Key`, `apiKey` and `API_KEY` are two.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in key.chars() {
        let starts = c.is_uppercase() && !previous.is_uppercase();
        if c.is_alphanumeric() {
            if starts || !previous.is_alphanumeric() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        previous = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_secrets_by_their_last_word() {
        for key in [
            "password",
            "dbPassword",
            "DB_PASSWORD",
            "TaskToken",
            "SecretString",
            "X-Api-Key",
            "AWS_SECRET_ACCESS_KEY",
            "AWSAccessKeyId",
            "Authorization",
            "client_secret",
            "apikey",
            "SessionToken",
            "x-amz-security-token",
            "PRIVATE_KEY",
            "ConnectionString",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "nextToken",
            "secretName",
            "SecretId",
            "tokenType",
            "max_tokens",
            "passwordPolicy",
            "key",
            "Key",
            "partitionKey",
            "",
            "$",
            "name",
            "author",
            "tokenized",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
