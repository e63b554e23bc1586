//! The pages of outgoing documents in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    documents::{
        Again, DocumentPage, DocumentRow, DocumentsPage, Happened, Inbox, NewDocumentForm, NewDocumentPage, Outcome,
        Recipient, Step,
    },
    gallery::{AGENCY, LONG_NAME, Screen, at, frame, refused},
    gallery_sign::{drawn, shown},
    sheets::SheetsView,
    sign::CredentialChoice,
};
use crate::custody::Demand;
use chuky_model::{id::CredentialId, text::Language};

const SUBJECT: &str = "Về việc tăng cường sử dụng chữ ký số chuyên dùng công vụ trong giải quyết thủ tục hành chính trên địa bàn thành phố";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let form = NewDocumentForm {
        subject: SUBJECT.into(),
        type_name: "Quyết định".into(),
        type_code: "QĐ".into(),
        notation: "UBND".into(),
        place: "Hà Nội".into(),
        initials: "truong.phong".into(),
        signers: "pho.chu.tich, chu.tich".into(),
        parallel: true,
        recipients: "H26.18 Sở Tư pháp\n000.00.00.H49 Ủy ban nhân dân tỉnh Quảng Ninh".into(),
        ..NewDocumentForm::default()
    };
    let new = |form: NewDocumentForm, problems| {
        NewDocumentPage { frame: frame(language, "/documents/new"), form, problems }.html()
    };
    let read = SheetsView { title: "look", ..shown(drawn(), "/documents/0199a7c2-1111-7000-8000-00000000abcd") };
    let sent = DocumentPage {
        row: numbered("sent", None),
        sheets: Some(read),
        agency: Some(AGENCY.into()),
        issued_at: Some("2026-11-22T03:05:09Z".into()),
        steps: steps("done"),
        may_refuse: false,
        may_withdraw: false,
        may_recall: true,
        may_fetch_package: true,
        ..signing(language)
    };
    let sealed = DocumentPage {
        row: numbered("sealed", Some("publish")),
        agency: Some(AGENCY.into()),
        issued_at: Some("2026-11-22T03:05:09Z".into()),
        recipients: Vec::new(),
        may_refuse: false,
        may_withdraw: false,
        may_recall: true,
        may_publish: true,
        may_add_recipients: true,
        again: Again { step: "recipients".into(), recipients: "H26.18 Sở Tư pháp".into(), ..Again::default() },
        problems: refused("recipients", "Hãy nêu cơ quan nhận chưa có trong danh sách, tổng cộng tối đa 500."),
        ..signing(language)
    };
    let to_send = DocumentPage {
        row: numbered("sealed", Some("send")),
        recipients: signing(language).recipients,
        again: Again::default(),
        problems: Problems::none(),
        ..sealed.clone()
    };
    let [full, batch, empty] = inboxes(language);
    vec![
        ("documents", full.html()),
        ("documents-batch", batch.html()),
        ("documents-empty", empty.html()),
        ("document-sign", signing(language).html()),
        ("document-away", DocumentPage { sheets: None, ..signing(language) }.html()),
        ("document-sent", sent.html()),
        ("document-sealed", sealed.html()),
        ("document-to-send", to_send.html()),
        ("document-new", new(NewDocumentForm::default(), Problems::none())),
        ("document-new-refused", new(form, refused("steps", "Không có cán bộ “chu.tich” trong cơ quan của bạn."))),
    ]
}

/// With something to do, after a batch, and with nothing.
fn inboxes(language: Language) -> [DocumentsPage; 3] {
    let full = DocumentsPage {
        frame: frame(language, "/documents"),
        inboxes: vec![
            Inbox { name: "to-initial", rows: vec![row("initials", Some("initial"))] },
            Inbox { name: "to-sign", rows: vec![row("signing", Some("sign")), overdue()] },
            Inbox { name: "to-number", rows: vec![row("numbering", Some("number"))] },
            Inbox { name: "sent", rows: vec![numbered("sent", None)] },
        ],
        credentials: vec![key()],
        outcomes: Vec::new(),
        is_clerk: true,
        problems: Problems::none(),
    };
    let batch = DocumentsPage {
        outcomes: vec![
            Outcome { document: id(), subject: SUBJECT.into(), signed: true, detail: String::new() },
            Outcome {
                document: id(),
                subject: "Quyết định nâng lương".into(),
                signed: false,
                detail: "Văn bản không còn ở bước này.".into(),
            },
        ],
        problems: refused("pin", "Mã PIN không đúng. Bạn còn 4 lần."),
        ..full.clone()
    };
    let empty = DocumentsPage {
        frame: frame(language, "/documents"),
        inboxes: vec![Inbox { name: "drafts", rows: Vec::new() }],
        credentials: Vec::new(),
        outcomes: Vec::new(),
        is_clerk: false,
        problems: Problems::none(),
    };
    [full, batch, empty]
}

fn signing(language: Language) -> DocumentPage {
    let happened = |kind: &str, at: &str, note: Option<&str>| Happened {
        kind: kind.into(),
        name: LONG_NAME.into(),
        at: at.into(),
        note: note.map(str::to_owned),
    };
    DocumentPage {
        frame: frame(language, "/documents/0199a7c2-1111-7000-8000-00000000abcd"),
        row: overdue(),
        sheets: Some(shown(drawn(), "/documents/0199a7c2-1111-7000-8000-00000000abcd")),
        again: Again::default(),
        place: "Hà Nội".into(),
        designation: "QĐ-UBND".into(),
        series: "QĐ".into(),
        agency: None,
        issued_at: None,
        marks_searched: false,
        steps: steps("waiting"),
        history: vec![
            happened("drafted", "2026-11-20T01:00:00Z", None),
            happened("submitted", "2026-11-20T01:05:00Z", None),
            happened("initialled", "2026-11-20T02:00:00Z", Some("Đồng ý trình; đề nghị ký trong ngày.")),
        ],
        recipients: vec![
            Recipient {
                organ_id: "H26.18".into(),
                name: "Sở Tư pháp".into(),
                delivered_at: Some("2026-11-22T04:00:00Z".into()),
                status: Some("02".into()),
                status_note: Some("Thiếu phụ lục".into()),
                status_at: Some("2026-11-22T05:00:00Z".into()),
            },
            Recipient {
                organ_id: "000.00.00.H49".into(),
                name: "Ủy ban nhân dân tỉnh Quảng Ninh".into(),
                delivered_at: None,
                status: None,
                status_note: None,
                status_at: None,
            },
        ],
        credentials: vec![key()],
        may_refuse: true,
        may_withdraw: true,
        may_recall: false,
        may_publish: false,
        may_add_recipients: false,
        may_fetch_package: false,
        problems: Problems::none(),
    }
}

fn steps(last: &'static str) -> Vec<Step> {
    let step = |kind: &str, name: &str, state: &'static str| Step {
        kind: kind.into(),
        name: name.into(),
        state,
        at: (state == "done").then(|| "2026-11-21T02:00:00Z".into()),
    };
    let clerk = if last == "done" { "done" } else { "planned" };
    vec![
        step("initials", LONG_NAME, "done"),
        step("sign", "Trần Văn Khương", last),
        step("number", "", clerk),
        step("seal", "", clerk),
        step("send", "", clerk),
    ]
}

fn row(state: &str, action: Option<&str>) -> DocumentRow {
    DocumentRow {
        document: id(),
        subject: SUBJECT.into(),
        type_name: "Quyết định".into(),
        code: None,
        state: state.into(),
        urgency: "normal",
        drafted_by: LONG_NAME.into(),
        due_at: Some("2026-11-24T03:00:00Z".into()),
        overdue: false,
        action: action.map(str::to_owned),
        content_sha256: "4f1d0c9a".repeat(8),
    }
}

fn overdue() -> DocumentRow {
    DocumentRow {
        overdue: true,
        urgency: "hoa_toc",
        subject: "Quyết định nâng lương".into(),
        ..row("signing", Some("sign"))
    }
}

fn numbered(state: &str, action: Option<&str>) -> DocumentRow {
    DocumentRow { code: Some("05/QĐ-UBND".into()), due_at: None, ..row(state, action) }
}

fn key() -> CredentialChoice {
    CredentialChoice {
        demand: Demand::Nothing,
        credential: CredentialId("0199a7c2-2222-7000-8000-00000000abcd".parse().unwrap()),
        holder: LONG_NAME.into(),
        valid_until: at("2031-11-22T02:00:00Z"),
        tries_left: 5,
        picture: Some("/credentials/0199a7c2-1111-7000-8000-00000000abcd/picture.png".into()),
    }
}

fn id() -> String {
    "0199a7c2-1111-7000-8000-00000000abcd".into()
}
