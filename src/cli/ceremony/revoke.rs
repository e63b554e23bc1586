//! `chuky ceremony revoke`: one of the authority's own certificates, in the presence of whoever its issuer's key asks for.

use super::{Here, plan};
use crate::{
    custodians::Note,
    error::{RequestError, Result},
    issuance::ceremony,
};
use chuky_hsm::share::Purpose;
use chuky_model::{instant::Instant, record::state::KeyPurpose, text::Language};
use chuky_pki::crl::Reason;
use std::path::Path;

impl Here<'_> {
    pub(super) async fn revoke(
        &self,
        label: &str,
        (reason, invalid_since): (&str, Option<&str>),
        file: Option<&Path>,
    ) -> Result<String> {
        // What was mistyped asks nobody for a share.
        let reason: Reason = serde_json::from_value(reason.into()).map_err(|_| no_such("reason", reason))?;
        let since = |text: &str| Instant::parse_rfc3339(text).ok_or_else(|| no_such("invalid_since", text));
        let invalid_since = invalid_since.map(since).transpose()?;
        let roots = match file {
            Some(file) => self.roots(&plan(file)?.1).await?,
            None => Vec::new(),
        };
        // Where no root's token brings custodians together, those of the service's PINs come, if there are any.
        if roots.is_empty()
            && let Some(note) = Note::load(&self.settings)?.filter(|note| note.set(Purpose::UserPin).is_some())
        {
            self.opened(&[Purpose::UserPin], |share| note.admit(share))?.secret(Purpose::UserPin)?;
        }
        let app = self.open(roots).await?;
        let revoked = ceremony::revoke(&app, label, reason, invalid_since).await?;
        Ok(self.revoked(label, &revoked))
    }

    fn revoked(&self, label: &str, revoked: &ceremony::OwnRevoked) -> String {
        let (name, number) = &revoked.list;
        let number = number.map_or_else(|| "–".to_owned(), |number| number.to_string());
        let mut text = match self.language {
            Language::Vi => format!("Đã thu hồi {label} (số {}): {name}.crl, số {number}.\n", revoked.serial),
            Language::En => format!("Revoked {label} (serial {}): {name}.crl, number {number}.\n", revoked.serial),
        };
        for missed in &revoked.leaves {
            text.push_str(match missed {
            KeyPurpose::Issuing => self.say(
                "Hệ này hiện không cấp chứng thư: hãy tạo CA mới (roll-over) rồi chuyển việc cấp (activate).\n",
                "Nobody issues in this hierarchy now: make a new CA (roll-over), then move issuing to it (activate).\n",
            ),
            KeyPurpose::Ocsp => self.say(
                "Không còn dịch vụ OCSP trả lời cho CA này: hãy tạo khóa mới (roll-over).\n",
                "No responder answers for its CA now: make a new one (roll-over).\n",
            ),
            _ => self.say(
                "Hệ này hiện không đóng dấu thời gian: hãy tạo khóa mới (roll-over).\n",
                "Nothing is stamped in this hierarchy now: make a new timestamp authority (roll-over).\n",
            ),
            });
        }
        text.push_str(self.say("Các bước tiếp theo: docs/recovery.md.\n", "What comes next: docs/recovery.md.\n"));
        text
    }
}

fn no_such(field: &'static str, said: &str) -> RequestError {
    RequestError::invalid(
        field,
        "not_readable",
        format!("Không đọc được giá trị \"{said}\"."),
        format!("The value \"{said}\" cannot be read."),
    )
}
