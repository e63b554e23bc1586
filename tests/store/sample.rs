//! Rows to store, each unlike every other. Nothing in them is secret, encrypted or MACed: storage does not look.

use chuky::store::Store;
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::*,
    instant::Instant,
    record::{account::*, audit::*, certificate::*, credential::*, document::*, request::*, state::*},
    request::{Hierarchy, RequestState},
    role::Role,
    serial::Serial,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// 22 November 2026, 03:05:09 UTC and so many seconds.
pub fn at(seconds: i64) -> Instant {
    Instant(1_795_316_709_123_456).plus_seconds(seconds)
}

pub fn digest(text: impl AsRef<[u8]>) -> Vec<u8> {
    Sha256::digest(text.as_ref()).to_vec()
}

fn unique() -> Vec<u8> {
    digest(Uuid::new_v4().as_bytes())
}

pub fn account(login: &str) -> Account {
    Account {
        id: AccountId(Uuid::now_v7()),
        login: login.to_owned(),
        password_hash: Some("$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA".to_owned()),
        roles: vec![Role::Operator, Role::SecurityOfficer],
        display_name: "Trần Thị Thu Hà".as_bytes().to_vec(),
        unit: "HN-HK".to_owned(),
        person_lookup: Some(unique()),
        failed_logins: 2,
        locked_until: None,
        disabled_at: Some(at(9)),
        created_at: at(0),
        renewed_at: Some(at(3)),
        totp_secret: Some(unique()),
        totp_step: Some(59_843_890),
        unit_since: Some(at(7)),
        version: 1,
        mac: unique(),
    }
}

pub fn request(entered_by: AccountId, seconds: i64) -> RegistrationRequest {
    RegistrationRequest {
        id: RequestId(Uuid::now_v7()),
        hierarchy: Hierarchy::Citizens,
        state: RequestState::Submitted,
        person_lookup: unique(),
        details: vec![0, 1, 2, 255],
        unit: "HN-HK".to_owned(),
        entered_by,
        created_at: at(seconds),
        decided_by: None,
        decided_at: None,
        rejection_reason: None,
        account_id: None,
        certificate_id: None,
        follows_certificate: None,
        updated_at: at(seconds),
        version: 1,
        mac: unique(),
    }
}

pub fn serial(number: u64) -> Serial {
    Serial::from_octets(&(0x4000_0000_0000_0000_u64 | number).to_be_bytes()).unwrap()
}

pub fn certificate(serial: Serial) -> Certificate {
    Certificate {
        id: CertificateId(Uuid::now_v7()),
        request_id: None,
        account_id: None,
        hierarchy: Hierarchy::Officials,
        issuer_label: "officials-issuing".to_owned(),
        serial,
        state: CertificateState::Intended,
        intent: unique(),
        certificate: None,
        fingerprint: None,
        spki_hash: None,
        not_before: at(0),
        not_after: at(3_600),
        revoked_at: None,
        revocation_reason: None,
        invalid_since: None,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
        mac: unique(),
    }
}

pub fn crl(number: i64, previous_number: i64, seconds: i64) -> Crl {
    Crl {
        issuer_label: "citizens-issuing".to_owned(),
        number,
        previous_number,
        this_update: at(seconds),
        next_update: at(seconds + 3_600),
        length: 0,
        digest: Vec::new(),
        list: unique(),
    }
}

pub fn credential(account_id: AccountId) -> Credential {
    Credential {
        id: CredentialId(Uuid::now_v7()),
        account_id,
        certificate_id: None,
        algorithm: KeyAlgorithm::Rsa3072,
        spki: unique(),
        sealed_key: vec![7; 2_000],
        pin_salt: unique(),
        pin_memory: 65_536,
        pin_iterations: 3,
        pin_lanes: 1,
        pepper_version: 1,
        wrapping_key: "chuky-wrapping-1".to_owned(),
        tries: 0,
        unlocks: 0,
        state: CredentialState::Active,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
        mac: unique(),
    }
}

pub fn activation(credential_id: CredentialId, hash_count: i64, expires: i64) -> Activation {
    Activation {
        id: ActivationId(Uuid::now_v7()),
        credential_id,
        client: "web".to_owned(),
        sealed_key: vec![9; 2_000],
        hashes_digest: unique(),
        hash_count,
        used_count: 0,
        expires_at: at(expires),
        state: ActivationState::Open,
        created_at: at(0),
        version: 1,
        mac: unique(),
    }
}

pub fn document(owner_id: AccountId, seconds: i64) -> Document {
    let id = DocumentId(Uuid::now_v7());
    Document {
        id,
        owner_id,
        name: "Công văn số 12.pdf".as_bytes().to_vec(),
        media_type: "application/pdf".to_owned(),
        state: DocumentState::Ready,
        sha256: unique(),
        size: 5_000_000_000,
        stored_as: id.to_string(),
        signed_sha256: None,
        signed_size: None,
        signed_stored_as: None,
        signed_format: None,
        created_at: at(seconds),
        updated_at: at(seconds),
        version: 1,
        mac: digest("mac"),
    }
}

pub fn entry(subject: &str, seconds: i64) -> AuditEntry {
    AuditEntry {
        id: AuditEntryId(Uuid::now_v7()),
        recorded_at: at(seconds),
        kind: "account.created".to_owned(),
        actor: "service".to_owned(),
        subject: subject.to_owned(),
        content: b"{}".to_vec(),
        row_version: None,
    }
}

/// Stores an account and returns it.
pub async fn stored_account(store: &Store, login: &str) -> Account {
    let account = account(login);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_account(&account).await.unwrap();
    transaction.commit().await.unwrap();
    account
}
