//! What an audit entry says: who did what to which thing, when, and why. Content holds identifiers and digests, no names,
//! numbers or secrets.

use crate::{error::Result, store::Transaction};
use chuky_model::{
    id::{AccountId, AuditEntryId},
    instant::Instant,
    record::{Authenticated, audit::AuditEntry, canonical::Content},
};
use serde_json::Value;
use uuid::Uuid;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// What happened. The name is stored and stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $variant),* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$variant),*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// A root or issuing CA, responder or timestamp authority was created.
    CeremonyHeld = "ceremony.held",
    /// A further key of the authority was made beside those in use.
    AuthorityPrepared = "authority.prepared",
    /// Issuing moved to or from it.
    AuthorityMoved = "authority.moved",
    AuthorityEnded = "authority.ended",
    AccountCreated = "account.created",
    AccountChanged = "account.changed",
    AccountDisabled = "account.disabled",
    /// The password was right: wrong ones before it no longer count.
    AccountForgiven = "account.forgiven",
    /// Password and second factor are to be set anew; sessions, API keys and applications' tokens from before open nothing.
    AccountRecovered = "account.recovered",
    AccountEnabled = "account.enabled",
    /// Its holder was erased: it is nobody's any more.
    AccountErased = "account.erased",
    /// Everything about its holder was given out.
    SubjectExported = "subject.exported",
    /// The first staff accounts of the installation were made. There is one such entry.
    StaffFounded = "staff.founded",
    StaffOrderEntered = "staff_order.entered",
    StaffOrderApproved = "staff_order.approved",
    StaffOrderRefused = "staff_order.refused",
    StaffOrderWithdrawn = "staff_order.withdrawn",
    /// Nobody decided in time.
    StaffOrderExpired = "staff_order.expired",
    InvitationMade = "invitation.made",
    /// A new code replaced the one before.
    InvitationRenewed = "invitation.renewed",
    /// Who approved printed the second secret of a person without a telephone.
    ConfirmationPrinted = "code.confirmation_printed",
    /// A second secret is about to be compared; counted before it is.
    InvitationTried = "invitation.tried",
    InvitationRedeemed = "invitation.redeemed",
    /// A secret was made that a first code must confirm.
    SecondFactorBegun = "second_factor.begun",
    SecondFactorEnrolled = "second_factor.enrolled",
    /// A wrong code behind the right password; about the account's day, with how many it has had from that device, or from all others.
    SecondFactorRefused = "second_factor.refused",
    /// A code was taken by an activation.
    SecondFactorUsed = "second_factor.used",
    /// The account owns a second factor: its signatures may need one from then on, for good.
    SecondFactorOwned = "second_factor.owned",
    /// A passkey's answer did not allow the activation that it came with; nothing was tried.
    SecondFactorDeclined = "second_factor.declined",
    /// An account was said to be that person's; the subject is a keyed digest, so that the log names nobody.
    PersonNamed = "person.named",
    /// That account is nobody's any more.
    PersonForgotten = "person.forgotten",
    ApiKeyCreated = "api_key.created",
    ApiKeyRevoked = "api_key.revoked",
    /// A password is about to be checked; counted before it is.
    SessionTried = "session.tried",
    SessionOpened = "session.opened",
    /// It is in use, noted a few times in the time that it may be idle.
    SessionSeen = "session.seen",
    /// A second factor was enrolled in it.
    SessionStrengthened = "session.strengthened",
    SessionRefused = "session.refused",
    SessionClosed = "session.closed",
    PasskeyAdded = "passkey.added",
    /// Somebody else says that it is its holder's: it approves from then on.
    PasskeyConfirmed = "passkey.confirmed",
    /// It logged its holder in, or was what a decision was made with.
    PasskeyUsed = "passkey.used",
    PasskeyRemoved = "passkey.removed",
    PasskeyDistrusted = "passkey.distrusted",
    /// The account approves with passkeys, and never without again.
    PasskeyEnrolled = "passkey_enrolment.made",
    RequestSubmitted = "request.submitted",
    RequestApproved = "request.approved",
    RequestRejected = "request.rejected",
    /// Its subscriber says that what the certificate would say is wrong.
    RequestRefused = "request.refused",
    /// Whoever entered it took it back.
    RequestWithdrawn = "request.withdrawn",
    /// A request was not entered, for the population database says otherwise of its person.
    IdentityRefused = "identity.refused",
    /// Nobody stands in it any more: its person was erased, or it came to nothing and its time is over.
    RequestErased = "request.erased",
    /// The commitment to its subscriber's identity was opened for somebody.
    IdentityOpened = "identity.opened",
    /// The population database has answered after the request was entered.
    IdentityChecked = "request.identity_checked",
    /// Its code is being redeemed.
    RequestIssuing = "request.issuing",
    RequestIssued = "request.issued",
    /// What redeemed its code did not come to its end: it waits for its subscriber again.
    RequestReopened = "request.reopened",
    CodeMade = "code.made",
    /// A new activation code replaced the one before.
    CodeRenewed = "code.renewed",
    /// A second secret is about to be compared; counted before it is.
    CodeTried = "code.tried",
    /// Its redemption begins, with another receipt key than before.
    CodeClaimed = "code.claimed",
    CodeRedeemed = "code.redeemed",
    /// A serial was reserved and the intended certificate stored.
    CertificateIntended = "certificate.intended",
    /// The issuing CA is about to sign.
    CertificateSigning = "certificate.signing",
    CertificateIssued = "certificate.issued",
    /// A crash left this serial without a certificate; it is void and revoked.
    CertificateVoided = "certificate.voided",
    CertificateRevoked = "certificate.revoked",
    /// One of the authority's own: of a CA, a responder or a timestamp authority.
    AuthorityRevoked = "certificate.authority_revoked",
    CertificateSuspended = "certificate.suspended",
    CertificateResumed = "certificate.resumed",
    /// Somebody orders that a list of certificates be revoked.
    RevocationOrdered = "revocation.ordered",
    RevocationApproved = "revocation.approved",
    RevocationRejected = "revocation.rejected",
    /// Every certificate of the list is revoked.
    RevocationFinished = "revocation.finished",
    /// A list of administrative units was loaded.
    UnitsLoaded = "units.loaded",
    /// So many lists of units are loaded from then on.
    UnitsCounted = "units.counted",
    /// An agency's list of officials was uploaded.
    AgencyListUploaded = "agency_list.uploaded",
    /// A line of it was corrected or removed.
    AgencyListCorrected = "agency_list.corrected",
    /// It waits for a second pair of eyes.
    AgencyListEntered = "agency_list.entered",
    AgencyListDropped = "agency_list.dropped",
    AgencyListApproved = "agency_list.approved",
    AgencyListRejected = "agency_list.rejected",
    /// One line of it was rejected.
    AgencyLineRejected = "agency_line.rejected",
    /// One line of it became an approved request, or cannot: it has its outcome.
    AgencyLineFinished = "agency_line.finished",
    /// Every line has its outcome.
    AgencyListFinished = "agency_list.finished",
    /// The subscriber is told that the certificate ends soon.
    CertificateReminded = "certificate.reminded",
    /// Its end is near, and there is no number to send a message to.
    CertificateNotReminded = "certificate.not_reminded",
    CrlPublished = "crl.published",
    /// After a restore: no list of that name has a number up to this one any more.
    CrlReconciled = "crl.reconciled",
    /// A database that came out of a backup may serve again.
    RestorationReconciled = "restoration.reconciled",
    /// After a restore: how often a PIN was tried since is not known.
    PinReconciled = "pin.reconciled",
    CredentialCreated = "credential.created",
    /// A PIN is about to be tried; counted before it is.
    PinTried = "pin.tried",
    PinAccepted = "pin.accepted",
    /// The HSM was away when a counted try was to be made: the try is given back.
    PinNotTried = "pin.not_tried",
    CredentialLocked = "credential.locked",
    UnlockAsked = "unlock.asked",
    UnlockApproved = "unlock.approved",
    UnlockRefused = "unlock.refused",
    /// Four eyes allowed further tries.
    CredentialUnlocked = "credential.unlocked",
    /// Sealed anew: another PIN, or a newer pepper.
    CredentialResealed = "credential.resealed",
    CredentialClosed = "credential.closed",
    PepperMade = "pepper.made",
    /// Whatever still lies under it is closed first.
    PepperDestroying = "pepper.destroying",
    PepperDestroyed = "pepper.destroyed",
    ActivationOpened = "activation.opened",
    ActivationUsed = "activation.used",
    /// It ended before it was used up.
    ActivationClosed = "activation.closed",
    /// The signatures of an activation are on record.
    SignaturesMade = "signatures.made",
    DocumentUploaded = "document.uploaded",
    DocumentSigned = "document.signed",
    /// Its bytes are gone: its owner was erased.
    DocumentRemoved = "document.removed",
    /// A row from before rows of documents had MACs was found as the log tells it.
    DocumentAttested = "document.attested",
    /// Fields were filled in by an update that keeps every signature.
    DocumentFilled = "document.filled",
    /// A signed document got long-term data and timestamps; no signature changed.
    DocumentExtended = "document.extended",
    /// Handed out with a signature by a key that its holder keeps; the service kept neither.
    DocumentSignedElsewhere = "document.signed_elsewhere",
    DocumentVerified = "document.verified",
    /// A credential's holder keeps a picture of the handwriting or the seal, another one, or none any more.
    SignaturePictureKept = "signature_picture.kept",
    SignaturePictureRemoved = "signature_picture.removed",
    /// A code stands on the page of a signed document.
    DocumentCodeMade = "document_code.made",
    /// Its page tells nobody anything any more.
    DocumentCodeEnded = "document_code.ended",
    DocumentCodeOpened = "document_code.opened",
    OutgoingDrafted = "outgoing.drafted",
    OutgoingSubmitted = "outgoing.submitted",
    /// Ký nháy: agreed within the agency.
    OutgoingInitialled = "outgoing.initialled",
    OutgoingSigned = "outgoing.signed",
    /// A number of the register was given; it is written into the document next.
    OutgoingNumberGiven = "outgoing.number_given",
    /// Whose document was refused: nobody gets it any more.
    OutgoingNumberVoided = "outgoing.number_voided",
    OutgoingNumbered = "outgoing.numbered",
    OutgoingSealed = "outgoing.sealed",
    OutgoingSent = "outgoing.sent",
    /// Issued without a package.
    OutgoingPublished = "outgoing.published",
    /// The clerk named further recipients after the seal.
    OutgoingRecipientsAdded = "outgoing.recipients_added",
    /// A sealed document got an archive timestamp.
    OutgoingArchived = "outgoing.archived",
    OutgoingRecalled = "outgoing.recalled",
    /// Whoever has it was told of its deadline.
    OutgoingReminded = "outgoing.reminded",
    OutgoingRefused = "outgoing.refused",
    OutgoingWithdrawn = "outgoing.withdrawn",
    /// A row from before it covered recipients and history, with its number, was found as the log tells it.
    OutgoingAttested = "outgoing.attested",
    /// A package lies where its recipient fetches it.
    OutgoingDelivered = "outgoing.delivered",
    OutgoingStatus = "outgoing.status",
    /// An edXML package was entered into the register of incoming documents.
    IncomingRegistered = "incoming.registered",
    IncomingRefused = "incoming.refused",
    /// Its sender called a registered document back.
    IncomingRecalled = "incoming.recalled",
    /// Its sender put another in the place of a registered document.
    IncomingReplaced = "incoming.replaced",
    /// A row from before packages had MACs was found as the log tells it.
    IncomingAttested = "incoming.attested",
    /// After a restore: the last number of a register of documents, as its clerks know it.
    RegisterConfirmed = "register.confirmed",
    DelegationMade = "delegation.made",
    DelegationEnded = "delegation.ended",
    /// A certificate of another authority was registered by whoever proved to have its key.
    ForeignRegistered = "foreign_certificate.registered",
    /// The same, and it waits for somebody who decides whose it is.
    ForeignOffered = "foreign_certificate.offered",
    ForeignApproved = "foreign_certificate.approved",
    ForeignRefused = "foreign_certificate.refused",
    ForeignRemoved = "foreign_certificate.removed",
    /// Its authority was asked again.
    ForeignChecked = "foreign_certificate.checked",
    /// A row is of that key; the subject is a keyed digest.
    ForeignKeyNamed = "foreign_key.named",
    /// What happened to officials was entered.
    PersonnelEntered = "personnel_order.entered",
    PersonnelApproved = "personnel_order.approved",
    PersonnelRefused = "personnel_order.refused",
    PersonnelWithdrawn = "personnel_order.withdrawn",
    /// Whatever it brings for one account was done.
    PersonnelCarriedOut = "personnel_order.carried_out",
    /// The same for all of its accounts.
    PersonnelFinished = "personnel_order.finished",
    /// A verdict was put under a short link.
    VerdictKept = "verdict.kept",
    PaymentsConsumed = "payments.consumed",
    PaymentConflict = "payment.conflict",
    /// A provider is told of something about its payments.
    PaymentAlarmed = "payment.alarmed",
    /// A payer signed a mandate.
    MandateSigned = "mandate.signed",
    MandateEnded = "mandate.ended",
    /// Collections were accepted under it; its count is another.
    MandateCollected = "mandate.collected",
    /// One of them.
    CollectionAccepted = "mandate_collection.accepted",
    /// A provider's alarm is to be told once more.
    PaymentAlarmAgain = "payment_alarm.again",
    /// Payments of days past the retention were removed.
    PaymentsForgotten = "payments.forgotten",
    ProviderChangeAsked = "provider_change.asked",
    ProviderChangeApproved = "provider_change.approved",
    ProviderChangeRefused = "provider_change.refused",
    /// A payment provider's terms are others from now on.
    ProviderChanged = "payment_provider.changed",
    MerchantAccountRegistered = "merchant_account.registered",
    MerchantAccountWithdrawn = "merchant_account.withdrawn",
    /// An application of the signing API.
    OauthClientRegistered = "oauth_client.registered",
    OauthClientEnded = "oauth_client.ended",
    /// A user agreed, and the application was given a code.
    OauthCodeGiven = "oauth_code.given",
    OauthCodeUsed = "oauth_code.used",
    /// A code came a second time; what it gave is ended.
    OauthCodeReplayed = "oauth_code.replayed",
    /// A user did not agree.
    OauthConsentRefused = "oauth_consent.refused",
    OauthTokenGiven = "oauth_token.given",
    OauthTokenEnded = "oauth_token.ended",
    OauthRefreshGiven = "oauth_refresh.given",
    OauthRefreshUsed = "oauth_refresh.used",
    OauthRefreshEnded = "oauth_refresh.ended",
    /// A refresh token came a second time; all that came of its consent is ended.
    OauthRefreshReplayed = "oauth_refresh.replayed",
    /// A person ended what an application may do for them.
    OauthGrantEnded = "oauth_grant.ended",
    /// An application wants something signed, and waits for its signer on another device.
    SigningApprovalAsked = "signing_approval.asked",
    /// Its signer typed another number than the application shows.
    SigningApprovalNumberWrong = "signing_approval.number_wrong",
    SigningApprovalGiven = "signing_approval.given",
    /// Refused by its signer, or after too many wrong numbers.
    SigningApprovalRefused = "signing_approval.refused",
    /// The application has the activation data.
    SigningApprovalDelivered = "signing_approval.delivered",
    RowForged = "row.forged",
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Account(AccountId),
    /// The service itself.
    Service,
    /// Nobody who is logged in, e.g. the holder of an activation code.
    Anonymous,
}

impl Actor {
    fn text(self) -> String {
        match self {
            Self::Account(id) => format!("account:{id}"),
            Self::Service => "service".to_owned(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}

/// An entry before it is stored.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Instant,
    pub kind: Kind,
    pub actor: Actor,
    /// `noun:identifier` of what it happened to.
    pub subject: String,
    pub content: Value,
    /// The version that the subject's row has from now on, where the entry tells of a change to it.
    pub row_version: Option<i64>,
}

impl Entry {
    /// An entry about a subject, without further content.
    pub fn new(at: Instant, kind: Kind, actor: Actor, subject: impl Into<String>) -> Self {
        Self { at, kind, actor, subject: subject.into(), content: Value::Null, row_version: None }
    }

    /// An entry about a row that is made or changed in the same transaction, as it is from then on. Every change of a row that
    /// authorises records exactly one: an older version, put back by SQL, is known by it.
    pub fn of_row(at: Instant, kind: Kind, actor: Actor, row: &impl Authenticated) -> Self {
        Self { row_version: Some(row.version()), ..Self::new(at, kind, actor, row.subject()) }
    }

    /// With content: identifiers, digests, reasons.
    pub fn with(self, content: Value) -> Self {
        Self { content, ..self }
    }
}

/// Inserts an entry in the transaction of what it records, and returns its identifier.
pub async fn record(transaction: &mut Transaction, entry: Entry) -> Result<AuditEntryId> {
    let id = AuditEntryId(Uuid::now_v7());
    let row = AuditEntry {
        id,
        recorded_at: entry.at,
        kind: entry.kind.name().to_owned(),
        actor: entry.actor.text(),
        subject: entry.subject,
        content: entry.content.to_string().into_bytes(),
        row_version: entry.row_version,
    };
    transaction.insert_audit_entry(&row).await?;
    Ok(id)
}

/// The columns of a leaf, each with its value as text, in their order; `None` of what is no leaf of this log.
pub fn columns(leaf: &[u8]) -> Option<Vec<(String, String)>> {
    let mut rest = leaf.strip_prefix(b"chuky-row-v1")?;
    let mut part = || -> Option<&[u8]> {
        let (length, more) = rest.split_first_chunk::<8>()?;
        let (part, more) = more.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        rest = more;
        Some(part)
    };
    if part()? != b"audit_entry" {
        return None;
    }
    let mut columns = Vec::new();
    while let Some(name) = part() {
        let (name, value) = (std::str::from_utf8(name).ok()?, part()?);
        let text = match (name, value.first_chunk::<8>()) {
            ("id", _) => Uuid::from_slice(value).ok()?.to_string(),
            ("recorded_at", Some(at)) => Instant(i64::from_be_bytes(*at)).rfc3339(),
            ("row_version", Some(version)) => i64::from_be_bytes(*version).to_string(),
            _ => String::from_utf8(value.to_vec()).ok()?,
        };
        columns.push((name.to_owned(), text));
    }
    Some(columns)
}

/// The bytes that become the entry's leaf: every column by name. The place in the log is not part of them.
pub fn leaf(row: &AuditEntry) -> Vec<u8> {
    let mut content = Content::new("audit_entry");
    content.column("id", &row.id);
    content.column("recorded_at", &row.recorded_at);
    content.column("kind", &row.kind);
    content.column("actor", &row.actor);
    content.column("subject", &row.subject);
    content.column("content", &row.content);
    content.column("row_version", &row.row_version);
    content.finish()
}
