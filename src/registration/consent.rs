//! What a subscriber agrees to before a certificate is made: which content, and which words of consent. Both are sent back with the
//! redemption on every road, page, command and API alike; without them, or with those of another content or an older text, nothing is made.
//! The words stand in `web/texts`; their version and digest stand here and in the audit log, and must change together.

use super::{Details, decision};
use crate::{
    app::App,
    error::{RequestError, Result},
};
use chuky_model::record::request::RegistrationRequest;
use serde::Serialize;

/// A text of consent that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Consent {
    /// What is sent back as `consent` by whoever was shown the text and agrees.
    pub version: &'static str,
    /// SHA-256 of the Vietnamese text, a line feed and the English text, in hexadecimal.
    pub sha256: &'static str,
    /// The text's name in `web/texts`.
    #[serde(skip)]
    #[schema(ignore)]
    pub key: &'static str,
}

/// Of a key that is made and kept here, under the subscriber's PIN.
pub const KEPT_HERE: Consent = Consent {
    version: "kept-here-1",
    sha256: "5e74c2cda122f01cac9404611fc645cdeab472ae920a05fb771055e43071ce66",
    key: "activate-consent",
};

/// Of a key that the subscriber keeps.
pub const OWN_KEY: Consent = Consent {
    version: "own-key-1",
    sha256: "4e616e5ebba742ec28bfbc8098c8fcdd04f87b6c34a5799b3aa91f97abdae708",
    key: "own-key-consent",
};

/// What a subscriber sends back of what was shown.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    /// [`content_digest`] of the content.
    pub content_digest: String,
    /// [`Consent::version`] of the text.
    pub consent: String,
}

/// A confirmation that is of this content and of the text in force.
#[derive(Clone, Debug)]
pub struct Confirmed {
    content_digest: String,
    consent: Consent,
}

impl Confirmed {
    /// Passes where what the subscriber confirmed is the content that the certificate will have, under the text that is in force.
    pub fn check(
        app: &App,
        (request, details): (&RegistrationRequest, &Details),
        confirmation: &Confirmation,
        consent: Consent,
    ) -> Result<Self> {
        let content_digest = content_digest(app, request, details);
        match confirmation.content_digest.as_str() {
            "" => return Err(unread().into()),
            other if other != content_digest => return Err(decision::content_differs().into()),
            _ => {}
        }
        match confirmation.consent.as_str() {
            "" => Err(without_consent().into()),
            version if version != consent.version => Err(outdated().into()),
            _ => Ok(Self { content_digest, consent }),
        }
    }

    /// What the audit log records before the issue.
    pub fn told(&self) -> serde_json::Value {
        let Consent { version, sha256, .. } = self.consent;
        serde_json::json!({ "confirmed": self.content_digest, "consent": { "version": version, "sha256": sha256 } })
    }
}

/// What is confirmed, in hexadecimal.
pub fn content_digest(app: &App, request: &RegistrationRequest, details: &Details) -> String {
    hex::encode(decision::digest(app, request, details))
}

fn unread() -> RequestError {
    RequestError::invalid(
        "confirmed",
        "confirmation_missing",
        "Chưa có xác nhận nội dung chứng thư. Hãy xem nội dung (/api/v1/activations/preview) và gửi lại content_digest của nó trong confirmed.",
        "The certificate's content is not confirmed. Look at it (/api/v1/activations/preview) and send its content_digest back as confirmed.",
    )
}

fn without_consent() -> RequestError {
    RequestError::invalid(
        "consent",
        "consent_missing",
        "Hãy đọc nội dung và đánh dấu đồng ý để tiếp tục; chương trình gửi trong consent phiên bản của lời đồng ý đã hiển thị.",
        "Read the content and agree to it to go on; a program sends as consent the version of the text that it showed.",
    )
}

fn outdated() -> RequestError {
    RequestError {
        field: Some("consent"),
        ..RequestError::conflict(
            "consent_outdated",
            "Lời đồng ý đã thay đổi hoặc thuộc loại khóa khác. Hãy đọc lời hiện hành và đồng ý lại; chưa có gì được tạo ra.",
            "The text of consent has changed, or is of another kind of key. Read the one in force and agree again; nothing has been made.",
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::pages::texts;
    use chuky_model::text::Language;
    use sha2::{Digest, Sha256};

    /// Other words are another text: whoever changes them gives it another version, with this digest.
    #[test]
    fn a_version_is_of_exactly_one_text() {
        for (consent, version) in [(KEPT_HERE, "kept-here-1"), (OWN_KEY, "own-key-1")] {
            let [vi, en] =
                [Language::Vi, Language::En].map(|language| texts::text(language, consent.key, &[]).unwrap());
            let digest = hex::encode(Sha256::digest(format!("{vi}\n{en}")));
            assert_eq!((consent.sha256, consent.version), (digest.as_str(), version), "{}", consent.key);
        }
    }
}
