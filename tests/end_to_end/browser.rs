//! A real Chromium with an empty profile, driven through its driver.

use crate::service::target;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The longest that a page may take to reach a state. A function's first start and a hash on a busy machine are in it.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Without these Chromium calls home, which would be noise in what its pages are seen to request.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One browser and its driver, which end with it.
pub(crate) struct Browser {
    pub(crate) page: Client,
    driver: Child,
    address: String,
}

/// The driver, and the port that it chose. It takes a free port of IPv6 and wants the same of IPv4, where a connection of
/// another test may have it: then it ends and says so, and another port is tried.
async fn start_driver() -> (Child, String) {
    for _port in 0..20 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed (Debian: apt install chromium chromium-driver)");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(port) = line.strip_prefix("ChromeDriver was started successfully on port ") {
                return (driver, port.trim_end_matches('.').to_owned());
            }
            said.push(line);
        }
        let port_in_use = said.last().is_some_and(|line| line.contains("port not available"));
        assert!(port_in_use, "chromedriver ended: {said:?}");
    }
    panic!("chromedriver finds no port that is free on IPv4 and IPv6");
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let (driver, port) = start_driver().await;
        let address = format!("http://127.0.0.1:{port}");
        let capabilities = json!({
            "goog:chromeOptions": { "args": ARGUMENTS },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&address)
            .await
            .unwrap();
        page.set_window_size(1000, 900).await.unwrap();
        Self { page, driver, address }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Waits until an element is there.
    pub(crate) async fn see(&self, selector: &str) -> Element {
        let found = self.page.wait().at_most(WAIT_LIMIT).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                let text = self.page.find(Locator::Css("body")).await.unwrap().text().await.unwrap();
                panic!("no {selector}: {error}; the page says: {text}")
            }
        }
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.see(selector).await.text().await.unwrap()
    }

    /// Replaces what is in a field.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.see(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.see(selector).await.click().await.unwrap();
    }

    /// Sends the form, and waits for what came of it.
    pub(crate) async fn submit(&self) {
        self.click("#submit:enabled").await;
        self.see("#result:not([data-state=idle]):not([data-state=busy])").await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap()
    }

    /// What a script passes to its last argument, a function.
    pub(crate) async fn wait_for(&self, script: &str) -> Value {
        self.page.execute_async(script, Vec::new()).await.unwrap()
    }

    /// From now on every answer comes as over a connection with this delay and no more than this many bytes a second.
    pub(crate) async fn slow_down(&self, milliseconds: u32, bytes: u32) {
        let conditions = json!({ "offline": false, "latency": milliseconds, "throughput": bytes });
        self.command("chromium/network_conditions", &json!({ "network_conditions": conditions })).await;
    }

    /// What the driver answers to a command beyond the standard's.
    async fn command(&self, path: &str, input: &Value) -> Value {
        let session = self.page.session_id().await.unwrap().unwrap();
        let address = format!("{}/session/{session}/{path}", self.address);
        let answer = reqwest::Client::new().post(address).body(input.to_string()).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Follows a link that opens in another tab.
    pub(crate) async fn follow(&self, link: Element) {
        let known = self.page.windows().await.unwrap();
        link.click().await.unwrap();
        let opened = self.page.windows().await.unwrap().into_iter().find(|window| !known.contains(window));
        self.page.switch_to_window(opened.expect("the link opens a tab")).await.unwrap();
    }

    /// What the console holds since it was last asked: errors of scripts, of the Content-Security-Policy, of the network.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" })).await;
        let lines = log["value"].as_array().expect("chromedriver gives the log");
        lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// A picture of the page under target/screenshots, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.page.screenshot().await.unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's process group holds the browser too, which outlives a driver that is killed alone.
        if let Some(id) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).status();
        }
    }
}
