//! The names that a server of this computer answers to.
//!
//! Every web page can have its own name lead to 127.0.0.1 once it is loaded (DNS rebinding). A browser
//! then takes the server for the page's own, asks nobody before it calls, and shows the page the
//! answers: only the name in the request tells.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap};
use hyper::{StatusCode, Uri};
use tracing::debug;

use super::Options;
use super::http::is_unsigned;
use super::wire::{self, Answer};
use crate::value::Value;

/// Domains below which nobody on the Internet can have a name: RFC 6761, RFC 6762, and `internal`,
/// which ICANN keeps for private use (`host.docker.internal`).
const PRIVATE: [&str; 4] = ["localhost", "local", "internal", "test"];

/// The refusal of a request that names another server; `None` where it may go on. Whoever listens
/// for other computers has a name that only they know, and is not asked.
pub(super) fn refusal(options: &Options, uri: &Uri, headers: &HeaderMap) -> Option<Answer> {
    let guarded = match options.keys {
        // No page can sign. What nobody signs is open to this computer, and so to its browsers.
        Some(_) => is_unsigned(uri.path()),
        None => options.address.ip().is_loopback(),
    };
    if !guarded || options.cors.as_deref() == Some("*") {
        return None;
    }
    // Of HTTP/2 the URI has it. Browsers always say it.
    let host = match uri.host() {
        Some(host) => host.into(),
        None => String::from_utf8_lossy(headers.get(HOST)?.as_bytes()),
    };
    let name = bare(&host);
    if is_ours(name, &options.allowed_hosts) {
        return None;
    }
    debug!(%host, "a request for another server");
    let message = format!(
        "`{name}` is no name of this server, which is for this computer: use `localhost`, or start it \
         with `--allow-host {name}`"
    );
    let code = ("__type", Value::from("AccessDeniedException"));
    let body = Value::object([code, ("message", Value::from(message))]).to_json();
    Some(wire::plain(StatusCode::FORBIDDEN, body))
}

/// The name without its port, and without what SDKs put before the host of StartSyncExecution and
/// TestState.
fn bare(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.strip_prefix("sync-").unwrap_or(name)
}

/// Whether a name can only be meant for this server, or is one that it was given.
fn is_ours(name: &str, allowed: &[String]) -> bool {
    let Some((_, last)) = name.rsplit_once('.') else { return true };
    PRIVATE.iter().any(|domain| last.eq_ignore_ascii_case(domain))
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || allowed.iter().any(|own| own == "*" || bare(own).eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &Options, uri: &str, host: Option<&str>, admitted: bool) {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().expect("a header"));
        }
        let uri: Uri = uri.parse().expect("a URI");
        let refused = refusal(options, &uri, &headers);
        assert_eq!(refused.is_none(), admitted, "{uri} {host:?}");
        let status = refused.map(|answer| answer.status());
        assert!(status.is_none_or(|status| status == StatusCode::FORBIDDEN), "{uri} {host:?}");
    }

    const OURS: [&str; 16] = [
        "localhost",
        "localhost:8083",
        "LOCALHOST.:8083",
        "sync-localhost:8083",
        "127.0.0.1:8083",
        "sync-127.0.0.1:8083",
        "192.168.0.7",
        "[::1]:8083",
        "[::1]",
        "[::ffff:127.0.0.1]:8083",
        "stepfunctions:8083",
        "sync-stepfunctions:8083",
        "sfn.localhost:8083",
        "host.docker.internal:8083",
        "sync-host.docker.internal:8083",
        "states.test",
    ];
    const OTHERS: [&str; 6] = [
        "example.com",
        "example.com:8083",
        "127.0.0.1.example.com",
        "localhost.example.com.:8083",
        "sync-example.com",
        "localhost:8083.example.com",
    ];

    #[test]
    fn no_page_of_the_internet_reaches_a_server_of_this_computer() {
        let options = Options::default();
        for path in ["/", "/metrics", "/_stepproof/clock", "/execution?arn=a"] {
            for host in OURS {
                check(&options, path, Some(host), true);
            }
            for host in OTHERS {
                check(&options, path, Some(host), false);
            }
            check(&options, path, None, true);
        }
        check(&options, "http://localhost:8083/", None, true);
        check(&options, "http://example.com:8083/", Some("localhost"), false);
        check(&options, "/", Some("caf\u{e9}.com"), false);
    }

    #[test]
    fn names_can_be_allowed() {
        let allowed_hosts = vec!["sfn.example.com".to_owned()];
        let options = Options { allowed_hosts, ..Options::default() };
        check(&options, "/", Some("SFN.example.com:8083"), true);
        check(&options, "/", Some("sync-sfn.example.com:8083"), true);
        check(&options, "/", Some("example.com"), false);
        check(&options, "/", Some("evil-sfn.example.com"), false);
        for open in [
            Options { allowed_hosts: vec!["*".to_owned()], ..Options::default() },
            Options { cors: Some("*".to_owned()), ..Options::default() },
        ] {
            check(&open, "/", Some("example.com"), true);
        }
        let cors = Some("https://example.com".to_owned());
        check(&Options { cors, ..Options::default() }, "/", Some("example.com"), false);
    }

    #[test]
    fn a_server_for_other_computers_has_the_names_that_they_know() {
        let address = "0.0.0.0:8083".parse().expect("an address");
        let options = Options { address, ..Options::default() };
        check(&options, "/", Some("example.com"), true);
        check(&options, "/_stepproof/clock", Some("example.com"), true);
    }

    /// A proxy must not change the host, which is signed.
    #[test]
    fn signed_requests_come_by_any_name() {
        let key = crate::server::Key { access_key_id: "i".into(), secret_access_key: "s".into() };
        for address in ["127.0.0.1:8083", "0.0.0.0:8083"] {
            let address = address.parse().expect("an address");
            let options = Options { address, keys: Some(vec![key.clone()]), ..Options::default() };
            check(&options, "/", Some("example.com"), true);
            check(&options, "/_stepproof/health", Some("example.com"), true);
            check(&options, "/_stepproof/clock", Some("example.com"), false);
            check(&options, "/metrics", Some("example.com"), false);
            check(&options, "/metrics", Some("localhost"), true);
        }
    }
}
