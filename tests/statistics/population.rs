//! Certificates, requests and suspensions with known days, stored as the service stores them. Their MACs are real; their certificates are not.

use crate::harness::app::TestApp;
use chuky::{
    attestation,
    audit::{self, Actor, Entry, Kind},
};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{certificate::Certificate, request::RegistrationRequest, state::CertificateState},
    request::{Hierarchy, RequestState, SubjectKind},
    serial::Serial,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A moment in Vietnam.
pub fn at(text: &str) -> Instant {
    Instant::parse_rfc3339(&format!("{text}+07:00")).unwrap()
}

/// What became of a certificate.
#[derive(Clone, Copy)]
pub enum Fate {
    Good,
    Revoked(&'static str),
    Suspended(&'static str),
    SuspendedRevoked(&'static str, &'static str),
    Resumed(&'static str, &'static str),
    /// Its serial number was given up.
    Void,
}

/// A certificate and its request.
pub struct One {
    pub unit: &'static str,
    pub hierarchy: Hierarchy,
    pub kind: SubjectKind,
    pub requested: Instant,
    /// `None`: only the request.
    pub issued: Option<Instant>,
    pub until: Instant,
    pub fate: Fate,
    pub follows: Option<CertificateId>,
}

impl One {
    /// A citizen's, requested and issued at once.
    pub fn citizen(unit: &'static str, issued: &str, fate: Fate) -> Self {
        let issued = at(issued);
        Self {
            unit,
            hierarchy: Hierarchy::Citizens,
            kind: SubjectKind::Person,
            requested: issued,
            issued: Some(issued),
            until: at("2099-01-01T00:00:00"),
            fate,
            follows: None,
        }
    }

    /// The same of another kind.
    pub fn of(self, hierarchy: Hierarchy, kind: SubjectKind) -> Self {
        Self { hierarchy, kind, ..self }
    }
}

/// Stores them; the identifiers of those that have a certificate.
pub async fn store(test: &TestApp, all: &[One]) -> Vec<CertificateId> {
    let (entered_by, _) = test.account(&format!("nguoi.nhap.{}", Uuid::new_v4().simple()), &[], None).await;
    let mut made = Vec::new();
    for one in all {
        let request = request(test, one, entered_by).await;
        let mut transaction = test.app.store.begin().await.unwrap();
        transaction.insert_request(&request, &unique()).await.unwrap();
        if let Some(issued) = one.issued {
            let row = certificate(test, one, Some(request.id), issued).await;
            transaction.insert_certificate(&row).await.unwrap();
            for (kind, recorded) in holds(one.fate) {
                let entry = Entry::of_row(at(recorded), kind, Actor::Service, &row);
                audit::record(&mut transaction, entry).await.unwrap();
            }
            made.push(row.id);
        }
        transaction.commit().await.unwrap();
    }
    made
}

/// Stores a certificate whose request is lost.
pub async fn store_without_request(test: &TestApp, one: &One) {
    let row = certificate(test, one, None, one.issued.unwrap()).await;
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.insert_certificate(&row).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Many at once, in one transaction and without MACs, to be counted and nothing else.
pub async fn store_many(test: &TestApp, all: impl Iterator<Item = One>) {
    let (entered_by, _) = test.account("nguoi.nhap", &[], None).await;
    let mut transaction = test.app.store.begin().await.unwrap();
    for one in all {
        let request = unattested_request(test, &one, entered_by);
        transaction.insert_request(&request, &unique()).await.unwrap();
        let row = unattested_certificate(&one, Some(request.id), one.issued.unwrap());
        transaction.insert_certificate(&row).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn request(test: &TestApp, one: &One, entered_by: AccountId) -> RegistrationRequest {
    let mut row = unattested_request(test, one, entered_by);
    attestation::attest(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    row
}

fn unattested_request(test: &TestApp, one: &One, entered_by: AccountId) -> RegistrationRequest {
    let id = RequestId(Uuid::now_v7());
    let details = json!({
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05", "sex": "female",
        "province": "Hà Nội", "locality": "Phường Hoàn Kiếm", "organization": "Ủy ban nhân dân phường Hoa Sữa",
        "kind": one.kind.name(),
    });
    let sealed = test.app.vault.seal("registration_request.details", &id.to_string(), details.to_string().as_bytes());
    RegistrationRequest {
        id,
        hierarchy: one.hierarchy,
        state: if one.issued.is_some() { RequestState::Issued } else { RequestState::Submitted },
        person_lookup: unique(),
        details: sealed.unwrap(),
        unit: one.unit.to_owned(),
        entered_by,
        created_at: one.requested,
        decided_by: None,
        decided_at: None,
        rejection_reason: None,
        account_id: None,
        certificate_id: None,
        follows_certificate: one.follows,
        updated_at: one.requested,
        version: 1,
        mac: unique(),
    }
}

async fn certificate(test: &TestApp, one: &One, request: Option<RequestId>, issued: Instant) -> Certificate {
    let mut row = unattested_certificate(one, request, issued);
    attestation::attest(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    row
}

fn unattested_certificate(one: &One, request_id: Option<RequestId>, issued: Instant) -> Certificate {
    let (state, revoked_at, updated_at) = match one.fate {
        Fate::Good => (CertificateState::Issued, None, issued),
        Fate::Resumed(_, until) => (CertificateState::Issued, None, at(until)),
        Fate::Revoked(when) => (CertificateState::Revoked, Some(at(when)), at(when)),
        Fate::Suspended(when) => (CertificateState::Suspended, Some(at(when)), at(when)),
        Fate::SuspendedRevoked(from, when) => (CertificateState::Revoked, Some(at(from)), at(when)),
        Fate::Void => (CertificateState::Void, Some(issued), issued),
    };
    let mut serial = unique();
    serial.truncate(16);
    serial[0] = 0x40;
    Certificate {
        id: CertificateId(Uuid::now_v7()),
        request_id,
        account_id: None,
        hierarchy: one.hierarchy,
        issuer_label: "counted".to_owned(),
        serial: Serial::from_octets(&serial).unwrap(),
        state,
        intent: unique(),
        certificate: None,
        fingerprint: None,
        spki_hash: None,
        not_before: issued,
        not_after: one.until,
        revoked_at,
        revocation_reason: revoked_at.map(|_| 0),
        invalid_since: None,
        created_at: issued,
        updated_at,
        version: 1,
        mac: unique(),
    }
}

fn holds(fate: Fate) -> Vec<(Kind, &'static str)> {
    match fate {
        Fate::Suspended(from) => vec![(Kind::CertificateSuspended, from)],
        Fate::SuspendedRevoked(from, until) => {
            vec![(Kind::CertificateSuspended, from), (Kind::CertificateRevoked, until)]
        }
        Fate::Resumed(from, until) => vec![(Kind::CertificateSuspended, from), (Kind::CertificateResumed, until)],
        Fate::Revoked(when) => vec![(Kind::CertificateRevoked, when)],
        Fate::Good | Fate::Void => Vec::new(),
    }
}

fn unique() -> Vec<u8> {
    Sha256::digest(Uuid::new_v4().as_bytes()).to_vec()
}
