//! Which kind of certificate each request asks for. That stands in its sealed details alone, and never changes; each is opened once, for
//! this word, and what else it holds is wiped.

use super::limits::DETAILS_PAGE;
use crate::{app::App, error::Result, registration};
use chuky_model::{
    id::RequestId,
    request::{Hierarchy, SubjectKind},
};
use serde::Serialize;
use std::collections::HashMap;
use uuid::Uuid;

/// The type of a certificate, by its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateType {
    /// Every type together.
    All,
    Citizen,
    Official,
    Seal,
    Device,
    PaymentProvider,
    /// Found by a reconciliation, without a request.
    Unknown,
}

impl CertificateType {
    /// Those that certificates have, in the order of reports.
    pub const EACH: [Self; 6] =
        [Self::Citizen, Self::Official, Self::Seal, Self::Device, Self::PaymentProvider, Self::Unknown];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Citizen => "citizen",
            Self::Official => "official",
            Self::Seal => "seal",
            Self::Device => "device",
            Self::PaymentProvider => "payment_provider",
            Self::Unknown => "unknown",
        }
    }

    /// The type of what a request of this kind asks for.
    pub fn of(hierarchy: Hierarchy, kind: SubjectKind) -> Self {
        let profile = kind.profile(hierarchy).unwrap_or_default();
        Self::EACH.into_iter().find(|known| known.name() == profile).unwrap_or(Self::Unknown)
    }
}

/// The kinds that are known.
pub struct Kinds {
    known: HashMap<RequestId, SubjectKind>,
    newest: RequestId,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { known: HashMap::new(), newest: RequestId(Uuid::nil()) }
    }
}

impl Kinds {
    /// Learns of the requests made since it last did.
    pub async fn learn(&mut self, app: &App) -> Result<()> {
        loop {
            let page = app.store.sealed_details(self.newest, DETAILS_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            self.newest = last.id;
            for row in &page {
                self.known.insert(row.id, registration::kind_of(app, row.id, &row.details)?);
            }
        }
    }

    /// The kind that a request asks for; `None` where there is no such request.
    pub async fn of(&mut self, app: &App, id: RequestId) -> Result<Option<SubjectKind>> {
        if let Some(known) = self.known.get(&id) {
            return Ok(Some(*known));
        }
        // Identifiers grow with time, but one may be stored after a later one.
        let Some(request) = app.store.request_by_id(id).await? else { return Ok(None) };
        let kind = registration::kind_of(app, id, &request.details)?;
        self.known.insert(id, kind);
        Ok(Some(kind))
    }
}
