//! `/merchant`: a merchant's accounts with their signed QR codes, and the form that registers another. `/qr`: whose account a code names.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`RegisterForm`] | `/merchant` | bank, number, shop, city, credential, PIN |
//! | withdrawal | `/merchant/{id}/withdraw` | `csrf` |
//! | check | `/qr` | `code` and `picture`, `multipart/form-data` |

use super::{
    Frame, Problems,
    form::Secret,
    quick_response::QuickResponse,
    rendered,
    rows::Row,
    sign::{CredentialChoice, TakesFactor},
    texts,
};
use crate::transactions::{
    merchant::AccountView,
    vietqr::{CodeAnswer, CodeVerdict},
};
use askama::Template;
use chuky_model::{id::MerchantAccountId, record::state::MerchantState};
use chuky_pki::vietqr::BANKS;
use serde::Deserialize;

/// What is posted to register an account.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegisterForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub bank: String,
    pub number: String,
    pub shop: String,
    pub city: String,
    pub credential: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
}

/// One registered account.
#[derive(Clone, Debug)]
pub struct AccountCard {
    pub account: MerchantAccountId,
    pub shop: String,
    pub is_active: bool,
    pub rows: Vec<Row>,
    pub quick_response: Option<QuickResponse>,
}

impl AccountCard {
    /// The card of an account.
    pub fn of(frame: &Frame, view: &AccountView) -> Self {
        let bank = view.bank_name.clone().unwrap_or_else(|| view.bank.clone());
        let mut rows = vec![
            Row::new(frame, "merchant-number", &view.number),
            Row::new(frame, "merchant-bank", &bank),
            Row::new(frame, "merchant-holder", &view.holder),
            Row::new(frame, "merchant-created", &texts::screen_time(&view.created)),
        ];
        if let Some(ended) = &view.ended {
            rows.push(Row::new(frame, "merchant-ended", &texts::screen_time(ended)));
        }
        let is_active = view.state == MerchantState::Active;
        let quick_response = if is_active { QuickResponse::of(&view.payload) } else { None };
        Self { account: view.id, shop: view.shop.clone(), is_active, rows, quick_response }
    }
}

/// The merchant's page.
#[derive(Clone, Template)]
#[template(path = "merchant.html")]
pub struct MerchantPage {
    pub frame: Frame,
    pub accounts: Vec<AccountCard>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    pub credentials: Vec<CredentialChoice>,
    pub form: RegisterForm,
    /// What has just been done: `registered` or `withdrawn`; empty for nothing.
    pub done: String,
    pub problems: Problems,
}

impl MerchantPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["bank", "number", "shop", "city", "credential", "pin", "totp"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        ["registered", "withdrawn"]
            .contains(&self.done.as_str())
            .then(|| self.frame.name_of("merchant-done", &self.done))
    }

    fn banks(&self) -> &'static [(&'static str, &'static str)] {
        BANKS
    }
}

/// The check page.
#[derive(Clone, Template)]
#[template(path = "qr.html")]
pub struct CodePage {
    pub frame: Frame,
    pub code: String,
    pub answer: Option<CodeAnswer>,
    pub problems: Problems,
}

impl CodePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["code", "picture"]), ..self.clone() })
    }

    fn mark(&self, answer: &CodeAnswer) -> &'static str {
        match answer.verdict {
            CodeVerdict::Signed => "valid",
            CodeVerdict::NotValid => "not-valid",
            CodeVerdict::NotSigned | CodeVerdict::Undetermined => "undetermined",
        }
    }

    fn word(&self, answer: &CodeAnswer) -> String {
        match answer.verdict {
            CodeVerdict::Signed => self.frame.say("qr-signed"),
            CodeVerdict::NotValid => self.frame.say("qr-not-valid"),
            CodeVerdict::NotSigned => self.frame.say("qr-not-signed"),
            CodeVerdict::Undetermined => self.frame.say("qr-undetermined"),
        }
    }

    fn rows(&self, answer: &CodeAnswer) -> Vec<Row> {
        let frame = &self.frame;
        let mut rows = Vec::new();
        if let Some(holder) = &answer.holder {
            rows.push(Row::new(frame, "merchant-holder", &holder.name));
            rows.push(Row::new(frame, "qr-shop", &holder.shop));
            rows.push(Row::new(frame, "qr-issuer", &holder.issuer));
            rows.push(Row::new(frame, "merchant-created", &texts::screen_time(&holder.registered)));
        }
        if let Some(account) = &answer.account {
            rows.push(Row::new(frame, "merchant-number", &account.number));
            let bank = account.bank_name.clone().unwrap_or_else(|| account.bank.clone());
            rows.push(Row::new(frame, "merchant-bank", &bank));
            if let Some(amount) = account.amount {
                rows.push(Row::new(frame, "qr-amount", &format!("{} ₫", texts::grouped(amount))));
            }
            if let Some(name) = account.name_in_code.as_ref().filter(|_| answer.holder.is_none()) {
                rows.push(Row::new(frame, "qr-name", name));
            }
        }
        rows
    }
}
