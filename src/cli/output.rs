//! Standard output and standard error: colours on terminals only, and no panic on a closed pipe.

use std::io::{self, IsTerminal, Write};

use super::args::Colour;
use crate::diagnostic::Style;

/// Where a command prints.
pub struct Terminal {
    /// How standard output is styled.
    pub style: Style,
    error_style: Style,
    progress: bool,
}

impl Terminal {
    /// The process's own streams.
    pub fn new(colour: Colour) -> Self {
        let styled = |choice: anstream::ColorChoice| match choice {
            anstream::ColorChoice::Never => Style::Plain,
            _ => Style::Colour,
        };
        let (style, error_style) = match colour {
            Colour::Always => (Style::Colour, Style::Colour),
            Colour::Never => (Style::Plain, Style::Plain),
            Colour::Auto => (
                styled(anstream::AutoStream::choice(&io::stdout())),
                styled(anstream::AutoStream::choice(&io::stderr())),
            ),
        };
        let progress = colour != Colour::Never && io::stderr().is_terminal();
        Self { style, error_style, progress }
    }

    /// Prints to standard output. A reader that has gone away ends the process quietly: it has
    /// seen what it wanted.
    pub fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.error(&format!("cannot write to standard output: {error}"));
            std::process::exit(super::Exit::Unusable as i32);
        }
    }

    /// Prints a message to standard error.
    pub fn error(&self, message: &str) {
        let label = match self.error_style {
            Style::Plain => "error".to_owned(),
            Style::Colour => "\u{1b}[1;31merror\u{1b}[0m".to_owned(),
        };
        // Where standard error is closed, there is nobody to tell.
        let _ = writeln!(io::stderr(), "{label}: {message}");
    }

    /// Prints a danger to standard error.
    #[cfg(feature = "server")]
    pub fn warning(&self, message: &str) {
        let label = match self.error_style {
            Style::Plain => "WARNING".to_owned(),
            Style::Colour => "\u{1b}[1;33mWARNING\u{1b}[0m".to_owned(),
        };
        let _ = writeln!(io::stderr(), "{label}: {message}");
    }

    /// Prints something worth knowing to standard error.
    pub fn note(&self, message: &str) {
        let label = match self.error_style {
            Style::Plain => "note".to_owned(),
            Style::Colour => "\u{1b}[1;36mnote\u{1b}[0m".to_owned(),
        };
        let _ = writeln!(io::stderr(), "{label}: {message}");
    }

    /// A bar over so many bytes, with the time that is left, shown where standard error is a
    /// terminal; `None` where it is not, so that nobody needs to count them.
    pub fn byte_progress(&self, total: impl FnOnce() -> u64) -> Option<indicatif::ProgressBar> {
        if !self.progress {
            return None;
        }
        let bar = indicatif::ProgressBar::new(total());
        let template = "{bar:30} {percent:>3}%  {msg}  {eta} left";
        if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Some(bar)
    }

    /// A bar over `total` things, shown where standard error is a terminal.
    pub fn progress(&self, total: usize, what: &str) -> indicatif::ProgressBar {
        // A bar for a few files would only flicker.
        if !self.progress || total < 20 {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(total as u64);
        let template = format!("{{bar:30}} {{pos}}/{{len}} {what} {{msg}}");
        if let Ok(style) = indicatif::ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar
    }

    /// A bar over things whose number shows as they are done, with a message of its own.
    #[cfg(feature = "aws")]
    pub fn growing_progress(&self, what: &str) -> indicatif::ProgressBar {
        if !self.progress {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(0);
        let template = format!("{{bar:30}} {{pos}}/{{len}} {what} {{msg}}");
        if let Ok(style) = indicatif::ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar
    }
}
