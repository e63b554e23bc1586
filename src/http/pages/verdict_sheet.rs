//! The verdict card as the words of a PDF: Vietnamese first, English beneath, and everything Circular 15/2025 article 6 wants shown for
//! each signature. It says what the card says, from the same report; it judges nothing.

use super::{
    Frame, VerdictCard, texts,
    verdict::{ChangeView, CheckView, ReportLinks, SignatureView},
    verdict_pages::PagesView,
    verdict_words::{Verdict, certificate_state},
};
use crate::{
    reports::{
        Seal,
        limits::{LISTED, LISTED_EACH, PAGES_SHOWN},
    },
    verification::{Judged, Pictures},
};
use chuky_model::{
    instant::Instant,
    report::{Report, SignatureReport},
    text::Language,
};
use chuky_pki::pdf::sheet::{Block, Shape, Sheet, Shown};

/// Both languages at once.
struct Words {
    vi: Frame,
    en: Frame,
    blocks: Vec<Block>,
}

/// The sheet of a verdict, made at that time, with the pages that were drawn of the document while it was at hand.
pub fn verdict_sheet(judged: &Judged, drawn: &Pictures, made_at: Instant, seal: Seal<'_>) -> Sheet {
    let report = &judged.report;
    let (vi, en) = (Frame::new(Language::Vi, "/verify"), Frame::new(Language::En, "/verify"));
    // The card carries no copy of the report: an address stands in its place.
    let links = ReportLinks { json: Some(String::new()), ..ReportLinks::default() };
    let cards = [VerdictCard::of(report, &vi, links.clone()), VerdictCard::of(report, &en, links)];
    let mut words = Words { vi, en, blocks: Vec::new() };
    words.head(report, &cards);
    words.about(judged, made_at, seal);
    words.pages(report, drawn);
    let [vi, en] = &cards;
    for (place, (one, other)) in vi.signatures.iter().zip(&en.signatures).take(LISTED).enumerate() {
        if let Some(signature) = report.signatures.get(place) {
            words.signature(place, signature, (one, other));
        }
    }
    for (one, other) in vi.timestamps.iter().zip(&en.timestamps).take(LISTED) {
        words.heading(Some(one.verdict), one.sentence.clone(), other.sentence.clone());
        words.checks(&one.checks, &other.checks);
    }
    let left = report.signatures.len().saturating_sub(LISTED) + report.timestamps.len().saturating_sub(LISTED);
    words.left_out(left);
    words.say("report-file-checks", |words, vi, en| words.heading(None, vi, en));
    words.checks(&vi.checks, &en.checks);
    words.say("report-basis", |words, text, beneath| words.blocks.push(Block::Text { text, beneath }));
    Sheet {
        title: format!("{}: {}", words.vi.say("report-title"), report.file),
        author: "Chuky".to_owned(),
        foot: format!("{} SHA-256 {}", words.vi.say("report-title"), report.sha256.as_deref().unwrap_or("-")),
        blocks: words.blocks,
    }
}

impl Words {
    /// The text of a key, in both languages, handed on.
    fn say(&mut self, key: &str, then: impl FnOnce(&mut Self, String, String)) {
        let (vi, en) = (self.vi.say(key), self.en.say(key));
        then(self, vi, en);
    }

    fn heading(&mut self, verdict: Option<Verdict>, text: String, beneath: String) {
        self.blocks.push(Block::Heading { shape: verdict.map(shape), text, beneath });
    }

    fn row(&mut self, label: &str, value: String, beneath: String) {
        let (label, label_beneath) = (self.vi.say(label), self.en.say(label));
        self.blocks.push(Block::Row { label, label_beneath, value, beneath });
    }

    fn warning(&mut self, key: &str) {
        self.say(key, |words, text, beneath| words.blocks.push(Block::Warning { text, beneath }));
    }

    fn head(&mut self, report: &Report, [vi, en]: &[VerdictCard; 2]) {
        let name = vi.verdict.name();
        let word = format!("{} / {}", self.vi.name_of("verdict", name), self.en.name_of("verdict", name));
        let (sentence, beneath) = (vi.sentence.clone(), en.sentence.clone());
        self.blocks.push(Block::Banner { shape: shape(vi.verdict), word, sentence, beneath });
        if !report.next_step.vi.is_empty() {
            self.row("next-step", report.next_step.vi.clone(), report.next_step.en.clone());
        }
    }

    /// Which file, when, by which policy, and who vouches for this report.
    fn about(&mut self, judged: &Judged, made_at: Instant, seal: Seal<'_>) {
        let report = &judged.report;
        self.say("report-about", |words, vi, en| words.heading(None, vi, en));
        let digest = report.sha256.as_deref().unwrap_or("-");
        for (label, value) in [("report-file", report.file.as_str()), ("label-sha256", digest)] {
            self.row(label, value.to_owned(), value.to_owned());
        }
        for (label, at) in [("report-judged-at", judged.at), ("report-made-at", made_at)] {
            let at = texts::screen_instant(at);
            self.row(label, at.clone(), at);
        }
        if let Some(policy) = &report.policy {
            let named = |title: &str| format!("{title} ({}), SHA-256 {}", policy.name, policy.sha256);
            self.row("report-policy", named(&policy.title.vi), policy.title.en.clone());
        }
        let count = texts::grouped(report.signatures.len() as u64);
        self.row("report-signatures", count.clone(), count);
        let (vi, en) = match seal {
            Seal::By(name) => {
                let name = [("authority", name)];
                (self.vi.fill("report-seal-by", &name), self.en.fill("report-seal-by", &name))
            }
            Seal::Missing => (self.vi.say("report-seal-missing"), self.en.say("report-seal-missing")),
            Seal::Offline => (self.vi.say("report-seal-offline"), self.en.say("report-seal-offline")),
        };
        self.row("report-seal", vi, en);
    }

    /// The pages as signed and as they are now, differences and signatures framed.
    fn pages(&mut self, report: &Report, drawn: &Pictures) {
        let pages = match drawn {
            Pictures::Nothing => return,
            Pictures::Missing(_) => {
                self.say("pages-title", |words, vi, en| words.heading(None, vi, en));
                return self
                    .say("pages-missing", |words, text, beneath| words.blocks.push(Block::Text { text, beneath }));
            }
            Pictures::Drawn(pages) => pages,
        };
        let shown = pages.iter().take(PAGES_SHOWN);
        for page in shown {
            let [vi, en] = [&self.vi, &self.en].map(|frame| PagesView::of(frame, report, vec![page.clone()]).pages);
            for (one, other) in vi.into_iter().zip(en) {
                self.heading(None, one.heading, other.heading);
                for (text, beneath) in one.notes.into_iter().zip(other.notes) {
                    self.blocks.push(Block::Text { text, beneath });
                }
                let signed = page.signed.iter().map(|picture| (picture, &[][..]));
                let pictures = signed.chain(page.now.iter().map(|picture| (picture, &page.marks[..])));
                let captions = one.pictures.into_iter().zip(other.pictures);
                let shown = pictures.zip(captions).map(|((picture, marks), (vi, en))| Shown {
                    picture: picture.clone(),
                    caption: vi.caption,
                    beneath: en.caption,
                    differences: page.differences.clone(),
                    marks: marks.to_vec(),
                });
                self.blocks.push(Block::Pictures(shown.collect()));
            }
        }
        self.left_out(pages.len().saturating_sub(PAGES_SHOWN));
    }

    fn signature(&mut self, place: usize, signature: &SignatureReport, (vi, en): (&SignatureView, &SignatureView)) {
        let number = texts::grouped(place as u64 + 1);
        let name = vi.verdict.name();
        let heading = |frame: &Frame, signer: &str| {
            let number = frame.fill("signature-number", &[("number", &number)]);
            format!("{number} {signer} - {}", frame.name_of("verdict", name))
        };
        let (text, beneath) = (heading(&self.vi, &vi.heading), heading(&self.en, &en.heading));
        self.heading(Some(vi.verdict), text, beneath);
        // Circular 15/2025, article 6: a warning where the certificate's status could not be checked.
        let state = certificate_state(&self.vi, signature);
        if state == self.vi.say("certificate-state-unknown") {
            self.warning("report-status-unknown");
        } else if state == self.vi.say("certificate-state-no-path") {
            self.warning("report-issuer-unknown");
        }
        let rows = vi.rows.iter().chain(&vi.technical_rows).zip(en.rows.iter().chain(&en.technical_rows));
        for (one, other) in rows {
            self.blocks.push(Block::Row {
                label: one.label.clone(),
                label_beneath: other.label.clone(),
                value: one.value.clone(),
                beneath: other.value.clone(),
            });
        }
        self.changes(&vi.changes, &en.changes);
        self.checks(&vi.checks, &en.checks);
    }

    fn changes(&mut self, vi: &[ChangeView], en: &[ChangeView]) {
        for (one, other) in vi.iter().zip(en).take(LISTED_EACH) {
            let key = if one.permitted { "change-permitted-word" } else { "change-forbidden-word" };
            let said = |frame: &Frame, change: &ChangeView| {
                let page = change.page.as_ref().map(|page| format!(", {page}")).unwrap_or_default();
                format!("{}: {}{page}", frame.say(key), change.kind)
            };
            let (value, beneath) = (said(&self.vi, one), said(&self.en, other));
            self.row("changes-after", value, format!("{beneath}. {}", one.detail));
        }
        self.left_out(vi.len().saturating_sub(LISTED_EACH));
    }

    /// What did not pass; what passed is counted.
    fn checks(&mut self, vi: &[CheckView], en: &[CheckView]) {
        let passed = vi.iter().filter(|check| check.outcome == "passed").count();
        let count = texts::grouped(passed as u64);
        self.row("report-checks-passed", count.clone(), count);
        let mut open = 0;
        for (one, other) in vi.iter().zip(en).filter(|(check, _)| check.outcome != "passed") {
            open += 1;
            if open > LISTED_EACH {
                continue;
            }
            self.blocks.push(Block::Row {
                label: one.outcome_word.clone(),
                label_beneath: other.outcome_word.clone(),
                value: one.name.clone(),
                beneath: format!("{}: {}", other.name, one.reason),
            });
        }
        self.left_out(open.saturating_sub(LISTED_EACH));
    }

    fn left_out(&mut self, count: usize) {
        if count > 0 {
            let count = texts::grouped(count as u64);
            let count = [("count", count.as_str())];
            let (text, beneath) = (self.vi.fill("checks-left-out", &count), self.en.fill("checks-left-out", &count));
            self.blocks.push(Block::Text { text, beneath });
        }
    }
}

fn shape(verdict: Verdict) -> Shape {
    match verdict {
        Verdict::Valid => Shape::Valid,
        Verdict::NotValid => Shape::NotValid,
        Verdict::Undetermined | Verdict::NoSignature => Shape::Undetermined,
    }
}
