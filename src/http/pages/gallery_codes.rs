//! The pages of codes on documents for the gallery.

use super::{
    Frame, Problems,
    document_code::{Compared, DocumentCodePage, FindCodePage},
    gallery::{Screen, at, frame, stranger},
};
use crate::{
    outgoing::{OnPaper, Standing},
    signing::code::{Same, Told},
};
use chuky_model::{record::state::CertificateState, text::Language};

const PATH: &str = "/k/K7M2Q9-X4T8W3-N6P1R5";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let page = |frame: Frame, told: &Told, paper: Option<&OnPaper>| {
        DocumentCodePage::of(frame, told, paper, at("2026-11-26T03:05:09Z"))
    };
    let open = || stranger(language, PATH);
    let good = Told::sample(CertificateState::Issued, false);
    let compared = |same: Same| {
        let compared = Compared { same, file: "Quyết định 15.pdf".into(), sha256: "ab".repeat(32) };
        DocumentCodePage { compared: Some(compared), ..page(open(), &good, None) }.html()
    };
    let revoked = Told::sample(CertificateState::Revoked, false);
    let own = Told::sample(CertificateState::Suspended, true);
    let mut expired = good.clone();
    expired.not_after = at("2026-11-25T00:00:00Z");
    let find = |code: &str, is_unknown| FindCodePage { frame: stranger(language, "/k"), code: code.into(), is_unknown };
    vec![
        ("code", page(open(), &good, Some(&paper(Standing::Issued))).html()),
        ("code-recalled", page(open(), &revoked, Some(&paper(Standing::Recalled))).html()),
        ("code-waiting", page(open(), &expired, Some(&paper(Standing::NotIssued))).html()),
        ("code-own", page(frame(language, PATH), &own, None).html()),
        ("code-same", compared(Same::Newest)),
        ("code-earlier", compared(Same::Earlier)),
        ("code-longer", compared(Same::Longer)),
        ("code-other", compared(Same::Other)),
        (
            "code-problem",
            DocumentCodePage {
                problems: Problems::one("document", "problem-file-missing"),
                ..page(open(), &good, None)
            }
            .html(),
        ),
        ("code-find", find("", false).html()),
        ("code-unknown", find("K7M2Q9-X4T8W3-N6P1R5", true).html()),
    ]
}

fn paper(standing: Standing) -> OnPaper {
    OnPaper {
        standing,
        number: Some("15/QĐ-UBND".into()),
        issued_at: Some(at("2026-11-22T03:05:09Z")),
        type_name: "Quyết định".into(),
        subject: "Về việc tăng cường sử dụng chữ ký số chuyên dùng công vụ trong giải quyết thủ tục hành chính".into(),
        agency: Some("Ủy ban nhân dân thành phố Hà Nội".into()),
    }
}
