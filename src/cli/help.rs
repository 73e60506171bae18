//! Help as wide as the terminal: paragraphs flow, examples and tables stay as they are.

use clap::Command;

/// The command and its subcommands with the lines of each paragraph of their help put together, so
/// that they are broken once, where the terminal ends.
pub(super) fn flowing(command: Command) -> Command {
    let after = command.get_after_help().map(|text| paragraphs(&text.to_string()));
    let about = command.get_long_about().map(|text| paragraphs(&text.to_string()));
    let command = command.mut_subcommands(flowing);
    let command = match after {
        Some(text) => command.after_help(text),
        None => command,
    };
    match about {
        Some(text) => command.long_about(text),
        None => command,
    }
}

/// Lines that are indented are part of no paragraph, and a blank one ends it.
fn paragraphs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut flows = false;
    for line in text.lines() {
        let prose = !line.is_empty() && !line.starts_with(' ');
        if !out.is_empty() {
            out.push(if flows && prose { ' ' } else { '\n' });
        }
        out.push_str(line);
        flows = prose;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_flow_and_examples_stay() {
        let text =
            "One line\nand another.\n\nExamples:\n  one ARG\n    its rest\n  two\n\nThe\nend";
        let expected =
            "One line and another.\n\nExamples:\n  one ARG\n    its rest\n  two\n\nThe end";
        assert_eq!(paragraphs(text), expected);
    }
}
