//! Where messages about a certificate reach its subscriber: a telephone, a mail box where there is none, or nowhere.

use super::Details;
use crate::{
    error::{RequestError, Result},
    outbox::{To, mail_address},
};

impl Details {
    /// Where messages go; `None` where nothing reaches the subscriber.
    pub fn contact(&self) -> Option<To> {
        match (self.phone.as_str(), self.mail.as_str()) {
            ("", "") => None,
            ("", mail) => Some(To::mail(mail)),
            (phone, _) => Some(To::phone(phone)),
        }
    }

    /// The contact as screens show it: the last three digits of a number, the first letter and the domain of a mail address; empty where there is
    /// none.
    pub fn masked_contact(&self) -> String {
        if self.phone.is_empty() {
            let (local, domain) = self.mail.split_once('@').unwrap_or_default();
            return local.chars().next().map(|first| format!("{first}•••@{domain}")).unwrap_or_default();
        }
        let last: String = self.phone.chars().skip(self.phone.chars().count().saturating_sub(3)).collect();
        format!("•••• {last}")
    }

    /// One way at most, of the right form.
    pub(super) fn check_contact(&self) -> Result<()> {
        if self.by_sheet && self.contact().is_some() {
            let (field, vi, en) = match self.phone.is_empty() {
                true => (
                    "mail",
                    "Đã có địa chỉ thư điện tử thì không dùng phiếu giấy.",
                    "Where there is a mail address, no sheets are printed.",
                ),
                false => (
                    "phone",
                    "Đã có số điện thoại thì không dùng phiếu giấy.",
                    "Where there is a telephone number, no sheets are printed.",
                ),
            };
            return Err(RequestError::invalid(field, "phone_and_sheet", vi, en).into());
        }
        let digits = self.phone.strip_prefix('+').unwrap_or(&self.phone);
        if !(self.phone.is_empty() || (digits.len() >= 9 && digits.bytes().all(|octet| octet.is_ascii_digit()))) {
            let (vi, en) = (
                "Số điện thoại có từ 9 chữ số, có thể có dấu + ở đầu.",
                "A telephone number has nine digits or more, perhaps with + before them.",
            );
            return Err(RequestError::invalid("phone", "phone_form", vi, en).into());
        }
        if !self.mail.is_empty() && mail_address(&self.mail).as_ref() != Some(&self.mail) {
            return Err(RequestError::invalid("mail", "mail_form", MAIL_FORM.0, MAIL_FORM.1).into());
        }
        if !self.phone.is_empty() && !self.mail.is_empty() {
            let (vi, en) = (
                "Đã có số điện thoại thì mã gửi đến số đó. Hãy bỏ trống thư điện tử.",
                "Codes go to the telephone number that is given. Leave the mail address empty.",
            );
            return Err(RequestError::invalid("mail", "phone_and_mail", vi, en).into());
        }
        Ok(())
    }
}

/// What is said of a mail address that is none, in Vietnamese and in English.
pub(super) const MAIL_FORM: (&str, &str) = (
    "Địa chỉ thư điện tử có dạng ten@coquan.gov.vn, chữ không dấu, không có dấu cách.",
    "A mail address looks like name@agency.gov.vn, in letters without accents and without spaces.",
);
