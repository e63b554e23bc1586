//! Whose account a QR code really names: the code is read strictly, its signature and the signer's certificate are judged, and the merchant's
//! registration is looked up. Every check is passed, failed or not done; one sentence says what to do.

use super::{merchant, standing};
use crate::{app::App, current, error::Result};
use chuky_model::{
    instant::Instant,
    record::state::MerchantState,
    report::{Check, Outcome},
    serial::Serial,
    text::Bilingual,
};
use chuky_pki::{
    certificate::Certificate,
    path::{self, Purpose},
    payment::{Status, Wanted},
    vietqr::{Attached, VietQr, attached, bank_name},
};
use serde::Serialize;

/// What is told of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeVerdict {
    /// The holder of a good certificate signed this code, and has not withdrawn it.
    Signed,
    /// A readable code that nobody signed.
    NotSigned,
    /// Damaged, altered, withdrawn, or signed with a certificate that is not good.
    NotValid,
    /// Signed, and whether by whom it says could not be found out.
    Undetermined,
}

/// The answer about one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CodeAnswer {
    pub verdict: CodeVerdict,
    /// Stable: `signed`, `not_signed`, the name of what is wrong with the code, or of the check that did not pass.
    pub reason: String,
    #[schema(value_type = Object)]
    pub message: Bilingual,
    /// Where the money would go, as the code says; absent where it cannot be read.
    pub account: Option<CodeAccount>,
    /// Whose signature it is; only where the verdict is `signed`.
    pub holder: Option<CodeHolder>,
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<Check>,
}

/// Where the money would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CodeAccount {
    pub bank: String,
    pub bank_name: Option<String>,
    pub number: String,
    /// Đồng; absent where the payer enters it.
    pub amount: Option<u64>,
    /// As the code says, which nobody need have checked.
    pub name_in_code: Option<String>,
    pub purpose: Option<String>,
}

/// Whose signature it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CodeHolder {
    pub name: String,
    /// The shop as its merchant registered it.
    pub shop: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// RFC 3339: when the account was registered.
    pub registered: String,
}

/// Says whose account a code names.
pub async fn verify_code(app: &App, text: &str) -> Result<CodeAnswer> {
    let text = text.trim();
    let mut checks = Vec::new();
    // 1. The code itself.
    let code = match VietQr::parse(text) {
        Ok(code) => code,
        Err(error) => {
            checks.push(Check::failed("format", error.to_string()));
            return Ok(answer(CodeVerdict::NotValid, error.code(), error.sentence(), None, checks));
        }
    };
    checks.push(Check::passed("format"));
    let account = account(&code);
    // `parse` has read the same templates.
    let Some(attached) = attached(text).ok().flatten() else {
        checks.push(Check::not_done("signature_value", "the code carries no signature"));
        return Ok(answer(CodeVerdict::NotSigned, "not_signed", not_signed(&account), Some(account), checks));
    };
    // 2. Whose key, who vouches for it, and is it good now?
    let now = app.clock.now();
    let (certificate, outcome) = judge(app, &attached, now, &mut checks).await?;
    if let Some((verdict, reason)) = outcome {
        return Ok(answer(verdict, reason, refusal(reason), Some(account), checks));
    }
    let Some(certificate) = certificate else {
        let reason = "certificate_unknown";
        return Ok(answer(CodeVerdict::Undetermined, reason, refusal(reason), Some(account), checks));
    };
    // 3. Does the merchant still take payments there?
    let hash = merchant::payload_hash(app, text);
    let row = current::row(app, || app.store.merchant_account_by_payload(&hash)).await?;
    let row = match row {
        None => {
            // A code that this service did not make is good by its signature; whether it was withdrawn nobody can say.
            checks.push(Check::not_done("registration", "this service has no registration of the code"));
            let reason = "registration_unknown";
            return Ok(answer(CodeVerdict::Undetermined, reason, refusal(reason), Some(account), checks));
        }
        Some(row) if row.state == MerchantState::Withdrawn => {
            checks.push(Check::failed("registration", "the merchant has withdrawn the account"));
            return Ok(answer(CodeVerdict::NotValid, "withdrawn", refusal("withdrawn"), Some(account), checks));
        }
        Some(row) => row,
    };
    checks.push(Check::passed("registration"));
    let holder = CodeHolder {
        name: merchant::holder(&certificate),
        shop: row.shop.clone(),
        issuer: certificate.issuer().common_name(),
        serial: hex::encode(certificate.serial_octets()),
        registered: row.created_at.rfc3339(),
    };
    let message = signed(&account, &holder);
    Ok(CodeAnswer { holder: Some(holder), ..answer(CodeVerdict::Signed, "signed", message, Some(account), checks) })
}

/// Signature, path and status; the first of them that did not pass.
async fn judge(
    app: &App,
    attached: &Attached,
    now: Instant,
    checks: &mut Vec<Check>,
) -> Result<(Option<Certificate>, Option<(CodeVerdict, &'static str)>)> {
    let wanted = Serial::from_octets(&attached.serial).ok().map(Wanted::Serial);
    let Some(certificate) = standing::named(app, wanted).await? else {
        checks.push(Check::not_done("certificate", "no certificate of that serial number"));
        return Ok((None, None));
    };
    checks.push(Check::passed("certificate"));
    let stop = |verdict, reason| Ok((None, Some((verdict, reason))));
    let verified = certificate.public_key().and_then(|key| attached.verify(&key));
    if let Err(error) = verified {
        checks.push(Check::failed("signature_value", error.to_string()));
        return stop(CodeVerdict::NotValid, "signature_invalid");
    }
    checks.push(Check::passed("signature_value"));
    let standing::Known { trust, issuers, .. } = standing::trust(app).await?;
    let path = match path::validate(&certificate, &trust.intermediates, &trust.anchors, now, Purpose::Any) {
        Ok(path) => path,
        Err(error) => {
            checks.push(Check::failed("certificate_path", error.to_string()));
            let expired = !certificate.is_valid_at(now);
            return stop(CodeVerdict::NotValid, if expired { "certificate_expired" } else { "path_invalid" });
        }
    };
    checks.push(Check::passed("certificate_path"));
    match standing::status(app, path.certificates(), &issuers).await? {
        Status::Good => {}
        Status::Revoked { at } => {
            checks.push(Check::failed("revocation", format!("revoked {}", at.rfc3339())));
            return stop(CodeVerdict::NotValid, "certificate_revoked");
        }
        Status::Suspended { at } => {
            checks.push(Check::failed("revocation", format!("suspended since {}", at.rfc3339())));
            return stop(CodeVerdict::NotValid, "certificate_suspended");
        }
        Status::Unknown(why) => {
            checks.push(Check::not_done("revocation", why));
            return stop(CodeVerdict::Undetermined, "status_unknown");
        }
    }
    checks.push(Check::passed("revocation"));
    Ok((Some(certificate), None))
}

fn account(code: &VietQr) -> CodeAccount {
    CodeAccount {
        bank_name: bank_name(&code.bank).map(str::to_owned),
        bank: code.bank.clone(),
        number: code.account.clone(),
        amount: code.amount,
        name_in_code: code.merchant_name.clone(),
        purpose: code.purpose.clone(),
    }
}

fn answer(
    verdict: CodeVerdict,
    reason: &str,
    message: Bilingual,
    account: Option<CodeAccount>,
    mut checks: Vec<Check>,
) -> CodeAnswer {
    let failed = checks.iter().any(|check| check.outcome == Outcome::Failed);
    for name in CHECKS.iter().filter(|name| !checks.iter().any(|check| check.name == **name)).collect::<Vec<_>>() {
        let why = if failed { "not reached, because of an earlier check" } else { "nothing to check" };
        checks.push(Check::not_done(name, why));
    }
    CodeAnswer { verdict, reason: reason.to_owned(), message, account, holder: None, checks }
}

fn place(account: &CodeAccount) -> (String, String) {
    match &account.bank_name {
        Some(bank) => (bank.clone(), bank.clone()),
        None => (format!("ngân hàng có mã {}", account.bank), format!("the bank {}", account.bank)),
    }
}

fn signed(account: &CodeAccount, holder: &CodeHolder) -> Bilingual {
    let ((vi, en), number, name) = (place(account), &account.number, &holder.name);
    Bilingual::new(
        format!(
            "Tài khoản {number} tại {vi} là của {name}: chính người này đã ký mã QR bằng chứng thư số còn hiệu lực."
        ),
        format!("Account {number} at {en} belongs to {name}, who signed this QR code with a valid certificate."),
    )
}

fn not_signed(account: &CodeAccount) -> Bilingual {
    let ((vi, en), number) = (place(account), &account.number);
    Bilingual::new(
        format!(
            "Mã này không có chữ ký: tiền sẽ vào tài khoản {number} tại {vi}, và không ai bảo đảm tài khoản đó là của ai."
        ),
        format!(
            "This code is not signed: the money goes to account {number} at {en}, and nobody vouches for whose that is."
        ),
    )
}

fn refusal(reason: &str) -> Bilingual {
    match reason {
        "signature_invalid" => Bilingual::new(
            "Mã QR này đã bị sửa sau khi ký: đừng chuyển tiền.",
            "This QR code was changed after it was signed: do not pay.",
        ),
        "withdrawn" => Bilingual::new(
            "Chủ cửa hàng đã ngừng dùng mã QR này: đừng chuyển tiền, hãy hỏi lại cửa hàng.",
            "The merchant has withdrawn this QR code: do not pay, ask the shop.",
        ),
        "certificate_revoked" | "certificate_suspended" | "certificate_expired" | "path_invalid" => Bilingual::new(
            "Chứng thư số của người ký mã QR này không còn hiệu lực: đừng chuyển tiền khi chưa hỏi lại cửa hàng.",
            "The certificate that signed this QR code is no longer good: do not pay before asking the shop.",
        ),
        _ => Bilingual::new(
            "Mã QR này có chữ ký nhưng chưa xác định được là của ai: hãy hỏi lại cửa hàng trước khi chuyển tiền.",
            "This QR code carries a signature, but whose cannot be found out: ask the shop before paying.",
        ),
    }
}

/// The checks of a code, in their order.
const CHECKS: [&str; 6] =
    ["format", "certificate", "signature_value", "certificate_path", "revocation", "registration"];
