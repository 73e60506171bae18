//! The server's web page in a real browser: Chromium without a window, driven over WebDriver.
//!
//! A server runs a few of the repository's scenarios; then every kind of page is looked at as
//! people have it: light and dark, on a telephone, without scripts, by keyboard.

mod account;
mod browser;
mod look;
mod walk;

use std::path::PathBuf;

use crate::Outcome;
use account::Account;
use browser::Browser;

#[derive(clap::Args)]
pub struct Arguments {
    /// Save a picture of each page into this folder.
    #[arg(long, value_name = "FOLDER")]
    screenshots: Option<PathBuf>,
    /// The browser.
    #[arg(long, value_name = "PROGRAM", default_value = "chromium")]
    chromium: String,
    /// Its driver.
    #[arg(long, value_name = "PROGRAM", default_value = "chromedriver")]
    chromedriver: String,
}

/// What was checked, and what was not as it should be.
#[derive(Default)]
struct Findings {
    checks: usize,
    wrong: Vec<String>,
}

impl Findings {
    fn check(&mut self, what: impl Into<String>, is_so: bool) {
        self.checks += 1;
        if !is_so {
            let what = what.into();
            println!("WRONG: {what}");
            self.wrong.push(what);
        }
    }

    /// For what answers with a list of complaints.
    fn check_none(&mut self, what: &str, complaints: &[String]) {
        self.check(format!("{what}: {}", complaints.join("; ")), complaints.is_empty());
    }
}

pub fn run(arguments: &Arguments) -> Outcome {
    let account = Account::start()?;
    let browser = Browser::start(&arguments.chromium, &arguments.chromedriver)?;
    println!("{} at {}", browser.version(), account.url());
    let mut findings = Findings::default();
    let pages = account.pages();
    look::at_all(&browser, &account, &pages, arguments.screenshots.as_deref(), &mut findings)?;
    walk::through(&browser, &account, &mut findings)?;
    let Findings { checks, wrong } = findings;
    println!("{} pages, {checks} checks, {} wrong", pages.len(), wrong.len());
    Ok(wrong.is_empty())
}
