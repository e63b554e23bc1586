//! Subscribers for the tests of signing: enrolled through the service as anybody is, with a document to sign and the judges that
//! look at what came of it.

#[path = "../judges/dss/export.rs"]
mod export;

use crate::harness::app::TestApp;
use chuky_pki::pdf::{letter, typeface::Typefaces};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The PIN of every subscriber of these tests.
pub const PIN: &str = "mèo-xanh-ăn-phở";
/// The password of every subscriber of these tests.
pub const PASSWORD: &str = "một mật khẩu dài và riêng";

/// A logged-in subscriber with a credential.
pub struct Subscriber {
    pub token: String,
    pub credential: String,
}

/// A citizen with a P-256 key.
pub async fn citizen(test: &TestApp) -> Subscriber {
    let request = json!({
        "hierarchy": "citizens", "unit": "H26",
        "subscriber": {
            "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": "001190012345", "birth_date": "1990-03-05",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm"
        }
    });
    enrol(test, "gianhang", request, "cong.dan", "p256").await
}

/// An official with a key of that type.
pub async fn official(test: &TestApp, algorithm: &str) -> Subscriber {
    let request = json!({
        "hierarchy": "officials", "unit": "H26",
        "subscriber": {
            "full_name": "Trần Văn Khương", "personal_number": "001080054321", "birth_date": "1980-11-20",
            "sex": "male", "province": "Hà Nội", "locality": "Phường Ba Đình",
            "organization": "Sở Tư pháp thành phố Hà Nội", "title": "Giám đốc"
        }
    });
    enrol(test, "dangky", request, "can.bo", algorithm).await
}

pub async fn enrol(test: &TestApp, by: &str, request: Value, login: &str, algorithm: &str) -> Subscriber {
    let entering = test.log_in(by).await;
    let (status, entered) = test.post("/api/v1/requests", &entering, &request).await;
    assert_eq!(status, 201, "{entered}");
    test.approve(&entered).await;
    let redeem = json!({
        "code": test.code(&entered, &entering).await, "login": login, "password": PASSWORD, "pin": PIN,
        "algorithm": algorithm,
    });
    let (status, issued) = test.redeem("", &redeem).await;
    assert_eq!(status, 201, "{issued}");
    let (status, session) = test.post("/api/v1/session", "", &json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    Subscriber {
        token: session["token"].as_str().unwrap().to_owned(),
        credential: issued["credential"].as_str().unwrap().to_owned(),
    }
}

impl Subscriber {
    /// Uploads a document; its identifier.
    pub async fn upload(&self, test: &TestApp, pdf: &[u8]) -> String {
        let (status, document) = test
            .request("POST", "/api/v1/documents?name=th%C6%B0.pdf", &self.token, "application/pdf", pdf.to_vec())
            .await;
        assert_eq!(status, 201, "{document}");
        document["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a signature; `more` is merged into the order.
    pub async fn ask(&self, test: &TestApp, id: &str, pin: &str, more: Value) -> (u16, Value) {
        let mut order = json!({ "credential": self.credential, "pin": pin });
        for (key, value) in more.as_object().unwrap() {
            order[key] = value.clone();
        }
        test.post(&format!("/api/v1/documents/{id}/sign"), &self.token, &order).await
    }

    /// Uploads, signs and fetches.
    pub async fn sign(&self, test: &TestApp, pdf: &[u8], more: Value) -> Vec<u8> {
        let id = self.upload(test, pdf).await;
        let (status, signed) = self.ask(test, &id, PIN, more).await;
        assert_eq!(status, 200, "{signed}");
        self.content(test, &id).await
    }

    /// The document's bytes.
    pub async fn content(&self, test: &TestApp, id: &str) -> Vec<u8> {
        let (status, bytes) =
            test.raw("GET", &format!("/api/v1/documents/{id}/content"), &self.token, "", Vec::new()).await;
        assert_eq!(status, 200);
        bytes
    }
}

/// A Vietnamese letter of several pages; `None`, said aloud, where its typefaces are missing.
pub fn letter_pdf(test: &TestApp) -> Option<Vec<u8>> {
    let read =
        |style: &str| std::fs::read(test.app.settings.fonts_dir.join(format!("LiberationSerif-{style}.ttf"))).ok();
    let (Some(regular), Some(bold), Some(italic), Some(bold_italic)) =
        (read("Regular"), read("Bold"), read("Italic"), read("BoldItalic"))
    else {
        eprintln!("SKIPPED: no Liberation Serif in {}", test.app.settings.fonts_dir.display());
        return None;
    };
    let typefaces = Typefaces::parse(regular, bold, italic, bold_italic).unwrap();
    Some(letter::sample(None).compose(&typefaces, test.app.clock.now()).unwrap().pdf)
}

/// A small document without any typeface.
pub fn plain_pdf() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>/Contents 4 0 R>>",
        "<</Length 27>>stream\n100 100 200 50 re 0.5 g f  \nendstream",
    ];
    let mut pdf = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", index + 1).as_bytes());
    }
    let start = pdf.len();
    pdf.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for offset in offsets {
        pdf.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    pdf.extend_from_slice(
        format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).as_bytes(),
    );
    pdf
}

/// Where files are kept for a person to look at.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Whether a foreign tool can be run; says so where it cannot.
pub fn present(tool: &str) -> bool {
    let found = Command::new(tool).arg("-v").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    found
}

/// The foreign judges find so many signatures valid, and the structure sound.
pub async fn judged_valid(test: &TestApp, folder: &Path, name: &str, pdf: &[u8], signatures: usize) {
    let file = folder.join(name);
    std::fs::write(&file, pdf).unwrap();
    exported(test, &format!("{}-{name}", folder.file_name().unwrap().display()), pdf).await;
    if present("qpdf") {
        let output = Command::new("qpdf").arg("--check").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    if present("pdfsig") {
        let output = Command::new("pdfsig").arg("-nocert").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said.matches("Signature is Valid.").count(), signatures, "{said}");
    }
    pyhanko_accepts(test, &file, signatures).await;
}

/// Hands a PDF to EU DSS, where that is wanted, as what our own verifier says that it is.
pub async fn exported(test: &TestApp, name: &str, pdf: &[u8]) {
    if export::folder().is_none() {
        return;
    }
    let (status, report) = test.request("POST", "/api/v1/documents/verify", "", "application/pdf", pdf.to_vec()).await;
    assert_eq!((status, report["indication"].as_str()), (200, Some("TOTAL_PASSED")), "{name}: {report}");
    export_as_told(test, name, pdf, None, &report).await;
}

/// The same for any file, with the report on it.
pub async fn export_as_told(test: &TestApp, name: &str, signed: &[u8], content: Option<(&str, &[u8])>, report: &Value) {
    if export::folder().is_none() {
        return;
    }
    let mut lists = Vec::new();
    for issuer in ["citizens-root", "citizens-issuing", "officials-root", "officials-issuing"] {
        let (status, list) = test.raw("GET", &format!("/crl/{issuer}.crl"), "", "", Vec::new()).await;
        assert_eq!(status, 200, "{issuer}");
        lists.push(list);
    }
    let lines = report["signatures"].as_array().unwrap().iter();
    let authority = chuky::issuance::Authority::of(&test.app).await.unwrap();
    export::export(&export::Case {
        name: name.to_owned(),
        signed,
        content,
        formats: lines.map(|line| line["format"].as_str().unwrap().to_owned()).collect(),
        at: test.app.clock.now(),
        anchors: &authority.anchors(),
        further: &authority.intermediates(),
        lists: &lists,
    });
}

pub async fn pyhanko_accepts(test: &TestApp, file: &Path, signatures: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no pyHanko in target/venv");
        return;
    }
    let authority = chuky::issuance::Authority::of(&test.app).await.unwrap();
    let anchors: String = authority.anchors().iter().map(chuky_pki::certificate::Certificate::to_pem).collect();
    let anchor = file.with_extension("pem");
    std::fs::write(&anchor, anchors).unwrap();
    let script = root.join("tests/signing/judge.py");
    let output = Command::new(python).arg(script).arg(&anchor).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("intact valid trusted").count(), signatures, "{said}");
}
