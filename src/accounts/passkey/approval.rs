//! Decisions that authorise are bound to an assertion over exactly what is approved. Who decides proves it with a passkey; whoever acts on
//! the decision later (issuing, a job) verifies the assertion again, against what is there by then and against the passkey's row.

use super::{
    Asked, Given, Proven, RelyingParty,
    challenge::{Challenge, Purpose},
    enrolled_since, judged, load, of_account, proven,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    config::ApprovalRule,
    error::{InternalError, RequestError, Result},
    store::Transaction,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Authenticated, passkey::ApprovalAssertion},
};
use chuky_pki::webauthn::{Assertion, CredentialKey};
use std::fmt;
use uuid::Uuid;

/// What is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Request(RequestId),
    AgencyList(AgencyListId),
    AgencyLine(AgencyListId, i64),
    RevocationOrder(RevocationOrderId),
    Unlock(UnlockId),
    ProviderChange(ProviderChangeId),
    StaffOrder(StaffOrderId),
    ForeignCertificate(ForeignCertificateId),
    PersonnelOrder(PersonnelOrderId),
    /// A passkey is its holder's.
    Passkey(PasskeyId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => write!(f, "request:{id}"),
            Self::AgencyList(id) => write!(f, "agency_list:{id}"),
            Self::AgencyLine(id, position) => write!(f, "agency_line:{id}/{position}"),
            Self::RevocationOrder(id) => write!(f, "revocation_order:{id}"),
            Self::Unlock(id) => write!(f, "unlock:{id}"),
            Self::ProviderChange(id) => write!(f, "provider_change:{id}"),
            Self::StaffOrder(id) => write!(f, "staff_order:{id}"),
            Self::ForeignCertificate(id) => write!(f, "foreign_certificate:{id}"),
            Self::PersonnelOrder(id) => write!(f, "personnel_order:{id}"),
            Self::Passkey(id) => write!(f, "passkey:{id}"),
        }
    }
}

impl Subject {
    /// Reads what [`fmt::Display`] writes; `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (noun, id) = text.split_once(':')?;
        let read = match noun {
            "request" => Self::Request(id.parse().ok()?),
            "agency_list" => Self::AgencyList(id.parse().ok()?),
            "agency_line" => {
                let (list, position) = id.split_once('/')?;
                Self::AgencyLine(list.parse().ok()?, position.parse().ok()?)
            }
            "revocation_order" => Self::RevocationOrder(id.parse().ok()?),
            "unlock" => Self::Unlock(id.parse().ok()?),
            "provider_change" => Self::ProviderChange(id.parse().ok()?),
            "staff_order" => Self::StaffOrder(id.parse().ok()?),
            "foreign_certificate" => Self::ForeignCertificate(id.parse().ok()?),
            "personnel_order" => Self::PersonnelOrder(id.parse().ok()?),
            "passkey" => Self::Passkey(id.parse().ok()?),
            _ => return None,
        };
        (read.to_string() == text).then_some(read)
    }
}

/// What the caller's passkey is to sign for this decision over that digest (hexadecimal).
pub async fn ask(app: &App, by: &Principal, subject: Subject, content: &str) -> Result<Asked> {
    if content.len() > LONGEST_CONTENT || !content.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(RequestError::not_found().into());
    }
    let needed = is_demanded_for(app, by.account, subject, app.clock.now()).await?;
    let confirmed: Vec<String> = of_account(app, by.account)
        .await?
        .iter()
        .filter(|passkey| passkey.confirmed_at.is_some())
        .map(|passkey| BASE64_URL_SAFE_NO_PAD.encode(&passkey.credential_id))
        .collect();
    if needed && confirmed.is_empty() {
        return Err(demanded().into());
    }
    let challenge = Challenge::new(app, Purpose::Approve, Some(by.account), &subject.to_string(), content);
    Ok(Asked {
        token: challenge.token(app)?,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.digest()),
        rp_id: RelyingParty::at(&app.settings.public_url).map(|party| party.id).unwrap_or_default(),
        credentials: confirmed,
        statement: challenge.text(),
        needed,
    })
}

/// A decision's proof, made before its transaction begins; empty where none was given and none is needed.
pub struct Approved(Option<(Proven, ApprovalAssertion)>);

impl Approved {
    /// No proof: a rejection, or what was proved elsewhere.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Judges what the caller gave for this decision over that digest, or passes without where nothing is needed.
    pub async fn by(
        app: &App,
        by: &Principal,
        (subject, content): (Subject, &str),
        given: Option<&Given>,
    ) -> Result<Self> {
        by.in_session()?;
        let now = app.clock.now();
        let Some(given) = given else {
            return match is_demanded_for(app, by.account, subject, now).await? {
                true => Err(demanded().into()),
                false => Ok(Self(None)),
            };
        };
        // 1. The statement says exactly this.
        let challenge = Challenge::of_token(app, &given.token, Purpose::Approve)?;
        let subject = subject.to_string();
        let says_this = challenge.subject == subject && challenge.content == content;
        if !says_this || challenge.account != Some(by.account) {
            return Err(other().into());
        }
        // 2. Signed by a passkey of the caller's that somebody has confirmed.
        let proven = proven(app, challenge, Some(by.account), given).await?;
        if proven.passkey.confirmed_at.is_none() {
            return Err(unconfirmed().into());
        }
        // 3. Kept for everybody who acts on the decision.
        let mut assertion = ApprovalAssertion {
            id: AssertionId(Uuid::now_v7()),
            subject,
            account_id: by.account,
            passkey_id: proven.passkey.id,
            statement: proven.challenge.text(),
            authenticator_data: proven.authenticator_data.clone(),
            client_data: proven.client_data.clone(),
            signature: proven.signature.clone(),
            made_at: now,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut assertion).await?;
        Ok(Self(Some((proven, assertion))))
    }

    /// Stores it in the transaction of the decision.
    pub async fn store(&self, app: &App, transaction: &mut Transaction) -> Result<()> {
        if let Some((proven, assertion)) = &self.0 {
            proven.store(app, transaction, serde_json::json!({ "assertion": assertion.id })).await?;
            transaction.insert_approval_assertion(assertion).await?;
        }
        Ok(())
    }

    /// The decision's audit entry with everything that verifies it: what is signed, by which key, and the signature (base64url; the key as
    /// SubjectPublicKeyInfo).
    pub fn told(&self, mut content: serde_json::Value) -> serde_json::Value {
        let Some((proven, assertion)) = &self.0 else { return content };
        let text = |octets: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(octets);
        let key = CredentialKey::from_cose(&proven.passkey.public_key);
        content["assertion"] = serde_json::json!({
            "id": assertion.id,
            "passkey": assertion.passkey_id,
            "public_key": key.map(|key| text(key.spki_der())).unwrap_or_default(),
            "statement": assertion.statement,
            "authenticator_data": text(&assertion.authenticator_data),
            "client_data": text(&assertion.client_data),
            "signature": text(&assertion.signature),
        });
        content
    }
}

/// Passes where a decision counts: the approver needed no passkey when it was made, or there is an assertion of theirs over exactly
/// this content, by a passkey that was confirmed then, not removed then, and not in other hands as far as is known now.
pub async fn check(
    app: &App,
    (approver, decided_at): (AccountId, Instant),
    subject: Subject,
    content: &str,
) -> Result<()> {
    if !is_demanded_for(app, approver, subject, decided_at).await? {
        return Ok(());
    }
    let subject = subject.to_string();
    for assertion in app.store.approval_assertions_of(&subject).await? {
        let assertion = attestation::check(&*app.tokens.subscribers, assertion).await?;
        let is_this = assertion.account_id == approver && assertion.subject == subject;
        if is_this && counts(app, &assertion, decided_at, content).await? {
            return Ok(());
        }
    }
    tracing::error!(event = "decision_without_assertion", subject = %subject);
    Err(void().into())
}

async fn counts(app: &App, kept: &ApprovalAssertion, decided_at: Instant, content: &str) -> Result<bool> {
    // 1. It states this decision of this account, made then.
    let Some(statement) = Challenge::parse(&kept.statement) else { return Ok(false) };
    let states = statement.purpose == Purpose::Approve
        && statement.subject == kept.subject
        && statement.content == content
        && statement.account == Some(kept.account_id)
        && statement.at <= decided_at
        && decided_at <= statement.ends().plus_seconds(LONGEST_FLOW);
    // 2. The passkey was good for it.
    let passkey = load(app, kept.passkey_id).await?;
    let good = passkey.account_id == kept.account_id
        && passkey.confirmed_at.is_some_and(|at| at <= decided_at)
        && passkey.revoked_at.is_none_or(|at| at >= decided_at)
        && passkey.distrusted_from.is_none_or(|from| from > decided_at);
    if !states || !good {
        return Ok(false);
    }
    // 3. The signature.
    let answer = Assertion {
        authenticator_data: &kept.authenticator_data,
        client_data: &kept.client_data,
        signature: &kept.signature,
    };
    let judged = judged(&RelyingParty::of(app)?, &passkey, answer, &statement.digest(), None);
    if let Err(refusal) = judged {
        tracing::error!(event = "assertion_refused", assertion = %kept.id, reason = %refusal);
        return Err(InternalError::RowForged { table: ApprovalAssertion::TABLE }.into());
    }
    Ok(true)
}

/// Whether a decision of that account at that time needs an assertion. Once a passkey of an account was confirmed, it does for ever:
/// removing passkeys, or their rows, never makes it easier.
pub(crate) async fn is_demanded(app: &App, account: AccountId, at: Instant) -> Result<bool> {
    let by_rule = app.settings.registration.approval == ApprovalRule::PasskeyRequired;
    Ok(by_rule || is_enrolled(app, account, at).await?)
}

async fn is_enrolled(app: &App, account: AccountId, at: Instant) -> Result<bool> {
    Ok(enrolled_since(app, account).await?.is_some_and(|since| since <= at))
}

/// The same for this subject: somebody must be able to confirm the first passkeys of all.
async fn is_demanded_for(app: &App, account: AccountId, subject: Subject, at: Instant) -> Result<bool> {
    match subject {
        Subject::Passkey(_) => is_enrolled(app, account, at).await,
        _ => is_demanded(app, account, at).await,
    }
}

/// Whether that account has stated anything about this with a passkey.
pub(crate) async fn is_stated(app: &App, account: AccountId, subject: Subject) -> Result<bool> {
    let assertions = app.store.approval_assertions_of(&subject.to_string()).await?;
    Ok(assertions.iter().any(|assertion| assertion.account_id == account))
}

fn demanded() -> RequestError {
    RequestError::conflict(
        "passkey_needed",
        "Việc phê duyệt cần khóa truy cập đã được xác nhận. Hãy đăng ký khóa ở trang Tài khoản của tôi và nhờ cán bộ an ninh xác nhận; nếu đã có khóa, hãy tải lại trang và xác nhận bằng khóa.",
        "Approving needs a confirmed passkey. Register one on the page My account and have a security officer confirm it; if you have one, reload the page and confirm with it.",
    )
}

fn unconfirmed() -> RequestError {
    RequestError::conflict(
        "passkey_not_confirmed",
        "Khóa truy cập này chưa được cán bộ an ninh xác nhận nên chưa dùng để duyệt được. Hãy liên hệ cán bộ an ninh và đọc mã đối chiếu ở trang Tài khoản của tôi.",
        "No security officer has confirmed this passkey, so it approves nothing yet. Call one and read out its comparison code from the page My account.",
    )
}

fn other() -> RequestError {
    RequestError::conflict(
        "passkey_other_content",
        "Khóa truy cập đã xác nhận một nội dung khác với nội dung đang duyệt. Hãy tải lại trang, xem lại rồi xác nhận lại.",
        "The passkey confirmed something else than what is being approved. Reload the page, look again and confirm once more.",
    )
}

fn void() -> RequestError {
    RequestError::conflict(
        "approval_void",
        "Phê duyệt này không còn giá trị vì thiếu xác nhận bằng khóa truy cập của người duyệt. Hãy liên hệ nơi đăng ký để lập và duyệt lại.",
        "This approval counts no longer: the approver's confirmation by passkey is missing. Ask where it was entered to enter it and have it approved again.",
    )
}

/// Hexadecimal digits of a digest.
const LONGEST_CONTENT: usize = 128;
/// Seconds from the answer to the end of the flow that takes it.
const LONGEST_FLOW: i64 = 60;

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let id = "0199a7c2-1111-7000-8000-00000000abcd";
        for text in [format!("request:{id}"), format!("agency_line:{id}/12"), format!("passkey:{id}")] {
            assert_eq!(Subject::parse(&text).map(|subject| subject.to_string()), Some(text));
        }
        for wrong in [
            format!("request:{}", id.to_uppercase()),
            format!("agency_line:{id}/+1"),
            "request:".to_owned(),
            String::new(),
        ] {
            assert!(Subject::parse(&wrong).is_none(), "{wrong}");
        }
    }
}
