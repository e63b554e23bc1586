//! Web Authentication (WebAuthn Level 3): verifying what an authenticator answered, as a relying party. Bytes and facts in, verdict out:
//! whose credential it is, whether a challenge was given out and used, and what a signature authorises is for the flows to know.
//! Attestation is not asked for, so no statement about the authenticator's make is read or believed.

mod key;

pub use key::CredentialKey;

use crate::cbor::Item;
use crate::{crypto, limits};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

/// What an answer must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The relying party's identifier: a host name.
    pub rp_id: &'e str,
    /// The one origin whose pages ask, e.g. `https://chuky.example`.
    pub origin: &'e str,
    pub challenge: &'e [u8; 32],
}

/// Why an answer proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Made by another ceremony: a registration for a log-in, or the reverse.
    #[error("the client data are of another type")]
    Type,
    #[error("another challenge was signed")]
    Challenge,
    #[error("another origin asked")]
    Origin,
    /// A page inside another site's frame asked.
    #[error("a frame of another origin asked")]
    CrossOrigin,
    #[error("the credential is another relying party's")]
    RpId,
    #[error("nobody was present")]
    NotPresent,
    /// Neither a PIN nor a finger or face: whoever holds the device could have answered.
    #[error("the user was not verified")]
    NotVerified,
    #[error("the backup flags contradict each other or the registration")]
    Backup,
    #[error("keys of this algorithm or form are not taken")]
    Key,
    #[error("the signature does not fit")]
    Signature,
    /// The signature counter did not grow: the authenticator was copied, or an old answer comes again.
    #[error("the signature counter did not grow")]
    Counter,
}

/// An authenticator's answer to `navigator.credentials.get`.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    pub authenticator_data: &'a [u8],
    pub client_data: &'a [u8],
    pub signature: &'a [u8],
}

/// What is known of the credential that answers.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// COSE_Key, as it was registered.
    pub public_key: &'k [u8],
    /// Whether it may be backed up (flag BE), which never changes.
    pub backup_eligible: bool,
    /// The last signature counter; `None` to judge an answer again that was judged when it was given.
    pub counter: Option<u32>,
}

/// What a verified answer says beside that it is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// 0 where the authenticator does not count.
    pub counter: u32,
    pub backup_eligible: bool,
    /// The credential lies in a backup, such as an account of its user at the device's maker.
    pub backed_up: bool,
}

/// A credential that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub credential_id: Vec<u8>,
    /// COSE_Key, exactly as the authenticator wrote it.
    pub public_key: Vec<u8>,
    pub answered: Answered,
}

/// Verifies an assertion (WebAuthn Level 3 §7.2). User verification is always required.
pub fn verify(answer: Assertion<'_>, known: Known<'_>, expected: Expected<'_>) -> Result<Answered, Refusal> {
    // Steps on the client data: type, challenge, origin, crossOrigin and topOrigin.
    check_client_data(answer.client_data, "webauthn.get", expected)?;
    // Steps on the authenticator data: rpIdHash, UP, UV, BE and BS.
    let data = AuthenticatorData::read(answer.authenticator_data)?;
    let answered = data.check(expected.rp_id)?;
    // "If the credential backup state is used as part of Relying Party business logic": what is bound to one device stays so.
    if answered.backup_eligible != known.backup_eligible {
        return Err(Refusal::Backup);
    }
    // "Using credentialRecord.publicKey, verify that sig is a valid signature over the binary concatenation of authData and hash".
    let signed = [answer.authenticator_data, &crypto::sha256(answer.client_data)].concat();
    CredentialKey::from_cose(known.public_key)?.verify(&signed, answer.signature)?;
    // "If authData.signCount is nonzero or credentialRecord.signCount is nonzero": it must have grown.
    match known.counter {
        Some(last) if (last, answered.counter) != (0, 0) && answered.counter <= last => Err(Refusal::Counter),
        _ => Ok(answered),
    }
}

/// Verifies a registration without attestation (WebAuthn Level 3 §7.1). User verification is always required.
pub fn register(attestation_object: &[u8], client_data: &[u8], expected: Expected<'_>) -> Result<Registered, Refusal> {
    // Steps on the client data, as in §7.2.
    check_client_data(client_data, "webauthn.create", expected)?;
    // "Perform CBOR decoding on the attestationObject field"; the statement beside the authenticator data is not looked at.
    if attestation_object.len() > limits::LONGEST_ATTESTATION {
        return Err(Refusal::Malformed("attestation object"));
    }
    let object = Item::only(attestation_object).map_err(|_| Refusal::Malformed("attestation object"))?;
    let data = object.get(&Item::Text("authData")).and_then(Item::bytes);
    let data = AuthenticatorData::read(data.ok_or(Refusal::Malformed("attestation object"))?)?;
    let answered = data.check(expected.rp_id)?;
    let (credential_id, public_key) = data.attested.ok_or(Refusal::Malformed("attested credential data"))?;
    // "Verify that the credentialId is ≤ 1023 bytes", and the "alg" parameter: one of those that were asked for.
    if credential_id.is_empty() || credential_id.len() > limits::LONGEST_CREDENTIAL_ID {
        return Err(Refusal::Malformed("credential id"));
    }
    CredentialKey::from_cose(public_key)?;
    Ok(Registered { credential_id: credential_id.to_vec(), public_key: public_key.to_vec(), answered })
}

/// CollectedClientData (§5.8.1). Members that later versions add are nothing to us; one that stands twice is refused.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

fn check_client_data(bytes: &[u8], kind: &str, expected: Expected<'_>) -> Result<(), Refusal> {
    const WHAT: Refusal = Refusal::Malformed("client data");
    if bytes.len() > limits::LONGEST_CLIENT_DATA {
        return Err(WHAT);
    }
    let data: ClientData = serde_json::from_slice(bytes).map_err(|_| WHAT)?;
    if data.kind != kind {
        return Err(Refusal::Type);
    }
    let challenge = BASE64_URL_SAFE_NO_PAD.decode(&data.challenge).map_err(|_| Refusal::Challenge)?;
    if !crypto::equal(&challenge, expected.challenge) {
        return Err(Refusal::Challenge);
    }
    if data.origin != expected.origin {
        return Err(Refusal::Origin);
    }
    // No page of ours stands in a frame (frame-ancestors 'none'), so no answer comes from one.
    if data.cross_origin || data.top_origin.is_some() {
        return Err(Refusal::CrossOrigin);
    }
    Ok(())
}

/// Authenticator data (§6.1): 32 octets rpIdHash, flags, signCount, and what the flags announce.
struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8],
    flags: u8,
    counter: u32,
    /// Credential id and COSE_Key.
    attested: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> AuthenticatorData<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        const WHAT: Refusal = Refusal::Malformed("authenticator data");
        if bytes.len() > limits::LONGEST_ATTESTATION {
            return Err(WHAT);
        }
        let (head, mut rest) = bytes.split_at_checked(37).ok_or(WHAT)?;
        let (rp_id_hash, tail) = head.split_at(32);
        let [flags, counter @ ..] = tail else { return Err(WHAT) };
        let counter = u32::from_be_bytes(counter.try_into().map_err(|_| WHAT)?);
        let mut attested = None;
        if flags & ATTESTED != 0 {
            // §6.5.1: 16 octets aaguid, length of the credential id, the id, and the key.
            let (_aaguid, after) = rest.split_at_checked(16).ok_or(WHAT)?;
            let (length, after) = after.split_at_checked(2).ok_or(WHAT)?;
            let length = usize::from(u16::from_be_bytes(length.try_into().map_err(|_| WHAT)?));
            let (id, after) = after.split_at_checked(length).ok_or(WHAT)?;
            let (_, following) = Item::first(after).map_err(|_| WHAT)?;
            let key = after.get(..after.len() - following.len()).ok_or(WHAT)?;
            attested = Some((id, key));
            rest = following;
        }
        if flags & EXTENSIONS != 0 {
            let (extensions, following) = Item::first(rest).map_err(|_| WHAT)?;
            if !matches!(extensions, Item::Map(_)) {
                return Err(WHAT);
            }
            rest = following;
        }
        if rest.is_empty() { Ok(Self { rp_id_hash, flags: *flags, counter, attested }) } else { Err(WHAT) }
    }

    /// The steps that §7.1 and §7.2 have in common.
    fn check(&self, rp_id: &str) -> Result<Answered, Refusal> {
        // "Verify that the rpIdHash in authData is the SHA-256 hash of the RP ID".
        if !crypto::equal(self.rp_id_hash, &crypto::sha256(rp_id.as_bytes())) {
            return Err(Refusal::RpId);
        }
        // "Verify that the UP bit of the flags in authData is set", and UV, which is required here.
        if self.flags & PRESENT == 0 {
            return Err(Refusal::NotPresent);
        }
        if self.flags & VERIFIED == 0 {
            return Err(Refusal::NotVerified);
        }
        // "If the BE bit of the flags in authData is not set, verify that the BS bit is not set".
        let (backup_eligible, backed_up) = (self.flags & ELIGIBLE != 0, self.flags & BACKED_UP != 0);
        if backed_up && !backup_eligible {
            return Err(Refusal::Backup);
        }
        Ok(Answered { counter: self.counter, backup_eligible, backed_up })
    }
}

// §6.1: the flags.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

#[cfg(test)]
mod tests;
