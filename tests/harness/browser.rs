//! A real browser for one test: Chromium through chromedriver, with its own profile, its own port, and an end with the test.
//! Speaks to services of this run only.

use fantoccini::{Client, ClientBuilder, Locator, error::CmdError, wd::TimeoutConfiguration};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What the browser is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// 1,280 px wide.
    Desk,
    /// 360 px wide, as a phone.
    Phone,
    /// 1,280 px wide, scripts off.
    WithoutScripts,
}

/// What stands before the browser's camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Camera {
    /// There is none.
    #[default]
    None,
    /// One that shows this film (Y4M), whose use is allowed.
    Film(PathBuf),
    /// One whose use is denied.
    Denied,
}

/// One browser with one window.
pub struct Browser {
    pub client: Client,
    screen: Screen,
    origin: String,
    driver: Child,
    /// Of the driver.
    port: u16,
    profile: tempfile::TempDir,
    /// Whether axe-core is there to judge what is pictured.
    judged: bool,
}

#[allow(dead_code)] // each test uses what it needs
impl Browser {
    /// A fresh browser that speaks to the service at that address.
    pub async fn open(origin: &str, screen: Screen) -> Self {
        Self::open_with(origin, screen, &Camera::None).await
    }

    /// The same with a camera.
    pub async fn open_with(origin: &str, screen: Screen, camera: &Camera) -> Self {
        let mut tries = 0;
        let (client, driver, port, profile) = loop {
            match begin(screen, camera).await {
                Ok(begun) => break begun,
                Err(why) => assert!(tries < TRIES_TO_BEGIN, "no browser: {why}"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        // Of a whole page's judgement, too, on a machine that does other things.
        let patience = TimeoutConfiguration::new(Some(LONGEST_SCRIPT), Some(LONGEST_SCRIPT), None);
        client.update_timeouts(patience).await.unwrap();
        let mut browser = Self { client, screen, origin: origin.to_owned(), driver, port, profile, judged: false };
        browser.judged = screen != Screen::WithoutScripts && super::page_checks::prepare(&browser).await;
        browser
    }

    /// A command of Chromium's own protocol, which WebDriver has no word for.
    pub async fn protocol(&self, command: &str, parameters: Value) -> Value {
        let session = self.client.session_id().await.unwrap().unwrap();
        let address = format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.port);
        let body = json!({ "cmd": command, "params": parameters });
        let answer = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent.post(&address).send_json(body).unwrap();
            (answer.status().as_u16(), answer.body_mut().read_json::<Value>().unwrap())
        });
        let (status, answer) = answer.await.unwrap();
        assert_eq!(status, 200, "{command}: {answer}");
        answer["value"].clone()
    }

    /// Opens a page of the service.
    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// The path of the page that is open.
    pub async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Waits for an element and gives its text. One of a page that is just left is looked for on the next.
    pub async fn see(&self, selector: &str) -> String {
        for _ in 0..PAGES_LEFT {
            match self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await {
                Ok(element) => match element.text().await {
                    Ok(text) => return text,
                    Err(error) if is_of_a_page_left(&error) => {}
                    Err(error) => panic!("{selector}: {error}"),
                },
                Err(error) if is_of_a_page_left(&error) => {}
                Err(error) => {
                    let page = self.client.source().await.unwrap_or_default();
                    panic!("{selector} is not there ({error}); the page is {}:\n{page}", self.path().await)
                }
            }
        }
        panic!("{selector}: one page is left after the other")
    }

    /// Waits until nothing that the selector names is there, as on the page after the one that is left.
    pub async fn gone(&self, selector: &str) {
        let until = Instant::now() + PATIENCE;
        while self.has(selector).await {
            assert!(Instant::now() < until, "{selector} is still there, on {}", self.path().await);
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Waits until so many pictures that the selector names are drawn; they are scrolled to, since a page draws what is near the eye.
    pub async fn drawn(&self, selector: &str, count: usize) {
        let script = "const all = [...document.querySelectorAll(arguments[0])].slice(0, arguments[1]); \
            all.forEach((one) => one.scrollIntoView()); \
            return all.filter((one) => one.complete && one.naturalWidth > 100).length;";
        let until = Instant::now() + PATIENCE;
        while self.client.execute(script, vec![json!(selector), json!(count)]).await.unwrap() != json!(count) {
            assert!(Instant::now() < until, "{selector} is not drawn, on {}", self.path().await);
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Whether an element is there now.
    pub async fn has(&self, selector: &str) -> bool {
        self.client.find(Locator::Css(selector)).await.is_ok()
    }

    /// Types into the field of that name.
    pub async fn fill(&self, name: &str, text: &str) {
        let selector = format!("main [name={name}]:not([type=hidden])");
        for _ in 0..PAGES_LEFT {
            self.see(&selector).await;
            let typed = async {
                let field = self.client.find(Locator::Css(&selector)).await?;
                field.clear().await?;
                field.send_keys(text).await
            };
            match typed.await {
                Ok(()) => return,
                Err(error) if is_of_a_page_left(&error) => {}
                Err(error) => panic!("{selector}: {error}"),
            }
        }
        panic!("{selector}: one page is left after the other")
    }

    /// Takes the cursor out of every field, types as a scanner does, and waits until the page is left if that leads away from it.
    pub async fn scan(&self, text: &str) {
        // All keys at once: with one command each, a busy machine makes pauses that no scanner makes.
        let script = "document.activeElement.blur(); \
            for (const key of arguments[0]) document.body.dispatchEvent(new KeyboardEvent('keydown', \
                { key: key === '\\n' ? 'Enter' : key, bubbles: true, cancelable: true }));";
        self.client.execute(WATCH_LEAVING, vec![]).await.unwrap();
        self.client.execute(script, vec![json!(text)]).await.unwrap();
        self.leave("the scanner").await;
    }

    /// Chooses a file in the file field of that name.
    pub async fn choose_file(&self, selector: &str, file: &std::path::Path) {
        self.see(selector).await;
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.send_keys(&file.display().to_string()).await.unwrap();
    }

    /// Presses what the selector names, waits until it is there to be pressed and, where it is a link or sends a form, until its page
    /// is left: whatever is looked for next is looked for on the page that answers.
    pub async fn press(&self, selector: &str) {
        self.press_to_save(selector).await;
        self.leave(selector).await;
    }

    /// Waits until the page is left, where something leads away from it since it is watched.
    async fn leave(&self, by: &str) {
        let until = Instant::now() + PATIENCE;
        // A page that is being left may lose this question as well, and one that asks something itself leads nowhere yet.
        let script = "return window.leaving === true";
        while self.client.execute(script, vec![]).await.is_ok_and(|leaving| leaving == json!(true)) {
            assert!(Instant::now() < until, "{by}: no answer to it, on {}", self.path().await);
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// The same where the answer is a file to be saved, for which no page is left.
    pub async fn press_to_save(&self, selector: &str) {
        self.see(selector).await;
        // Refused where scripts are off: a browser without them is asked nothing either.
        let _ = self.client.execute(WATCH_LEAVING, vec![]).await;
        let pressed = async { self.client.find(Locator::Css(selector)).await?.click().await };
        match pressed.await {
            Ok(()) => {}
            // A long page: what lies under the edge is scrolled to and pressed again. So is what a page that was left had too.
            Err(CmdError::Standard(_)) => {
                self.client
                    .execute("document.querySelector(arguments[0])?.click()", vec![json!(selector)])
                    .await
                    .unwrap();
            }
            Err(error) => panic!("{selector}: {error}"),
        }
    }

    /// Logs in with the form, wherever the service asks for it.
    pub async fn log_in(&self, login: &str, password: &str) {
        self.fill("login", login).await;
        self.fill("password", password).await;
        self.press("main form button.main").await;
        self.see("header form[action='/logout']").await;
    }

    /// Keeps a picture of the page in `target/screens`, and holds that nothing is wider than the screen and that axe-core has nothing
    /// against it.
    pub async fn picture(&self, name: &str) {
        self.foreign_picture(name).await;
        if self.judged {
            let faults = super::page_checks::axe(self).await;
            assert!(faults.is_empty(), "{name} on {:?}: {faults:#?}", self.screen);
        }
    }

    /// The same of a page that a library draws (Swagger UI): its colours and names are the library's, so axe-core does not judge it.
    pub async fn foreign_picture(&self, name: &str) {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screens");
        std::fs::create_dir_all(&directory).unwrap();
        let suffix = match self.screen {
            Screen::Desk => "1280",
            Screen::Phone => "360",
            Screen::WithoutScripts => "without-scripts",
        };
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(directory.join(format!("{name}-{suffix}.png")), picture).unwrap();
        if self.screen != Screen::WithoutScripts {
            let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let over = self.client.execute(script, vec![]).await.unwrap();
            assert!(over.as_i64().unwrap() <= 0, "{name}-{suffix}: {over} px wider than the screen");
        }
    }

    /// How many elements the selector names now.
    pub async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    /// The same as `picture`, of the whole page however long it is.
    pub async fn whole_picture(&self, name: &str) {
        let width = if self.screen == Screen::Phone { 360 } else { 1280 };
        let height = self.client.execute("return document.documentElement.scrollHeight", vec![]).await.unwrap();
        let height = u32::try_from(height.as_u64().unwrap()).unwrap().clamp(600, 6_000);
        self.client.set_window_size(width, height + 160).await.unwrap();
        self.picture(name).await;
        self.client.set_window_size(width, 900).await.unwrap();
    }

    /// Takes the network away, or gives it back.
    pub async fn network(&self, there: bool) {
        let session = self.client.session_id().await.unwrap().unwrap();
        let address = format!("http://127.0.0.1:{}/session/{session}/chromium/network_conditions", self.port);
        let speed = if there { -1 } else { 0 };
        let conditions = json!({ "network_conditions": {
            "offline": !there, "latency": 0, "download_throughput": speed, "upload_throughput": speed,
        }});
        let set = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            agent.post(&address).send_json(conditions).unwrap().status().as_u16()
        });
        assert_eq!(set.await.unwrap(), 200);
    }

    /// What a script of the page gives, once it has ended.
    pub async fn value(&self, script: &str) -> Value {
        let script =
            format!("const done = arguments[0]; (async () => {{ {script} }})().then(done, (e) => done(String(e)));");
        self.client.execute_async(&script, vec![]).await.unwrap()
    }

    /// The directory in which the browser keeps what pages store.
    pub fn profile(&self) -> &std::path::Path {
        self.profile.path()
    }

    /// Gives the browser a device with passkeys, whose user is verified whenever it asks (WebAuthn Level 3 §11: virtual authenticators).
    pub async fn authenticator(&self) {
        let session = self.client.session_id().await.unwrap().unwrap();
        let address = format!("http://127.0.0.1:{}/session/{session}/webauthn/authenticator", self.port);
        let device = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        let made = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            agent.post(&address).send_json(device).unwrap().status().as_u16()
        });
        assert_eq!(made.await.unwrap(), 200);
    }

    /// The directory into which the browser saves downloads.
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Closes the window and ends the driver.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        end(&mut self.driver);
    }
}

/// Whether an element was on a page that has been left since it was found: chromedriver says so in words of its own in the midst of it.
fn is_of_a_page_left(error: &CmdError) -> bool {
    error.is_stale_element_reference() || error.to_string().contains("does not belong to the document")
}

/// A driver with its browser: no test is about whether Chromium starts at once on a machine that is short of something.
async fn begin(screen: Screen, camera: &Camera) -> Result<(Client, Child, u16, tempfile::TempDir), String> {
    let profile = tempfile::tempdir().unwrap();
    let (mut driver, port) = start_driver()?;
    let begun = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities(&profile, screen, camera))
        .connect(&format!("http://127.0.0.1:{port}"))
        .await;
    match begun {
        Ok(client) => Ok((client, driver, port, profile)),
        Err(error) => {
            end(&mut driver);
            Err(error.to_string())
        }
    }
}

/// SIGTERM lets the driver end its browser; it is waited for so that no process outlives the test.
fn end(driver: &mut Child) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(driver), rustix::process::Signal::TERM);
    let _ = driver.wait();
}

/// Starts a driver on a port that it takes itself, so that no other test comes between, and reads from it which one.
fn start_driver() -> Result<(Child, u16), String> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver and Chromium are needed (chromium-driver): {error}"));
    let mut said = BufReader::new(driver.stdout.take().unwrap());
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        if let Some((_, port)) = line.trim_end().rsplit_once("started successfully on port ") {
            let port = port.trim_end_matches('.').parse().unwrap();
            // Whatever it says later is taken, so that it never waits for a reader.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok((driver, port));
        }
        line.clear();
    }
    Err(format!("chromedriver ended before it listened: {:?}", driver.wait()))
}

fn capabilities(profile: &tempfile::TempDir, screen: Screen, camera: &Camera) -> fantoccini::wd::Capabilities {
    let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let mut preferences = json!({
        "download.default_directory": profile.path().join("downloads"),
        "download.prompt_for_download": false,
    });
    let mut options = json!({});
    match camera {
        Camera::None => {}
        Camera::Film(film) => {
            arguments.push("--use-fake-ui-for-media-stream".to_owned());
            arguments.push("--use-fake-device-for-media-stream".to_owned());
            arguments.push(format!("--use-file-for-fake-video-capture={}", film.display()));
        }
        Camera::Denied => {
            arguments.push("--use-fake-device-for-media-stream".to_owned());
            preferences["profile.managed_default_content_settings.media_stream"] = json!(2);
            preferences["profile.default_content_setting_values.media_stream_camera"] = json!(2);
        }
    }
    match screen {
        Screen::Desk => {}
        Screen::Phone => {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": 360, "height": 1400, "pixelRatio": 1.0 } });
        }
        Screen::WithoutScripts => {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
    }
    options["args"] = json!(arguments);
    options["prefs"] = preferences;
    // A question of the page stays open until the test answers it, whatever is asked of the page meanwhile.
    let all = json!({
        "goog:chromeOptions": options, "acceptInsecureCerts": false, "unhandledPromptBehavior": "ignore",
    });
    match all {
        Value::Object(all) => all,
        _ => unreachable!("it was written as an object"),
    }
}

/// No sandbox: tests run as root in containers. No network but ours.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
    "--force-device-scale-factor=1",
];

/// Notes on the page when a link or a form that no script of the page keeps for itself leads away from it. The events come last to the
/// window; what opens elsewhere, is saved or stays on the page leads nowhere.
const WATCH_LEAVING: &str = "
    if (window.leaving !== undefined) return;
    window.leaving = false;
    addEventListener('submit', (event) => {
        const frame = event.submitter?.formTarget || event.target.target;
        const dialog = (event.submitter?.formMethod || event.target.method) === 'dialog';
        if (!event.defaultPrevented && !dialog && (!frame || frame === '_self')) window.leaving = true;
    });
    addEventListener('click', (event) => {
        const link = event.target.closest?.('a[href]');
        if (!link || event.defaultPrevented || link.hasAttribute('download') || !link.protocol.startsWith('http')) return;
        const here = link.href.split('#')[0] === location.href.split('#')[0] && link.href.includes('#');
        if (!here && (!link.target || link.target === '_self')) window.leaving = true;
    });";

const TRIES_TO_BEGIN: usize = 3;
/// That a script may run, and a page load.
const LONGEST_SCRIPT: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a page.
const MOMENT: Duration = Duration::from_millis(50);
/// Pages that may be left while one element is looked for.
const PAGES_LEFT: usize = 10;
