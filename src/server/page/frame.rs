//! What stands around every page, and its small parts.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::link::of_arn;
use crate::duration;
use crate::engine::ExecutionStatus;
use crate::graph;
use crate::time::Timestamp;

const SCRIPT: &str = include_str!("script.js");

static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{}{}", include_str!("style.css"), graph::STYLE));

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(&STYLE),
        hash(SCRIPT)
    )
});

/// What browsers may load and run: the style and the script of [`page`], and nothing else.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// A whole page. One that is `live` shows what has not ended yet, and follows it.
pub(super) fn page(title: &str, live: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · stepproof" }
                // An icon that needs no request.
                link rel="icon" href="data:,";
                style { (PreEscaped(&*STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Pages" {
                        a.brand href="/" { "stepproof" }
                        a href="/" { "State machines" }
                        a href="/executions" { "Executions" }
                        a href="/activities" { "Activities" }
                    }
                    form role="search" action="/find" {
                        input name="what" type="search" aria-label="Find by name or ARN"
                            placeholder="Name or ARN" autocomplete="off" spellcheck="false";
                        button { "Find" }
                    }
                }
                main #main data-live[live] { (body) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

pub(super) fn missing(what: &str) -> Markup {
    let body = html! {
        h1 { "Not found" }
        p { "Nothing here goes by " code.wrap { (what) } "." }
        p { "It may have been deleted, or forgotten as " code { "--retain" } " asks for." }
        p { a href="/" { "All state machines" } }
    };
    page("Not found", false, &body)
}

pub(super) fn closed() -> Markup {
    let body = html! {
        h1 { "Signed requests only" }
        p {
            "This server was started with " code { "--auth" } " and takes nothing but signed "
            "requests, which browsers do not send. Start it without to look at it here."
        }
    };
    page("Signed requests only", false, &body)
}

pub(super) fn broken() -> Markup {
    let body = html! {
        h1 { "This page could not be written" }
        p { "That is a mistake of stepproof. The server itself goes on; its log says more." }
    };
    page("This page could not be written", false, &body)
}

/// The statuses, in the order in which they are shown.
pub(super) const STATUSES: [ExecutionStatus; 5] = [
    ExecutionStatus::Running,
    ExecutionStatus::Succeeded,
    ExecutionStatus::Failed,
    ExecutionStatus::TimedOut,
    ExecutionStatus::Aborted,
];

/// A status, as the API writes it.
pub(super) fn status(name: &str) -> Markup {
    let class = match name {
        "RUNNING" => "in-progress",
        "SUCCEEDED" => "succeeded",
        "FAILED" | "TIMED_OUT" => "failed",
        _ => "aborted",
    };
    html! { span.badge.(class) { (name.replace('_', " ")) } }
}

pub(super) fn time(at: Timestamp) -> Markup {
    let text = at.to_rfc3339_millis();
    let shown = text.replace('T', " ").replace('Z', "");
    html! { time datetime=(text) title="UTC" { (shown) } }
}

/// How long something took: `12 ms`, `3.050 s`, `1h30m`.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    match u64::try_from(to - from).unwrap_or(0) {
        millis @ ..1_000 => format!("{millis} ms"),
        millis @ ..60_000 => format!("{}.{:03} s", millis / 1_000, millis % 1_000),
        millis => duration::text(Duration::from_secs(millis / 1_000)),
    }
}

/// How often something was redriven, and when the last time.
pub(super) fn redriven((times, at): (u32, Timestamp)) -> Markup {
    html! {
        @if times == 1 { "once, " } @else { (times) " times, last " }
        (time(at)) " UTC"
    }
}

/// An ARN, as a link where there is a page about it.
pub(super) fn arn(arn: &str) -> Markup {
    html! {
        @match of_arn(arn) {
            Some(page) => a.arn href=(page) { (arn) },
            None => span.arn { (arn) },
        }
    }
}

/// Names and what stands for them.
pub(super) fn facts(facts: &[(&str, Option<Markup>)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter_map(|(name, v)| Some((name, v.as_ref()?))) {
                div.wide[*name == "ARN"] { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A table that scrolls by itself where it is wider than the page.
pub(super) fn table(label: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A number with its thousands apart.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1_000, 25_000, 1_234_567].map(count).join(" "),
            "0 999 1,000 25,000 1,234,567"
        );
    }
}
