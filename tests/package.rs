//! The Debian package: built, installed into a tree of its own, started from there as its unit says, and removed, with data left where they are.

use crate::harness::app::EXECUTABLE;
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    time::{Duration, Instant},
};

fn done(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn built(at: &Path) -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    done(Command::new("scripts/package").arg(EXECUTABLE).arg(at).env("COMPRESSION", "none").current_dir(root));
    let found = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
    found.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb")).unwrap()
}

/// Installs into a tree: by dpkg where we may, else by unpacking.
fn installed(package: &Path, tree: &Path) -> bool {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            fs::create_dir_all(tree.join(directory)).unwrap();
        }
        fs::write(tree.join("var/lib/dpkg/status"), "").unwrap();
        // What it depends on is on this machine, not in the tree.
        done(dpkg(tree).args(["--force-depends", "--install"]).arg(package));
    } else {
        done(Command::new("dpkg-deb").arg("--extract").arg(package).arg(tree));
    }
    is_root
}

fn dpkg(tree: &Path) -> Command {
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", tree.display())).arg("--force-script-chrootless");
    command
}

/// The unit's value of that name.
fn unit_value<'u>(unit: &'u str, name: &str) -> &'u str {
    unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap()
}

/// Ends with the test, whatever becomes of it.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts what the unit starts, in the tree.
fn started(tree: &Path, unit: &str, listen: &str) -> Service {
    let here = |word: &str| match word.starts_with('/') {
        true => tree.join(word.trim_start_matches('/')).display().to_string(),
        false => word.to_owned(),
    };
    let words: Vec<String> = unit_value(unit, "ExecStart").split(' ').map(here).collect();
    for directory in unit_value(unit, "StateDirectory").split(' ') {
        let path = tree.join("var/lib").join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("CHUKY__SERVER__LISTEN", listen).env("CHUKY__HSM__RSA_STOCK", "0");
    Service(command.spawn().unwrap())
}

#[test]
fn the_package_is_installed_started_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (packages, tree) = (directory.path().join("packages"), directory.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    let package = built(&packages);
    let listed = done(Command::new("dpkg-deb").arg("--contents").arg(&package));
    for line in listed.lines() {
        assert!(line.contains("root/root") && !line.starts_with("-rws"), "{line}");
        assert!(!line[..10].ends_with("w-") && &line[8..9] != "w", "others may write: {line}");
    }
    let by_dpkg = installed(&package, &tree);
    // It says what it was built from.
    let parts = fs::read(tree.join("usr/share/doc/chuky/chuky.cdx.json")).unwrap();
    let parts: serde_json::Value = serde_json::from_slice(&parts).unwrap();
    let part = |name: &str| parts["components"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!((&parts["bomFormat"], &parts["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert!(part("rustls")["purl"].as_str().unwrap().starts_with("pkg:cargo/rustls@0.23."));
    assert_eq!(part("ring")["hashes"][0]["content"].as_str().unwrap().len(), 64);
    // The unit is one that systemd understands, and lets the service do little.
    let unit_file = tree.join("lib/systemd/system/chuky.service");
    let unit = fs::read_to_string(&unit_file).unwrap();
    let judged =
        done(Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20"]).arg(&unit_file));
    assert!(judged.contains("Overall exposure level"), "{judged}");
    // Its settings are read, its program serves, and ends when it is told to.
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut service = started(&tree, &unit, &listen);
    let since = Instant::now();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = loop {
        match agent.get(format!("http://{listen}/healthz")).call() {
            Ok(answer) => break answer,
            Err(_) => assert!(since.elapsed() < Duration::from_secs(120) && service.0.try_wait().unwrap().is_none()),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "ok\n");
    assert_eq!(agent.get(format!("http://{listen}/readyz")).call().unwrap().status().as_u16(), 200);
    // No memory of it is ever written to a disk.
    let limits = fs::read_to_string(format!("/proc/{}/limits", service.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    done(Command::new("kill").args(["-TERM", &service.0.id().to_string()]));
    assert!(service.0.wait().unwrap().success());
    // Removed, and purged: the data stay.
    if by_dpkg {
        done(dpkg(&tree).args(["--purge", "chuky"]));
        assert!(!tree.join("usr/bin/chuky").exists() && !tree.join("etc/chuky/chuky.toml").exists());
    }
    assert!(tree.join("var/lib/chuky/chuky.db").exists());
}
