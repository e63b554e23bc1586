//! When what others need of the authority ends: the certificates of keys in service, and the newest lists. For those who watch over it
//! (`/readyz`, `/metrics`, `chuky doctor`); says how it stands and renews nothing.

use super::{Authority, CertifiedKey};
use crate::{error::Result, store::Store};
use chuky_model::{
    instant::Instant,
    record::state::{AuthorityState, KeyPurpose},
    request::Hierarchy,
};

/// A revocation list that somebody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEnd {
    /// Under which it is served.
    pub name: String,
    pub number: i64,
    pub this_update: Instant,
    pub next_update: Instant,
    /// Only a ceremony makes the next one: the issuer's key lies on a token that is not here.
    pub by_ceremony: bool,
}

/// Keys whose certificates somebody needs now: CAs that have not ended, the responder that speaks for each of them, the timestamp
/// authority in use.
pub fn in_service(authority: &Authority) -> Vec<&CertifiedKey> {
    let newest_of = |key: &CertifiedKey| {
        let issuer = authority.issuer_of(key).ok().filter(|issuer| issuer.state != AuthorityState::Ended)?;
        authority.responder(issuer).ok()
    };
    let needed = |key: &&CertifiedKey| {
        !key.revoked
            && match key.purpose {
                KeyPurpose::Root | KeyPurpose::Issuing => key.state != AuthorityState::Ended,
                KeyPurpose::Ocsp => newest_of(key).is_some_and(|newest| newest.label == key.label),
                KeyPurpose::Timestamp => {
                    authority.key(key.hierarchy, key.purpose).is_ok_and(|newest| newest.label == key.label)
                }
                KeyPurpose::Audit => false,
            }
    };
    authority.keys().iter().filter(needed).collect()
}

/// What should issue, speak for a CA or stamp, and is not there: its certificate was revoked, or its CA's, and no next one made. In hierarchies whose
/// root is in use.
pub fn absent(authority: &Authority) -> Vec<String> {
    let mut absent = Vec::new();
    for issuer in authority.issuers().filter(|key| key.purpose == KeyPurpose::Issuing) {
        if issuer.state != AuthorityState::Ended && authority.responder(issuer).is_err() {
            absent.push(format!("responder:{}", issuer.label));
        }
    }
    for hierarchy in Hierarchy::ALL {
        if authority.key(hierarchy, KeyPurpose::Root).is_ok() {
            let needed = [KeyPurpose::Issuing, KeyPurpose::Timestamp].into_iter();
            let missing = needed.filter(|purpose| authority.key(hierarchy, *purpose).is_err());
            absent.extend(missing.map(|purpose| format!("{}:{}", purpose.name(), hierarchy.name())));
        }
    }
    absent
}

/// The newest list of each name; one that was never published is not among them.
pub async fn lists(store: &Store, authority: &Authority) -> Result<Vec<ListEnd>> {
    let mut lists = Vec::new();
    for issuer in authority.issuers() {
        for name in store.crl_names(&issuer.label).await? {
            let Some(row) = store.latest_crl_head(&name).await? else { continue };
            let by_ceremony = issuer.token.is_some();
            let (this_update, next_update) = (row.this_update, row.next_update);
            lists.push(ListEnd { name, number: row.number, this_update, next_update, by_ceremony });
        }
    }
    Ok(lists)
}
