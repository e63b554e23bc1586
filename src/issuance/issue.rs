//! The road of a certificate, from a redeemed activation code to its receipt. The intent is stored before anything is signed, the
//! state before the issuer signs, and the result with everything that depends on it in one transaction. What fails on the way is
//! taken back by `recovery`, at once or after a crash.

use super::{
    Authority, CertifiedKey,
    authority::internal,
    ceremony,
    certify::{self, Issuer},
    own_key,
    receipt::Receipt,
    recovery, register, reminders, revocation, subscriber,
};
use crate::{
    accounts::{self, NewAccount, Password},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    custody::{Pin, SealParameters},
    error::{RequestError, RequestErrorKind, Result},
    fault,
    finishing::to_its_end,
    registration::{
        self, Details, ReceiptKey, Redeemable,
        consent::{self, Confirmation, Confirmed},
    },
    store::{self, Held},
    subject, units,
};
use chuky_hsm::{KeyContext, SealedKey};
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::{AccountId, CertificateId, CredentialId},
    instant::Instant,
    record::{
        account::Account,
        certificate::Certificate as Row,
        credential::Credential,
        request::{ActivationCode, RegistrationRequest},
        state::{AuthorityState, CertificateState, CredentialState},
    },
    request::{Hierarchy, RequestState},
    role::Role,
};
use chuky_pki::{certificate::Certificate, crl::Reason, crypto::sha256, issue::CertificateIntent};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a subscriber brings and chooses.
pub struct Redemption {
    /// The activation code as typed.
    pub code: Zeroizing<String>,
    pub proof: Proof,
    pub pin: Zeroizing<String>,
    pub algorithm: KeyAlgorithm,
    /// What the subscriber was shown, confirms and agrees to.
    pub confirmation: Confirmation,
    /// With which the receipt is given again, see [`super::receipt_again`].
    pub key: Option<ReceiptKey>,
}

/// What shows, beside the code, that it is the subscriber who redeems it. The code alone proves nobody: staff hand it on.
pub struct Proof {
    /// The account whose session it is redeemed in; demanded where the person has an account.
    pub session: Option<AccountId>,
    /// What was sent to the contact that the request names; demanded of whoever has no account and can be reached.
    pub second_secret: Zeroizing<String>,
    /// Log-in name and password of the new account; not looked at where the person has an account.
    pub login: String,
    pub password: Zeroizing<String>,
}

/// Redeems an activation code: key, certificate, credential and account of its subscriber. Goes to its end also where the caller is gone.
pub async fn redeem(app: &App, redemption: Redemption) -> Result<Receipt> {
    let app = app.clone();
    to_its_end(async move { redeem_now(&app, redemption).await }).await
}

async fn redeem_now(app: &App, redemption: Redemption) -> Result<Receipt> {
    // 1. The approved request behind the code, and what its subscriber chose.
    let Redeemable { request, details, mut code } = registration::redeemable(app, &redemption.code).await?;
    let shown = (&request, &details);
    let confirmed = Confirmed::check(app, shown, &redemption.confirmation, consent::KEPT_HERE)?;
    check_key_made_here(app, &request, &details, redemption.algorithm)?;
    let pin = Pin::choose(&redemption.pin, Some(&details.personal_number)).map_err(RequestError::from)?;
    let authority = Authority::of(app).await?;
    let issuer = authority.issuing(request.hierarchy)?;
    let holder = Holder::proven(app, &request, &details, (&mut code, &redemption.proof)).await?;
    // 2. The serial is reserved and the intent stored.
    fault::point("issue.before_intent");
    let receipt_key = redemption.key.as_ref().map(|key| key.hash(app, &code));
    let mut issue = intend(app, issuer, request, &details, (&mut code, receipt_key, confirmed)).await?;
    fault::point("issue.after_intent");
    // 3. From here on a failure is taken back: nothing half done stays.
    let chosen = Chosen { holder, pin, algorithm: redemption.algorithm, code };
    let completed = complete(app, issuer, &mut issue, chosen).await;
    or_taken_back(app, &issue, completed).await
}

/// Passes a finished issue on, and takes back one that failed.
pub(super) async fn or_taken_back<T>(app: &App, issue: &Issue, completed: Result<T>) -> Result<T> {
    if completed.is_err()
        && let Err(failure) = recovery::take_back(app, issue.row.id).await
    {
        tracing::error!(event = "issue_not_taken_back", certificate = %issue.row.id, error = %failure);
    }
    completed
}

/// A certificate on its way.
pub(super) struct Issue {
    pub request: RegistrationRequest,
    pub row: Row,
    pub intent: CertificateIntent,
    /// The certificate that this one takes the place of, and why that one is revoked.
    pub replaces: Option<(CertificateId, Reason)>,
    /// Tells the other nodes that somebody is at it.
    _held: Option<Held>,
}

struct Chosen {
    holder: Holder,
    pin: Pin,
    algorithm: KeyAlgorithm,
    code: ActivationCode,
}

/// Whose account the certificate goes to.
pub(super) enum Holder {
    /// With what only one account of that person takes (`taken`).
    New(Account, [u8; 32]),
    /// The account there was, changed where the flag says so.
    Known(Account, bool),
}

impl Holder {
    /// The account of whoever proved to be the subscriber: by its session where there is one, else by the second secret. Comes last of
    /// what is checked, so that no try is lost to a mistake elsewhere.
    pub(super) async fn proven(
        app: &App,
        request: &RegistrationRequest,
        details: &Details,
        (code, proof): (&mut ActivationCode, &Proof),
    ) -> Result<Self> {
        let role = subscriber::role(request.hierarchy, details.kind);
        let all = accounts::all_of_person(app, &request.person_lookup).await?;
        let turn = accounts::turn(app, &request.person_lookup, all.len());
        let accounts: Vec<Account> = all.into_iter().filter(accounts::is_enabled).collect();
        if !accounts.is_empty() || request.follows_certificate.is_some() {
            let mut own = accounts.into_iter().filter(|account| Some(account.id) == proof.session);
            let mut account = own.next().ok_or_else(log_in_first)?;
            let moved = agency(app, &account, request).await?;
            let brings = !account.roles.contains(&role);
            let changed = brings || moved.is_some();
            if changed {
                account.unit = moved.unwrap_or(account.unit);
                account.roles.extend(brings.then_some(role));
                attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
            }
            return Ok(Self::Known(account, changed));
        }
        let login = proof.login.trim().to_lowercase();
        if app.store.account_by_login(&login).await?.is_some() {
            let (vi, en) = (
                "Tên đăng nhập này đã có người dùng. Hãy chọn tên khác.",
                "This log-in name is taken. Choose another.",
            );
            return Err(RequestError::invalid("login", "login_taken", vi, en).into());
        }
        let new = NewAccount {
            login,
            password: Password::choose(&proof.password)?,
            roles: vec![role],
            display_name: details.full_name.clone(),
            unit: if request.hierarchy == Hierarchy::Officials { request.unit.clone() } else { String::new() },
            person_lookup: request.person_lookup.as_slice().try_into().ok(),
        };
        let account = accounts::prepare_account(app, new).await?;
        registration::check_second_secret(app, details, code, &proof.second_secret).await?;
        Ok(Self::New(account, turn))
    }

    pub(super) fn account(&self) -> &Account {
        match self {
            Self::New(account, _) | Self::Known(account, _) => account,
        }
    }
}

/// The agency that the account is of from then on, where that changes: a first one, or the one that its own has become. Nobody is of two
/// agencies: a clerk of one would act on the documents of the other.
async fn agency(app: &App, account: &Account, request: &RegistrationRequest) -> Result<Option<String>> {
    if request.hierarchy != Hierarchy::Officials || account.unit == request.unit {
        return Ok(None);
    }
    if account.unit.is_empty() {
        // Whoever has tasks in every unit keeps them.
        let subscribes =
            |role: &Role| matches!(role, Role::Citizen | Role::Official | Role::Clerk | Role::PaymentProvider);
        return Ok(account.roles.iter().all(subscribes).then(|| request.unit.clone()));
    }
    match units::has_become(app, &account.unit, &request.unit, app.clock.now()).await? {
        true => Ok(Some(request.unit.clone())),
        false => Err(of_another_agency(&account.unit, &request.unit).into()),
    }
}

fn of_another_agency(own: &str, other: &str) -> RequestError {
    RequestError::conflict(
        "account_of_another_agency",
        format!(
            "Tài khoản này thuộc cơ quan {own}, còn chứng thư được cấp cho cơ quan {other}. Một tài khoản chỉ thuộc một cơ quan: nếu người được cấp đã chuyển công tác, cán bộ an ninh đóng tài khoản cũ rồi dùng lại mã này để mở tài khoản mới; nếu không, hãy giao con dấu cho người của cơ quan {other}."
        ),
        format!(
            "This account is of the agency {own}, and the certificate is for the agency {other}. An account is of one agency: if its subscriber has moved, the security officer closes the old account, and this code then opens a new one; if not, somebody of {other} should hold the seal."
        ),
    )
}

fn log_in_first() -> RequestError {
    RequestError::new(
        RequestErrorKind::Unauthenticated,
        "log_in_first",
        "Người được cấp đã có tài khoản: hãy đăng nhập tài khoản đó rồi nhập lại mã. Nếu không đăng nhập được nữa, hãy đến điểm đăng ký để cán bộ an ninh đóng tài khoản cũ và làm hồ sơ mới.",
        "The subscriber has an account: log in to it, then enter the code again. Whoever cannot log in any more goes to the registration point: the security officer closes the old account, and a new request is made.",
    )
}

pub(super) async fn intend(
    app: &App,
    issuer: &CertifiedKey,
    mut request: RegistrationRequest,
    details: &Details,
    (code, receipt_key, confirmed): (&mut ActivationCode, Option<Vec<u8>>, Confirmed),
) -> Result<Issue> {
    let now = app.clock.now();
    let followed = followed(app, &request).await?;
    let replaces = match (&followed, details.replaces) {
        (Some(old), Some(replacement)) => {
            // Only what is in force is replaced; what was revoked meanwhile needs its subscriber identified anew.
            if old.state != CertificateState::Issued || old.not_after <= now {
                return Err(registration::not_in_force().into());
            }
            Some((old.id, replacement.reason()))
        }
        _ => None,
    };
    let intent = subscriber::intent(app, issuer, details, followed.as_ref(), now)?;
    let id = CertificateId(Uuid::now_v7());
    let plain = Zeroizing::new(intent.to_canonical_bytes().map_err(internal)?);
    let mut row = Row {
        id,
        request_id: Some(request.id),
        account_id: None,
        hierarchy: request.hierarchy,
        issuer_label: issuer.label.clone(),
        serial: intent.serial.clone(),
        state: CertificateState::Intended,
        intent: app.vault.seal(INTENT, &id.to_string(), &plain)?,
        certificate: None,
        fingerprint: None,
        spki_hash: None,
        not_before: intent.not_before,
        not_after: intent.not_after,
        revoked_at: None,
        revocation_reason: None,
        invalid_since: None,
        created_at: now,
        updated_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let claimed = code.receipt_key != receipt_key;
    if claimed {
        code.receipt_key = receipt_key;
        attestation::attest_change(&*app.tokens.subscribers, code).await?;
    }
    // Before there is a row that another node could take for one that nobody is at work on.
    let held = app.store.hold_issue(id).await?;
    let mut transaction = app.store.begin().await?;
    registration::advance(app, &mut transaction, &mut request, RequestState::Issuing).await?;
    if claimed {
        // A new code was made in this moment.
        transaction.update_activation_code(code).await.map_err(accounts::moved_on)?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::CodeClaimed, Actor::Anonymous, &*code)).await?;
    }
    transaction.insert_certificate(&row).await?;
    let content = serde_json::json!({ "request": request.id, "issuer": row.issuer_label, "serial": row.serial });
    let entry = Entry::of_row(now, Kind::CertificateIntended, Actor::Anonymous, &row);
    audit::record(&mut transaction, entry.with(content)).await?;
    // Confirmed and agreed to before it is made, and so before it is published.
    let issuing = Entry::of_row(now, Kind::RequestIssuing, Actor::Anonymous, &request);
    audit::record(&mut transaction, issuing.with(confirmed.told())).await?;
    transaction.commit().await?;
    Ok(Issue { request, row, intent, replaces, _held: held })
}

async fn complete(app: &App, issuer: &CertifiedKey, issue: &mut Issue, chosen: Chosen) -> Result<Receipt> {
    // 1. The key, sealed under the PIN inside the HSM.
    let parameters = SealParameters::random(app.settings.seal.memory_kib, app.settings.seal.iterations);
    let secret = app.stretcher.stretch(&chosen.pin, &parameters).await?;
    let context = KeyContext { key_id: CredentialId(Uuid::now_v7()), owner: chosen.holder.account().id };
    let key = app.tokens.subscribers.generate_sealed(chosen.algorithm, &context, &secret).await?;
    drop(secret);
    fault::point("issue.after_key");
    // 2. The bytes, linted.
    let to_be_signed = certify::linted(&issue.intent, &key.spki_der)?;
    // 3. From here on only the result or a void serial may follow.
    mark_signing(app, issue, &key.spki_der).await?;
    fault::point("issue.after_signing");
    // 4. Signed, read back, compared.
    let signer = Issuer::of(issuer);
    let certificate = certify::signed(app, &signer, &issue.intent, &key.spki_der, &to_be_signed).await?;
    fault::point("issue.after_signature");
    // 5. Certificate, credential, account, request and audit entries in one transaction.
    let credential = credential(app, &context, key, &parameters, chosen.algorithm, issue.row.id).await?;
    let new_account = matches!(chosen.holder, Holder::New(..));
    let account = chosen.holder.account().clone();
    let issued = store(app, issue, &certificate, Some(&credential), (chosen.holder, chosen.code)).await?;
    fault::point("issue.after_store");
    Ok(Receipt::new(&certificate, credential.id, &account, new_account, issued))
}

/// Keys of devices and payment providers are never made here; a key that is, is one that the profile certifies.
fn check_key_made_here(
    app: &App,
    request: &RegistrationRequest,
    details: &Details,
    algorithm: KeyAlgorithm,
) -> Result<()> {
    if details.kind.has_own_key() {
        return Err(RequestError::conflict(
            "own_key_needed",
            "Chứng thư này dùng khóa của chính thiết bị hoặc đơn vị. Hãy gửi yêu cầu PKCS #10: chuky request, hoặc /api/v1/activations/own-key.",
            "This certificate is for a key of the device's or provider's own. Send a PKCS #10 request: chuky request, or /api/v1/activations/own-key.",
        )
        .into());
    }
    if !subscriber::profile(app, request.hierarchy, details.kind)?.admits_key(algorithm) {
        let (vi, en) = (
            "Loại khóa này không được dùng cho chứng thư này. Hãy chọn loại khác.",
            "Keys of this type are not certified for this kind of certificate. Choose another.",
        );
        return Err(RequestError::invalid("algorithm", "algorithm_not_admitted", vi, en).into());
    }
    Ok(())
}

/// The certificate that the one asked for follows.
pub(super) async fn followed(app: &App, request: &RegistrationRequest) -> Result<Option<Row>> {
    let Some(id) = request.follows_certificate else { return Ok(None) };
    register::follow(app).await?;
    register::genuine(app, || app.store.certificate_by_id(id)).await
}

/// From here on the public key counts as seen (Decree 23/2025, article 38: unique).
pub(super) async fn mark_signing(app: &App, issue: &mut Issue, spki: &[u8]) -> Result<()> {
    let now = app.clock.now();
    let row = &mut issue.row;
    row.state = CertificateState::Signing;
    row.spki_hash = Some(sha256(spki).to_vec());
    row.updated_at = now;
    attestation::attest_change(&*app.tokens.subscribers, row).await?;
    // The log's word first, which no row takes back; then the database's in this transaction, where its revocation came in between.
    ceremony::not_revoked(app, &row.issuer_label).await?;
    let mut transaction = app.store.begin().await?;
    let place = row.serial.as_octets().last().copied().unwrap_or_default();
    if ceremony::may_sign(&mut transaction, &row.issuer_label, place).await? == Some(AuthorityState::Retiring) {
        ceremony::not_revoked(app, &row.issuer_label).await?;
    }
    match transaction.update_certificate(row).await {
        Err(store::Error::Conflict(_)) => return Err(own_key::seen_before().into()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::CertificateSigning, Actor::Service, &*row);
    audit::record(&mut transaction, entry).await?;
    Ok(transaction.commit().await?)
}

async fn credential(
    app: &App,
    context: &KeyContext,
    key: SealedKey,
    parameters: &SealParameters,
    algorithm: KeyAlgorithm,
    certificate: CertificateId,
) -> Result<Credential> {
    let now = app.clock.now();
    let mut credential = Credential {
        id: context.key_id,
        account_id: context.owner,
        certificate_id: Some(certificate),
        algorithm,
        spki: key.spki_der,
        sealed_key: key.blob,
        pin_salt: parameters.salt.to_vec(),
        pin_memory: i64::from(parameters.memory_kib),
        pin_iterations: i64::from(parameters.iterations),
        pin_lanes: 1,
        pepper_version: i64::from(key.pepper_version),
        wrapping_key: key.wrapping_key_id,
        tries: 0,
        unlocks: 0,
        state: CredentialState::Active,
        created_at: now,
        updated_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut credential).await?;
    Ok(credential)
}

/// Stores what came of it, all at once. A subscriber who keeps the key on a token of their own has no credential here.
pub(super) async fn store(
    app: &App,
    issue: &mut Issue,
    certificate: &Certificate,
    credential: Option<&Credential>,
    (holder, mut code): (Holder, ActivationCode),
) -> Result<Instant> {
    let now = app.clock.now();
    let old = match issue.replaces {
        Some((id, reason)) => Some(revocation::replaced(app, id, reason, now).await?),
        None => None,
    };
    let Issue { request, row, .. } = issue;
    let account = holder.account().id;
    row.state = CertificateState::Issued;
    row.account_id = Some(account);
    row.certificate = Some(app.vault.seal(CERTIFICATE, &row.id.to_string(), certificate.der())?);
    row.fingerprint = Some(certificate.fingerprint().to_vec());
    row.updated_at = now;
    attestation::attest_change(&*app.tokens.subscribers, row).await?;
    code.redeemed_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut code).await?;
    request.account_id = Some(account);
    request.certificate_id = Some(row.id);
    let mut transaction = app.store.begin().await?;
    match &holder {
        Holder::New(account, turn) => {
            // Two codes of one person that are redeemed at the same moment make one account, not two.
            transaction.take(turn, now).await.map_err(accounts::overtaken)?;
            accounts::add_account(app, &mut transaction, now, Actor::Anonymous, account).await?;
        }
        Holder::Known(account, true) => {
            transaction.update_account(account).await.map_err(accounts::moved_on)?;
            let entry = Entry::of_row(now, Kind::AccountChanged, Actor::Service, account);
            audit::record(&mut transaction, entry).await?;
        }
        Holder::Known(_, false) => {}
    }
    transaction.update_certificate(row).await?;
    transaction.update_activation_code(&code).await.map_err(accounts::moved_on)?;
    registration::advance(app, &mut transaction, request, RequestState::Issued).await?;
    let fingerprint = hex::encode(certificate.fingerprint());
    let details = registration::open(app, request)?;
    let identity = subject::commit(app, &mut transaction, request.id, &details).await?;
    let content = serde_json::json!({
        "request": request.id, "account": account, "sha256": fingerprint, "identity": identity,
    });
    let by = Actor::Account(account);
    audit::record(&mut transaction, Entry::of_row(now, Kind::CertificateIssued, by, &*row).with(content)).await?;
    if let Some(credential) = credential {
        transaction.insert_credential(credential).await?;
        let created = Entry::of_row(now, Kind::CredentialCreated, by, credential);
        audit::record(&mut transaction, created.with(serde_json::json!({ "certificate": row.id }))).await?;
    }
    audit::record(&mut transaction, Entry::of_row(now, Kind::CodeRedeemed, by, &code)).await?;
    audit::record(&mut transaction, Entry::of_row(now, Kind::RequestIssued, by, &*request)).await?;
    reminders::queue(app, &mut transaction, row).await?;
    // With the new certificate the old one is revoked, both or neither.
    match old {
        Some(old) => old.committed(app, transaction, by, row).await?,
        None => transaction.commit().await?,
    }
    Ok(now)
}

pub(super) const INTENT: &str = "certificate.intent";
pub(super) const CERTIFICATE: &str = "certificate.certificate";
