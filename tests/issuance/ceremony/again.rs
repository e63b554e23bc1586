//! A ceremony that is begun wrongly, cut short, or held a second time: nothing is touched before everything was looked at, no PIN file
//! is overwritten by other sheets, no empty token takes the place of one that is away, and the same sheets bring it to its end.

use super::{SETS, chuky, chuky_until, place, printed, shares, token_folder};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Every file below, with its content.
fn everything(at: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![at.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                directories.push(entry);
            } else {
                found.insert(entry.clone(), fs::read(&entry).unwrap());
            }
        }
    }
    found
}

fn count(at: &Path) -> usize {
    fs::read_dir(at).map_or(0, Iterator::count)
}

#[test]
fn nothing_is_touched_before_the_file_the_data_and_the_shares_were_looked_at() {
    let (directory, toml) = place();
    let at = directory.path();
    printed(at, &toml, "others");
    let (own, others) = (shares(at, "sheets", &SETS), shares(at, "others", &SETS));
    let hold = |point: &str, file: &str, shares: &[String]| {
        let arguments: Vec<&str> = shares.iter().map(String::as_str).chain([file]).collect();
        chuky_until(at, point, &arguments)
    };
    let tokens = at.join("var/tokens");

    // A file that cannot be used makes nothing, with all shares there.
    let text = fs::read_to_string(&toml).unwrap();
    for (wrong, expected) in [
        (text.replace("key = \"p384\"", "key = \"p521\""), "p521"),
        (text.replace("days = 397", "days = 500"), "too long"),
        (text.replace("[officials.timestamp]", "[officials.timestamp]\nissuer = \"officials-issuing\""), "issuer"),
    ] {
        assert_ne!(wrong, text);
        let file = at.join("wrong.toml").to_string_lossy().into_owned();
        fs::write(&file, wrong).unwrap();
        let (done, said) = hold("", &file, &own);
        assert!(!done && said.contains(expected), "{said}");
        assert!(!at.join("var").exists() && !at.join("pins").exists() && !at.join("root").exists());
    }

    // Cut short before the first token: whose shares they are is known already, and others are refused.
    hold("ceremony.after_note", &toml, &own);
    assert!(at.join("var/custodians.json").exists() && count(&tokens) == 0 && !at.join("pins").exists());
    let (done, said) = hold("", &toml, &others);
    assert!(!done && said.contains("of set"), "{said}");
    assert!(count(&tokens) == 0 && !at.join("pins").exists());

    // Cut short after the service's tokens: others overwrite no PIN; a token that is away is not made anew.
    hold("ceremony.after_tokens", &toml, &own);
    assert_eq!((count(&tokens), count(&at.join("pins"))), (3, 3));
    let (pins, all) = (everything(&at.join("pins")), everything(&at.join("var")));
    let (done, said) = hold("", &toml, &others);
    assert!(!done && said.contains("of set"), "{said}");
    assert!(everything(&at.join("pins")) == pins && everything(&at.join("var")) == all);
    let authority = token_folder(&tokens, "chuky-authority");
    fs::rename(&authority, at.join("away")).unwrap();
    let (done, said) = hold("", &toml, &own);
    assert!(!done && said.contains("chuky-authority was made before"), "{said}");
    assert_eq!(count(&tokens), 2);
    fs::rename(at.join("away"), &authority).unwrap();

    // Cut short before anything is stored: the same for the root's token.
    hold("ceremony.before_store", &toml, &own);
    fs::rename(at.join("root"), at.join("safe")).unwrap();
    let (done, said) = hold("", &toml, &own);
    assert!(!done && said.contains("chuky-root cannot be opened"), "{said}");
    assert!(!at.join("root").exists());
    fs::rename(at.join("safe"), at.join("root")).unwrap();

    // The same sheets bring it to its end.
    let (done, said) = hold("", &toml, &own);
    assert!(done && said.contains("Record: "), "{said}");

    // Held: a second time is refused before anything is asked for or touched, whatever is away.
    fs::rename(&authority, at.join("away")).unwrap();
    fs::rename(at.join("root"), at.join("safe")).unwrap();
    let pins = everything(&at.join("pins"));
    for shares in [&own, &others, &Vec::new()] {
        let (done, said) = hold("", &toml, shares);
        assert!(!done && said.contains("held before"), "{said}");
    }
    assert!(count(&tokens) == 2 && !at.join("root").exists() && everything(&at.join("pins")) == pins);
}

#[test]
fn sheets_go_into_no_directory_that_others_can_enter() {
    let (directory, toml) = place();
    let at = directory.path();
    let out = at.join("prepared");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("keys-1-of-3.pdf.new"), "").unwrap();
    for mode in [0o777, 0o755, 0o750] {
        fs::set_permissions(&out, fs::Permissions::from_mode(mode)).unwrap();
        let (done, said) = chuky(at, &["sheets", &toml, "--out", &out.to_string_lossy()]);
        assert!(!done && said.contains("Others have access"), "{said}");
        assert_eq!(count(&out), 1);
    }
}
