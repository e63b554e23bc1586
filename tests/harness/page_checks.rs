//! What every page is held to in Chromium: the success criteria of WCAG 2.2 A and AA as axe-core judges them, no scrolling to the
//! side down to 320 px, text at twice its size, the keyboard's whole road, nothing that moves by itself, and a weight that a poor
//! line bears. The measuring itself is in `page_checks.js`.

use super::browser::Browser;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A page with all that it loads, as it comes over the line: a second on a line of 1.6 Mbit/s (issue: "under 200 KB a page").
const HEAVIEST_PAGE: u64 = 200_000;
/// The sum of layout shifts above which eyes lose their place is 0.1 (web.dev, CLS). Pages here have no reason for any; the first that a browser
/// draws, on a machine that is busy, may settle by a few pixels while its style arrives.
const LARGEST_SHIFT: f64 = 0.05;
/// The Tab key (WebDriver §17.4.2).
const TAB: char = '\u{e004}';

const MEASURE: &str = include_str!("page_checks.js");

/// A width and a theme in which a page is judged.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: u32,
    pub dark: bool,
}

/// Puts axe-core and the measures before every page that is opened from now on. False where axe-core is not installed
/// (`scripts/node-packages` does that, with npm): then [`axe`] finds that as a fault.
pub async fn prepare(browser: &Browser) -> bool {
    let axe = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/node/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).ok();
    let source = format!("{}\n{MEASURE}", axe.as_deref().unwrap_or_default());
    browser.protocol("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    axe.is_some()
}

/// Makes the window as wide, and the theme as dark.
pub async fn look(browser: &Browser, look: Look) {
    let metrics = json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600 });
    browser.protocol("Emulation.setDeviceMetricsOverride", metrics).await;
    let theme = if look.dark { "dark" } else { "light" };
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
    browser.protocol("Emulation.setEmulatedMedia", media).await;
}

/// What axe-core finds on the page as it stands.
pub async fn axe(browser: &Browser) -> Vec<String> {
    sentences(browser.value("return pageChecks.axeFaults()").await)
}

/// Opens a page and holds it to everything; gives its faults, each as a sentence.
pub async fn judge(browser: &Browser, path: &str, looks: [Look; 2]) -> Vec<String> {
    let [first, second] = looks;
    look(browser, first).await;
    browser.go(path).await;
    let mut faults = axe(browser).await;
    let shift = browser.value("return pageChecks.shift()").await;
    if shift.as_f64().is_none_or(|shift| shift > LARGEST_SHIFT) {
        faults.push(format!("moves while it loads: {shift}"));
    }
    let weight = browser.value("return pageChecks.weight()").await;
    if weight.as_u64().is_none_or(|weight| weight == 0 || weight > HEAVIEST_PAGE) {
        faults.push(format!("weighs {weight} bytes"));
    }
    faults.extend(sentences(browser.value("return pageChecks.sideways()").await));
    faults.extend(keyboard(browser).await);
    faults.extend(sentences(browser.value("return pageChecks.zoomed()").await));
    look(browser, second).await;
    faults.extend(axe(browser).await);
    faults.extend(sentences(browser.value("return pageChecks.sideways()").await));
    // WCAG 1.4.10: 1,280 px at 400 % are 320.
    look(browser, Look { width: 320, dark: second.dark }).await;
    faults.extend(sentences(browser.value("return pageChecks.sideways()").await));
    faults
}

/// Goes through the page with Tab alone.
async fn keyboard(browser: &Browser) -> Vec<String> {
    let stops = browser.value("return pageChecks.beforeKeys()").await.as_u64().unwrap_or(0);
    let mut keys = KeyActions::new("keyboard".to_owned());
    // A few more than there are stops: who is kept in a trap does not come to the others.
    for _ in 0..stops + 2 {
        keys = keys.then(KeyAction::Down { value: TAB }).then(KeyAction::Up { value: TAB });
    }
    browser.client.perform_actions(keys).await.unwrap();
    sentences(browser.value("return pageChecks.afterKeys()").await)
}

fn sentences(value: Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.into_iter().map(|one| one.as_str().unwrap_or("?").to_owned()).collect(),
        other => vec![format!("could not be measured: {other}")],
    }
}
