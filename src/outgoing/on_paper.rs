//! What identifies an outgoing document to whoever holds it on paper: told once it is issued, and that it was recalled.

use super::{details::Details, seal};
use crate::{app::App, current, error::Result};
use chuky_model::{
    id::DocumentId,
    instant::Instant,
    record::{outgoing::number_and_notation, state::OutgoingState},
};

/// An outgoing document as its holder compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnPaper {
    pub standing: Standing,
    /// `15/QĐ-UBND`; this and what follows is told once it is issued.
    pub number: Option<String>,
    pub issued_at: Option<Instant>,
    pub type_name: String,
    pub subject: String,
    /// As its seal's certificate has it.
    pub agency: Option<String>,
}

/// Whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not sealed yet, refused or withdrawn.
    NotIssued,
    Issued,
    Recalled,
}

impl Standing {
    /// Its name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIssued => "not-issued",
            Self::Issued => "issued",
            Self::Recalled => "recalled",
        }
    }
}

/// What is told of the document, where it is an outgoing one.
pub async fn on_paper(app: &App, document: DocumentId) -> Result<Option<OnPaper>> {
    let row = current::row(app, || app.store.outgoing_of_document(document)).await?;
    let Some(row) = row else { return Ok(None) };
    let standing = match row.state {
        OutgoingState::Sealed | OutgoingState::Sent | OutgoingState::Published => Standing::Issued,
        OutgoingState::Recalled => Standing::Recalled,
        _ => Standing::NotIssued,
    };
    if standing == Standing::NotIssued {
        let empty = String::new;
        let (number, issued_at, agency) = (None, None, None);
        return Ok(Some(OnPaper { standing, number, issued_at, type_name: empty(), subject: empty(), agency }));
    }
    let details = Details::of(app, &row)?;
    Ok(Some(OnPaper {
        standing,
        number: row.number.map(|number| number_and_notation(number, &row.type_code, &row.notation)),
        issued_at: row.issued_at,
        type_name: details.type_name,
        subject: details.subject,
        agency: seal::agency_of(app, &row)?,
    }))
}
