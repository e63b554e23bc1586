//! The report on a verdict as a file: PDF for people under the service's seal, XML of ETSI TS 119 102-2, and both on the command line.
//! Foreign judges: qpdf, pdfsig, OpenSSL, pdftotext, xmllint.

use super::command::chuky;
use crate::harness::{app::TestApp, forge::altered};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const VERIFY: &str = "/api/v1/documents/verify";

/// What a foreign tool says, which must be at hand; its exit status must be 0.
fn said(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{tool} {arguments:?}: {text}");
    text
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn written(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Judged by the schema that stands beside the test data.
fn schema_valid(path: &str) {
    let schema = root("tests/data/validation-report.xsd");
    said("xmllint", &["--noout", "--nonet", "--schema", schema.to_str().unwrap(), path]);
}

/// The text on the pages, each run of white space as one space.
fn text_of(path: &str) -> String {
    said("pdftotext", &[path, "-"]).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_seals_a_report_that_people_can_read() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, signed) = super::service::signed_document(&test).await;
    let path = format!("{VERIFY}?report=pdf");
    let (status, pdf) = test.raw("POST", &path, "", "application/pdf", signed.clone()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&pdf));
    let file = written(directory.path(), "report.pdf", &pdf);
    said("qpdf", &["--check", &file]);
    let text = text_of(&file);
    let (_, report) = test.request("POST", VERIFY, "", "application/pdf", signed.clone()).await;
    // The command shows the pages as well, as signed and as they are now.
    let changed = written(directory.path(), "changed.pdf", &altered(&signed, "Tra 9.000.000 dong"));
    let shown = directory.path().join("shown.pdf").to_str().unwrap().to_owned();
    let output = chuky(&["verify", "--report", "pdf", "-o", &shown, &changed]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let pictures = said("pdfimages", &["-list", &shown]).lines().filter(|line| line.contains("image")).count();
    assert!(pictures >= 2, "{pictures}");
    let signer = &report["signatures"][0]["signer"];
    for wanted in [
        "Hợp lệ / Valid",
        report["message"]["vi"].as_str().unwrap(),
        report["message"]["en"].as_str().unwrap(),
        signer["common_name"].as_str().unwrap(),
        signer["issuer"].as_str().unwrap(),
        signer["serial"].as_str().unwrap(),
        "Thời hạn chứng thư",
        "Toàn vẹn, không thay đổi từ khi ký",
        "Còn hiệu lực, không bị thu hồi hay tạm dừng",
        "Thời điểm ký",
        "Chính sách mặc định (default)",
        "Dấu thời gian của Chuky TEST Timestamp - Officials",
    ] {
        let wanted = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&wanted), "{wanted}: {text}");
    }
    // Digests are broken over lines on the page.
    let joined: String = text.split_whitespace().collect();
    assert!(joined.contains(report["sha256"].as_str().unwrap()), "{text}");
    assert!(joined.contains(report["policy"]["sha256"].as_str().unwrap()), "{text}");
    // The seal, as poppler and as we see it; and gone with one byte changed.
    let seen = said("pdfsig", &["-nocert", &file]);
    assert!(seen.contains("Chuky TEST Timestamp - Officials") && seen.contains("Total document signed"), "{seen}");
    // pdfsig knows the seal as one of a kind that it cannot validate; OpenSSL validates it, over the very bytes that it covers.
    assert!(!seen.contains("Digest Mismatch") && !seen.contains("Invalid"), "{seen}");
    assert_eq!(validated(&test, directory.path(), &pdf).await, Ok(()));
    let mut other = pdf.clone();
    other[20] ^= 1;
    assert!(validated(&test, directory.path(), &other).await.is_err());
    let (_, judged) = test.request("POST", VERIFY, "", "application/pdf", pdf.clone()).await;
    let stamps = judged["timestamps"].as_array().unwrap();
    assert_eq!((stamps.len(), stamps[0]["indication"].as_str()), (1, Some("TOTAL_PASSED")), "{judged}");
    assert_eq!(stamps[0]["authority"], "Chuky TEST Timestamp - Officials");
    let mut changed = pdf;
    let at = changed.len() / 3;
    changed[at] ^= 1;
    let (_, judged) = test.request("POST", VERIFY, "", "application/pdf", changed).await;
    assert_ne!(judged["timestamps"][0]["indication"], "TOTAL_PASSED", "{judged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_shows_pages_as_signed_and_as_they_are_now() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, signed) = super::service::signed_document(&test).await;
    let report = async |pdf: Vec<u8>| {
        let (status, report) = test.raw("POST", &format!("{VERIFY}?report=pdf"), "", "application/pdf", pdf).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&report));
        let file = written(directory.path(), "pages.pdf", &report);
        said("qpdf", &["--check", &file]);
        let pictures = said("pdfimages", &["-list", &file]).lines().filter(|line| line.contains(" image ")).count();
        (text_of(&file), pictures, report)
    };
    let (text, pictures, sealed) = report(altered(&signed, "Tra 9.000.000 dong")).await;
    for wanted in ["Trang 1", "Khi ký", "As signed", "Hiện nay", "As it is now", "chỗ khác với lúc ký"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(pictures, 2, "as signed and as it is now");
    assert_eq!(validated(&test, directory.path(), &sealed).await, Ok(()));
    let folder = crate::signing::subscriber::folder("reports");
    fs::write(folder.join("altered.pdf"), &sealed).unwrap();
    // Nothing that can be seen was changed: the page with its signature alone, or none where nothing stands on a page.
    let (text, pictures, _) = report(signed).await;
    assert!(pictures <= 1 && !text.contains("As signed"), "{pictures}: {text}");
    // No pages, no pictures, and nothing that promises them.
    let kept = fs::read(root("tests/data/verdicts/hash-failure.p7m")).unwrap();
    let (text, pictures, _) = report(kept).await;
    assert!(pictures == 0 && !text.contains("Trang 1"), "{text}");
}

/// Whether OpenSSL finds the file's last document timestamp valid (RFC 3161), up to the roots of this service.
async fn validated(test: &TestApp, directory: &Path, pdf: &[u8]) -> Result<(), String> {
    let find = |what: &[u8]| pdf.windows(what.len()).rposition(|window| window == what).unwrap();
    let range = String::from_utf8_lossy(&pdf[find(b"/ByteRange")..][..120]).into_owned();
    let range = range.split(['[', ']']).nth(1).unwrap().to_owned();
    let numbers: Vec<usize> = range.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [start, first, second, rest] = numbers[..] else { panic!("{range}") };
    assert_eq!((start, second + rest), (0, pdf.len()), "{range}");
    let covered = written(directory, "covered", &[&pdf[..first], &pdf[second..]].concat());
    let digits: String = String::from_utf8_lossy(&pdf[first + 1..second - 1]).into_owned();
    let padded = hex::decode(digits).unwrap();
    let length = 4 + usize::from(padded[2]) * 256 + usize::from(padded[3]);
    let token = written(directory, "token.der", &padded[..length]);
    let authority = chuky::issuance::Authority::of(&test.app).await.unwrap();
    let pem = |all: &[chuky_pki::certificate::Certificate]| all.iter().map(|one| one.to_pem()).collect::<String>();
    let roots = written(directory, "roots.pem", pem(&authority.anchors()).as_bytes());
    let others = written(directory, "others.pem", pem(&authority.intermediates()).as_bytes());
    let arguments = ["-token_in", "-in", &token, "-data", &covered, "-CAfile", &roots, "-untrusted", &others];
    let output = Command::new("openssl").args(["ts", "-verify"]).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() && said.contains("Verification: OK") { Ok(()) } else { Err(said) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_the_answer_is_the_callers() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let kept = fs::read(root("tests/data/verdicts/hash-failure.p7m")).unwrap();
    let (status, xml) = test.raw("POST", &format!("{VERIFY}?report=xml"), "", "application/cms", kept.clone()).await;
    assert_eq!(status, 200);
    let file = written(directory.path(), "report.xml", &xml);
    schema_valid(&file);
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains("<SubIndication>urn:etsi:019102:subindication:HASH_FAILURE</SubIndication>"), "{xml}");
    assert!(xml.contains("<MainIndication>urn:etsi:019102:mainindication:total-failed</MainIndication>"), "{xml}");
    for (accept, kind) in [
        ("application/pdf", "application/pdf"),
        ("text/html, application/xml;q=0.9", "application/xml"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
    ] {
        let answer = answered(&test, accept, kept.clone()).await;
        assert_eq!(answer, (200, kind.to_owned()), "{accept}");
    }
    let (status, problem) = test.request("POST", &format!("{VERIFY}?report=doc"), "", "application/cms", kept).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("urn:chuky:problem:report_form_unknown")));
}

async fn answered(test: &TestApp, accept: &str, body: Vec<u8>) -> (u16, String) {
    let (url, accept) = (format!("{}{VERIFY}", test.url), accept.to_owned());
    let call = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer =
            agent.post(&url).header("accept", accept).header("content-type", "application/cms").send(&body[..]);
        let answer = answer.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind)
    };
    tokio::task::spawn_blocking(call).await.unwrap()
}

#[test]
fn every_sub_indication_makes_a_valid_xml_report() {
    let directory = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(root("tests/data/verdicts")).unwrap().flatten() {
        let file = entry.path();
        let out = directory.path().join(format!("{}.xml", entry.file_name().to_string_lossy()));
        let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
        let arguments = ["verify", "--report", "xml", "-o", out, file];
        let output = chuky(&arguments);
        assert!(output.status.code() != Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        schema_valid(out);
        let json = String::from_utf8(chuky(&["verify", "--json", file]).stdout).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let xml = fs::read_to_string(out).unwrap();
        assert!(xml.contains(&format!(">{}<", json["sha256"].as_str().unwrap())), "{file}: {xml}");
        for signature in json["signatures"].as_array().unwrap() {
            if let Some(sub_indication) = signature["sub_indication"].as_str() {
                assert!(xml.contains(&format!("urn:etsi:019102:subindication:{sub_indication}<")), "{file}: {xml}");
            }
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn a_report_is_made_without_a_service_and_overwrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // A name that XML and typefaces cannot hold as it is.
    let file = written(directory.path(), "thư <&\u{1f58a}\u{202e}\u{1}.pdf", b"%PDF-1.7 cut");
    let out = directory.path().join("report.pdf").to_str().unwrap().to_owned();
    let output = chuky(&["verify", "--report", "pdf", "-o", &out, &file]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    said("qpdf", &["--check", &out]);
    let text = text_of(&out);
    assert!(
        text.contains("Chưa xác định được / Cannot be determined") && text.contains("không được niêm phong"),
        "{text}"
    );
    assert!(text.contains("thư <&[U+1F58A][U+202E][U+0001].pdf"), "{text}");
    let again = chuky(&["verify", "--report", "pdf", "-o", &out, &file]);
    assert_eq!(again.status.code(), Some(2));
    let xml = chuky(&["verify", "--report", "xml", &file]);
    let xml = written(directory.path(), "report.xml", &xml.stdout);
    schema_valid(&xml);
    // Wrong usage is said before anything is judged.
    for arguments in [
        &["verify", "--report", "pdf", &file][..],
        &["verify", "--report", "xml", &file, &file],
        &["verify", "-o", &out, &file],
        &["verify", "--json", "--report", "xml", &file],
    ] {
        assert_eq!(chuky(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

const BOUNDARY: &str = "chuky-test-boundary";

fn form(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"document\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

async fn page(test: &TestApp, path: &str) -> (u16, String) {
    let (status, body) = test.raw("GET", path, "", "", Vec::new()).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The path of a new link to the verdict on these bytes.
async fn linked(test: &TestApp, bytes: &[u8]) -> String {
    let path = format!("{VERIFY}?link=true");
    let (status, answer) = test.request("POST", &path, "", "application/pdf", bytes.to_vec()).await;
    assert_eq!(status, 200, "{answer}");
    let address = answer["link"]["address"].as_str().unwrap();
    address.strip_prefix(&test.app.settings.public_url).unwrap().to_owned()
}

async fn a_verdict_is_found_under_its_link(test: TestApp) {
    let (_, signed) = super::service::signed_document(&test).await;
    let path = linked(&test, &signed).await;
    assert_eq!(path.len(), "/v/".len() + 26);
    let (status, shown) = page(&test, &path).await;
    assert!(status == 200 && shown.contains("Hợp lệ") && shown.contains("noindex"), "{shown}");
    assert!(shown.contains("class=\"quick-response\"") && shown.contains(&path), "{shown}");
    // Neither the code nor anything of the report lies readable in the database, and the document not at all.
    let dump = test.sql("SELECT * FROM kept_verdict");
    assert!(!dump.contains(&path[3..]) && !dump.contains("Nguy") && !dump.contains("TOTAL"), "{dump}");
    // As files.
    for (ending, start) in [("pdf", "%PDF-"), ("xml", "<?xml"), ("json", "{")] {
        let (status, body) = page(&test, &format!("{path}/{ending}")).await;
        assert!(status == 200 && body.starts_with(start), "{ending}: {body}");
    }
    assert_eq!(page(&test, &format!("{path}/doc")).await.0, 404);
    // The same file, another file, no file.
    let mut other = signed.clone();
    other.push(b'\n');
    for (bytes, words) in [(&signed, "giống đến từng byte"), (&other, "Không phải là tệp đã được kiểm tra")]
    {
        let (kind, body) = form("một tệp.pdf", bytes);
        let (status, answer) = test.raw("POST", &path, "", &kind, body).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(status == 200 && answer.contains(words) && answer.contains("một tệp.pdf"), "{answer}");
    }
    let (kind, body) = form("", b"");
    let (status, answer) = test.raw("POST", &path, "", &kind, body).await;
    assert!(status == 422 && String::from_utf8_lossy(&answer).contains("Hãy chọn tệp cần so sánh"));
    // Another code finds nothing, and neither does this one when its time has ended.
    let last = if path.ends_with('0') { '1' } else { '0' };
    assert_eq!(page(&test, &format!("{}{last}", &path[..path.len() - 1])).await.0, 404);
    test.app.clock.shift_seconds(91 * 86_400);
    assert_eq!(page(&test, &path).await.0, 404);
    let mut transaction = test.app.store.begin().await.unwrap();
    assert_eq!(transaction.remove_ended_verdicts(test.app.clock.now()).await.unwrap(), 1);
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_is_found_under_its_link_on_sqlite() {
    a_verdict_is_found_under_its_link(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_is_found_under_its_link_on_postgres() {
    a_verdict_is_found_under_its_link(TestApp::start(crate::harness::app::Backend::Postgres).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_bounded_in_number() {
    let test =
        TestApp::with(|settings| settings.rates.verdict_link = chuky::rates::Quota { count: 2, seconds: 600 }).await;
    for expected in [200, 200, 429] {
        let path = format!("{VERIFY}?link=true");
        assert_eq!(test.request("POST", &path, "", "text/plain", b"x".to_vec()).await.0, expected);
    }
    // Verdicts without a link go on.
    assert_eq!(test.request("POST", VERIFY, "", "text/plain", b"x".to_vec()).await.0, 200);
}

/// The service seals only what it judged itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_gives_back_only_a_verdict_of_this_service() {
    let test = TestApp::sqlite().await;
    let (kind, body) = form("một.txt", b"one");
    let (_, shown) = test.raw("POST", "/verify", "", &kind, body).await;
    let shown = String::from_utf8(shown).unwrap();
    let handed = shown.split("name=\"handed\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let ask = async |handed: &str, wanted: &str| {
        let body = format!("handed={handed}&form={wanted}");
        test.raw("POST", "/verify/report", "", "application/x-www-form-urlencoded", body.into_bytes()).await
    };
    let (status, pdf) = ask(handed, "pdf").await;
    assert!(status == 200 && pdf.starts_with(b"%PDF-"));
    let (status, xml) = ask(handed, "xml").await;
    assert!(status == 200 && xml.starts_with(b"<?xml"));
    assert_eq!(ask(handed, "link").await.0, 303);
    // One letter changed, one of our own making, and one that is older than a day.
    let mut altered = handed.to_owned();
    altered.replace_range(60..61, if &altered[60..61] == "A" { "Q" } else { "A" });
    assert_eq!(ask(&altered, "pdf").await.0, 422);
    assert_eq!(ask("eyJyZXBvcnQiOnt9fQ", "pdf").await.0, 422);
    assert_eq!(ask("", "link").await.0, 422);
    test.app.clock.shift_seconds(86_401);
    assert_eq!(ask(handed, "pdf").await.0, 422);
}

/// Who is logged in posts the token of the page; a form from elsewhere that carries the cookie alone is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_made_only_by_the_form_of_the_page() {
    let test = TestApp::sqlite().await;
    let login = test.passwords.keys().next().unwrap().clone();
    let session = ("cookie", format!("chuky_session={}", test.log_in(&login).await));
    let (kind, body) = form("một.txt", b"one");
    let (status, _, shown) =
        test.exchange("POST", "/verify", vec![session.clone(), ("content-type", kind)], body).await;
    assert_eq!(status, 200);
    let shown = String::from_utf8(shown).unwrap();
    let value = |name: &str| {
        let form = shown.split("class=\"report-form\"").nth(1).unwrap();
        let rest = form.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (handed, token) = (value("handed"), value("csrf"));
    assert!(!token.is_empty());
    for (csrf, wanted, expected) in [
        (String::new(), "link", 409),
        (token.replace(|digit: char| digit.is_ascii_digit(), "0"), "pdf", 409),
        (token.clone(), "pdf", 200),
        (token.clone(), "link", 303),
    ] {
        let body = format!("handed={handed}&form={wanted}&csrf={csrf}").into_bytes();
        let headers = vec![session.clone(), ("content-type", "application/x-www-form-urlencoded".to_owned())];
        assert_eq!(test.exchange("POST", "/verify/report", headers, body).await.0, expected, "{wanted} {csrf}");
    }
}
