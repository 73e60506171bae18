//! What a person does: from machine to execution to state, by mouse, by keyboard, without scripts.

use std::time::Duration;

use serde_json::{Value, json};

use super::Findings;
use super::account::{Account, address};
use super::browser::{Browser, ENTER};

const SOON: Duration = Duration::from_secs(5);

/// A page that was loaded anew has lost this.
const REMEMBER: &str = "window.remembered = true";
const REMEMBERED: &str = "return window.remembered === true";

pub fn through(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    from_machine_to_state(browser, account, findings)?;
    by_keyboard(browser, account, findings)?;
    without_scripts(browser, account, findings)?;
    through_a_long_history(browser, account, findings)?;
    through_a_map_run(browser, account, findings)?;
    by_search(browser, account, findings)?;
    while_it_runs(browser, account, findings)
}

/// Whether the panel shows this state.
fn shows(state: &str) -> String {
    format!("return document.querySelector('#state-title')?.textContent === {}", json!(state))
}

fn state(name: &str) -> String {
    format!("#graph [data-state=\"{name}\"]")
}

fn from_machine_to_state(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    browser.open(&account.url())?;
    browser.click("a[href*='stateMachine:parallel']")?;
    findings.check("a click leads to the machine", browser.title()?.starts_with("parallel"));
    browser.open(&format!("{}{}", account.url(), address("/execution", &account.parallel)))?;
    let marks = browser.list(
        "return [...document.querySelectorAll('#graph [data-state]')]\
         .map((node) => node.dataset.state + ': ' + node.classList[1])",
    )?;
    let succeeded = marks.iter().filter(|mark| mark.ends_with(": succeeded")).count();
    findings.check(format!("the way is marked: {marks:?}"), succeeded >= 3);
    let taken = browser.run("return document.querySelectorAll('#graph .edge.taken').length")?;
    findings.check(format!("{taken} transitions taken"), taken.as_u64().is_some_and(|n| n >= 5));
    let seen = browser.run(
        "const box = document.querySelector('#graph [data-state] .box').getBoundingClientRect();\
         return box.width > 40 && box.height > 20",
    )?;
    findings.check("states have a size", seen == Value::Bool(true));
    browser.run(REMEMBER)?;
    browser.click(&state("Phone"))?;
    findings.check("a click shows the state", browser.wait(&shows("Phone"), SOON)?);
    let output = browser.run("return document.querySelector('#state').textContent")?;
    let output = output.as_str().unwrap_or_default().to_owned();
    findings.check(format!("its data: {output}"), output.contains("\"number\": 17"));
    browser.click(&state("Address"))?;
    findings.check("a click shows another state", browser.wait(&shows("Address"), SOON)?);
    let kept = browser.run(REMEMBERED)? == Value::Bool(true);
    findings.check("the page is not loaded anew", kept);
    browser.back()?;
    findings.check("back shows the state before", browser.wait(&shows("Phone"), SOON)?);
    let marked = browser.run("return document.querySelector('#graph .selected').dataset.state")?;
    findings.check(format!("{marked} is marked as chosen"), marked == json!("Phone"));
    browser.click("#event-2 summary")?;
    let open = browser.run("return document.querySelector('#event-2 details').open")?;
    findings.check("the data of an event opens", open == Value::Bool(true));
    Ok(())
}

fn by_keyboard(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    browser.open(&format!("{}{}", account.url(), address("/execution", &account.parallel)))?;
    browser.run(REMEMBER)?;
    browser.run("document.querySelector('#graph [data-state=\"Phone\"]').closest('a').focus()")?;
    let ring = "return getComputedStyle(document.activeElement).outlineStyle";
    browser.type_into("#graph a:has([data-state=\"Phone\"])", ENTER)?;
    findings.check("Enter shows the state", browser.wait(&shows("Phone"), SOON)?);
    let focused = "return document.activeElement.querySelector('[data-state]')?.dataset.state";
    findings.check("the focus stays where it was", browser.run(focused)? == json!("Phone"));
    findings.check("the focus can be seen", browser.run(ring)? != json!("none"));
    findings.check("the page stays", browser.run(REMEMBERED)? == Value::Bool(true));
    Ok(())
}

fn without_scripts(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": true }))?;
    let url = format!("{}{}&state=Phone", account.url(), address("/execution", &account.parallel));
    browser.open(&url)?;
    findings.check(
        "without a script the address shows the state",
        browser.run(&shows("Phone"))? == Value::Bool(true),
    );
    browser.click(&state("Address"))?;
    findings
        .check("without a script a click shows the state", browser.wait(&shows("Address"), SOON)?);
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": false }))
}

fn through_a_long_history(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    let long = "arn:aws:states:us-east-1:123456789012:execution:loop:long";
    browser.open(&format!("{}{}", account.url(), address("/execution", long)))?;
    let rows = "return document.querySelectorAll('#events tbody tr').length";
    let shown = browser.run(rows)?;
    findings.check(format!("{shown} events on a page"), shown == json!(100));
    browser.click("#events a[rel=next]")?;
    findings.check(
        "the next hundred",
        browser.wait("return !!document.getElementById('event-101')", SOON)?,
    );
    browser.click("#events a[rel=last]")?;
    findings.check(
        "the last ones",
        browser.wait("return !!document.getElementById('event-24008')", SOON)?,
    );
    browser.click("#event-24005 td.state a")?;
    findings.check("an event leads to its state", browser.wait(&shows("Enough?"), SOON)?);
    let stays = browser.run("return !!document.getElementById('event-24005')")?;
    findings.check("the events stay where they were", stays == Value::Bool(true));
    let time = browser.run("return performance.getEntriesByType('navigation')[0].duration")?;
    println!("24,008 events: the page is there after {:.0} ms", time.as_f64().unwrap_or(0.0));
    Ok(())
}

fn through_a_map_run(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    let bulk = "arn:aws:states:us-east-1:123456789012:execution:bulk:bulk";
    browser.open(&format!("{}{}", account.url(), address("/execution", bulk)))?;
    browser.click("main a[href^='/map-run']")?;
    findings.check("a click leads to the Map Run", browser.title()?.starts_with("Map Run of Each"));
    browser.click("a[href*='status=FAILED']")?;
    let failed = "return document.querySelectorAll('#executions tbody tr').length === 1";
    findings.check("the filter leaves what failed", browser.wait(failed, SOON)?);
    browser.click("#executions tbody a")?;
    let chosen = browser.wait(&shows("Bad"), SOON)?;
    findings.check("a failed child shows where it failed", chosen);
    Ok(())
}

fn by_search(browser: &Browser, account: &Account, findings: &mut Findings) -> Result<(), String> {
    browser.open(&account.url())?;
    browser.type_into("input[name=what]", &format!("one-of-many-7{ENTER}"))?;
    let found = "return document.title.startsWith('one-of-many-7 ')";
    findings.check("the search finds an execution by its name", browser.wait(found, SOON)?);
    Ok(())
}

/// A page about what runs follows it by itself.
fn while_it_runs(
    browser: &Browser,
    account: &Account,
    findings: &mut Findings,
) -> Result<(), String> {
    let (execution, token) = &account.waiting;
    browser.open(&format!("{}{}", account.url(), address("/execution", execution)))?;
    browser.run(REMEMBER)?;
    let running =
        "return document.querySelector('#graph [data-state=Ask]').matches('.in-progress')";
    findings.check("a state in progress is marked", browser.run(running)? == Value::Bool(true));
    browser.click("#states summary")?;
    account.call("SendTaskSuccess", &json!({ "taskToken": token, "output": "\"yes\"" }))?;
    let ended = "return document.querySelector('h1 .badge').textContent === 'SUCCEEDED'";
    findings.check("the page follows the execution", browser.wait(ended, SOON)?);
    let open = browser.run("return document.getElementById('states').open")?;
    findings.check("what was opened stays open", open == Value::Bool(true));
    findings.check("the page stays", browser.run(REMEMBERED)? == Value::Bool(true));
    findings.check_none("walking, console", &browser.console()?);
    Ok(())
}
