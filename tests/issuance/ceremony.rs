//! A ceremony as people hold it: sheets printed, shares typed from them, keys made under PINs that nobody has alone, the root's token taken
//! away, and a record that OpenSSL checks. Through the command line, in memory as the guide asks.

mod again;
mod disaster;

use super::{approved, citizen, redemption, run};
use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{app::App, bootstrap, clock::Clock, config::Settings, issuance::ceremony};
use std::{fs, path::Path, process::Command};

const SETS: [&str; 6] = ["officer-pin", "user-pin", "root-pin", "keys", "pepper-1", "backup"];

/// Two shares of each of some sets, as arguments.
fn shares(at: &Path, sheets: &str, sets: &[&str]) -> Vec<String> {
    let named = sets.iter().flat_map(|set| [1, 3].map(|index| format!("{set}-{index}-of-3")));
    named.flat_map(|name| ["--share".to_owned(), typed_from(at, sheets, &name)]).collect()
}

/// A place for a ceremony with custodians: its file, settings, and printed sheets in `sheets`.
fn place() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let at = directory.path();
    fs::write(at.join("ceremony.toml"), file(at)).unwrap();
    let settings = "[hsm]\nrsa_stock = 0\npins_dir = ";
    fs::write(at.join("settings.toml"), format!("{settings}'{}'\n", at.join("pins").display())).unwrap();
    let toml = at.join("ceremony.toml").to_string_lossy().into_owned();
    printed(at, &toml, "sheets");
    (directory, toml)
}

fn printed(at: &Path, toml: &str, sheets: &str) {
    let (done, text) = chuky(at, &["sheets", toml, "--out", &at.join(sheets).to_string_lossy()]);
    assert!(done, "{text}");
}

/// Where SoftHSM keeps the token of that label.
fn token_folder(tokens: &Path, label: &str) -> std::path::PathBuf {
    let holds = |folder: &std::path::PathBuf| {
        let octets = fs::read(folder.join("token.object")).unwrap_or_default();
        octets.windows(label.len()).any(|window| window == label.as_bytes())
    };
    let mut folders = fs::read_dir(tokens).unwrap().map(|entry| entry.unwrap().path());
    folders.find(holds).unwrap_or_else(|| panic!("no token {label} in {}", tokens.display()))
}

/// The built-in ceremony with a root's token and custodians for everything.
fn file(at: &Path) -> String {
    let set =
        |name: &str| format!("[custody.{name}]\nthreshold = 2\ncustodians = ['Lê An', 'Phạm Bình', 'Vũ Cúc']\n\n");
    let sets: String =
        ["officer_pin", "user_pin", "root_pin", "keys", "pepper", "backup"].iter().map(|name| set(name)).collect();
    let root = format!("[root_token]\nlabel = 'chuky-root'\nsofthsm_directory = '{}'\n\n", at.join("root").display());
    let present = "place = 'Hà Nội'\n\n[[present]]\nname = 'Nguyễn Thị Hồng'\nrole = 'Chủ trì'\n\n";
    ceremony::TEST.replacen("[citizens.root]", &format!("{present}{root}{sets}[citizens.root]"), 1)
}

/// Runs `chuky ceremony …`; whether it succeeded, and what it printed.
fn chuky(at: &Path, arguments: &[&str]) -> (bool, String) {
    chuky_until(at, "", arguments)
}

/// The same, killed at a point.
fn chuky_until(at: &Path, point: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(EXECUTABLE);
    command
        .env("CHUKY_CRASH_AT", point)
        .args(["--lang", "en", "--config"])
        .arg(at.join("settings.toml"))
        .args(["ceremony", "--data-dir"]);
    let output = command.arg(at.join("var")).args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// The share on a sheet, as somebody types it.
fn typed(at: &Path, name: &str) -> String {
    typed_from(at, "sheets", name)
}

/// What is in the code of a sheet, drawn as it is printed.
fn scanned(at: &Path, name: &str) -> String {
    run(at, &format!("pdftoppm -r 150 -gray -png -singlefile sheets/{name}.pdf {name}"));
    let codes = chuky_pki::picture::code::codes(&fs::read(at.join(format!("{name}.png"))).unwrap(), "").unwrap();
    assert_eq!(codes.len(), 1, "{name}");
    codes.into_iter().next().unwrap()
}

fn typed_from(at: &Path, sheets: &str, name: &str) -> String {
    let text = run(at, &format!("pdftotext -layout {sheets}/{name}.pdf -"));
    let is_group = |word: &str| word.len() == 4 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let lines =
        text.lines().filter(|line| line.split_whitespace().count() == 6 && line.split_whitespace().all(is_group));
    let groups: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    assert_eq!(groups.len(), 18, "{text}");
    let file = at.join(if sheets == "sheets" { format!("{name}.share") } else { format!("{sheets}-{name}.share") });
    fs::write(&file, groups.join(" ").to_lowercase()).unwrap();
    file.to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custodians_hold_a_ceremony_from_their_sheets() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let at = directory.path();
    fs::write(at.join("ceremony.toml"), file(at)).unwrap();
    fs::write(at.join("settings.toml"), format!("[hsm]\npins_dir = '{}'\n", at.join("pins").display())).unwrap();
    let toml = at.join("ceremony.toml").to_string_lossy().into_owned();

    rehearsed_and_printed(at, &toml);
    let mut shares = Vec::new();
    for (number, set) in SETS.iter().enumerate() {
        for index in 1..=3 {
            let file = typed(at, &format!("{set}-{index}-of-3"));
            // The code on the sheet says what its letters say; every other share is entered as a scanner reads it.
            let scanned = scanned(at, &format!("{set}-{index}-of-3"));
            assert_eq!(scanned.to_lowercase().replace('-', " "), fs::read_to_string(&file).unwrap());
            if index % 2 == 0 {
                fs::write(&file, scanned).unwrap();
            }
            // Any two of three will do.
            if index != number % 3 + 1 {
                shares.extend(["--share".to_owned(), file]);
            }
        }
    }
    let hold = |shares: &[String]| {
        let arguments: Vec<&str> = shares.iter().map(String::as_str).chain([toml.as_str()]).collect();
        chuky(at, &arguments)
    };
    // Too few, and a mistyped one: nothing is made, and each is named.
    let (done, text) = hold(&shares[2..]);
    assert!(!done && text.contains("security officer (SO) PINs") && text.contains("2 shares are needed"), "{text}");
    let good = fs::read_to_string(&shares[1]).unwrap();
    fs::write(&shares[1], good.replacen(|c: char| c.is_ascii_digit(), "x", 1)).unwrap();
    let (done, text) = hold(&shares);
    assert!(!done && text.contains(&shares[1]) && text.contains("mistyped"), "{text}");
    fs::write(&shares[1], &good).unwrap();
    assert!(!at.join("var/chuky.db").exists());

    // The ceremony, and its record.
    let (done, text) = hold(&shares);
    assert!(done && text.contains("record.json"), "{text}");
    let (done, text) = hold(&shares);
    assert!(!done && text.contains("held before"), "{text}");
    record_is_checked(at);
    no_pin_is_kept(at);
    a_second_token_is_loaded(at);

    the_root_goes_away(at, &toml).await;
}

/// Nothing is made by a dry run, and no sheet goes to a disk; then the sheets, one for each custodian and secret.
fn rehearsed_and_printed(at: &Path, toml: &str) {
    let (done, text) = chuky(at, &["--dry-run", toml]);
    assert!(done && text.contains("citizens-root: p384") && text.contains("custody.keys: 2/3: Lê An"), "{text}");
    assert!(!at.join("var").exists());
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    if !chuky::tokens::is_in_memory(disk.path()).unwrap() {
        let (done, text) = chuky(at, &["sheets", toml, "--out", &disk.path().join("s").to_string_lossy()]);
        assert!(!done && text.contains("lies on a disk"), "{text}");
    }

    let (done, text) = chuky(at, &["sheets", toml, "--out", &at.join("sheets").to_string_lossy()]);
    assert!(done, "{text}");
}

/// The root goes away, and the machine is started anew: custodians enter the PINs of the service, which serves.
async fn the_root_goes_away(at: &Path, toml: &str) {
    fs::rename(at.join("root"), at.join("safe")).unwrap();
    fs::remove_dir_all(at.join("pins")).unwrap();
    let settings = || {
        let mut settings = Settings::load(Some(&at.join("settings.toml")), &at.join("var")).unwrap();
        settings.hsm.rsa_stock = 0;
        bootstrap::relax_second_factor(&mut settings);
        settings
    };
    let locked = bootstrap::open(settings(), Clock::default(), Path::new(EXECUTABLE)).await.err().unwrap();
    assert!(locked.to_string().contains("tokens_locked"), "{locked}");
    let of = |names: [&str; 2]| {
        let share =
            |name: &str| ["--share".to_owned(), at.join(format!("{name}-of-3.share")).to_string_lossy().into_owned()];
        names.iter().flat_map(|name| share(name)).collect::<Vec<_>>()
    };
    let unlock = |shares: Vec<String>| {
        let arguments: Vec<&str> = ["unlock"].into_iter().chain(shares.iter().map(String::as_str)).collect();
        chuky(at, &arguments)
    };
    let (done, text) = unlock(of(["root-pin-1", "root-pin-2"]));
    assert!(!done && text.contains("No shares were entered for the user PINs"), "{text}");
    foreign_shares_are_refused(at, toml, &unlock);
    let (done, text) = unlock(of(["user-pin-1", "user-pin-3"]));
    assert!(done, "{text}");
    let app = bootstrap::open(settings(), Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    serves_without_its_root(&app).await;

    // With the token, and with shares of the root, its lists are made anew; without the token they are not.
    let lists = |shares: Vec<String>| {
        let arguments: Vec<&str> = ["root-lists", toml].into_iter().chain(shares.iter().map(String::as_str)).collect();
        chuky(at, &arguments)
    };
    let (done, text) = lists(of(["root-pin-2", "root-pin-3"]));
    assert!(!done && text.contains("chuky-root cannot be opened"), "{text}");
    fs::rename(at.join("safe"), at.join("root")).unwrap();
    let (done, text) = lists(of(["root-pin-2", "root-pin-3"]));
    assert!(done && text.contains("citizens-root.crl"), "{text}");
    // A new issuing CA under it, from a file that names no custodians.
    let issuing =
        ceremony::TEST.split("[citizens.issuing]").nth(1).unwrap().split("[citizens.timestamp]").next().unwrap();
    let root = format!("[root_token]\nlabel = 'chuky-root'\nsofthsm_directory = '{}'\n", at.join("root").display());
    fs::write(
        at.join("g2.toml"),
        format!("test = true\n\n{root}\n[citizens.issuing]{issuing}").replace("CA - ", "CA G2 - "),
    )
    .unwrap();
    let file = at.join("g2.toml").to_string_lossy().into_owned();
    let (done, text) = chuky(at, &["roll-over", "--dry-run", &file]);
    assert!(done && text.contains("citizens-issuing: p256"), "{text}");
    let (first, second) = (of(["root-pin-1", "root-pin-2"]), ["roll-over", file.as_str()]);
    let arguments: Vec<&str> = second.into_iter().chain(first.iter().map(String::as_str)).collect();
    let (done, text) = chuky(at, &arguments);
    assert!(done && text.contains("citizens-issuing-2") && text.contains("record-2.json"), "{text}");
    let row = app.store.latest_crl_head("citizens-root").await.unwrap().unwrap();
    assert_eq!(row.number, 2);
    own_certificates_are_revoked(at, toml, &of);
    assert_eq!(row.next_update.unix_seconds() - row.this_update.unix_seconds(), 366 * 86_400);
}

/// The root's custodians revoke a CA, those of the service's PINs a timestamp authority; fewer, or without the root's token, nobody does.
fn own_certificates_are_revoked(at: &Path, toml: &str, of: &dyn Fn([&str; 2]) -> Vec<String>) {
    let revoke = |label: &str, reason: &str, more: &[&str], shares: Vec<String>| {
        let named = ["revoke", label, "--reason", reason].into_iter().chain(more.iter().copied());
        let arguments: Vec<&str> = named.chain(shares.iter().map(String::as_str)).collect();
        chuky(at, &arguments)
    };
    let (root, user) = (|| of(["root-pin-1", "root-pin-3"]), || of(["user-pin-1", "user-pin-2"]));
    let (done, text) = revoke("citizens-issuing-2", "no_reason", &["--file", toml], root());
    assert!(!done && text.contains("no_reason"), "{text}");
    let (done, text) = revoke("citizens-issuing-2", "ca_compromise", &[], user());
    assert!(!done && text.contains("--file"), "{text}");
    let (done, text) = revoke("citizens-issuing-2", "ca_compromise", &["--file", toml], user());
    assert!(!done && text.contains("No shares were entered"), "{text}");
    let one = vec!["--share".to_owned(), at.join("user-pin-1-of-3.share").to_string_lossy().into_owned()];
    let (done, text) = revoke("officials-timestamp", "key_compromise", &[], one);
    assert!(!done && text.contains("2 shares are needed"), "{text}");
    fs::rename(at.join("root"), at.join("safe")).unwrap();
    let (done, text) = revoke("citizens-issuing-2", "ca_compromise", &["--file", toml], root());
    assert!(!done && text.contains("chuky-root cannot be opened"), "{text}");
    fs::rename(at.join("safe"), at.join("root")).unwrap();
    let (done, text) = revoke("citizens-issuing-2", "ca_compromise", &["--file", toml], root());
    assert!(
        done && text.contains("Revoked citizens-issuing-2") && text.contains("citizens-root.crl, number 3"),
        "{text}"
    );
    let since = ["--invalid-since", "2020-01-01T00:00:00Z"];
    let (done, text) = revoke("officials-timestamp", "key_compromise", &since, user());
    assert!(!done && text.contains("within the certificate's validity"), "{text}");
    let (done, text) = revoke("officials-timestamp", "key_compromise", &[], user());
    assert!(done && text.contains("officials-issuing.crl") && text.contains("Nothing is stamped"), "{text}");
}

/// A second token from the shares holds the same keys; from those of another ceremony none is made.
fn a_second_token_is_loaded(at: &Path) {
    let load = |label: &str, sets: &[&str]| {
        let directory = at.join(label).to_string_lossy().into_owned();
        let mut arguments =
            vec!["second-token".to_owned(), label.to_owned(), "--softhsm-directory".to_owned(), directory];
        for set in sets {
            for index in [2, 3] {
                arguments.push("--share".to_owned());
                arguments.push(at.join(format!("{set}-{index}-of-3.share")).to_string_lossy().into_owned());
            }
        }
        chuky(at, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (done, text) = load("second", &["officer-pin", "keys"]);
    assert!(!done && text.contains("No shares were entered for the pepper"), "{text}");
    let (done, text) = load("second", &["officer-pin", "keys", "pepper-1"]);
    assert!(done && text.contains("chuky-wrapping-1") && text.contains("✓ Both tokens hold the same keys"), "{text}");
    // Again: nothing to make, and still equal.
    let (done, text) = load("second", &["officer-pin", "keys", "pepper-1"]);
    assert!(done && !text.contains("chuky-wrapping-1") && text.contains("✓"), "{text}");
}

fn record_is_checked(at: &Path) {
    let record = at.join("var/ceremony/record.json").to_string_lossy().into_owned();
    let (done, text) = chuky(at, &["verify", &record]);
    assert!(done && text.matches("✓ signed by").count() == 4, "{text}");
    // Without this program.
    let kept = at.join("var/ceremony");
    for (label, digest) in [("citizens-root", "sha384"), ("officials-issuing", "sha256")] {
        run(&kept, &format!("openssl x509 -in {label}.pem -pubkey -noout > {label}.pub"));
        let line = format!("openssl dgst -{digest} -verify {label}.pub -signature record.{label}.sig record.json");
        assert!(run(&kept, &line).contains("Verified OK"));
    }
    let printed = run(&kept, "pdftotext -layout record.pdf -");
    for expected in ["BIÊN BẢN LỄ TẠO KHÓA", "Record of the key ceremony", "Nguyễn Thị Hồng (Chủ trì)", "chuky-root"]
    {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    // One letter of it, a signature, or a certificate changed.
    let genuine = fs::read_to_string(&record).unwrap();
    fs::write(&record, genuine.replacen("Hà Nội", "Huế", 1)).unwrap();
    let (done, text) = chuky(at, &["verify", &record]);
    assert!(!done && text.contains("the signature of citizens-root does not fit"), "{text}");
    fs::write(&record, &genuine).unwrap();
    let certificate = fs::read(kept.join("officials-ocsp.pem")).unwrap();
    fs::copy(kept.join("citizens-ocsp.pem"), kept.join("officials-ocsp.pem")).unwrap();
    let (done, text) = chuky(at, &["verify", &record]);
    assert!(!done && text.contains("officials-ocsp.pem is another certificate"), "{text}");
    fs::write(kept.join("officials-ocsp.pem"), certificate).unwrap();
    assert!(chuky(at, &["verify", &record]).0);
}

/// The PINs lie in memory where the workers find them, and nowhere in the data directory or beside it.
fn no_pin_is_kept(at: &Path) {
    for kind in ["authority", "status", "subscribers"] {
        let pin = fs::read_to_string(at.join(format!("pins/{kind}.user.pin"))).unwrap();
        assert_eq!(pin.len(), 32);
        assert_eq!(run(at, &format!("grep -rlaF {pin} var var.secrets root")), "");
    }
    assert!(!at.join("pins/authority.so.pin").exists());
    assert_eq!(run(at, "find var var.secrets -name '*.pin'"), "");
}

/// Shares of another ceremony do not open this one, alone or mixed with its own.
fn foreign_shares_are_refused(at: &Path, toml: &str, unlock: &dyn Fn(Vec<String>) -> (bool, String)) {
    fs::rename(at.join("sheets"), at.join("own-sheets")).unwrap();
    assert!(chuky(at, &["sheets", toml, "--out", &at.join("sheets").to_string_lossy()]).0);
    let own = fs::read(at.join("user-pin-1-of-3.share")).unwrap();
    let foreign = typed(at, "user-pin-1-of-3");
    let second = at.join("user-pin-2-of-3.share").to_string_lossy().into_owned();
    let (done, text) = unlock(["--share".to_owned(), foreign, "--share".to_owned(), second].to_vec());
    assert!(!done && text.contains("share 1 is of set"), "{text}");
    fs::write(at.join("user-pin-1-of-3.share"), own).unwrap();
}

/// Issues, answers and serves the root's last list; what needs the root says so.
async fn serves_without_its_root(app: &App) {
    let test = TestApp::around(app.clone()).await;
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let (status, receipt) = test.redeem("", &redemption(&code, "hong.uong")).await;
    assert_eq!(status, 201, "{receipt}");
    let directory = tempfile::tempdir().unwrap();
    super::fetch(&test, directory.path(), "citizens", &receipt).await;
    assert!(super::ocsp(&test, directory.path()).contains("subscriber.pem: good"));
    let line = "openssl verify -crl_check_all -CRLfile both.crl -CAfile root.pem -untrusted issuing.pem subscriber.pem";
    assert_eq!(run(directory.path(), line), "subscriber.pem: OK\n");
    let error = ceremony::roll_over(app, &ceremony::TEST.replace("CA - ", "CA G3 - ")).await.unwrap_err();
    assert!(error.to_string().contains("root_away"), "{error}");
}
