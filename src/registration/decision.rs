//! Decisions on requests: by an approver who did not enter the request, over exactly the content that was shown.

use super::{
    ActivationCode, Details, Redeemable, RequestView, advance, deciding, load, moved_on, open, redeemable, second,
};
use crate::{
    accounts::{
        self, Principal,
        passkey::{Approved, Given, Subject, approval},
    },
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, RequestErrorKind, Result},
    store::Transaction,
};
use chuky_model::{
    id::{AccountId, RequestId},
    instant::Instant,
    record::{
        request::{self as rows, Approval, RegistrationRequest},
        state::Decision,
    },
    request::RequestState,
    role::Role,
};

/// Approves a request whose content digest is the one the approver was shown. The approver gets no code: until the side that entered the
/// request, or its subscriber, has one made ([`super::make_code`]), the row's is one that nobody knows.
pub async fn approve(
    app: &App,
    by: &Principal,
    id: RequestId,
    content_digest: &str,
    given: Option<&Given>,
) -> Result<RequestView> {
    // 1. Four eyes.
    let mut request = decidable(app, by, id).await?;
    // 2. Exactly what was seen, of a subscriber who can be reached where that is asked for.
    let details = open(app, &request)?;
    super::identity::settled(app, by, &mut request, &details).await?;
    let digest = digest(app, &request, &details);
    if hex::encode(digest) != content_digest {
        return Err(content_differs().into());
    }
    second::check_reachable(app, &request, &details).await?;
    let approved = Approved::by(app, by, (Subject::Request(id), content_digest), given).await?;
    // 3. Decision, code, new state and audit entry in one transaction.
    let approval = Approving::prepare(app, by.account, id, digest, false).await?;
    let mut transaction = app.store.begin().await?;
    approval.store(app, &mut transaction, &mut request, &approved).await?;
    transaction.commit().await?;
    RequestView::of(app, &request)
}

/// The approval of one request, made before its transaction begins: its rows have their MACs.
pub(super) struct Approving {
    approval: Approval,
    code: ActivationCode,
    row: rows::ActivationCode,
}

impl Approving {
    /// An approval over that digest, with a fresh code for the subscriber. `sent` where the code itself goes to their contact, past all staff.
    pub(super) async fn prepare(app: &App, by: AccountId, id: RequestId, digest: [u8; 32], sent: bool) -> Result<Self> {
        let now = app.clock.now();
        let code = ActivationCode::random();
        let mut row = rows::ActivationCode {
            request_id: id,
            code_hash: code.hash(app).to_vec(),
            tries: 0,
            expires_at: super::code::expiry(app, now),
            redeemed_at: None,
            created_at: now,
            receipt_key: None,
            second_secret: sent.then(second::of_code_sent),
            messages: sent.then_some(1),
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut row).await?;
        let approval = attested_approval(app, by, id, Decision::Approved, &digest, None).await?;
        Ok(Self { approval, code, row })
    }

    /// What the code opens until when.
    pub(super) fn code(&self) -> (&ActivationCode, Instant) {
        (&self.code, self.row.expires_at)
    }

    /// Stores it with what proves it, the request's new state and the entries of both.
    pub(super) async fn store(
        self,
        app: &App,
        transaction: &mut Transaction,
        request: &mut RegistrationRequest,
        approved: &Approved,
    ) -> Result<()> {
        let (now, actor) = (self.approval.decided_at, Actor::Account(self.approval.approver_id));
        request.decided_by = Some(self.approval.approver_id);
        request.decided_at = Some(now);
        approved.store(app, transaction).await?;
        advance(app, transaction, request, RequestState::Approved).await?;
        transaction.insert_approval(&self.approval).await?;
        transaction.insert_activation_code(&self.row).await?;
        let content = approved.told(serde_json::json!({ "content": hex::encode(&self.approval.content_digest) }));
        let entry = Entry::of_row(now, Kind::RequestApproved, actor, request);
        audit::record(transaction, entry.with(content)).await?;
        audit::record(transaction, Entry::of_row(now, Kind::CodeMade, actor, &self.row)).await?;
        Ok(())
    }
}

/// Rejects a request with a reason that its subscriber may read.
pub async fn reject(app: &App, by: &Principal, id: RequestId, reason: &str) -> Result<RequestView> {
    let mut request = decidable(app, by, id).await?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi lý do từ chối, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    let digest = digest(app, &request, &open(app, &request)?);
    let approval = attested_approval(app, by.account, id, Decision::Rejected, &digest, Some(reason)).await?;
    let now = app.clock.now();
    request.decided_by = Some(by.account);
    request.decided_at = Some(now);
    request.rejection_reason = Some(reason.to_owned());
    let mut transaction = app.store.begin().await?;
    advance(app, &mut transaction, &mut request, RequestState::Rejected).await?;
    transaction.insert_approval(&approval).await?;
    let entry = Entry::of_row(now, Kind::RequestRejected, Actor::Account(by.account), &request);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    RequestView::of(app, &request)
}

/// Refuses the certificate before it is made: its subscriber, with the code, says what is wrong with its content. The code opens nothing
/// from then on.
pub async fn refuse(app: &App, code: &str, reason: &str) -> Result<()> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let (vi, en) = ("Hãy ghi chỗ sai, tối đa 500 ký tự.", "Say what is wrong, in at most 500 characters.");
        return Err(RequestError::invalid("refusal", "reason_missing", vi, en).into());
    }
    let Redeemable { mut request, .. } = redeemable(app, code).await?;
    request.rejection_reason = Some(reason.to_owned());
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    advance(app, &mut transaction, &mut request, RequestState::Rejected).await?;
    let entry = Entry::of_row(now, Kind::RequestRefused, Actor::Anonymous, &request);
    audit::record(&mut transaction, entry).await?;
    Ok(transaction.commit().await?)
}

pub(super) fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Nội dung hồ sơ khác với nội dung bạn đã xem. Hãy xem lại trước khi tiếp tục.",
        "The request's content differs from what you were shown. Look at it again before going on.",
    )
}

/// Takes back a request that was entered by mistake: only whoever entered it may, and only until its code is redeemed. Nobody
/// decides here, so no decision is recorded.
pub async fn withdraw(app: &App, by: &Principal, id: RequestId) -> Result<RequestView> {
    let mut request = load(app, id).await?;
    if request.entered_by != by.account {
        return Err(RequestError::not_found().into());
    }
    request.rejection_reason = Some(WITHDRAWN.to_owned());
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    advance(app, &mut transaction, &mut request, RequestState::Rejected).await?;
    let entry = Entry::of_row(now, Kind::RequestWithdrawn, Actor::Account(by.account), &request);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    RequestView::of(app, &request)
}

/// Whether that approver is known to have entered the request or to be its subject.
async fn has_part(app: &App, approver: AccountId, request: &RegistrationRequest) -> Result<bool> {
    Ok(matches!(concern(app, approver, request).await?, Some(Concern::Entered | Concern::Subject)))
}

/// Passes where the request was approved by somebody who neither entered it nor is its subject, over the content it has now, and with the
/// passkey assertion that this approver needs.
pub(super) async fn check_approval(app: &App, request: &RegistrationRequest) -> Result<()> {
    let details = open(app, request)?;
    let expected = digest(app, request, &details);
    for approval in app.store.approvals_of_request(request.id).await? {
        let approval = attestation::check(&*app.tokens.subscribers, approval).await?;
        if approval.decision == Decision::Approved
            && approval.content_digest == expected
            && !has_part(app, approval.approver_id, request).await?
        {
            return check_proof(app, (request, &details), &approval).await;
        }
    }
    tracing::error!(event = "request_without_approval", request = %request.id);
    Err(InternalError::RowForged { table: "registration_request" }.into())
}

/// What the approver saw was the request itself, or the list that it comes from.
async fn check_proof(
    app: &App,
    (request, details): (&RegistrationRequest, &Details),
    approval: &Approval,
) -> Result<()> {
    let made = (approval.approver_id, approval.decided_at);
    match app.store.agency_line_of_request(request.id).await? {
        Some(line) => super::lists::check_approved(app, line, details, made).await,
        None => approval::check(app, made, Subject::Request(request.id), &hex::encode(&approval.content_digest)).await,
    }
}

/// What an approver approves: a keyed digest of request, hierarchy and content, so that it tells nothing about the person.
pub(super) fn digest(app: &App, request: &RegistrationRequest, details: &Details) -> [u8; 32] {
    let mut content = serde_json::json!({ "id": request.id, "hierarchy": request.hierarchy, "details": details });
    if let Some(followed) = request.follows_certificate {
        content["follows"] = serde_json::json!(followed);
    }
    app.vault.lookup("approval", &zeroize::Zeroizing::new(content.to_string()))
}

async fn decidable(app: &App, by: &Principal, id: RequestId) -> Result<RegistrationRequest> {
    if !by.has(Role::Approver) && !by.has(Role::SecurityOfficer) {
        return Err(RequestError::forbidden().into());
    }
    let request = load(app, id).await?;
    if !by.has(deciding(open(app, &request)?.kind)) {
        return Err(RequestError::forbidden().into());
    }
    if let Some(concern) = concern(app, by.account, &request).await? {
        return Err(concern.refusal().into());
    }
    if request.state != RequestState::Submitted { Err(moved_on().into()) } else { Ok(request) }
}

/// Why an account is no second pair of eyes for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// Its person entered the request, with whichever account.
    Entered,
    /// Its person is who the request is about.
    Subject,
    /// Nobody knows whose it is, and the subscriber entered the request: it may be the same person's.
    Unknown,
}

impl Concern {
    fn refusal(self) -> RequestError {
        let (code, vi, en) = match self {
            Self::Entered => (
                "own_request",
                "Bạn đã nhập hồ sơ này nên không thể tự duyệt. Hãy nhờ một người khác.",
                "You entered this request, so somebody else must decide on it.",
            ),
            Self::Subject => (
                "own_certificate",
                "Hồ sơ này là của chính bạn nên bạn không thể duyệt. Hãy nhờ một người khác.",
                "This request is about yourself, so somebody else must decide on it.",
            ),
            Self::Unknown => (
                "approver_unknown",
                "Tài khoản của bạn không ghi là của người nào, nên không thể duyệt hồ sơ do người được cấp tự gửi. Hãy nhờ người duyệt khác.",
                "Your account does not say whose it is, so it cannot decide on what a subscriber entered. Ask another approver.",
            ),
        };
        RequestError::new(RequestErrorKind::Forbidden, code, vi, en)
    }
}

/// What keeps that account from deciding on a request. Where nobody knows whose two staff accounts are, they count as two people.
async fn concern(app: &App, approver: AccountId, request: &RegistrationRequest) -> Result<Option<Concern>> {
    if accounts::same_person(app, approver, request.entered_by).await? {
        return Ok(Some(Concern::Entered));
    }
    let subject = Some(&request.person_lookup);
    let person = accounts::person_of(app, approver).await?;
    if person.as_ref() == subject {
        return Ok(Some(Concern::Subject));
    }
    let by_subscriber = accounts::person_of(app, request.entered_by).await?.as_ref() == subject;
    Ok((person.is_none() && by_subscriber).then_some(Concern::Unknown))
}

/// Refuses a decision on what is about the approver.
pub(super) async fn refuse_subject(app: &App, approver: AccountId, details: &Details) -> Result<()> {
    let person = accounts::person_of(app, approver).await?;
    match person.is_some_and(|person| person == super::person_lookup(app, details).as_slice()) {
        true => Err(Concern::Subject.refusal().into()),
        false => Ok(()),
    }
}

/// Whether the caller's person has a part in the request, so that somebody else decides.
pub async fn is_concerned(app: &App, by: &Principal, id: RequestId) -> Result<bool> {
    Ok(concern(app, by.account, &load(app, id).await?).await?.is_some())
}

async fn attested_approval(
    app: &App,
    by: AccountId,
    id: RequestId,
    decision: Decision,
    digest: &[u8; 32],
    reason: Option<&str>,
) -> Result<Approval> {
    let mut approval = Approval {
        request_id: id,
        approver_id: by,
        decision,
        content_digest: digest.to_vec(),
        reason: reason.map(str::to_owned),
        decided_at: app.clock.now(),
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut approval).await?;
    Ok(approval)
}

/// Stands as the reason of a withdrawn request, for its subscriber to read.
const WITHDRAWN: &str = "Người nhập đã rút hồ sơ. / Withdrawn by whoever entered it.";
const LONGEST_REASON: usize = 500;
