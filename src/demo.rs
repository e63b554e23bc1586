//! The first-run round: the whole road on real files, over HTTP as clients would go it. A citizen and an official get their
//! certificates, a letter of several pages is signed by both, checked, and a signed payment is verified once and again.

use crate::bootstrap::DemoAccount;
use chuky_model::{instant::Instant, text::Language};
use chuky_pki::pdf::{letter, typeface::Typefaces};
use serde_json::{Value, json};
use std::{fs, path::Path, path::PathBuf};

/// What the round needs to know.
pub struct Round<'a> {
    /// The running service.
    pub url: &'a str,
    pub accounts: &'a [DemoAccount],
    /// Where files are left.
    pub directory: PathBuf,
    pub fonts: &'a Path,
    pub language: Language,
    pub now: Instant,
}

/// Why the round stopped; the service serves all the same.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{step}: {reason}")]
    Refused { step: &'static str, reason: String },
    #[error("{0}: {1}")]
    File(String, std::io::Error),
}

type Result<T> = std::result::Result<T, DemoError>;

/// A subscriber of the round.
struct Subscriber {
    token: String,
    credential: String,
    name: &'static str,
}

impl Round<'_> {
    /// Goes the whole road and prints each step; gives the log-ins of the two subscribers. Blocking; run it beside the service.
    pub fn run(&self) -> Result<[String; 2]> {
        fs::create_dir_all(&self.directory).map_err(self.file("var/demo"))?;
        // A round that was cut short is gone again with other people: the first ones may have requests under way.
        let round = self.now.unix_seconds().rem_euclid(1_000_000);
        let (citizen, official) = (citizen_request(round), official_request(round));
        let logins = [format!("congdan.{round}"), format!("canbo.{round}")];
        let citizen = self.enrol("gianhang", citizen, &logins[0], "Nguyễn Thị Hồng Ưởng")?;
        let official = self.enrol("dangky", official, &logins[1], "Trần Văn Đức")?;
        let letter = self.letter(official.name)?;
        self.say("Văn bản mẫu nhiều trang", "A sample letter of several pages", "1-van-ban.pdf");
        let place = &letter.signature;
        let signed = self.sign(&official, &letter.pdf, ("official", "LT"), (place.page, place.rectangle))?;
        self.keep("2-can-bo-da-ky.pdf", &signed)?;
        self.verdict("2-can-bo-da-ky.pdf", &signed)?;
        let signed = self.sign(&citizen, &signed, ("citizen", "LT"), (place.page, CITIZENS_BOX))?;
        self.keep("3-hai-chu-ky.pdf", &signed)?;
        self.verdict("3-hai-chu-ky.pdf", &signed)?;
        let mut altered = signed.clone();
        if let Some(byte) = altered.get_mut(2_000) {
            *byte ^= 1;
        }
        self.keep("4-bi-sua-mot-byte.pdf", &altered)?;
        self.verdict("4-bi-sua-mot-byte.pdf", &altered)?;
        self.payment(&citizen)?;
        Ok(logins)
    }

    /// Entered by one, approved by another, handed to the subscriber by the first and redeemed.
    fn enrol(&self, by: &'static str, request: Value, login: &str, name: &'static str) -> Result<Subscriber> {
        let entering = self.log_in(by)?;
        let approving = self.log_in("duyet")?;
        let entered = self.post("request", "/api/v1/requests", &entering, &request)?;
        let path = format!("/api/v1/requests/{}/approve", text(&entered["id"]));
        self.post("approval", &path, &approving, &json!({ "content_digest": entered["content_digest"] }))?;
        let path = format!("/api/v1/requests/{}/code", text(&entered["id"]));
        let made = self.post("code", &path, &entering, &json!({}))?;
        // What the subscriber reads and agrees to on the own device goes back with what is chosen there.
        let preview =
            self.post("preview", "/api/v1/activations/preview", "", &json!({ "code": made["activation_code"] }))?;
        let redeem = json!({
            "code": made["activation_code"], "login": login, "password": DEMO_PASSWORD, "pin": DEMO_PIN,
            "confirmed": preview["content_digest"], "consent": preview["consent"]["version"],
        });
        let issued = self.post("activation", "/api/v1/activations", "", &redeem)?;
        let token = self.session(login, DEMO_PASSWORD)?;
        self.say(
            &format!("Đã cấp chứng thư cho {name}, số {} (đăng nhập: {login})", text(&issued["serial"])),
            &format!("Certificate issued to {name}, serial {} (log-in: {login})", text(&issued["serial"])),
            "",
        );
        Ok(Subscriber { token, credential: text(&issued["credential"]), name })
    }

    fn letter(&self, signer: &str) -> Result<letter::ComposedLetter> {
        let font = |name: &str| {
            let path = self.fonts.join(format!("LiberationSerif-{name}.ttf"));
            fs::read(&path).map_err(|error| DemoError::File(path.display().to_string(), error))
        };
        let typefaces = Typefaces::parse(font("Regular")?, font("Bold")?, font("Italic")?, font("BoldItalic")?);
        let mut content = letter::sample(Some(self.now));
        content.full_name = signer.to_owned();
        let composed = typefaces.and_then(|typefaces| content.compose(&typefaces, self.now));
        let composed = composed.map_err(|error| refused("letter", error))?;
        self.keep("1-van-ban.pdf", &composed.pdf)?;
        Ok(composed)
    }

    fn sign(
        &self,
        subscriber: &Subscriber,
        pdf: &[u8],
        (look, level): (&str, &str),
        (page, rectangle): (u32, [f32; 4]),
    ) -> Result<Vec<u8>> {
        let uploaded = self.send("upload", "/api/v1/documents", &subscriber.token, "application/pdf", pdf)?;
        let path = format!("/api/v1/documents/{}", text(&uploaded["id"]));
        let order = json!({
            "credential": subscriber.credential, "pin": DEMO_PIN, "level": level, "look": look, "page": page,
            "rectangle": rectangle, "sha256": uploaded["sha256"],
        });
        self.post("signing", &format!("{path}/sign"), &subscriber.token, &order)?;
        let signed = self.fetch("signed document", &format!("{path}/content"), &subscriber.token)?;
        self.say(
            &format!("{} đã ký (PAdES B-{level})", subscriber.name),
            &format!("Signed by {} (PAdES B-{level})", subscriber.name),
            "",
        );
        Ok(signed)
    }

    fn verdict(&self, name: &str, pdf: &[u8]) -> Result<()> {
        let report = self.send("verdict", "/api/v1/documents/verify", "", "application/pdf", pdf)?;
        let kept = serde_json::to_vec_pretty(&report).unwrap_or_default();
        self.keep(&format!("{name}.report.json"), &kept)?;
        let message = &report["message"];
        self.say(&text(&message["vi"]), &text(&message["en"]), name);
        Ok(())
    }

    fn payment(&self, citizen: &Subscriber) -> Result<()> {
        let order = json!({
            "id": format!("TT-{}", self.now.unix_seconds()), "payer": "", "payee": "MST:0100109106", "amount": 125_000,
            "currency": "VND", "created": self.now.rfc3339(), "expires": self.now.plus_seconds(900).rfc3339(),
            "reference": "Lệ phí cấp bản sao trích lục"
        });
        let body = json!({ "credential": citizen.credential, "pin": DEMO_PIN, "order": order });
        let signed = self.post("payment signing", "/api/v1/transactions/sign", &citizen.token, &body)?;
        let jws = text(&signed["jws"]);
        self.keep("5-thanh-toan.jws", jws.as_bytes())?;
        let provider = self.log_in("thanhtoan")?;
        for name in ["5-thanh-toan.first.json", "5-thanh-toan.again.json"] {
            let answer =
                self.send("payment", "/api/v1/transactions/verify", &provider, "application/jose", jws.as_bytes())?;
            self.keep(name, &serde_json::to_vec_pretty(&answer).unwrap_or_default())?;
            let (message, seen) = (&answer["message"], text(&answer["seen"]));
            self.say(
                &format!("Thanh toán: {} ({seen})", text(&message["vi"])),
                &format!("Payment: {} ({seen})", text(&message["en"])),
                "",
            );
        }
        Ok(())
    }

    fn say(&self, vi: &str, en: &str, file: &str) {
        let sentence = if self.language == Language::Vi { vi } else { en };
        match file {
            "" => println!("  • {sentence}"),
            file => println!("  • {sentence}\n      {}", self.directory.join(file).display()),
        }
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<()> {
        fs::write(self.directory.join(name), content).map_err(self.file(name))
    }

    fn file(&self, name: &str) -> impl FnOnce(std::io::Error) -> DemoError {
        let name = self.directory.join(name).display().to_string();
        move |error| DemoError::File(name, error)
    }

    fn log_in(&self, login: &'static str) -> Result<String> {
        let account = self.accounts.iter().find(|account| account.login == login);
        let account = account.ok_or_else(|| refused("log-in", format!("no account {login}")))?;
        self.session(login, &account.password)
    }

    fn session(&self, login: &str, password: &str) -> Result<String> {
        let answer = self.post("log-in", "/api/v1/session", "", &json!({ "login": login, "password": password }))?;
        Ok(text(&answer["token"]))
    }

    fn post(&self, step: &'static str, path: &str, token: &str, body: &Value) -> Result<Value> {
        self.send(step, path, token, "application/json", body.to_string().as_bytes())
    }

    fn send(&self, step: &'static str, path: &str, token: &str, kind: &str, body: &[u8]) -> Result<Value> {
        let answer = self.exchange(step, "POST", path, token, kind, body)?;
        serde_json::from_slice(&answer).map_err(|error| refused(step, error))
    }

    fn fetch(&self, step: &'static str, path: &str, token: &str) -> Result<Vec<u8>> {
        self.exchange(step, "GET", path, token, "", &[])
    }

    fn exchange(
        &self,
        step: &'static str,
        method: &str,
        path: &str,
        token: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<Vec<u8>> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.body(body).map_err(|error| refused(step, error))?;
        let mut response = agent.run(request).map_err(|error| refused(step, error))?;
        let answer = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        let answer = answer.map_err(|error| refused(step, error))?;
        match response.status().is_success() {
            true => Ok(answer),
            false => Err(refused(step, String::from_utf8_lossy(&answer))),
        }
    }
}

fn refused(step: &'static str, reason: impl ToString) -> DemoError {
    DemoError::Refused { step, reason: reason.to_string() }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn citizen_request(round: i64) -> Value {
    json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
        "full_name": "Nguyễn Thị Hồng Ưởng", "personal_number": format!("001190{round:06}"), "birth_date": "1990-03-05",
        "sex": "female", "province": "Hà Nội", "locality": "Phường Hoàn Kiếm" } })
}

fn official_request(round: i64) -> Value {
    json!({ "hierarchy": "officials", "unit": "H26", "subscriber": {
        "full_name": "Trần Văn Đức", "personal_number": format!("001085{round:06}"), "birth_date": "1985-11-20", "sex": "male",
        "province": "Hà Nội", "locality": "Phường Hoàn Kiếm", "organization": "Ủy ban nhân dân phường Hoàn Kiếm",
        "organizational_unit": "Văn phòng", "title": "Chủ tịch" } })
}

/// Of the two sample subscribers; printed where the round is announced. They sign nothing but samples.
pub const DEMO_PASSWORD: &str = "mat-khau-mau-TEST";
/// The PIN of both.
pub const DEMO_PIN: &str = "mèo-xanh-ăn-phở";

/// Below the list of recipients, at the left: left, bottom, right, top in points.
const CITIZENS_BOX: [f32; 4] = [85.0, 120.0, 275.0, 172.0];
/// Bytes of the largest answer that the round reads.
const LARGEST_ANSWER: u64 = 64 << 20;
