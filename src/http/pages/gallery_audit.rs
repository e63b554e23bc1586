//! The page of the audit log in every state worth looking at. Test code only.

use super::{
    audit::{AuditPage, AuditRow, LogStanding, WitnessRow},
    gallery::{Screen, frame},
};
use chuky_model::text::Language;

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let row = |index, kind: &str, content: &str| AuditRow {
        index,
        at: "2026-11-22T02:05:09Z".into(),
        kind: kind.into(),
        actor: "account:0199a7c2-2222-7000-8000-00000000abcd".into(),
        subject: "certificate:0199a7c2-3333-7000-8000-00000000abcd".into(),
        content: content.into(),
        opens: kind == "certificate.issued",
    };
    let witnesses = vec![
        WitnessRow {
            name: "nhan-chung.dai-hoc.example".into(),
            at: Some("2026-11-22T02:06:00Z".into()),
            size: 1_234_567,
        },
        WitnessRow { name: "nhan-chung.so-tu-phap.example".into(), at: None, size: 0 },
    ];
    let page = |about: &str, lines: Option<Vec<AuditRow>>, witnesses: Vec<WitnessRow>| {
        let standing = LogStanding {
            origin: "chuky.hanoi.example/audit/log".into(),
            size: 1_234_567,
            root: "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=".into(),
            key: format!("chuky.hanoi.example/audit/log+36bd6fb4+{}", "AjBZMBMGByqGSM49".repeat(8)),
            witnesses,
        };
        let next = lines.as_ref().filter(|lines| lines.len() > 2).map(|_| "/audit?about=4f1d&after=1_2".to_owned());
        AuditPage { frame: frame(language, "/audit"), about: about.into(), lines, next, standing }.html()
    };
    let reason = r#"{"ground":"key_exposed","reason":"key_compromise"}"#;
    let found = vec![
        row(Some(1_234_001), "certificate.intended", ""),
        row(Some(1_234_003), "certificate.issued", ""),
        row(None, "certificate.revoked", reason),
    ];
    vec![
        ("audit", page("", None, witnesses.clone())),
        ("audit-found", page("4f1d0c9a7be84d55a1b2c3d4e5f60718", Some(found), witnesses)),
        ("audit-none", page("certificate:khong-co", Some(Vec::new()), Vec::new())),
    ]
}
