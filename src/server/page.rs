//! The web page at `/`: machines, executions and what they did, for people with a browser.
//!
//! It only shows. Each page is copied out of the account under its lock, and written after that.

mod data;
mod event;
mod execution;
mod frame;
mod home;
mod link;
mod list;
mod machine;
mod map_run;
mod state;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode, Uri};

use super::http::Site;
use super::shared::Shared;
use super::wire::Answer;
use link::Query;

/// What a path of the page comes to.
enum Shown {
    /// A page: its title and what stands on it.
    Page { title: String, body: maud::Markup, live: bool },
    /// Bare text.
    Text(String),
    /// Go there.
    Elsewhere(String),
    /// There is no such thing: what was looked for.
    Missing(String),
}

type Render = fn(&Arc<Shared>, &Query) -> Shown;

/// The paths of the page.
const PATHS: &[(&str, Render)] = &[
    ("/", home::machines),
    ("/executions", home::executions),
    ("/activities", home::activities),
    ("/machine", machine::show),
    ("/execution", execution::show),
    ("/event", event::show),
    ("/event.json", event::json),
    ("/map-run", map_run::show),
    ("/find", home::find),
];

/// Whether the page has something to show at this path.
pub(super) fn is_at(path: &str) -> bool {
    PATHS.iter().any(|(own, _)| *own == path)
}

/// Answers a browser.
pub(super) async fn answer(site: &Site, uri: &Uri) -> Answer {
    let Some((_, render)) = PATHS.iter().find(|(path, _)| *path == uri.path()) else {
        return page(StatusCode::NOT_FOUND, &frame::missing(uri.path()));
    };
    if site.options.keys.is_some() {
        // Browsers cannot sign, and who has no key is to see nothing.
        return page(StatusCode::FORBIDDEN, &frame::closed());
    }
    let shared = site.shared.clone();
    let query = Query::parse(uri.query().unwrap_or_default());
    // A large graph takes its time, which the requests of others need not wait for.
    let shown = tokio::task::spawn_blocking(move || render(&shared, &query)).await;
    match shown {
        Ok(Shown::Page { title, body, live }) => {
            page(StatusCode::OK, &frame::page(&title, live, &body))
        }
        Ok(Shown::Text(text)) => written(StatusCode::OK, "text/plain; charset=utf-8", text),
        Ok(Shown::Elsewhere(location)) => elsewhere(&location),
        Ok(Shown::Missing(what)) => page(StatusCode::NOT_FOUND, &frame::missing(&what)),
        Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR, &frame::broken()),
    }
}

fn page(status: StatusCode, page: &maud::Markup) -> Answer {
    written(status, "text/html; charset=utf-8", page.0.clone())
}

fn elsewhere(location: &str) -> Answer {
    let mut answer = written(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    match HeaderValue::from_str(location) {
        Ok(location) => answer.headers_mut().insert(LOCATION, location),
        Err(_) => None,
    };
    answer
}

fn written(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nothing but this server's own style and script, whatever names and data have in them.
    if let Ok(policy) = HeaderValue::from_str(frame::policy()) {
        headers.insert("content-security-policy", policy);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    answer
}
