//! Chromium, over the WebDriver protocol that its driver speaks on a local port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// What Chromium is started with: no window, and nothing of its own on the network.
const OPTIONS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// The member that names an element (W3C WebDriver, "Elements").
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Where Enter is on a keyboard (W3C WebDriver, "Keyboard actions").
pub const ENTER: &str = "\u{e007}";

/// A browser. It ends, and its profile goes, when it is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    version: String,
    profile: PathBuf,
}

impl Browser {
    pub fn start(chromium: &str, chromedriver: &str) -> Result<Self, String> {
        let install = "on Debian: `apt-get install chromium chromium-driver`";
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start `{chromedriver}`: {error}; {install}"))?;
        let port = port(&mut driver)?;
        let profile = std::env::temp_dir().join(format!("stepproof-pages-{}", std::process::id()));
        let mut options: Vec<String> = OPTIONS.iter().map(|option| (*option).to_owned()).collect();
        options.push(format!("--user-data-dir={}", profile.display()));
        let (session, version) = (String::new(), String::new());
        let mut browser = Self { driver, port, session, version, profile };
        let mut chrome = json!({ "args": options });
        if let Some(path) = found(chromium) {
            chrome["binary"] = path.to_string_lossy().as_ref().into();
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let started = browser
            .ask("POST", "/session", &capabilities)
            .map_err(|error| format!("`{chromium}` does not start: {error}; {install}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        browser.session = text(&started["sessionId"]);
        let capabilities = &started["capabilities"];
        browser.version = format!("Chromium {}", text(&capabilities["browserVersion"]));
        Ok(browser)
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Asks the driver, about this session unless it has none yet.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let path = match self.session.is_empty() {
            true => path.to_owned(),
            false => format!("/session/{}{path}", self.session),
        };
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = http(
            self.port,
            &format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        )
        .map_err(|error| format!("the driver does not answer: {error}"))?;
        let value: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        match value["value"]["error"].as_str() {
            Some(error) => {
                let message = value["value"]["message"].as_str().unwrap_or_default();
                Err(format!("{error}: {}", message.lines().next().unwrap_or_default()))
            }
            None => Ok(value["value"].clone()),
        }
    }

    /// Opens a page and waits until it is there.
    pub fn open(&self, url: &str) -> Result<(), String> {
        self.ask("POST", "/url", &json!({ "url": url })).map(drop)
    }

    pub fn back(&self) -> Result<(), String> {
        self.ask("POST", "/back", &json!({})).map(drop)
    }

    pub fn title(&self) -> Result<String, String> {
        Ok(self.ask("GET", "/title", &Value::Null)?.as_str().unwrap_or_default().to_owned())
    }

    /// What a function with this body returns.
    pub fn run(&self, body: &str) -> Result<Value, String> {
        self.ask("POST", "/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// What a function returns whose answer is a list of texts.
    pub fn list(&self, body: &str) -> Result<Vec<String>, String> {
        let found = self.run(body)?;
        let texts = found.as_array().into_iter().flatten();
        Ok(texts.map(|text| text.as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Clicks where a person would: what is covered or out of sight cannot be clicked.
    pub fn click(&self, css: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.ask("POST", &format!("/element/{element}/click"), &json!({})).map(drop)
    }

    pub fn type_into(&self, css: &str, text: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.ask("POST", &format!("/element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    fn element(&self, css: &str) -> Result<String, String> {
        let query = json!({ "using": "css selector", "value": css });
        let found = self.ask("POST", "/element", &query)?;
        let id = found[ELEMENT].as_str().map(str::to_owned);
        id.ok_or_else(|| format!("no element for `{css}`"))
    }

    /// A command of the developer tools.
    pub fn tools(&self, command: &str, parameters: Value) -> Result<(), String> {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", &body).map(drop)
    }

    /// What the console has said since it was last asked.
    pub fn console(&self) -> Result<Vec<String>, String> {
        let entries = self.ask("POST", "/se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().into_iter().flatten();
        Ok(entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Waits at most so long until a function with this body returns true.
    #[expect(clippy::disallowed_methods, reason = "a browser takes real time")]
    pub fn wait(&self, body: &str, at_most: Duration) -> Result<bool, String> {
        let step = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        while self.run(body)? != Value::Bool(true) {
            if waited >= at_most {
                return Ok(false);
            }
            std::thread::sleep(step);
            waited += step;
        }
        Ok(true)
    }

    /// A picture of the whole page.
    pub fn picture(&self, path: &Path) -> Result<(), String> {
        let size = self.run("return [innerWidth, document.documentElement.scrollHeight]")?;
        let parameters = json!({ "width": size[0], "height": size[1], "deviceScaleFactor": 1,
            "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", parameters)?;
        let picture = self.ask("GET", "/screenshot", &Value::Null)?;
        self.tools("Emulation.clearDeviceMetricsOverride", json!({}))?;
        let bytes = decoded(picture.as_str().unwrap_or_default());
        std::fs::write(path, bytes)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.ask("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// The port that the driver says it listens on.
fn port(driver: &mut Child) -> Result<u16, String> {
    let output = driver.stdout.take().ok_or("the driver has no output")?;
    let mut lines = BufReader::new(output).lines();
    let said = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // It must not choke on what nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    said.ok_or_else(|| "the driver does not say which port it listens on".to_owned())
}

/// The program in the search path.
fn found(program: &str) -> Option<PathBuf> {
    let given = Path::new(program);
    if given.is_absolute() {
        return Some(given.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The body of the answer to a request on this computer.
pub fn http(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut length = None;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        }
        line.clear();
    }
    let mut body = Vec::new();
    match length {
        // Drivers may keep the connection open.
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        }
        None => drop(reader.read_to_end(&mut body)?),
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The bytes behind Base64.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for digit in text.bytes().filter_map(digit) {
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
