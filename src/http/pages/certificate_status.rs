//! `/c/{serial}`: how a certificate stands now, for whoever has its receipt or a signature made with it; and the receipt itself as a printed
//! sheet, which leads there. Neither the page nor the sheet holds a personal number, and the page not even the name.

use super::{Frame, rendered, rows::Row, texts};
use crate::{
    error::Result,
    issuance::{PaperReceipt, PublicStatus},
    reports::squares,
};
use askama::Template;
use chuky_model::instant::Instant;
use chuky_pki::{crl::Reason, ocsp::Status, pdf::letter::sheet::Block};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "certificate_status.html")]
pub struct CertificateStatusPage {
    pub frame: Frame,
    pub told: PublicStatus,
    pub now: Instant,
}

/// What the page says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good,
    Early,
    Expired,
    Suspended,
    Revoked,
    /// It is not, but the CA that issued it is.
    IssuerRevoked,
}

impl CertificateStatusPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn standing(&self) -> Standing {
        match self.told.status {
            Status::Revoked { reason: Reason::CertificateHold, .. } if self.told.issuer_revoked.is_none() => {
                Standing::Suspended
            }
            Status::Revoked { reason, .. } if reason != Reason::CertificateHold => Standing::Revoked,
            _ if self.told.issuer_revoked.is_some() => Standing::IssuerRevoked,
            Status::Revoked { .. } | Status::Unknown => Standing::Revoked,
            Status::Good if self.told.not_after < self.now => Standing::Expired,
            Status::Good if self.told.not_before > self.now => Standing::Early,
            Status::Good => Standing::Good,
        }
    }

    fn is_good(&self) -> bool {
        self.standing() == Standing::Good
    }

    fn is_over(&self) -> bool {
        matches!(self.standing(), Standing::Revoked | Standing::Suspended | Standing::IssuerRevoked)
    }

    fn title(&self) -> String {
        self.frame.say(match self.standing() {
            Standing::Good => "status-good",
            Standing::Early => "status-early",
            Standing::Expired => "status-expired",
            Standing::Suspended => "status-suspended",
            Standing::Revoked => "status-revoked",
            Standing::IssuerRevoked => "status-issuer-revoked",
        })
    }

    fn lead(&self) -> String {
        let since = match (self.standing(), self.told.status, self.told.issuer_revoked) {
            (Standing::IssuerRevoked, _, Some(at)) | (_, Status::Revoked { at, .. }, _) => texts::screen_instant(at),
            _ => String::new(),
        };
        let until = texts::screen_instant(self.told.not_after);
        let from = texts::screen_instant(self.told.not_before);
        let key = match self.standing() {
            Standing::Good => "status-good-lead",
            Standing::Early => "status-early-lead",
            Standing::Expired => "status-expired-lead",
            Standing::Suspended => "status-suspended-lead",
            Standing::Revoked => "status-revoked-lead",
            Standing::IssuerRevoked => "status-issuer-revoked-lead",
        };
        self.frame.fill(key, &[("since", &since), ("until", &until), ("from", &from)])
    }

    fn rows(&self) -> Vec<Row> {
        let frame = &self.frame;
        vec![
            Row::new(frame, "label-serial", &self.told.serial),
            Row::new(frame, "content-issuer", &self.told.issuer),
            Row::new(frame, "label-certificate-period", &period(frame, self.told.not_before, self.told.not_after)),
            Row::new(frame, "status-asked", &texts::screen_instant(self.now)),
        ]
    }
}

/// The whole address of a certificate's page.
pub fn address(origin: &str, serial: &str) -> String {
    format!("{}/c/{serial}", origin.trim_end_matches('/'))
}

fn period(frame: &Frame, from: Instant, until: Instant) -> String {
    let day = |instant: Instant| texts::screen_day(&instant.rfc3339());
    frame.fill("certificate-period", &[("from", &day(from)), ("until", &day(until))])
}

/// The receipt on paper; `contact` says where to suspend at once, empty where none is set.
pub fn receipt_sheet(receipt: &PaperReceipt, origin: &str, contact: &str) -> Result<Vec<Block>> {
    let [from, until, issued] = receipt.times;
    let day = |instant: Instant| texts::screen_day(&instant.rfc3339());
    let fact = |name: &str, value: &str| Block::Fact(name.to_owned(), value.to_owned());
    let text = |vi: &str, en: &str| [Block::Text(vi.to_owned()), Block::Second(en.to_owned())];
    let status = address(origin, &receipt.serial);
    let own = format!("{}/certificates", origin.trim_end_matches('/'));
    let mut blocks = vec![
        Block::Title("BIÊN NHẬN CẤP CHỨNG THƯ CHỮ KÝ SỐ".to_owned()),
        Block::Second("Receipt of a certificate for digital signatures".to_owned()),
        Block::Rule,
        fact("Người được cấp / Holder", &receipt.common_name),
        fact("Tổ chức cấp / Issuer", &receipt.issuer),
        fact("Số hiệu / Serial number", &in_groups(&receipt.serial)),
        fact("Hiệu lực / Valid", &format!("{} – {}", day(from), day(until))),
        fact("Cấp lúc / Issued", &texts::screen_instant(issued)),
        fact("Tên đăng nhập / Log-in name", &receipt.login),
        Block::Heading("Tình trạng chứng thư / How the certificate stands".to_owned()),
    ];
    blocks.extend(text(
        "Quét mã để xem chứng thư còn hiệu lực hay không. Trang này không có thông tin cá nhân.",
        "Scan the code to see whether the certificate is in force. The page holds no personal information.",
    ));
    blocks.push(squares(&status)?);
    blocks.push(Block::Text(status));
    blocks.push(Block::Heading("Mất thiết bị hoặc lộ mã PIN: tạm dừng ngay / Suspend at once".to_owned()));
    blocks.extend(text(
        "Từ lúc tạm dừng không ai ký được bằng tên bạn.",
        "From the suspension on nobody can sign in your name.",
    ));
    if !contact.is_empty() {
        blocks.push(fact("Gọi / Call", contact));
    }
    blocks.push(fact("Tự tạm dừng / By yourself", &own));
    blocks.push(Block::Rule);
    blocks.extend(text(
        "Không đọc mã PIN cho bất kỳ ai, kể cả cán bộ.",
        "Never tell anybody your PIN, officers included.",
    ));
    Ok(blocks)
}

/// In groups of eight, which eyes can compare.
fn in_groups(hex: &str) -> String {
    let letters: Vec<char> = hex.chars().collect();
    letters.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::text::Language;

    #[test]
    fn the_page_says_first_how_it_stands_and_names_nobody() {
        let at = |text: &str| Instant::parse_rfc3339(text).unwrap();
        let (before, during) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let revoked = |reason| Status::Revoked { at: at("2026-12-01T00:00:00Z"), reason };
        let page_of = |status, issuer_revoked, now| {
            let told = PublicStatus {
                serial: "4f1d".into(),
                issuer: "TEST CA".into(),
                not_before: at("2026-06-01T00:00:00Z"),
                not_after: at("2029-06-01T00:00:00Z"),
                status,
                issuer_revoked,
            };
            CertificateStatusPage { frame: Frame::new(Language::En, "/c/4f1d"), told, now }
        };
        let page = |status, now| page_of(status, None, now).standing();
        assert_eq!(page(Status::Good, during), Standing::Good);
        assert_eq!(page(Status::Good, before), Standing::Early);
        assert_eq!(page(Status::Good, at("2029-06-01T00:00:01Z")), Standing::Expired);
        assert_eq!(page(revoked(Reason::CertificateHold), during), Standing::Suspended);
        assert_eq!(page(revoked(Reason::KeyCompromise), at("2030-01-01T00:00:00Z")), Standing::Revoked);
        assert_eq!(page(Status::Unknown, during), Standing::Revoked);
        // A CA that was revoked takes with it whatever is not revoked by itself.
        let over = |status| page_of(status, Some(at("2026-12-24T00:00:00Z")), during);
        for status in [Status::Good, revoked(Reason::CertificateHold)] {
            let page = over(status);
            assert_eq!((page.standing(), page.is_over(), page.is_good()), (Standing::IssuerRevoked, true, false));
            assert!(page.html().contains("The CA that issued it is revoked") && page.lead().contains("24/12/2026"));
        }
        assert_eq!(over(revoked(Reason::KeyCompromise)).standing(), Standing::Revoked);
    }
}
