//! The pages of incoming documents in every state worth looking at. Test code only.

use super::{
    Problems,
    gallery::{AGENCY, LONG_NAME, Screen, frame},
    incoming::{IncomingChanged, IncomingDocumentPage, IncomingFile, IncomingListPage, IncomingRow},
};
use chuky_model::{
    report::{Indication, Outcome},
    text::{Bilingual, Language},
};

const SUBJECT: &str = "Về việc phối hợp rà soát thủ tục hành chính được cắt giảm, đơn giản hóa trên địa bàn thành phố";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let list = |rows: Vec<IncomingRow>, next, problems| {
        IncomingListPage { frame: frame(language, "/documents/incoming"), rows, next, accept: String::new(), problems }
            .html()
    };
    let rows =
        vec![registered(), IncomingRow { is_accepted: true, number: Some((11, 2026)), ..registered() }, refused()];
    let good = page(language, registered());
    let accepted = IncomingDocumentPage {
        accepted: Some("Đã gọi điện cho văn thư nơi gửi, xác nhận đúng văn bản.".into()),
        open: vec![format!("Không có chữ ký hợp lệ nào của “{AGENCY}”.")],
        number_on_page: Outcome::NotDone,
        files: vec![file(Indication::Indeterminate, false), file(Indication::NoSignatureFound, false)],
        ..page(language, IncomingRow { is_accepted: true, ..registered() })
    };
    let sent_back = IncomingDocumentPage {
        status: "02".into(),
        reason: Some("quyet-dinh-cong-bo.pdf: văn bản đã bị sửa sau khi ký.".into()),
        number_on_page: Outcome::Failed,
        files: vec![file(Indication::TotalFailed, false)],
        ..page(language, refused())
    };
    let changed = |replaced_by| IncomingChanged {
        reason: Some("Sai số liệu ở Phụ lục II".into()),
        accepted: Some("Đã gọi điện cho văn thư nơi gửi, xác nhận việc thu hồi.".into()),
        open: vec!["Gói tin thu hồi không kèm văn bản nào có chữ ký số của nơi gửi.".into()],
        replaced_by,
        received_by: LONG_NAME.into(),
        received_at: "2026-11-23T03:00:00Z".into(),
    };
    let recalled = IncomingDocumentPage {
        status: "15".into(),
        change: Some(changed(None)),
        ..page(language, IncomingRow { state: "recalled".into(), ..registered() })
    };
    let id = "0199a7c2-3333-7000-8000-00000000abce";
    let replaced = IncomingDocumentPage {
        status: "15".into(),
        change: Some(IncomingChanged { accepted: None, open: Vec::new(), ..changed(Some((id.into(), 13, 2026))) }),
        ..page(language, IncomingRow { state: "replaced".into(), ..registered() })
    };
    vec![
        ("incoming", list(rows, Some("/documents/incoming?before=1".into()), Problems::none())),
        ("incoming-empty", list(Vec::new(), None, refused_package())),
        ("incoming-registered", good.html()),
        ("incoming-accepted", accepted.html()),
        ("incoming-sent-back", sent_back.html()),
        ("incoming-recalled", recalled.html()),
        ("incoming-replaced", replaced.html()),
    ]
}

fn page(language: Language, row: IncomingRow) -> IncomingDocumentPage {
    IncomingDocumentPage {
        frame: frame(language, "/documents/incoming/0199a7c2-3333-7000-8000-00000000abcd"),
        row,
        status: "03".into(),
        reason: None,
        accepted: None,
        open: Vec::new(),
        number_on_page: Outcome::Passed,
        change: None,
        files: vec![file(Indication::TotalPassed, true)],
    }
}

fn file(indication: Indication, by_sender: bool) -> IncomingFile {
    let signers = vec![format!("{LONG_NAME} ({AGENCY})"), AGENCY.into()];
    IncomingFile {
        name: "quyet-dinh-cong-bo.pdf".into(),
        indication,
        message: "Tệp có 2 chữ ký.".into(),
        signers: if indication == Indication::NoSignatureFound { Vec::new() } else { signers },
        by_sender,
        marks_searched: by_sender,
    }
}

fn registered() -> IncomingRow {
    IncomingRow {
        document: "0199a7c2-3333-7000-8000-00000000abcd".into(),
        state: "registered".into(),
        number: Some((12, 2026)),
        sender_id: "000.00.00.H26".into(),
        sender_name: AGENCY.into(),
        code: "1204/QĐ-UBND".into(),
        issued_on: "2026/11/22".into(),
        subject: SUBJECT.into(),
        received_by: LONG_NAME.into(),
        received_at: "2026-11-23T02:05:00Z".into(),
        is_accepted: false,
    }
}

/// What the form says of a package whose signatures are open.
fn refused_package() -> Problems {
    let open = "Không có chữ ký hợp lệ nào của “Sở Tư pháp”. Hãy hỏi nơi gửi rồi điền lý do chấp nhận.";
    Problems::said(None, Bilingual::new(open, open))
}

fn refused() -> IncomingRow {
    IncomingRow { state: "refused".into(), number: None, ..registered() }
}
