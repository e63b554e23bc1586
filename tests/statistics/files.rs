//! The page and the files: numbers lead to definitions, nothing is a formula, and everything is described.

use super::{HOSTILE, populated};
use crate::harness::app::Backend;
use chuky::statistics::DEFINITIONS;
use chuky_model::{role::Role, table::Cell};
use chuky_pki::office::workbook;

const PERIOD: &str = "from=2026-05&until=2026-10-31";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_and_files_say_the_same_and_run_nothing() {
    let test = populated(Backend::Sqlite).await;
    let (_, auditor) = test.account("kiem.toan", &[Role::Auditor], None).await;
    let fetched = async |path: String| {
        let headers = vec![("authorization", format!("Bearer {auditor}"))];
        let (status, headers, body) = test.exchange("GET", &path, headers, Vec::new()).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        (header("content-type"), header("content-disposition"), body)
    };
    // CSV: a byte order mark, headings, and no cell that a spreadsheet would run.
    let (kind, name, csv) = fetched(format!("/api/v1/reports/tables/units?{PERIOD}")).await;
    assert_eq!(kind, "text/csv; charset=utf-8");
    assert_eq!(name, "attachment; filename=\"chuky-units-2026-05-2026-10-31.csv\"");
    let csv = String::from_utf8(csv).unwrap();
    let heading =
        "\u{feff}unit,unit_name,standing,last_day,type,issued,revoked,total,active,suspended,revoked_total,expired\r\n";
    assert!(csv.starts_with(heading), "{csv}");
    assert!(csv.contains("\r\n00004,Phường Ba Đình,in_force,,citizen,8,3,11,4,3,3,1\r\n"), "{csv}");
    assert!(csv.contains("\r\n00082,Phường Cửa Nam,parted,2026-07-15,all,1,0,1,1,0,0,0\r\n"), "{csv}");
    let hostile = format!("\r\n'{HOSTILE},'{HOSTILE},unknown,,all,1,0,1,1,0,0,0\r\n");
    assert!(csv.contains(&hostile), "{csv}");
    for name in ["types", "months", "merged", "outgoing", "booths", "ranking"] {
        let (_, _, csv) = fetched(format!("/api/v1/reports/tables/{name}?{PERIOD}")).await;
        assert!(String::from_utf8(csv).unwrap().lines().count() > 1, "{name}");
    }
    assert_eq!(test.get("/api/v1/reports/tables/nobody", &auditor).await.0, 404);
    // The workbook: numbers are numbers, texts are texts. The service's own reader would tell of a formula.
    let (kind, _, bytes) = fetched(format!("/api/v1/reports/workbook?{PERIOD}&lang=en")).await;
    assert!(kind.ends_with("spreadsheetml.sheet"), "{kind}");
    let table = workbook::read(&bytes).unwrap();
    let row = |at: usize| table.rows[at].cells.iter().map(|cell| cell.text().unwrap()).collect::<Vec<_>>();
    assert_eq!(row(0)[..4], ["Type", "Issued", "Revoked", "Issued so far"]);
    assert_eq!(row(1), ["all", "18", "3", "21", "14", "3", "3", "1"]);
    assert!(matches!(&table.rows[1].cells[1], Cell::Number(number) if number == "18"));
    let markup = String::from_utf8_lossy(&bytes).into_owned();
    assert!(
        markup.contains("<c t=\"inlineStr\" s=\"2\"><is><t xml:space=\"preserve\">=cmd|") && !markup.contains("<f>")
    );
    assert!(markup.contains(DEFINITIONS[0].text_en) && markup.contains("name=\"definitions\""));
    // The page: every number leads to a definition that is there.
    let (_, _, page) = fetched(format!("/reports?{PERIOD}")).await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("<a href=\"/reports/definitions#active\">14</a>"), "{page}");
    let (_, _, definitions) = fetched("/reports/definitions".to_owned()).await;
    let definitions = String::from_utf8(definitions).unwrap();
    let leads: Vec<&str> =
        page.split("/reports/definitions#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(leads.len() > 300, "{}", leads.len());
    for name in leads {
        assert!(definitions.contains(&format!("id=\"{name}\"")), "{name}");
    }
    let cells = page.split("<td").skip(1).filter(|cell| cell.contains(|letter: char| letter.is_ascii_digit()));
    let counted = cells.filter(|cell| {
        cell.split("</td>").next().unwrap().trim_end_matches("</a>").ends_with(|c: char| c.is_ascii_digit())
    });
    for cell in counted.filter(|cell| !cell.contains('/') || cell.starts_with(" class=\"number\"")) {
        assert!(cell.contains("/reports/definitions#"), "{cell}");
    }
    assert!(!page.contains("<script>") && !page.contains("style="));
    // A wrong question is answered beside its field.
    let (status, refused) = test.raw("GET", "/reports?from=x", &auditor, "", Vec::new()).await;
    let refused = String::from_utf8(refused).unwrap();
    assert!(status == 422 && refused.contains("id=\"from-problem\""), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_has_every_route_of_reports() {
    let test = crate::harness::app::TestApp::sqlite().await;
    let (status, description) = test.get("/api/v1/openapi.json", "").await;
    assert_eq!(status, 200);
    let paths = description["paths"].as_object().unwrap();
    for route in chuky::http::routes().iter().filter(|route| route.path.starts_with("/api/v1/reports")) {
        assert!(paths.contains_key(route.path), "{}", route.path);
    }
    assert!(description["components"]["schemas"]["Report"].is_object());
    let (_, answer) = test.get("/api/v1/reports/definitions", "").await;
    assert_eq!(answer["definitions"].as_array().unwrap().len(), DEFINITIONS.len());
}
