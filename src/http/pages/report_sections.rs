//! The parts of `/reports`: each a heading, a sentence, perhaps a chart, and a table whose numbers lead to their definitions.

use super::{
    Frame,
    chart::{Chart, Series},
    report_definitions, reports, texts,
};
use crate::statistics::{CertificateCounts, CertificateType, OutgoingCounts, Place, Report, Standing, definition};
use chuky_model::text::Language;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name of its CSV.
    pub name: &'static str,
    pub title: String,
    pub note: String,
    pub chart: Option<Chart>,
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<Shown>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub title: String,
    /// The stable name of its definition; empty where it has none.
    pub definition: &'static str,
}

/// What a cell shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub text: String,
    /// The stable name of the number's definition; empty of a text.
    pub definition: &'static str,
}

impl Section {
    /// Every part of a report's page.
    pub fn all(frame: &Frame, report: &Report) -> Vec<Self> {
        vec![
            types(frame, report),
            months(frame, report),
            units(frame, report),
            merged(frame, report),
            outgoing(frame, report),
            booths(frame, report),
            ranking(frame, report),
        ]
    }
}

fn types(frame: &Frame, report: &Report) -> Section {
    let rows = report.types.iter().map(|row| [vec![text(&kind(frame, row.kind))], counts(&row.counts)].concat());
    Section {
        name: "types",
        title: frame.say("reports-types"),
        note: frame.say("reports-types-note"),
        chart: None,
        heads: heads(frame, &["type"], &COUNTS),
        rows: rows.collect(),
    }
}

fn months(frame: &Frame, report: &Report) -> Section {
    let all = report.months.iter().filter(|row| row.kind == CertificateType::All);
    let bars = all.map(|row| (reports::month(&row.month), vec![row.issued, row.revoked])).collect();
    let rows = report.months.iter().map(|row| {
        let named = vec![text(&reports::month(&row.month)), text(&kind(frame, row.kind))];
        [named, vec![number(row.issued, "issued"), number(row.revoked, "revoked")]].concat()
    });
    Section {
        name: "months",
        title: frame.say("reports-months"),
        note: frame.say("reports-months-note"),
        chart: Some(chart(frame, "issued", Some("revoked"), bars)),
        heads: heads(frame, &["month", "type"], &["issued", "revoked"]),
        rows: rows.collect(),
    }
}

fn units(frame: &Frame, report: &Report) -> Section {
    let mut most: Vec<(String, Vec<u64>)> = report
        .units
        .iter()
        .filter_map(|row| Some((place(frame, &row.unit), vec![row.types.first()?.counts.active])))
        .collect();
    most.sort_by_key(|(_, numbers)| std::cmp::Reverse(numbers.first().copied()));
    most.truncate(BARS);
    let rows = report.units.iter().flat_map(|row| {
        row.types.iter().map(|types| {
            let named = vec![text(&place(frame, &row.unit)), text(&kind(frame, types.kind))];
            [named, counts(&types.counts)].concat()
        })
    });
    Section {
        name: "units",
        title: frame.say("reports-units"),
        note: frame.fill("reports-units-note", &[("count", &BARS.to_string())]),
        chart: Some(chart(frame, "active", None, most)),
        heads: heads(frame, &["unit", "type"], &COUNTS),
        rows: rows.collect(),
    }
}

fn merged(frame: &Frame, report: &Report) -> Section {
    let rows = report
        .merged
        .iter()
        .map(|row| vec![text(&place(frame, &row.unit)), text(&place(frame, &row.former)), number(row.total, "former")]);
    Section {
        name: "merged",
        title: frame.say("reports-merged"),
        note: frame.say("reports-merged-note"),
        chart: None,
        heads: heads(frame, &["unit", "former"], &["total"]),
        rows: rows.collect(),
    }
}

fn outgoing(frame: &Frame, report: &Report) -> Section {
    let percent = |share: Option<f64>, name| Shown {
        text: share.map_or_else(|| frame.say("reports-none"), |share| decimal(share, 1)),
        definition: name,
    };
    let rows = report.outgoing.iter().map(|row| {
        let unit = row.unit.as_ref().map_or_else(|| frame.say("reports-every-unit"), |unit| place(frame, unit));
        let OutgoingCounts { drafted, withdrawn, refused, signed, numbered, sent, registered, registered_void, .. } =
            row.counts;
        let counts = [drafted, withdrawn, refused, signed, numbered, sent, registered, registered_void];
        let mut cells = vec![text(&unit)];
        cells.extend(counts.into_iter().zip(OUTGOING).map(|(count, name)| number(count, name)));
        cells.push(percent(row.counts.signed_percent, "signed_percent"));
        cells.push(percent(row.counts.sent_percent, "sent_percent"));
        cells
    });
    let sum = report.outgoing.first().map(|row| row.counts).unwrap_or_default();
    let bars = [("drafted", sum.drafted), ("signed", sum.signed), ("numbered", sum.numbered), ("sent", sum.sent)];
    let named = bars.map(|(name, count)| (titled(name, frame.language), vec![count])).to_vec();
    let mut chart = chart(frame, "drafted", None, named);
    chart.first.title = frame.say("reports-outgoing");
    for (row, (name, _)) in chart.rows.iter_mut().zip(bars) {
        row.bars.iter_mut().for_each(|bar| bar.definition = name);
    }
    Section {
        name: "outgoing",
        title: frame.say("reports-outgoing"),
        note: frame.say("reports-outgoing-note"),
        chart: Some(chart),
        heads: heads(frame, &["unit"], &[&OUTGOING[..], &["signed_percent", "sent_percent"]].concat()),
        rows: rows.collect(),
    }
}

fn booths(frame: &Frame, report: &Report) -> Section {
    let hour = |hour: usize| frame.fill("reports-hour", &[("hour", &format!("{hour:02}"))]);
    let sum = report.booths.first().map(|row| row.hours).unwrap_or_default();
    let bars = sum.iter().enumerate().map(|(at, count)| (hour(at), vec![*count])).collect();
    let rows = report.booths.iter().flat_map(|row| {
        let unit = row.unit.as_ref().map_or_else(|| frame.say("reports-every-unit"), |unit| place(frame, unit));
        let busy = row.hours.iter().enumerate().filter(|(_, count)| **count > 0);
        let rows = busy.map(|(at, count)| vec![text(&unit), text(&hour(at)), number(*count, "requests")]);
        rows.collect::<Vec<_>>()
    });
    let mut heads = heads(frame, &["unit"], &["requests"]);
    heads.insert(1, Head { title: frame.say("reports-hours"), definition: "requests" });
    Section {
        name: "booths",
        title: frame.say("reports-booths"),
        note: frame.say("reports-booths-note"),
        chart: Some(chart(frame, "requests", None, bars)),
        heads,
        rows: rows.collect(),
    }
}

fn ranking(frame: &Frame, report: &Report) -> Section {
    let rows = report.rankings.iter().flat_map(|ranking| {
        let measure = ranking.measure.name();
        let named = titled(measure, frame.language);
        let ranked = ranking.ranked.iter().map(|one| {
            vec![
                text(&named),
                number(u64::try_from(one.rank).unwrap_or(u64::MAX), "rank"),
                text(&place(frame, &one.unit)),
                number(one.active, "active"),
                number(one.people, "people"),
                text(&reports::day(&one.people_since)),
                Shown { text: decimal(one.rate, 2), definition: measure },
            ]
        });
        let none = || Shown { text: frame.say("reports-none"), definition: "people" };
        let unranked = ranking
            .unranked
            .iter()
            .map(|unit| vec![text(&named), none(), text(&place(frame, unit)), none(), none(), none(), none()]);
        ranked.chain(unranked).collect::<Vec<_>>()
    });
    let mut heads = heads(frame, &[], &["rank", "unit", "active", "people"]);
    heads.insert(0, Head { title: frame.say("reports-measure"), definition: "" });
    heads.push(Head { title: frame.say("reports-people-since"), definition: "people" });
    heads.push(Head { title: frame.say("reports-rate"), definition: "" });
    Section {
        name: "ranking",
        title: frame.say("reports-ranking"),
        note: frame.say("reports-ranking-note"),
        chart: None,
        heads,
        rows: rows.collect(),
    }
}

fn chart(frame: &Frame, first: &'static str, second: Option<&'static str>, rows: Vec<(String, Vec<u64>)>) -> Chart {
    let series = |name: &'static str| Series { title: titled(name, frame.language), definition: name };
    Chart::new(series(first), second.map(series), rows, texts::grouped)
}

fn heads(frame: &Frame, keys: &[&'static str], figures: &[&'static str]) -> Vec<Head> {
    let head = |name: &&'static str| Head { title: titled(name, frame.language), definition: name };
    keys.iter().chain(figures).map(head).collect()
}

fn titled(name: &str, language: Language) -> String {
    definition(name).map_or_else(|| name.to_owned(), |one| report_definitions::title(one, language).to_owned())
}

fn kind(frame: &Frame, kind: CertificateType) -> String {
    frame.name_of("reports-type", kind.name())
}

/// A unit by its name, with what is to be known of it.
fn place(frame: &Frame, unit: &Place) -> String {
    let name = [("name", unit.name.as_str()), ("code", unit.code.as_str())];
    match unit.standing {
        Standing::InForce => frame.fill("reports-unit", &name),
        Standing::Unknown if unit.code.is_empty() => frame.say("reports-unit-none"),
        Standing::Unknown => frame.fill("reports-unit-unknown", &name[1..]),
        Standing::Parted | Standing::Ended => {
            let last = reports::day(unit.last_day.as_deref().unwrap_or_default());
            let named = [name[0], name[1], ("day", last.as_str())];
            match unit.standing {
                Standing::Parted => frame.fill("reports-unit-parted", &named),
                _ => frame.fill("reports-unit-ended", &named),
            }
        }
    }
}

fn counts(counts: &CertificateCounts) -> Vec<Shown> {
    let CertificateCounts { issued, revoked, total, active, suspended, revoked_total, expired } = *counts;
    let each = [issued, revoked, total, active, suspended, revoked_total, expired];
    each.into_iter().zip(COUNTS).map(|(count, name)| number(count, name)).collect()
}

fn number(count: u64, definition: &'static str) -> Shown {
    Shown { text: texts::grouped(count), definition }
}

fn text(text: &str) -> Shown {
    Shown { text: text.to_owned(), definition: "" }
}

/// With a comma, as Vietnam writes numbers.
fn decimal(number: f64, places: usize) -> String {
    format!("{number:.places$}").replace('.', ",")
}

const COUNTS: [&str; 7] = ["issued", "revoked", "total", "active", "suspended", "revoked_total", "expired"];
const OUTGOING: [&str; 8] =
    ["drafted", "withdrawn", "refused", "signed", "numbered", "sent", "registered", "registered_void"];
/// Units that a chart shows.
const BARS: usize = 20;
