//! What an activation is opened with: the PIN and, by the settings and by what the account owns, a second factor beside it. The proof of the
//! factor is judged before anything is counted, taken in the transaction that counts the try, and never taken again. Behind a wrong code the
//! PIN is not looked at, so that the answer to a try says nothing about one of the two.

use super::{credential::Signer, pin::Pin};
use crate::{
    accounts::{
        Principal, TotpCode,
        passkey::{self, ActivationProof, Given, ToActivate},
        second_factor::{self, CodeJudged, CodeProof},
    },
    app::App,
    audit::{self, Actor, Entry, Kind},
    config::FactorRule,
    error::{Error, RequestError, RequestErrorKind, Result},
    store::Transaction,
};
use chuky_model::request::Hierarchy;
use std::pin::Pin as Pinned;

/// A PIN with the second factor that came along.
#[derive(Clone, Debug)]
pub struct Factors {
    pub(super) pin: Pin,
    second: Option<Second>,
}

#[derive(Clone, Debug)]
enum Second {
    Code(TotpCode),
    Passkey(Box<Given>),
}

impl Factors {
    /// The PIN alone.
    pub fn pin(pin: Pin) -> Self {
        Self { pin, second: None }
    }

    /// As a request has them: the PIN, the code of an authenticator app or nothing, and a passkey's answer or nothing. Both at once is
    /// `factors_both`.
    pub fn enter(pin: &str, totp: &str, assertion: Option<Given>) -> Result<Self, RequestError> {
        let pin = Pin::enter(pin)?;
        let code = TotpCode::enter(totp);
        let second = match (code.is_empty(), assertion) {
            (true, None) => None,
            (false, None) => Some(Second::Code(code)),
            (true, Some(given)) => Some(Second::Passkey(Box::new(given))),
            (false, Some(_)) => return Err(both()),
        };
        Ok(Self { pin, second })
    }

    /// The same from a page's form, where the passkey's answer stands in a hidden field.
    pub fn of_form(pin: &str, totp: &str, assertion: &str) -> Result<Self> {
        Ok(Self::enter(pin, totp, Given::of_form(assertion)?)?)
    }
}

/// What the judgement of the second factor came to.
pub(super) enum Proof {
    /// None was needed, and none given.
    Nothing,
    /// The code was wrong: the try is counted, and fails.
    Wrong,
    Code(Box<CodeProof>),
    Passkey(Box<ActivationProof>),
}

impl Proof {
    /// Judges what came with the PIN. `shown` is what a passkey must have stated. Refused, with nothing counted: a factor that is missing, one
    /// that the account does not have, a code that was taken before, and a passkey's answer that does not allow exactly this.
    pub(super) fn judge<'a>(
        app: &'a App,
        by: &'a Principal,
        signer: &'a Signer,
        factors: &'a Factors,
        shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(Self::judged(app, by, signer, factors, shown))
    }

    async fn judged(app: &App, by: &Principal, signer: &Signer, factors: &Factors, shown: &[Vec<u8>]) -> Result<Self> {
        match &factors.second {
            None => match demand(app, signer).await? {
                Demand::Nothing => Ok(Self::Nothing),
                Demand::Factor { .. } => Err(needed().into()),
                Demand::Enrolment => Err(not_enrolled().into()),
            },
            Some(Second::Code(code)) => match Box::pin(second_factor::judge(app, by.account, code)).await? {
                CodeJudged::Right(proof) => Ok(Self::Code(proof)),
                CodeJudged::Wrong => Ok(Self::Wrong),
                CodeJudged::Used => Err(used_code().into()),
                CodeJudged::NotEnrolled => Err(not_enrolled().into()),
            },
            Some(Second::Passkey(given)) => {
                let wanted = ToActivate { credential: signer.credential.id, client: &by.client, shown };
                match Box::pin(ActivationProof::judge(app, by, wanted, given)).await {
                    Ok(proof) => Ok(Self::Passkey(Box::new(proof))),
                    Err(Error::Request(refused)) => {
                        declined(app, by, signer, refused.code).await?;
                        Err(RequestError { field: Some("totp"), ..refused }.into())
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Uses it up, in the transaction that counts the try.
    pub(super) async fn take(&self, app: &App, transaction: &mut Transaction) -> Result<()> {
        match self {
            Self::Nothing | Self::Wrong => Ok(()),
            Self::Code(proof) => proof.take(app, transaction).await,
            Self::Passkey(proof) => proof.take(app, transaction).await,
        }
    }

    /// To be called once it is stored.
    pub(super) fn taken(&self, app: &App) {
        match self {
            Self::Nothing | Self::Wrong => {}
            Self::Code(proof) => proof.taken(app),
            Self::Passkey(proof) => proof.taken(app),
        }
    }

    /// How the audit log names it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Wrong => "wrong",
            Self::Code(_) => "totp",
            Self::Passkey(_) => "passkey",
        }
    }

    /// The same with everything that verifies it again.
    pub(super) fn told(&self) -> serde_json::Value {
        match self {
            Self::Passkey(proof) => proof.told(),
            other => other.name().into(),
        }
    }

    /// Whether a second factor is part of the try, which its refusal then names beside the PIN.
    pub(super) fn is_given(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// What signing with a credential takes beside its PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    Nothing,
    /// A code of the authenticator app or a confirmed passkey, as far as the account has each.
    Factor {
        code: bool,
        passkey: bool,
    },
    /// The same, and the account has neither: it enrols one first.
    Enrolment,
}

impl Demand {
    /// Whether a code serves.
    pub fn takes_code(self) -> bool {
        matches!(self, Self::Factor { code: true, .. })
    }

    /// Whether a passkey serves.
    pub fn takes_passkey(self) -> bool {
        matches!(self, Self::Factor { passkey: true, .. })
    }

    /// Whether nothing can be signed before a factor is enrolled.
    pub fn lacks(self) -> bool {
        self == Self::Enrolment
    }
}

/// A future on the heap.
pub(super) type BoxFuture<'a, T> = Pinned<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the settings ask for this credential, and what its account owns. Whoever once owned a factor owns one for good, so that neither SQL
/// nor a recovery of the account leads back to the PIN alone.
///
/// On the heap, for every page that signs awaits it.
pub fn demand<'a>(app: &'a App, signer: &'a Signer) -> BoxFuture<'a, Result<Demand>> {
    Box::pin(demanded(app, signer))
}

async fn demanded(app: &App, signer: &Signer) -> Result<Demand> {
    let account = signer.credential.account_id;
    let rule = rule(app, signer);
    if rule == FactorRule::None {
        return Ok(Demand::Nothing);
    }
    let code = second_factor::has_enrolled(app, account).await?;
    let passkey = passkey::has_confirmed(app, account).await?;
    if code || passkey {
        return Ok(Demand::Factor { code, passkey });
    }
    let owned = second_factor::was_enrolled(app, account).await? || passkey::was_confirmed(app, account).await?;
    Ok(if owned || rule == FactorRule::Required { Demand::Enrolment } else { Demand::Nothing })
}

fn rule(app: &App, signer: &Signer) -> FactorRule {
    let seal = &app.settings.seal;
    match (signer.row.hierarchy, signer.personal_number()) {
        (Hierarchy::Citizens, _) => seal.second_factor_citizens,
        (Hierarchy::Officials, Some(_)) => seal.second_factor_officials,
        (Hierarchy::Officials, None) => seal.second_factor_agencies,
    }
}

/// A passkey's answer that allowed nothing, for whoever reads the log.
async fn declined(app: &App, by: &Principal, signer: &Signer, reason: &str) -> Result<()> {
    let subject = format!("credential:{}", signer.credential.id);
    let entry = Entry::new(app.clock.now(), Kind::SecondFactorDeclined, Actor::Account(by.account), subject);
    let content = serde_json::json!({ "reason": reason, "client": by.client });
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(content)).await?;
    Ok(transaction.commit().await?)
}

fn refused(code: &'static str, vi: &str, en: &str) -> RequestError {
    RequestError { field: Some("totp"), ..RequestError::new(RequestErrorKind::Forbidden, code, vi, en) }
}

fn needed() -> RequestError {
    refused(
        "factor_needed",
        "Chữ ký này cần thêm yếu tố xác thực thứ hai. Hãy nhập mã 6 số đang hiện trên ứng dụng xác thực, hoặc xác nhận bằng khóa truy cập.",
        "This signature takes a second factor. Give the six digits that the authenticator app shows now, or confirm with a passkey.",
    )
}

fn not_enrolled() -> RequestError {
    refused(
        "factor_not_enrolled",
        "Chữ ký này cần thêm yếu tố xác thực thứ hai mà tài khoản của bạn chưa có. Hãy mở trang Mã xác thực (/second-factor) để cài ứng dụng xác thực, rồi ký lại.",
        "This signature takes a second factor, and your account has none. Open the page Authenticator app (/second-factor), set one up, then sign again.",
    )
}

fn used_code() -> RequestError {
    refused(
        "factor_used",
        "Mã xác thực này đã được dùng. Hãy đợi ứng dụng hiện mã mới (tối đa 30 giây) rồi nhập mã đó.",
        "This code was used already. Wait until the app shows the next one (30 seconds at most), then give that.",
    )
}

fn both() -> RequestError {
    RequestError::invalid(
        "totp",
        "factors_both",
        "Chỉ dùng một cách: mã xác thực hoặc khóa truy cập. Hãy bỏ trống một trong hai.",
        "Use one of the two, the code or the passkey. Leave the other empty.",
    )
}
