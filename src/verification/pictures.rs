//! Pictures of a judged document's pages, made by a reader while the document is still at hand; nothing of it is kept.

use super::limits;
use crate::{
    app::App,
    reader::{ReaderPool, Task, TaskOutput},
};
use chuky_model::report::{DocumentFormat, Integrity, Report};
use chuky_pki::picture::{PagePictures, Wanted};
use std::{collections::BTreeSet, fs::File};

/// What there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// The document has no pages that could be drawn, or nothing on them is worth a picture.
    Nothing,
    Drawn(Vec<PagePictures>),
    /// They could not be made, and why, for experts.
    Missing(String),
}

/// Draws what the report speaks of. That it fails is an answer, never an error.
pub(super) async fn draw(app: &App, document: File, report: &Report) -> Pictures {
    if !has_pages(report) {
        return Pictures::Nothing;
    }
    let Some(_place) = app.admission.draw().await else {
        return Pictures::Missing("too many pictures are being made; ask again later".to_owned());
    };
    drawn(&app.readers, document, report).await
}

fn has_pages(report: &Report) -> bool {
    report.format == DocumentFormat::PAdES && !report.signatures.is_empty()
}

/// The same where nobody else waits for a reader: for a command.
pub async fn drawn(readers: &ReaderPool, document: File, report: &Report) -> Pictures {
    if !has_pages(report) {
        return Pictures::Nothing;
    }
    match readers.run(Task::Draw(wanted(report)), Some(document)).await {
        Ok(TaskOutput::Pictures(Ok(drawn))) if drawn.is_empty() => Pictures::Nothing,
        Ok(TaskOutput::Pictures(Ok(drawn))) => Pictures::Drawn(drawn),
        Ok(TaskOutput::Pictures(Err(reason))) => Pictures::Missing(reason),
        Ok(_) => Pictures::Missing("the reader answered another question".to_owned()),
        Err(failure) => Pictures::Missing(failure.to_string()),
    }
}

fn wanted(report: &Report) -> Wanted {
    let changes = || report.signatures.iter().flat_map(|line| &line.changes_after);
    let named: BTreeSet<u32> = changes().filter(|change| !change.permitted).filter_map(|change| change.page).collect();
    Wanted {
        pages: named.into_iter().take(limits::PAGES_NAMED).collect(),
        everywhere: report.integrity == Integrity::Altered || changes().next().is_some(),
        signatures: report.signatures.iter().take(limits::SIGNATURES_NAMED).map(|line| line.id.clone()).collect(),
    }
}
