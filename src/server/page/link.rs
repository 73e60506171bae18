//! Addresses of the page: what they ask for, and how they are written.

use crate::server::percent;

/// The parameters of an address.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect())
    }

    /// A parameter that says something.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == key);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, key: &str) -> Option<usize> {
        self.text(key)?.parse().ok()
    }
}

/// The text behind `%20` and `+`; what is not UTF-8 is replaced.
fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&percent::decoded(&text.replace('+', " "))).into_owned()
}

/// An address of the page; parameters without a value are left out.
pub(super) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let mut sign = '?';
    for (key, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(sign);
        out.push_str(key);
        out.push('=');
        out.push_str(&percent::encoded_but(value, ":/"));
        sign = '&';
    }
    out
}

/// The page about what an ARN names, where there is one.
pub(super) fn of_arn(arn: &str) -> Option<String> {
    let path = match arn.strip_prefix("arn:")?.split(':').nth(4)? {
        "execution" | "express" => "/execution",
        "stateMachine" => "/machine",
        "mapRun" => "/map-run",
        "activity" => return Some("/activities".to_owned()),
        _ => return None,
    };
    Some(address(path, &[("arn", arn)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str) {
        let address = address("/machine", &[("arn", value), ("empty", "")]);
        let (path, query) = address.split_once('?').unwrap();
        assert_eq!(path, "/machine");
        assert!(query.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>#".contains(&byte)));
        assert_eq!(Query::parse(query).text("arn"), Some(value), "{query}");
    }

    #[test]
    fn what_is_written_into_an_address_is_read_from_it() {
        check("arn:aws:states:us-east-1:123456789012:stateMachine:order");
        check("a b+c&d=e%20#f?\"'<script>\u{0}\n");
        check("Größe 大小");
    }

    #[test]
    fn broken_addresses_mean_what_they_can() {
        let query = Query::parse("a=%&b=%4&c=%zz&&d&=x&e=%FF&a=2&n=12&m=-1");
        assert_eq!(query.text("a"), Some("%"));
        assert_eq!(query.text("b"), Some("%4"));
        assert_eq!(query.text("c"), Some("%zz"));
        assert_eq!(query.text("d"), None);
        assert_eq!(query.text("e"), Some("\u{fffd}"));
        assert_eq!((query.number("n"), query.number("m")), (Some(12), None));
    }

    #[test]
    fn arns_lead_to_the_pages_about_them() {
        let page = |arn: &str| of_arn(arn).map(|page| page.split('?').next().unwrap().to_owned());
        let arn = |rest: &str| page(&format!("arn:aws:states:r:1:{rest}"));
        assert_eq!(arn("execution:m:e").as_deref(), Some("/execution"));
        assert_eq!(arn("express:m:e:u").as_deref(), Some("/execution"));
        assert_eq!(arn("stateMachine:m:2").as_deref(), Some("/machine"));
        assert_eq!(arn("mapRun:m/l:e").as_deref(), Some("/map-run"));
        assert_eq!(page("arn:aws:lambda:r:1:function:f"), None);
        assert_eq!(page("https://example.com"), None);
    }
}
