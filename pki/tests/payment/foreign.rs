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

/// RFC 7515 Appendix A.2 (RS256) and A.3 (ES256) signing inputs are covered by joserfc above; A.5, the unsecured JWS, is refused.
#[test]
fn the_unsecured_example_of_the_rfc_is_refused() {
    let body = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(judge(&World::new(), body).reasons, ["algorithm_not_allowed"]);
}
