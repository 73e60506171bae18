//! Text inside of XML and HTML.

/// The text as an XML 1.0 document or an HTML page can hold it, in an element or between double
/// quotes; control characters, which XML cannot write at all, are replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_means_something_to_a_reader_of_markup_means_nothing_any_more() {
        assert_eq!(escaped("<a b=\"c\">&\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\n");
        assert_eq!(escaped("\u{0}\u{1b}\u{ffff}\t"), "\u{fffd}\u{fffd}\u{fffd}\t");
    }
}
