//! Messages to a mail server: one that greylists, refuses, is busy, slow, hangs up in the worst moment, or is somebody else; a node that is killed
//! around the hand-over; and people without a telephone from a list to their certificate. What was taken is never handed over again.

use crate::{
    agency,
    harness::{
        app::{Backend, EXECUTABLE, TestApp},
        smtp::{Act, Letter, Server, Way},
    },
    issuance::{PASSWORD, PIN, approved, citizen},
};
use chuky::{
    app::App,
    config::{MailSecurity, MailSettings, Settings},
    issuance::reminders,
    outbox::{self, Round, Said, To},
};
use chuky_model::{
    id::MessageId,
    record::{Cursor, state::CertificateState},
};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

const BOX: &str = "ntha@hanoi.gov.vn";
const USER: &str = "chuky";
const SECRET: &str = "mat-khau-hop-thu";

fn by_mail(settings: &mut Settings, server: &Server, folder: &Path) {
    let file = folder.join("mail-password");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    settings.mail = Some(MailSettings {
        host: "localhost".to_owned(),
        port: server.port,
        security: match server.way {
            Way::Plain => MailSecurity::Loopback,
            Way::Tls => MailSecurity::Tls,
            Way::Starttls => MailSecurity::Starttls,
        },
        from: "Chữ ký số <chuky@hanoi.gov.vn>".parse().unwrap(),
        login: Some((USER.to_owned(), file)),
        roots: server.roots.clone().unwrap_or_else(|| PathBuf::from("/dev/null")),
    });
}

/// A service that hands mail to that server, with nothing running in the background that would be faster than the test.
async fn service(backend: Backend, server: &Server, folder: &Path) -> TestApp {
    TestApp::start_with(backend, |settings| by_mail(settings, server, folder)).await.without_background()
}

async fn waiting(app: &App, count: usize) -> Vec<MessageId> {
    let mut transaction = app.store.begin().await.unwrap();
    let mut ids = Vec::new();
    for at in 0..count {
        let long = format!("Mã của bạn: {at}\n.\nĐừng đưa mã cho ai.");
        let said = Said { short: "", subject: "Mã kích hoạt chữ ký số", long: &long };
        let message = outbox::message(app, &To::mail(BOX), &said).unwrap();
        transaction.insert_message(&message).await.unwrap();
        ids.push(message.id);
    }
    transaction.commit().await.unwrap();
    ids
}

fn names(ids: &[MessageId]) -> Vec<String> {
    let mut names: Vec<_> = ids.iter().map(|id| format!("<{id}@hanoi.gov.vn>")).collect();
    names.sort();
    names
}

fn names_of(letters: &[Letter]) -> Vec<String> {
    let mut names: Vec<_> = letters.iter().map(|letter| letter.header("Message-ID")).collect();
    names.sort();
    names
}

async fn ill_and_well_again(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::Busy, Act::Greylist, Act::Refuse, Act::RefuseText, Act::Take]);
    let test = service(backend, &server, folder.path()).await;
    let ids = waiting(&test.app, 8).await;
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(4));
    assert_eq!(outbox::waiting(&test.app).await.unwrap(), 2, "the busy and the greylisted one");
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 2, "those that were refused for good");
    // Nothing is tried again before its pause is over.
    let before = server.connections();
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0));
    assert_eq!(server.connections(), before);
    test.app.clock.shift_seconds(11);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(2));
    test.app.clock.shift_seconds(2 * 3_600);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0));
    // Each once, under the name of its row.
    let letters = server.letters();
    let (sent, all) = (names_of(&letters), names(&ids));
    assert_eq!((letters.len(), server.connections()), (6, 10));
    assert!(sent.iter().all(|name| all.contains(name)) && sent.windows(2).all(|two| two[0] != two[1]), "{sent:?}");
    let letter = letters.first().unwrap();
    assert_eq!(letter.to, [BOX]);
    assert_eq!(letter.subject(), "Mã kích hoạt chữ ký số");
    assert!(letter.text().ends_with("\r\n.\r\nĐừng đưa mã cho ai."), "{:?}", letter.text());
    assert!(letter.raw.is_ascii());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_is_busy_greylists_or_refuses_gets_nothing_twice() {
    ill_and_well_again(Backend::Sqlite).await;
    ill_and_well_again(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_is_done_with_however_the_server_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::TakeAndHangUp]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    waiting(&test.app, 3).await;
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(3));
    test.app.clock.shift_seconds(3_600);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0));
    assert_eq!((server.letters().len(), server.connections()), (3, 3));
}

/// Whether it was taken nobody can know: it is handed over again, late, and to the octet the same, so that mail systems know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_after_the_data_gets_the_same_letter_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::HangUpAfterData, Act::Take]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    waiting(&test.app, 1).await;
    assert!(outbox::hand_over_mail(&test.app).await.is_err());
    assert!(!test.app.spooling.mail_is_well());
    let (_, answer) = test.get("/readyz", "").await;
    assert_eq!((&answer["mail"], &answer["ready"]), (&json!(false), &json!(true)), "{answer}");
    assert!(answer["impaired"].as_array().unwrap().contains(&json!("mail")), "{answer}");
    // Not while a server may still be at it.
    test.app.clock.shift_seconds(700);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0));
    test.app.clock.shift_seconds(100);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(1));
    let letters = server.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].raw, letters[1].raw);
    assert_eq!(test.get("/readyz", "").await.1["mail"], true);
}

/// The lease of a node that waits runs out; whoever takes it does not hand over what the other is at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_gets_nothing_twice_from_another_node() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::TakeSlowly(Duration::from_secs(4))]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    waiting(&test.app, 1).await;
    let app = test.app.clone();
    let first = tokio::spawn(async move { outbox::hand_over_mail(&app).await });
    while server.letters().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    test.app.clock.shift_seconds(120);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0), "the other is at it");
    assert_eq!(first.await.unwrap().unwrap(), Round::Mine(1));
    test.app.clock.shift_seconds(3_600);
    assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0));
    assert_eq!(server.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_to_a_server_that_is_not_the_one() {
    for way in [Way::Tls, Way::Starttls] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(way, &[Act::Take]);
        let test = service(Backend::Sqlite, &server, folder.path()).await;
        waiting(&test.app, 1).await;
        assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(1), "{way:?}");
        assert_eq!(server.log_ins(), [format!("\0{USER}\0{SECRET}")], "{way:?}");
        assert!(server.was_encrypted(), "{way:?}");
        // Another's certificate, another's name, or none.
        for wrong in ["roots", "name", "plain"] {
            let server = Server::start(if wrong == "plain" { Way::Plain } else { way }, &[Act::Take]);
            let other = Server::start(way, &[Act::Take]);
            let test = TestApp::with(|settings| {
                by_mail(settings, &server, folder.path());
                let mail = settings.mail.as_mut().unwrap();
                match wrong {
                    "roots" => mail.roots = other.roots.clone().unwrap(),
                    "name" => mail.host = "127.0.0.1".to_owned(),
                    _ => {
                        mail.security = if way == Way::Tls { MailSecurity::Tls } else { MailSecurity::Starttls };
                        mail.roots = other.roots.clone().unwrap();
                    }
                }
            });
            let test = test.await.without_background();
            waiting(&test.app, 1).await;
            assert!(outbox::hand_over_mail(&test.app).await.is_err(), "{way:?} {wrong}");
            assert!(server.letters().is_empty() && server.log_ins().is_empty(), "{way:?} {wrong}");
            assert_eq!(outbox::waiting(&test.app).await.unwrap(), 1, "{way:?} {wrong}: not held against the message");
        }
    }
}

/// What `chuky` says with mail set as a file says it.
fn toml(settings: &Settings, folder: &Path) -> PathBuf {
    let mail = settings.mail.as_ref().unwrap();
    let security = match mail.security {
        MailSecurity::Tls => "tls",
        MailSecurity::Starttls => "starttls",
        MailSecurity::Loopback => "loopback",
    };
    let (user, password) = mail.login.as_ref().unwrap();
    let text = format!(
        "[hsm]\nrsa_stock = 0\n[messages.mail]\nhost = \"{}\"\nport = {}\nsecurity = \"{security}\"\nfrom = '{}'\nusername = \"{user}\"\n\
         password_file = \"{}\"\nroots = \"{}\"\n",
        mail.host,
        mail.port,
        mail.from,
        password.display(),
        mail.roots.display()
    );
    let file = folder.join("mail.toml");
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_wrong_with_the_mail_server_and_never_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Starttls, &[Act::Take]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    let file = toml(&test.app.settings, folder.path());
    let doctor = || {
        let mut command = Command::new(EXECUTABLE);
        command.arg("--config").arg(&file).args(["doctor", "--data-dir"]).arg(&test.app.settings.data_dir);
        command.env("CHUKY__DATABASE__URL", &test.app.settings.database_url);
        let said = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(!said.contains(SECRET), "{said}");
        said
    };
    let said = doctor();
    assert!(said.contains("✓ mail server: localhost:") && server.letters().is_empty(), "{said}");
    server.answers(&[Act::WrongPassword]);
    let said = doctor();
    assert!(said.contains("✕ mail server:") && said.contains("it answered 535"), "{said}");
    std::fs::remove_file(folder.path().join("mail-password")).unwrap();
    let said = doctor();
    assert!(said.contains("✕ mail server:") && said.contains("mail-password"), "{said}");
    // A wrong password is not the message's fault.
    std::fs::write(folder.path().join("mail-password"), SECRET).unwrap();
    waiting(&test.app, 1).await;
    assert!(outbox::hand_over_mail(&test.app).await.is_err());
    assert_eq!(outbox::waiting(&test.app).await.unwrap(), 1);
    assert_eq!(test.app.store.count_failed_messages().await.unwrap(), 0);
}

/// The binary over what rests, killed at that point while it hands a message over.
fn killed_at(point: &str, data: &Path, settings: &Settings) {
    let file = toml(settings, data);
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.arg("--config").arg(&file).args(["serve", "--no-demo", "--data-dir"]).arg(data);
    command.env("CHUKY__SERVER__LISTEN", listen.to_string()).env("CHUKY__DATABASE__URL", &settings.database_url);
    command.env("CHUKY_CRASH_AT", point).stdout(Stdio::null());
    let mut served = command.spawn().unwrap();
    for _ in 0..1_200 {
        if served.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = served.kill();
    assert_eq!(served.wait().unwrap().code(), None, "ended by a signal at {point}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_around_the_hand_over_repeats_the_same_letter() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::Take]);
    let mut test = service(Backend::Sqlite, &server, folder.path()).await;
    for (point, before) in [("message.claimed", 0), ("message.told", 1)] {
        let id = waiting(&test.app, 1).await;
        let (directory, settings) = test.rest().await;
        killed_at(point, &directory.path().join("var"), &settings);
        let with = |settings: &mut Settings| by_mail(settings, &server, folder.path());
        test = TestApp::wake_with(directory, settings, with).await.without_background();
        let of_this = || {
            let letters = server.letters();
            letters.into_iter().filter(|letter| names(&id).contains(&letter.header("Message-ID"))).collect::<Vec<_>>()
        };
        assert_eq!(of_this().len(), before, "{point}");
        assert_eq!(outbox::waiting(&test.app).await.unwrap(), 1, "{point}: it still waits");
        // The lease of the one that died is over, the time of its try is not.
        test.app.clock.shift_seconds(120);
        assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(0), "{point}: not at once");
        test.app.clock.shift_seconds(700);
        assert_eq!(outbox::hand_over_mail(&test.app).await.unwrap(), Round::Mine(1), "{point}");
        let letters = of_this();
        assert_eq!(letters.len(), before + 1, "{point}");
        assert!(letters.iter().all(|letter| letter.raw == letters[0].raw), "{point}");
    }
}

fn digits(text: &str) -> String {
    let line = text.lines().next().unwrap();
    line.chars().filter(char::is_ascii_digit).collect()
}

/// From a list's cell with a mail address to the certificate, and to the reminder of its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_without_a_telephone_is_reached_by_mail() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Tls, &[Act::Take]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    let csv = agency::csv(1);
    let (head, row) = csv.split_once("\r\n").unwrap();
    let mut cells: Vec<_> = row.split(',').collect();
    assert!(cells[4].starts_with("09"), "{row}");
    cells[4] = BOX;
    let registrar = test.log_in("dangky").await;
    for (wrong, code) in [("ntha@hanoi", "mail_form"), ("a b@hanoi.gov.vn", "mail_form"), ("hanoi", "phone_form")] {
        let mut cells = cells.clone();
        cells[4] = wrong;
        let file = format!("{head}\r\n{}", cells.join(","));
        let (status, list) = agency::uploaded(&test, &registrar, file.into_bytes()).await;
        assert_eq!((status, &list["wrong"]), (201, &json!(1)), "{wrong}: {list}");
        assert!(list["lines"].to_string().contains(code), "{wrong}: {list}");
    }
    let (id, digest) = agency::entered(&test, format!("{head}\r\n{}", cells.join(",")).into_bytes()).await;
    let approver = test.log_in("duyet").await;
    let body = json!({ "content_digest": digest });
    let (status, answer) = test.post(&format!("/api/v1/agency-lists/{id}/approve"), &approver, &body).await;
    assert!(status < 300, "{status} {answer}");
    agency::finished(&test, &id, 60).await;
    while server.letters().is_empty() {
        outbox::hand_over_mail(&test.app).await.unwrap();
    }
    let letter = server.letters().remove(0);
    assert_eq!(
        (letter.to.as_slice(), letter.subject().as_str()),
        ([BOX.to_owned()].as_slice(), "Mã kích hoạt chữ ký số")
    );
    let text = letter.text();
    let code = text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    // Nobody of the staff had the code: it is proof enough.
    let body = json!({ "code": code, "login": "van.a", "password": PASSWORD, "pin": PIN });
    let (status, answer) = test.redeem("", &body).await;
    assert_eq!(status, 201, "{answer} {text}");
    assert!(!test.sql("SELECT * FROM registration_request").contains(BOX));
    // Reminded of its end by mail as well.
    let row = test.app.store.list_certificates(CertificateState::Issued, Cursor::OLDEST, 10).await.unwrap().remove(0);
    test.app.clock.shift_seconds(row.not_after.unix_seconds() - test.app.clock.now().unix_seconds() - 59 * 86_400);
    assert_eq!(reminders::send_due(&test.app).await.unwrap(), 1);
    outbox::hand_over_mail(&test.app).await.unwrap();
    let last = server.letters().pop().unwrap();
    assert_eq!(last.subject(), "Chứng thư chữ ký số của bạn sắp hết hạn", "{}", last.text());
}

/// The second secret of a single request goes by mail past the staff who hand the code over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_code_goes_by_mail_where_no_telephone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Way::Plain, &[Act::Take]);
    let test = service(Backend::Sqlite, &server, folder.path()).await;
    let mut person = citizen();
    person["subscriber"]["mail"] = json!("Sai <a@hanoi.gov.vn>");
    let operator = test.log_in("gianhang").await;
    let (status, answer) = test.post("/api/v1/requests", &operator, &person).await;
    assert_eq!((status, problem(&answer)), (422, "mail_form"), "{answer}");
    person["subscriber"]["mail"] = json!(BOX);
    let (id, code) = approved(&test, "gianhang", &person).await;
    let (_, request) = test.get(&format!("/api/v1/requests/{id}"), &operator).await;
    assert_eq!(request["contact"], "n•••@hanoi.gov.vn", "{request}");
    let (_, preview) = test.post("/api/v1/activations/preview", "", &json!({ "code": code })).await;
    assert_eq!(preview["second_secret_sent_to"], "n•••@hanoi.gov.vn", "{preview}");
    while server.letters().is_empty() {
        outbox::hand_over_mail(&test.app).await.unwrap();
    }
    let letter = server.letters().remove(0);
    let mut body = json!({ "code": code, "login": "hong.uong", "password": PASSWORD, "pin": PIN });
    let (status, answer) = test.redeem("", &body).await;
    assert_eq!((status, problem(&answer)), (422, "second_secret_missing"), "{answer}");
    assert!(answer.to_string().contains("thư điện tử n•••@hanoi.gov.vn"), "{answer}");
    body["second_secret"] = json!(digits(&letter.text()));
    let (status, answer) = test.redeem("", &body).await;
    assert_eq!(status, 201, "{answer} {}", letter.text());
}

fn problem(answer: &Value) -> &str {
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:")
}
