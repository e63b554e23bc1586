//! Who may use whom: `http, cli → flows → { store, hsm, pki, audit } → model`, and which package may touch which library.

use super::source::{Finding, Tree, finding};

/// A word, where it may stand, and why.
struct Fence {
    word: &'static str,
    /// Path prefixes within which the rule looks; empty for everywhere.
    within: &'static [&'static str],
    /// Path prefixes that are free of it.
    except: &'static [&'static str],
    advice: &'static str,
}

const FLOWS: &[&str] = &[
    "src/registration",
    "src/issuance",
    "src/signing",
    "src/outgoing",
    "src/verification",
    "src/transactions",
    "src/reports",
    "src/statistics",
    "src/audit",
    "src/store",
    "src/worker.rs",
];
const PURE: &[&str] = &["model/src", "pki/src"];
const STORE: &[&str] = &["store/", "src/store.rs", "src/store/"];

const FENCES: &[Fence] = &[
    Fence {
        word: "axum",
        within: &[],
        except: &["src/http"],
        advice: "axum only in src/http: let a handler there call a flow",
    },
    Fence { word: "axum_extra", within: &[], except: &["src/http"], advice: "axum only in src/http" },
    Fence { word: "tower_http", within: &[], except: &["src/http"], advice: "axum's layers only in src/http" },
    Fence {
        word: "sqlx",
        within: &[],
        except: STORE,
        advice: "SQL only in store: add a query in store/src and call it",
    },
    Fence { word: "cryptoki", within: &[], except: &["hsm/"], advice: "PKCS#11 only in hsm: use the Hsm trait" },
    Fence {
        word: "openssl",
        within: &[],
        except: &["pki/src/crypto.rs", "pki/src/crypto/"],
        advice: "OpenSSL's primitives only in pki/src/crypto.rs: call that",
    },
    Fence {
        word: "rustls",
        within: &[],
        except: &["src/tls", "src/cli/client.rs"],
        advice: "TLS is made in src/tls.rs: ask it for what the connection needs",
    },
    Fence {
        word: "crate::http",
        within: &["src/tls", "src/connections.rs"],
        except: &[],
        advice: "http uses these, not the other way round",
    },
    Fence {
        word: "chuky_hsm",
        within: &["pki/", "model/", "store/"],
        except: &[],
        advice: "only the flows join hsm and others",
    },
    Fence {
        word: "chuky_pki",
        within: &["hsm/", "model/", "store/"],
        except: &[],
        advice: "only the flows join pki and others",
    },
    Fence {
        word: "chuky_store_sqlite",
        within: &[],
        except: STORE,
        advice: "use crate::store, which serves both databases",
    },
    Fence {
        word: "chuky_store_postgres",
        within: &[],
        except: STORE,
        advice: "use crate::store, which serves both databases",
    },
    Fence { word: "crate::http", within: FLOWS, except: &[], advice: "a flow knows no HTTP: move what it needs below" },
    Fence {
        word: "crate::cli",
        within: FLOWS,
        except: &[],
        advice: "a flow knows no command line: move what it needs below",
    },
    Fence { word: "tokio", within: PURE, except: &[], advice: "model and pki are not async" },
    Fence { word: "std::fs", within: PURE, except: &[], advice: "model and pki do no I/O: take bytes" },
    Fence { word: "std::net", within: PURE, except: &["pki/src/name.rs"], advice: "model and pki do no I/O" },
    Fence { word: "std::process", within: PURE, except: &[], advice: "model and pki start nothing" },
    Fence {
        word: "std::env",
        within: PURE,
        except: &[],
        advice: "model and pki read no environment: take an argument",
    },
    Fence { word: "rand", within: &["model/src"], except: &[], advice: "model has no randomness: take an argument" },
    Fence {
        word: "SystemTime::now",
        within: &[],
        except: &["src/clock.rs", "hsm/src/"],
        advice: "time is an argument: only src/clock.rs reads the clock, and the HSM worker its own",
    },
    Fence {
        word: "OffsetDateTime::now_utc",
        within: &[],
        except: &["src/clock.rs"],
        advice: "time is an argument: only src/clock.rs reads the clock",
    },
];

/// Rust sources outside tests and measurements.
pub fn sources(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for fence in FENCES {
            let looked_at = fence.within.is_empty() || fence.within.iter().any(|prefix| file.path.starts_with(prefix));
            if !looked_at || fence.except.iter().any(|prefix| file.path.starts_with(prefix)) {
                continue;
            }
            for at in file.words(fence.word) {
                let line = file.line_of(at);
                // `x.rand` or `names::openssl` name something of ours, not the library.
                let ours = file.code[..at].ends_with(['.', ':']) && !file.code[..at].ends_with(" ::");
                if !file.is_test(line) && !ours {
                    findings.push(finding(
                        &file.path,
                        line,
                        "direction",
                        format!("`{}`: {}", fence.word, fence.advice),
                    ));
                }
            }
        }
    }
    findings
}

/// A manifest and the packages that must not stand among its `[dependencies]`.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("model/Cargo.toml", &["chuky-", "openssl", "cryptoki", "sqlx", "axum", "tokio", "rand"]),
    ("pki/Cargo.toml", &["chuky-hsm", "chuky-store", "cryptoki", "sqlx", "axum", "tokio"]),
    ("hsm/Cargo.toml", &["chuky-pki", "chuky-store", "openssl", "sqlx", "axum"]),
    ("store/sqlite/Cargo.toml", &["chuky-pki", "chuky-hsm", "chuky-store", "cryptoki", "openssl", "axum"]),
    ("store/postgres/Cargo.toml", &["chuky-pki", "chuky-hsm", "chuky-store", "cryptoki", "openssl", "axum"]),
    ("Cargo.toml", &["cryptoki", "sqlx", "openssl"]),
];

/// The `[dependencies]` of each package; development dependencies are free.
pub fn manifests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, forbidden) in MANIFESTS {
        let Some(file) = tree.files.iter().find(|file| file.path == *path) else {
            findings.push(finding(path, 1, "direction", "the package is gone: take it out of tests/tidy/direction.rs"));
            continue;
        };
        let mut inside = false;
        for (index, line) in file.text.lines().enumerate() {
            if line.starts_with('[') {
                inside = line == "[dependencies]";
            }
            if let Some(name) = forbidden.iter().find(|name| inside && line.starts_with(**name)) {
                findings.push(finding(path, index + 1, "direction", format!("must not depend on {name}")));
            }
        }
    }
    findings
}
