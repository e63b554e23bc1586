//! `chuky sign --watch`: whatever comes into a folder goes out signed, once; crashes at each step, restarts, signals, and a PIN that ends it.

use super::{foreign::Person, subscriber::plain_pdf};
use serde_json::Value;
use std::{
    path::Path,
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

const WATCH: [&str; 7] = ["--watch", "in", "--out", "out", "--settle", "50", "--pin-file"];

fn folders() -> Person {
    let person = Person::with_token();
    std::fs::create_dir(person.at("in")).unwrap();
    std::fs::create_dir(person.at("out")).unwrap();
    person
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with(".chuky-sign"));
    names.sort();
    names
}

/// A run that is ended where a test fails, too.
struct Watching(Option<Child>);

impl Watching {
    fn start(person: &Person, pin: &str, crash_at: &str) -> Self {
        Self(Some(person.start(&[&WATCH[..], &[pin]].concat(), crash_at)))
    }

    /// Waits until it holds, for a bounded time.
    fn until(&mut self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let ended = self.0.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() || holds(), "{what}: it ended, {ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end; the status, its lines, and what it said.
    fn ended(mut self) -> (ExitStatus, Vec<Value>, String) {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status, lines, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Asks it to end.
    fn end(self) -> (ExitStatus, Vec<Value>, String) {
        let process = rustix::process::Pid::from_child(self.0.as_ref().unwrap());
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.ended()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn what_comes_in_goes_out_signed_and_what_cannot_be_signed_goes_aside() {
    let person = folders();
    std::fs::write(person.at("in/before.pdf"), plain_pdf()).unwrap();
    std::fs::write(person.at("in/.hidden.pdf"), plain_pdf()).unwrap();
    std::fs::write(person.at("in/coming.pdf.part"), plain_pdf()).unwrap();
    let mut watching = Watching::start(&person, "pin", "");
    watching.until("the first is delivered", || names(&person.at("out")) == ["before.pdf"]);
    std::fs::write(person.at("in/broken.pdf"), "no PDF").unwrap();
    std::fs::rename(person.at("in/coming.pdf.part"), person.at("in/coming.pdf")).unwrap();
    // The same name again, while the first one's signed form still lies there.
    std::fs::write(person.at("again.pdf"), plain_pdf()).unwrap();
    std::fs::rename(person.at("again.pdf"), person.at("in/before.pdf")).unwrap();
    watching.until("three are delivered", || names(&person.at("out")).len() == 3);
    watching.until("one is put aside", || names(&person.at("in/.failed")) == ["broken.pdf"]);
    watching.until("the lines are told", || !person.at("in/.chuky-sign/line.json").exists());
    let (status, lines, said) = watching.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(names(&person.at("out")), ["before-2.pdf", "before.pdf", "coming.pdf"]);
    assert_eq!(names(&person.at("in/.signed")), ["before-2.pdf", "before.pdf", "coming.pdf"]);
    assert_eq!(names(&person.at("in")), [".failed", ".hidden.pdf", ".signed"]);
    for name in names(&person.at("out")) {
        assert_eq!(person.verify(&[], &format!("out/{name}"))["integrity"], "intact");
    }
    assert_eq!(lines.len(), 4, "{lines:?}");
    let failed = lines.iter().find(|line| line["state"] == "failed").unwrap();
    assert_eq!(failed["file"], "broken.pdf");
    assert!(!failed["reason"].as_str().unwrap().is_empty(), "{failed}");
    let signed: Vec<&str> =
        lines.iter().filter(|line| line["state"] == "signed").map(|line| line["output"].as_str().unwrap()).collect();
    assert!(signed.contains(&"before-2.pdf") && signed.contains(&"coming.pdf"), "{lines:?}");
}

#[test]
fn a_crash_at_any_step_loses_nothing_and_delivers_nothing_twice() {
    for crash_at in ["watch.taken", "watch.signed", "watch.put_away", "watch.delivered", "watch.set_aside"] {
        let person = folders();
        let fails = crash_at == "watch.set_aside";
        let text = if fails { b"no PDF".to_vec() } else { plain_pdf() };
        std::fs::write(person.at("in/letter.pdf"), &text).unwrap();
        let (status, lines, said) = Watching::start(&person, "pin", crash_at).ended();
        assert_eq!(status.code(), None, "{crash_at}: killed by its own signal, not ended: {said}");
        assert!(lines.is_empty(), "{crash_at}: {lines:?}");
        // Whoever fetches what is delivered does so before the restart.
        let fetched = names(&person.at("out"));
        for name in &fetched {
            assert_eq!(person.verify(&[], &format!("out/{name}"))["integrity"], "intact", "{crash_at}");
            std::fs::remove_file(person.at("out").join(name)).unwrap();
        }
        assert_eq!(fetched.len(), usize::from(crash_at == "watch.delivered"), "{crash_at}");
        let mut watching = Watching::start(&person, "pin", "");
        let (done, failed) = (person.at("in/.signed"), person.at("in/.failed"));
        watching.until(crash_at, || names(if fails { &failed } else { &done }) == ["letter.pdf"]);
        watching.until(crash_at, || fails || !fetched.is_empty() || names(&person.at("out")) == ["letter.pdf"]);
        watching.until(crash_at, || !person.at("in/.chuky-sign/line.json").exists());
        let (status, lines, said) = watching.end();
        assert_eq!(status.code(), Some(0), "{crash_at}: {said}");
        let delivered = fetched.len() + names(&person.at("out")).len();
        assert_eq!(delivered, usize::from(!fails), "{crash_at}: delivered once");
        let original = if fails { failed } else { done };
        assert_eq!(std::fs::read(original.join("letter.pdf")).unwrap(), text, "{crash_at}: the original is whole");
        assert_eq!(names(&person.at("in")), [".failed", ".signed"], "{crash_at}");
        assert_eq!(lines.len(), 1, "{crash_at}: {lines:?}");
        assert_eq!(
            (&lines[0]["file"], &lines[0]["state"]),
            (&"letter.pdf".into(), &if fails { "failed" } else { "signed" }.into())
        );
    }
}

#[test]
fn a_pin_that_is_wrong_or_a_token_that_goes_ends_it_at_once() {
    let mut person = folders();
    for name in ["in/one.pdf", "in/two.pdf", "in/three.pdf"] {
        std::fs::write(person.at(name), plain_pdf()).unwrap();
    }
    let all = ["one.pdf", "three.pdf", "two.pdf"];
    let waiting = |person: &Person| {
        let mut names = names(&person.at("in"));
        names.retain(|name| !name.starts_with('.'));
        names
    };
    person.fail("C_Login rv=CKR_PIN_INCORRECT count=9");
    let (status, lines, said) = Watching::start(&person, "pin", "").ended();
    assert_eq!((status.code(), lines.len()), (Some(1), 0), "{said}");
    assert!(said.contains("the PIN is wrong"), "{said}");
    assert_eq!((person.met(0), waiting(&person)), (1, all.map(str::to_owned).to_vec()));
    // In the middle of its work: the document that was taken waits again.
    person.fail("C_Sign rv=CKR_DEVICE_REMOVED");
    let (status, lines, said) = Watching::start(&person, "pin", "").ended();
    assert_eq!((status.code(), lines.len()), (Some(1), 0), "{said}");
    assert!(said.contains("no longer there"), "{said}");
    assert_eq!(waiting(&person), all);
    assert!(names(&person.at("out")).is_empty());
    person.fail("");
    let mut watching = Watching::start(&person, "pin", "");
    watching.until("all are delivered", || names(&person.at("out")).len() == 3);
    let (status, ..) = watching.end();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn folders_that_cannot_serve_are_refused_before_a_pin_is_used() {
    let mut person = folders();
    person.fail("C_Login rv=CKR_PIN_INCORRECT count=9");
    for (arguments, words) in [
        (["--watch", "in", "--out", "missing"], "missing"),
        (["--watch", "missing", "--out", "out"], "missing"),
        (["--watch", "in", "--out", "/dev/shm"], "another file system"),
    ] {
        let ran = person.sign(&[&arguments[..], &["--pin-file", "pin"]].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
    assert_eq!(person.met(0), 0);
}
