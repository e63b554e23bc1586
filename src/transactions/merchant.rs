//! A merchant's side of signed VietQR: the holder of a credential registers an account for a shop and signs its code with a PIN; the code is
//! printed; the account is withdrawn. Who may pay there and whether the bank agrees is none of its business: the signature says whose
//! word the account is.

use super::standing;
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Factors, Signer, Wanted},
    error::{InternalError, RequestError, Result},
    store,
};
use chuky_model::{
    algorithm::{KeyAlgorithm, SignatureScheme},
    id::{CredentialId, MerchantAccountId},
    instant::Instant,
    record::{Cursor, payment::MerchantAccount, state::MerchantState},
};
use chuky_pki::{
    certificate::Certificate,
    vietqr::{Unsigned, VietQr, VietQrError, attached},
};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// What a merchant registers.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// BIN of the bank, six digits.
    pub bank: String,
    pub number: String,
    pub shop: String,
    pub city: String,
}

/// A registered account, for its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AccountView {
    #[schema(value_type = String)]
    pub id: MerchantAccountId,
    pub bank: String,
    pub bank_name: Option<String>,
    pub number: String,
    pub shop: String,
    /// Name in the certificate whose key signed.
    pub holder: String,
    /// The text of the QR code.
    pub payload: String,
    /// `active` or `withdrawn`.
    #[schema(value_type = String)]
    pub state: MerchantState,
    /// RFC 3339.
    pub created: String,
    pub ended: Option<String>,
}

/// Registers an account: its code is signed under one activation for exactly its digest, and stored.
pub async fn register(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    new: NewAccount,
) -> Result<AccountView> {
    // 1. The signer, and a code that every app reads.
    let signer = custody::signer(app, by, credential).await?;
    if signer.credential.algorithm != KeyAlgorithm::P256 {
        return Err(RequestError::invalid(
            "credential",
            "credential_too_large",
            "Mã QR chỉ chứa được chữ ký của khóa P-256. Hãy chọn chữ ký khác hoặc xin cấp chứng thư dùng khóa P-256.",
            "A QR code only holds a signature of a P-256 key. Choose another signature, or ask for a certificate with a P-256 key.",
        )
        .into());
    }
    let shop: String = new.shop.trim().nfc().collect();
    if shop.is_empty() || shop.chars().count() > LONGEST_SHOP_TEXT || shop.chars().any(char::is_control) {
        return Err(RequestError::invalid(
            "shop",
            "shop_invalid",
            "Hãy ghi tên cửa hàng, tối đa 60 ký tự.",
            "Say the shop's name, in at most 60 characters.",
        )
        .into());
    }
    let code = VietQr::for_counter(new.bank.trim(), new.number.trim(), &shop, &new.city).map_err(refused)?;
    // 2. The same account twice would leave two codes, of which one is forgotten.
    let lookup = app.vault.lookup("merchant-account", &format!("{}\n{}", code.bank, code.account));
    let known = current::rows(app, || app.store.merchant_accounts_by_lookup(&lookup, MOST_OF_AN_ACCOUNT)).await?;
    let own: Vec<&MerchantAccount> = known.iter().filter(|row| row.account_id == by.account).collect();
    if own.iter().any(|row| row.state == MerchantState::Active) {
        return Err(RequestError::conflict(
            "account_registered",
            "Bạn đã đăng ký tài khoản này. Hãy dùng mã đã có, hoặc ngừng dùng mã đó trước.",
            "You registered this account already. Use its code, or withdraw it first.",
        )
        .into());
    }
    // Whoever registers it at the same moment has seen as many registrations before, and takes the same.
    let turn = app.vault.lookup("merchant-turn", &format!("{}\n{}\n{}", hex::encode(lookup), by.account, own.len()));
    // 3. The signature, under the PIN, and our own verifier's word on what came of it.
    let malformed = |error: VietQrError| InternalError::Pki(error.to_string());
    let unsigned = Unsigned::prepare(&code, signer.certificate.serial_octets()).map_err(malformed)?;
    let scheme = SignatureScheme::EcdsaSha256;
    let wanted = Wanted { scheme, hashes: vec![unsigned.digest().to_vec()], document: None, shown: Vec::new() };
    let mut signatures = custody::sign_hashes(app, by, credential, factors, wanted).await?;
    let signature = signatures.pop().ok_or_else(|| InternalError::other("no signature came back"))?;
    let payload = unsigned.assemble(&signature).map_err(malformed)?;
    check(&payload, &signer.certificate)?;
    // 4. The row with its audit entry.
    let row = stored(app, by, &signer, (&code, &shop, &payload), (lookup.to_vec(), turn)).await?;
    view(app, &row).await
}

fn check(payload: &str, certificate: &Certificate) -> Result<()> {
    let attached = attached(payload).map_err(|error| InternalError::Pki(error.to_string()))?;
    let attached = attached.ok_or_else(|| InternalError::other("the code was not signed"))?;
    let key = certificate.public_key().map_err(|error| InternalError::Pki(error.to_string()))?;
    Ok(attached.verify(&key).map_err(|error| InternalError::Pki(error.to_string()))?)
}

async fn stored(
    app: &App,
    by: &Principal,
    signer: &Signer,
    (code, shop, payload): (&VietQr, &str, &str),
    (lookup, turn): (Vec<u8>, [u8; 32]),
) -> Result<MerchantAccount> {
    let id = MerchantAccountId(Uuid::now_v7());
    let now = app.clock.now();
    let mut row = MerchantAccount {
        id,
        account_id: by.account,
        certificate_id: signer.row.id,
        lookup,
        bank: code.bank.clone(),
        shop: shop.to_owned(),
        payload: app.vault.seal(SEALED, &id.to_string(), payload.as_bytes())?,
        payload_hash: payload_hash(app, payload).to_vec(),
        state: MerchantState::Active,
        created_at: now,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.take(&turn, now).await.map_err(accounts::overtaken)?;
    transaction.insert_merchant_account(&row).await?;
    let entry = Entry::of_row(now, Kind::MerchantAccountRegistered, Actor::Account(by.account), &row);
    let content = serde_json::json!({ "certificate": row.certificate_id, "payload": hex::encode(&row.payload_hash) });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(row)
}

/// Withdraws an account of the caller's: its code is told to be withdrawn from then on.
pub async fn withdraw(app: &App, by: &Principal, id: MerchantAccountId) -> Result<AccountView> {
    // Withdrawn from elsewhere in this moment, it is read again.
    for _ in 0..AT_ONCE {
        let mut row = own(app, by, id).await?;
        if row.state == MerchantState::Withdrawn {
            return view(app, &row).await;
        }
        let now = app.clock.now();
        (row.state, row.ended_at) = (MerchantState::Withdrawn, Some(now));
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_merchant_account(&row).await {
            Err(store::Error::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(now, Kind::MerchantAccountWithdrawn, Actor::Account(by.account), &row);
        let entry = audit::record(&mut transaction, entry).await?;
        transaction.commit().await?;
        current::changed(app, &row);
        // Nobody is told that the code is withdrawn before SQL cannot bring it back.
        app.audit.wait(entry).await?;
        return view(app, &row).await;
    }
    Err(RequestError::overtaken().into())
}

/// The caller's accounts, oldest first, after a cursor; with the cursor of the next page.
pub async fn own_accounts(app: &App, by: &Principal, after: Cursor) -> Result<(Vec<AccountView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.merchant_accounts_of(by.account, after, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.created_at, id: last.id.0 });
    let mut views = Vec::new();
    for row in rows {
        views.push(view(app, &row).await?);
    }
    Ok((views, next))
}

/// An account as its sheet shows it: of the caller's, or of anybody's where the caller prints for a whole street.
pub async fn for_sheet(app: &App, by: &Principal, id: MerchantAccountId, prints_for_all: bool) -> Result<AccountView> {
    let row = current::row(app, || app.store.merchant_account(id)).await?;
    let row = row.filter(|row| row.account_id == by.account || prints_for_all).ok_or_else(RequestError::not_found)?;
    if row.state != MerchantState::Active {
        return Err(RequestError::conflict(
            "account_withdrawn",
            "Tài khoản này đã ngừng dùng nên không in được mã.",
            "This account was withdrawn, so its code is not printed.",
        )
        .into());
    }
    view(app, &row).await
}

async fn own(app: &App, by: &Principal, id: MerchantAccountId) -> Result<MerchantAccount> {
    let row = current::row_by_log(app, || app.store.merchant_account(id)).await?;
    Ok(row.filter(|row| row.account_id == by.account).ok_or_else(RequestError::not_found)?)
}

async fn view(app: &App, row: &MerchantAccount) -> Result<AccountView> {
    let payload = app.vault.open(SEALED, &row.id.to_string(), &row.payload)?;
    let payload = String::from_utf8(payload.to_vec()).map_err(|error| InternalError::other(error.to_string()))?;
    let code = VietQr::parse(&payload).map_err(|error| InternalError::Pki(error.to_string()))?;
    let certificate = standing::certificate(app, row.certificate_id).await?;
    Ok(AccountView {
        id: row.id,
        bank_name: chuky_pki::vietqr::bank_name(&code.bank).map(str::to_owned),
        bank: code.bank,
        number: code.account,
        shop: row.shop.clone(),
        holder: holder(&certificate),
        payload,
        state: row.state,
        created: row.created_at.rfc3339(),
        ended: row.ended_at.map(Instant::rfc3339),
    })
}

/// How a certificate names its holder: the organisation where there is one, else the person.
pub fn holder(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    match subject.organization() {
        organization if organization.is_empty() => subject.common_name(),
        organization if subject.common_name() == organization => organization,
        organization => format!("{} ({organization})", subject.common_name()),
    }
}

/// The keyed hash under which a code is found.
pub(super) fn payload_hash(app: &App, payload: &str) -> [u8; 32] {
    app.vault.lookup("merchant-payload", payload)
}

fn refused(error: VietQrError) -> RequestError {
    match error {
        VietQrError::Malformed("bank") => RequestError::invalid(
            "bank",
            "bank_invalid",
            "Hãy chọn ngân hàng (mã BIN gồm 6 chữ số).",
            "Choose the bank (a BIN of 6 digits).",
        ),
        _ => RequestError::invalid(
            "number",
            "number_invalid",
            "Số tài khoản gồm 1 đến 19 chữ cái hoặc chữ số, không có dấu cách.",
            "An account number has 1 to 19 letters or digits, without spaces.",
        ),
    }
}

/// Calls for the same that may meet, one after the other.
const AT_ONCE: usize = 8;
/// What the sealed payload is bound to beside its row.
const SEALED: &str = "merchant_account.payload";
/// Characters of a shop's name on its sheet.
const LONGEST_SHOP_TEXT: usize = 60;
/// Rows looked at for one account: as many people may say that it is theirs.
const MOST_OF_AN_ACCOUNT: i64 = 100;
/// Accounts of one page of the list.
const PAGE: i64 = 50;
