//! The pages of agencies' lists in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    gallery::{AGENCY, LONG_NAME, Screen, frame, refused},
    lists::{ListCard, ListCell, ListLine, ListPage, ListsPage},
};
use chuky_model::text::Language;

const LIST: &str = "0199a7c2-1111-7000-8000-00000000abcd";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let card = |state, open, own| ListCard {
        list: LIST.parse().unwrap(),
        state,
        title: "Danh sách cán bộ phường Hoàn Kiếm đợt 2 năm 2026.xlsx".into(),
        unit: "Thành phố Hà Nội (H26)".into(),
        size: 12_188,
        open,
        content_digest: "4f1d0c9a".into(),
        entered_by: "Trần Văn Đăng Ký".into(),
        uploaded_at: "2026-11-22T02:00:00Z".into(),
        decided: None,
        rejection: None,
        finished_at: None,
        own,
        decidable: state == "entered" && !own,
    };
    let line = |row: i64, problem: Option<(&'static str, &str)>, outcome, digest: bool| ListLine {
        position: row - 2,
        row,
        cells: cells(problem),
        outcome,
        reason: (outcome == Some("rejected")).then(|| "Đã chuyển công tác.".to_owned()),
        request: (outcome == Some("approved")).then(|| LIST.parse().unwrap()),
        content_digest: digest.then(|| "4f1d0c9a".to_owned()),
    };
    let place = |path: &'static str| frame(language, path);
    let lists = |problems, lists: Vec<ListCard>| {
        ListsPage { frame: place("/registration/lists"), lists, next: None, may_upload: true, problems }.html()
    };
    let one = |card: ListCard, wrong, lines, problems| {
        let shown = if wrong > 0 { "wrong" } else { "all" };
        ListPage { frame: place("/registration/lists"), card, wrong, lines, shown, next: None, problems }.html()
    };
    let number = Some(("personal_number", "Số định danh này đã có ở dòng 2 của danh sách."));
    let ward = Some(("locality", "Phường Trúc Bạch chỉ có đến 31/12/2024; nay là Phường Ba Đình (00004)."));
    let wrong = vec![line(3, number, None, false), line(4, ward, None, false)];
    let open = vec![line(2, None, None, true), line(3, None, None, true)];
    let done = vec![
        line(2, None, Some("approved"), false),
        line(3, None, Some("rejected"), false),
        line(4, None, Some("request_open"), false),
        line(5, None, Some("has_certificate"), false),
        line(5, None, None, false),
    ];
    let on_sheet = |row: i64| {
        let mut line = line(row, None, Some("approved"), false);
        line.cells.iter_mut().filter(|cell| cell.column == "phone").for_each(|cell| cell.text = "phiếu".into());
        line
    };
    let sheets = |own| one(card("done", 0, own), 0, vec![on_sheet(2), on_sheet(3)], Problems::none());
    vec![
        ("list-code-sheets", sheets(true)),
        ("list-confirmation-sheets", sheets(false)),
        ("lists-empty", lists(Problems::none(), Vec::new())),
        ("lists-some", lists(Problems::none(), vec![card("draft", 12_188, true), card("done", 0, false)])),
        ("lists-problem", lists(refused("file", "Tệp CSV không phải UTF-8."), Vec::new())),
        ("list-wrong", one(card("draft", 12_188, true), 2, wrong, Problems::none())),
        ("list-clean", one(card("draft", 12_188, true), 0, vec![line(2, None, None, false)], Problems::none())),
        ("list-decide", one(card("entered", 12_188, false), 0, open, refused("reason", "Hãy ghi lý do từ chối."))),
        ("list-running", one(card("approved", 4_012, false), 0, done, Problems::none())),
    ]
}

fn cells(problem: Option<(&'static str, &str)>) -> Vec<ListCell> {
    let texts = [
        ("full_name", LONG_NAME),
        ("personal_number", "001•••••2345"),
        ("birth_date", "05/03/1990"),
        ("sex", "Nữ"),
        ("phone", "0912345678"),
        ("organization", AGENCY),
        ("title", "Chuyên viên"),
        ("province", "Hà Nội"),
        ("locality", "Phường Trúc Bạch"),
        ("unit", ""),
    ];
    let of = |column| problem.into_iter().filter(|(at, _)| *at == column).map(|(_, said)| said.to_owned()).collect();
    let cell = |(column, text): (&'static str, &str)| ListCell { column, text: text.to_owned(), problems: of(column) };
    texts.into_iter().map(cell).collect()
}
