//! The exit codes, which scripts may rely on.

use std::process::ExitCode;

/// How a command ended. The worst one of several results counts; but what a replay found of a
/// definition counts before recordings that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: everything is as expected.
    AsExpected = 0,
    /// 1: an expectation failed, a replay diverged or could not be decided, or two histories
    /// differ.
    Failed = 1,
    /// 2: an input could not be used: its text, its place or its options are wrong, or a definition
    /// is one that AWS would refuse.
    Unusable = 2,
    /// 3: a target could not be reached.
    Unreachable = 3,
    /// 4: stepproof itself failed.
    Internal = 4,
    /// 130: somebody pressed Ctrl-C.
    Interrupted = 130,
}

/// The table in `--help`.
pub const HELP: &str = "\
Exit codes:
  0  everything is as expected
  1  an expectation failed, a replay diverged or could not be decided, or two histories differ
  2  an input could not be used (the message says where and why)
  3  a target could not be reached
  4  stepproof itself failed (a bug: please report it)
  130  interrupted by Ctrl-C: what was done is reported, a live endpoint was cleaned up";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
