//! What is true of every page: it is whole, can be read, fits, and loads nothing from elsewhere.

use std::path::Path;

use serde_json::{Value, json};

use super::Findings;
use super::account::Account;
use super::browser::Browser;

/// Texts whose colours are too close to those behind them: less than 4.5 to 1 (WCAG 2.2, 1.4.3).
const CONTRAST: &str = r#"
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgb = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
};
const light = ([r, g, b]) => {
  const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const behind = (node) => {
  const box = node.closest("g")?.querySelector(".box");
  if (box && node instanceof SVGElement) return rgb(getComputedStyle(box).fill);
  for (; node; node = node.parentElement) {
    const colour = rgb(getComputedStyle(node).backgroundColor);
    if (colour[3] > 250) return colour;
  }
  return [255, 255, 255];
};
const named = (node) => `${node.tagName}.${node.getAttribute("class")}`;
const found = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let count = 0; walker.nextNode() && count < 4000; count++) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || node.closest("script, title, .skip")) continue;
  const style = getComputedStyle(node);
  const ink = rgb(node instanceof SVGElement ? style.fill : style.color);
  const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  const text = walker.currentNode.data.trim().slice(0, 20);
  if (contrast < 4.5) found.add(`${contrast.toFixed(2)} ${named(node)} ${text}`);
}
return [...found].slice(0, 5);
"#;

/// What is wrong with the page for those who hear it or use the keyboard.
const ACCESS: &str = r#"
const found = [];
const all = (css) => [...document.querySelectorAll(css)];
if (!document.documentElement.lang) found.push("no language");
if (all("h1").length !== 1) found.push(`${all("h1").length} h1`);
if (all("main").length !== 1) found.push("not one main");
let level = 1;
for (const heading of all("h1, h2, h3, h4")) {
  const own = Number(heading.tagName[1]);
  if (heading.closest("details")) continue;
  if (own > level + 1) found.push(`${heading.tagName} behind h${level}`);
  level = own;
}
const ids = all("[id]").map((node) => node.id);
for (const id of ids) if (ids.filter((own) => own === id).length > 1) found.push(`${id} twice`);
for (const node of all("[aria-labelledby]")) {
  const label = document.getElementById(node.getAttribute("aria-labelledby"));
  if (!label) found.push("a label is missing");
}
for (const link of all("a")) {
  const to = link.getAttribute("href");
  if (!to) found.push("a link to nowhere");
  if (!(link.textContent.trim() || link.getAttribute("aria-label"))) found.push(`no text: ${to}`);
}
for (const input of all("input, select, textarea")) {
  const label = input.getAttribute("aria-label") || input.labels?.length;
  if (!label) found.push("an input without a label");
}
for (const table of all("table")) {
  if (!table.querySelector("thead th[scope=col]")) found.push("a table without heads");
  if (table.querySelector("tbody tr:not(:has(th[scope=row]))")) found.push("a row without a head");
}
for (const node of all("*")) {
  const own = getComputedStyle(node);
  const scrolls = /auto|scroll/.test(own.overflowX) && node.scrollWidth > node.clientWidth + 1;
  if (scrolls && node.tabIndex < 0 && !node.querySelector("a")) {
    found.push(`${node.tagName}.${node.className} scrolls and takes no focus`);
  }
}
return [...new Set(found)];
"#;

/// Whatever was loaded that is not of this server.
const LOADED: &str = r#"
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin));
"#;

/// What is wider than the window and does not scroll by itself.
const WIDE: &str = r#"
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
if (wide <= 0) return [];
const out = [...document.querySelectorAll("body *")].filter((node) =>
  node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".scroll, .graph, .data"));
const names = out.slice(0, 3).map((node) => `${node.tagName}.${node.getAttribute("class")}`);
return [`${wide} px too wide`, ...names];
"#;

/// Whether hostile texts have become more than texts.
const HACKED: &str = "return window.hacked === undefined && document.scripts.length === 1 \
    && !document.querySelector('img, iframe, object, [onload], [onerror]')";

pub fn at_all(
    browser: &Browser,
    account: &Account,
    pages: &[(String, String)],
    pictures: Option<&Path>,
    findings: &mut Findings,
) -> Result<(), String> {
    if let Some(folder) = pictures {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    }
    for (name, address) in pages {
        for scheme in ["light", "dark"] {
            let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            browser.tools("Emulation.setEmulatedMedia", json!({ "features": feature }))?;
            browser.open(&format!("{}{address}", account.url()))?;
            let contrast = browser.list(CONTRAST)?;
            findings.check_none(&format!("{name}, {scheme}, contrast"), &contrast);
            if let Some(folder) = pictures {
                let file = format!("{}-{scheme}.png", name.replace(' ', "-"));
                browser.picture(&folder.join(file))?;
            }
        }
        browser.tools("Emulation.setEmulatedMedia", json!({ "features": [] }))?;
        at_one(browser, name, findings)?;
        on_a_telephone(browser, name, pictures, findings)?;
    }
    Ok(())
}

fn at_one(browser: &Browser, name: &str, findings: &mut Findings) -> Result<(), String> {
    findings.check(format!("{name}: a title"), browser.title()?.ends_with(" · stepproof"));
    findings.check_none(&format!("{name}, access"), &browser.list(ACCESS)?);
    findings.check_none(&format!("{name}, loaded"), &browser.list(LOADED)?);
    findings.check_none(&format!("{name}, width"), &browser.list(WIDE)?);
    findings.check(format!("{name}: texts stay texts"), browser.run(HACKED)? == Value::Bool(true));
    let size = browser.run("return document.querySelectorAll('*').length")?;
    findings.check(format!("{name}: {size} elements"), size.as_u64().is_some_and(|n| n < 8_000));
    let said = browser.console()?;
    // The status of a page that is not there is an error to the console.
    let said: Vec<String> = said.into_iter().filter(|line| !line.contains("404")).collect();
    findings.check_none(&format!("{name}, console"), &said);
    Ok(())
}

fn on_a_telephone(
    browser: &Browser,
    name: &str,
    pictures: Option<&Path>,
    findings: &mut Findings,
) -> Result<(), String> {
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false });
    browser.tools("Emulation.setDeviceMetricsOverride", narrow)?;
    findings.check_none(&format!("{name}, 360 px wide"), &browser.list(WIDE)?);
    if let Some(folder) = pictures {
        browser.picture(&folder.join(format!("{}-narrow.png", name.replace(' ', "-"))))?;
    }
    browser.tools("Emulation.clearDeviceMetricsOverride", json!({}))
}
