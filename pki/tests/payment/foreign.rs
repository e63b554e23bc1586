//! joserfc and openssl make messages that we judge, and read what we make.

use crate::{
    judge, order,
    pki::{World, rsa},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::payment::PaymentVerdict;
use chuky_pki::jose::JwsAlgorithm;
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// The Python of the tests' virtual environment, where it has joserfc.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python");
    let works = Command::new(&python).args(["-c", "import joserfc"]).stderr(Stdio::null()).status();
    let found = works.is_ok_and(|status| status.success());
    if !found {
        println!("SKIPPED: no joserfc in target/venv (scripts/venv makes it)");
    }
    found.then_some(python)
}

fn run(python: &PathBuf, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const SIGN: &str = r#"
import sys, json
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
jws.JWSRegistry.max_header_length = 65536  # x5c is longer than its default of 512
pem, alg, chain, payload = sys.argv[1:5]
key = (ECKey if alg.startswith('ES') else RSAKey).import_key(pem)
header = {'alg': alg, 'x5c': chain.split(',')}
print(jws.serialize_compact(header, payload.encode(), key, algorithms=[alg]))
print(json.dumps(jws.serialize_json({'protected': header}, payload.encode(), key, algorithms=[alg])))
"#;

const READ: &str = r#"
import sys
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
jws.JWSRegistry.max_header_length = 65536  # x5c is longer than its default of 512
pem, alg, token = sys.argv[1:4]
key = (ECKey if alg.startswith('ES') else RSAKey).import_key(pem)
sys.stdout.write(jws.deserialize_compact(token, key, algorithms=[alg]).payload.decode())
"#;

#[test]
fn joserfc_and_we_read_each_other() {
    let Some(python) = python() else { return };
    let world = World::new();
    let holders = [(world.citizen(), "ES256"), (world.issuing.holder(&Default::default(), rsa()), "RS256")];
    for (holder, name) in holders.iter().chain([&(world.issuing.holder(&Default::default(), rsa()), "PS256")]) {
        let private = String::from_utf8(holder.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let public = String::from_utf8(holder.key.public_key_to_pem().unwrap()).unwrap();
        let chain = [&holder.certificate, &world.issuing.certificate]
            .map(|certificate| STANDARD.encode(certificate.to_der().unwrap()))
            .join(",");
        let payload = order().to_string();
        for body in run(&python, SIGN, &[&private, name, &chain, &payload]).lines() {
            let answer = judge(&world, body);
            assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{name}: {:?}", answer.checks);
        }
        let ours = world.sign(holder, JwsAlgorithm::from_name(name).unwrap(), payload.as_bytes());
        assert_eq!(run(&python, READ, &[&public, name, &ours]), payload);
    }
}

/// `jose` for Node, where `scripts/node-packages` has installed it.
#[test]
fn jose_for_node_is_read_and_each_part_counts() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/node");
    if !folder.join("node_modules/jose").exists() {
        println!("SKIPPED: no jose in target/node (scripts/node-packages installs it)");
        return;
    }
    const SCRIPT: &str = r#"
import { CompactSign, FlattenedSign, importPKCS8 } from "jose";
const [pem, alg, chain, payload] = process.argv.slice(2);
const key = await importPKCS8(pem, alg);
const header = { alg, x5c: chain.split(",") };
const bytes = new TextEncoder().encode(payload);
console.log(await new CompactSign(bytes).setProtectedHeader(header).sign(key));
console.log(JSON.stringify(await new FlattenedSign(bytes).setProtectedHeader(header).sign(key)));
const plain = { ...header, b64: false, crit: ["b64"] };
console.log(JSON.stringify(await new FlattenedSign(bytes).setProtectedHeader(plain).sign(key)));
"#;
    let script = folder.join("sign.mjs");
    std::fs::write(&script, SCRIPT).unwrap();
    let world = World::new();
    let rsa = || world.issuing.holder(&Default::default(), rsa());
    for (holder, name) in [(world.citizen(), "ES256"), (rsa(), "RS256"), (rsa(), "PS384")] {
        let private = String::from_utf8(holder.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let chain = [&holder.certificate, &world.issuing.certificate]
            .map(|certificate| STANDARD.encode(certificate.to_der().unwrap()))
            .join(",");
        let payload = order().to_string();
        let output = Command::new("node").arg(&script).args([&private, name, &chain, &payload]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let [compact, flat, plain] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        for body in [compact, flat] {
            let answer = judge(&world, body);
            assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{name}: {:?}", answer.checks);
        }
        // The unencoded payload travels apart; the flattened object has an empty one beside it.
        let mut plain: serde_json::Value = serde_json::from_str(plain).unwrap();
        plain.as_object_mut().unwrap().remove("payload");
        let apart =
            |content: &str| judge(&world, &serde_json::json!({ "signature": plain, "content": content }).to_string());
        assert_eq!(apart(&payload).verdict, PaymentVerdict::Accepted, "{:?}", apart(&payload).checks);
        assert_eq!(apart(&payload.replace("150000", "150001")).reasons, ["signature_invalid"]);
        // Each part of the compact form, one character changed.
        for part in 0..3 {
            let mut parts: Vec<String> = compact.split('.').map(str::to_owned).collect();
            let other = if parts[part].as_bytes()[20] == b'A' { "B" } else { "A" };
            parts[part].replace_range(20..21, other);
            assert_ne!(judge(&world, &parts.join(".")).verdict, PaymentVerdict::Accepted, "{name} {part}");
        }
    }
}

/// RFC 7515 Appendix A.2 (RS256) and A.3 (ES256) signing inputs are covered by joserfc above; A.5, the unsecured JWS, is refused.
#[test]
fn the_unsecured_example_of_the_rfc_is_refused() {
    let body = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(judge(&World::new(), body).reasons, ["algorithm_not_allowed"]);
}
