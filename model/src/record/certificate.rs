//! Certificates from their stored intent on, the authority's own keys, and published lists.

use super::{
    record,
    state::{AuthorityState, CertificateState, KeyPurpose},
};
use crate::{id::*, instant::Instant, request::Hierarchy, serial::Serial};

record! {
    /// A certificate, from its reserved serial on.
    authenticated Certificate in "certificate" {
        id: CertificateId,
        request_id: Option<RequestId>,
        /// The subscriber's account.
        account_id: Option<AccountId>,
        hierarchy: Hierarchy,
        /// Label of the issuing key.
        issuer_label: String,
        /// Unique within its issuer.
        serial: Serial,
        state: CertificateState,
        /// Encrypted: the canonical intent, stored before anything is signed.
        intent: Vec<u8>,
        /// Encrypted DER, once issued.
        certificate: Option<Vec<u8>>,
        /// SHA-256 of the DER.
        fingerprint: Option<Vec<u8>>,
        /// SHA-256 of the SubjectPublicKeyInfo; a public key is certified once.
        spki_hash: Option<Vec<u8>>,
        not_before: Instant,
        not_after: Instant,
        /// When it was revoked, suspended or made void.
        revoked_at: Option<Instant>,
        /// CRLReason (RFC 5280 §5.3.1).
        revocation_reason: Option<i64>,
        /// Since when its signatures are in doubt (RFC 5280 §5.3.2), where that is before the revocation.
        invalid_since: Option<Instant>,
        created_at: Instant,
        updated_at: Instant,
    }
}

record! {
    /// A key of the authority with its certificate.
    authenticated AuthorityKey in "authority_key" {
        /// The key's label on its token.
        label: String,
        /// `None` for keys of no hierarchy (audit).
        hierarchy: Option<Hierarchy>,
        purpose: KeyPurpose,
        /// Label of the key that signed the certificate; `None` for a root or a bare key.
        issuer_label: Option<String>,
        /// DER SubjectPublicKeyInfo.
        spki: Vec<u8>,
        /// DER.
        certificate: Option<Vec<u8>>,
        created_at: Instant,
        retired_at: Option<Instant>,
        /// Label of a token of its own that holds the key and may be away; `None` where the purpose tells the token.
        token: Option<String>,
        /// `None` is active.
        state: Option<AuthorityState>,
    }
}

record! {
    /// A root's key certified by another root.
    authenticated CrossCertificate in "cross_certificate" {
        /// Names it in `/ca/{label}.cer`.
        label: String,
        /// Whose key it certifies.
        subject_label: String,
        issuer_label: String,
        /// DER.
        certificate: Vec<u8>,
        created_at: Instant,
    }
}

record! {
    /// That the database came out of a backup.
    Restoration in "restoration" {
        id: RestorationId,
        /// When the backup was made.
        backup_at: Instant,
        restored_at: Instant,
        /// `None` while nothing may be issued or answered.
        reconciled_at: Option<Instant>,
    }
}

record! {
    /// The last number that a register of documents had given before a restore.
    RegisterConfirmation in "register_confirmation" {
        /// `outgoing` or `incoming`.
        register: String,
        unit: String,
        year: i64,
        /// Empty for incoming documents.
        series: String,
        last_number: i64,
        confirmed_at: Instant,
    }
}

record! {
    /// What a list or a status answer needs of a revoked certificate.
    RevokedCertificate in "certificate" {
        serial: Serial,
        state: CertificateState,
        revoked_at: Instant,
        /// CRLReason (RFC 5280 §5.3.1).
        revocation_reason: i64,
        version: i64,
        /// RFC 5280 §5.3.2.
        invalid_since: Option<Instant>,
    }
}

record! {
    /// A published certificate revocation list.
    Crl in "crl" {
        /// The issuer's label, and for a part of its list `label.parts.part`.
        issuer_label: String,
        /// Greater than every earlier number of this issuer (RFC 5280 §5.2.3).
        number: i64,
        /// The number it follows; 0 for the first.
        previous_number: i64,
        this_update: Instant,
        next_update: Instant,
        /// Octets of the whole list; 0 where `list` is all of it.
        length: i64,
        /// SHA-256 of the whole list; empty where `length` is 0.
        digest: Vec<u8>,
        /// DER, its first piece.
        list: Vec<u8>,
    }
}

record! {
    /// A further piece of a list.
    CrlPiece in "crl_piece" {
        issuer_label: String,
        number: i64,
        /// From 1 on; the first piece stands with the list.
        piece: i64,
        octets: Vec<u8>,
    }
}
