//! The pages of reports in every state worth looking at. Test code only.

use super::{
    gallery::{AGENCY, Screen, frame, refused},
    report_definitions::DefinitionsPage,
    reports::{ReportsForm, ReportsPage},
};
use crate::statistics::{
    Asked, BoothRow, CertificateCounts, CertificateType, Measure, MergedRow, MonthRow, OutgoingCounts, OutgoingRow,
    Place, Ranked, Ranking, Report, Standing, TypeRow, UnitRow,
};
use chuky_model::{text::Language, unit::UnitKind};

fn place(code: &str, name: &str, standing: Standing) -> Place {
    let ended = matches!(standing, Standing::Ended | Standing::Parted);
    Place {
        code: code.into(),
        name: name.into(),
        kind: (standing != Standing::Unknown).then_some(UnitKind::Commune),
        since: Some("2023-01-01".into()),
        standing,
        last_day: ended.then(|| "2025-06-30".into()),
    }
}

fn types(scale: u64) -> Vec<TypeRow> {
    let row = |kind, part: u64| {
        let (active, revoked_total) = (scale * part, scale * part / 30);
        let (suspended, expired) = (scale * part / 400, scale * part / 50);
        let total = active + suspended + revoked_total + expired;
        let counts = CertificateCounts {
            issued: total / 2,
            revoked: revoked_total / 3,
            total,
            active,
            suspended,
            revoked_total,
            expired,
        };
        TypeRow { kind, counts }
    };
    vec![
        row(CertificateType::All, 10),
        row(CertificateType::Citizen, 7),
        row(CertificateType::Official, 2),
        row(CertificateType::Seal, 1),
    ]
}

fn full() -> Report {
    let (ward, long) = (place("00004", "Phường Ba Đình", Standing::InForce), place("00187", AGENCY, Standing::InForce));
    let former = place("00013", "Phường Trúc Bạch", Standing::Ended);
    let month = |at: u64| MonthRow {
        month: format!("2026-{at:02}"),
        kind: CertificateType::All,
        issued: 1_234 * at % 4_001,
        revoked: 17 * at % 61,
    };
    let units = [
        (ward.clone(), 1_203),
        (long.clone(), 730),
        (place("00082", "Phường Tách", Standing::Parted), 9),
        (place("Chi nhánh cũ", "Chi nhánh cũ", Standing::Unknown), 1),
    ];
    let outgoing = OutgoingCounts {
        drafted: 1_280,
        withdrawn: 30,
        refused: 12,
        signed: 1_190,
        numbered: 1_170,
        ..Default::default()
    };
    let outgoing = OutgoingCounts { sent: 1_100, registered: 1_300, registered_void: 4, ..outgoing }.shared();
    let mut hours = [0; 24];
    for (hour, count) in (7..18).zip([12, 830, 1_211, 902, 350, 44, 610, 990, 871, 402, 3]) {
        hours[hour] = count;
    }
    let ranked = |rank, unit: &Place, active, people, rate| Ranked {
        rank,
        unit: unit.clone(),
        active,
        people,
        people_since: "2026-01-01".into(),
        rate,
    };
    Report {
        from: "2026-01".into(),
        until: "2026-11-26".into(),
        made_at: "2026-11-26T03:05:09Z".into(),
        unit: None,
        is_whole: true,
        types: types(3_900),
        months: (1..=11).map(month).collect(),
        units: units.into_iter().map(|(unit, scale)| UnitRow { unit, types: types(scale) }).collect(),
        merged: vec![MergedRow { unit: ward.clone(), former, total: 4_211 }],
        outgoing: vec![
            OutgoingRow { unit: None, counts: outgoing },
            OutgoingRow { unit: Some(long.clone()), counts: outgoing },
        ],
        booths: vec![BoothRow { unit: None, hours }, BoothRow { unit: Some(ward.clone()), hours }],
        rankings: vec![Ranking {
            measure: Measure::CitizensPerThousand,
            ranked: vec![ranked(1, &ward, 8_421, 65_023, 129.51), ranked(2, &long, 5_110, 61_700, 82.82)],
            unranked: vec![place("00070", "Phường Hoàn Kiếm", Standing::InForce)],
        }],
    }
}

fn empty() -> Report {
    Report {
        types: Vec::new(),
        months: Vec::new(),
        units: Vec::new(),
        merged: Vec::new(),
        outgoing: Vec::new(),
        booths: Vec::new(),
        rankings: Vec::new(),
        is_whole: false,
        unit: Some("00004".into()),
        ..full()
    }
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let page = |report: Option<Report>, problems| {
        let asked = Asked { from: Some("2026-13".into()), ..Asked::default() };
        let form = ReportsForm::of(&asked, report.as_ref());
        ReportsPage { frame: frame(language, "/reports"), form, report, problems }.html()
    };
    let none = super::Problems::none;
    vec![
        ("reports", page(Some(full()), none())),
        ("reports-empty", page(Some(empty()), none())),
        ("reports-refused", page(None, refused("from", "Tháng đầu cần có dạng NĂM-THÁNG."))),
        ("reports-definitions", DefinitionsPage { frame: frame(language, "/reports/definitions") }.html()),
    ]
}
