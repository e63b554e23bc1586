//! The table on the screen and `target/bench.json`, with the fields that other programs rely on.

use crate::harness::{Beside, Figure, Goal};
use serde_json::{Value, json};
use std::path::Path;

/// Prints every figure, one a line, and how many goals were reached.
pub fn print(figures: &[Figure]) {
    println!(
        "{:<32} {:>12} {:<7} {:>34} {:>8} {:>34} {:>8}  goal",
        "row", "value", "unit", "limit", "ratio", "peer", "ratio"
    );
    let (mut reached, mut missed) = (0, 0);
    for figure in figures {
        let (limit, limit_ratio) = beside(figure.limit.as_ref());
        let (peer, peer_ratio) = beside(figure.peer.as_ref());
        let goals: Vec<String> = figure.goals.iter().map(|goal| told(figure, *goal)).collect();
        reached += figure.goals.iter().filter(|goal| met(figure, **goal)).count();
        missed += figure.goals.iter().filter(|goal| !met(figure, **goal)).count();
        println!(
            "{:<32} {:>12.3} {:<7} {limit:>34} {limit_ratio:>8} {peer:>34} {peer_ratio:>8}  {}",
            figure.name,
            figure.value,
            figure.unit.name(),
            goals.join(", ")
        );
    }
    println!("{} rows, {reached} goals reached, {missed} missed", figures.len());
}

fn beside(other: Option<&Beside>) -> (String, String) {
    other.map_or_else(Default::default, |other| {
        (format!("{} {:.3}", other.name, other.value), format!("{:.2}", other.ratio))
    })
}

fn met(figure: &Figure, goal: Goal) -> bool {
    let limit = figure.limit.as_ref().map_or(f64::NAN, |limit| limit.ratio);
    let peer = figure.peer.as_ref().map_or(f64::NAN, |peer| peer.ratio);
    match goal {
        Goal::RatioAtLeast(least) => limit >= least,
        Goal::RatioAtMost(most) => limit <= most,
        Goal::PeerRatioAtLeast(least) => peer >= least,
        Goal::ValueAtMost(most) => figure.value <= most,
        Goal::ValueAtLeast(least) => figure.value >= least,
    }
}

fn told(figure: &Figure, goal: Goal) -> String {
    let what = match goal {
        Goal::RatioAtLeast(least) => format!("limit >= {least:.2}"),
        Goal::RatioAtMost(most) => format!("limit <= {most:.2}"),
        Goal::PeerRatioAtLeast(least) => format!("peer >= {least:.2}"),
        Goal::ValueAtMost(most) => format!("value <= {most:.2}"),
        Goal::ValueAtLeast(least) => format!("value >= {least:.2}"),
    };
    format!("{what} {}", if met(figure, goal) { "reached" } else { "MISSED" })
}

/// Writes the array of rows; rows measured earlier and not now are kept, so that a part can be measured again.
pub fn write(figures: &[Figure], path: &Path) -> Result<(), String> {
    let earlier: Vec<Value> =
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut rows: Vec<Value> =
        earlier.into_iter().filter(|row| !figures.iter().any(|figure| row["name"] == figure.name.as_str())).collect();
    rows.extend(figures.iter().map(row));
    let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

fn row(figure: &Figure) -> Value {
    let limit = figure.limit.as_ref();
    let peer = figure.peer.as_ref();
    json!({
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit.name(),
        "limit_name": limit.map(|limit| &limit.name),
        "limit": limit.map(|limit| limit.value),
        "ratio": limit.map(|limit| limit.ratio),
        "peer_name": peer.map(|peer| &peer.name),
        "peer": peer.map(|peer| peer.value),
        "peer_ratio": peer.map(|peer| peer.ratio),
        "goals": figure.goals.iter().map(|goal| told(figure, *goal)).collect::<Vec<_>>(),
    })
}
