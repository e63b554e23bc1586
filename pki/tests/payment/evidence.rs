//! Revocation lists that come along with a payment, for certificates that the service knows nothing of.

use crate::{
    forms::{cms, folder, verifier},
    messages,
    pki::{Holder, NOW, World},
};
use chuky_pki::payment::Status;
use std::process::Command;

/// Of a certificate that the flow knows nothing of, what came along tells: an OCSP answer in CMS, for the whole path or not at all.
#[test]
fn embedded_revocation_is_judged_for_the_whole_path() {
    let world = World::new();
    let holder = world.citizen();
    let verifier = verifier(&world);
    let object = cms(&world, &holder, messages::order().to_string().as_bytes(), true);
    let presented = verifier.read(&object, NOW);
    let examined = verifier.examine(&presented, None, NOW);
    assert!(matches!(examined.embedded_status(), Status::Unknown(_)));
    let told = |revoked: &str, roots_list: bool| {
        let object = with_lists(&world, &holder, revoked, roots_list);
        let presented = verifier.read(&object, NOW);
        verifier.examine(&presented, None, NOW).embedded_status()
    };
    assert_eq!(told("", true), Status::Good);
    assert!(matches!(told("", false), Status::Unknown(_)), "the authority's own status is not told");
    assert!(matches!(told("keyCompromise", true), Status::Revoked { .. }));
    assert!(matches!(told("certificateHold", true), Status::Suspended { .. }));
}

/// The CMS object with revocation lists of the issuing authority and of the root, made by OpenSSL.
fn with_lists(world: &World, holder: &Holder, revoked: &str, roots_list: bool) -> Vec<u8> {
    let folder = folder(&format!("lists-{revoked}-{roots_list}"));
    let path = |name: &str| folder.join(name).display().to_string();
    let write = |name: &str, content: &[u8]| std::fs::write(path(name), content).unwrap();
    let serial = holder.certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string();
    let entry = match revoked {
        "" => String::new(),
        reason => format!("R\t261222030000Z\t261121000000Z,{reason}\t{serial}\tunknown\t/CN=x\n"),
    };
    for (name, authority, database) in [("issuing", &world.issuing, entry.as_str()), ("root", &world.root, "")] {
        write(&format!("{name}.pem"), &authority.certificate.to_pem().unwrap());
        write(&format!("{name}.key"), &authority.key.private_key_to_pem_pkcs8().unwrap());
        write(&format!("{name}.db"), database.as_bytes());
        write(
            &format!("{name}.cnf"),
            format!("[ca]\ndefault_ca=x\n[x]\ndatabase={}\ndefault_md=sha256\n", path(&format!("{name}.db")))
                .as_bytes(),
        );
        let dates = ["-crl_lastupdate", "20261122000000Z", "-crl_nextupdate", "20261129000000Z"];
        let output = Command::new("openssl")
            .args([
                "ca",
                "-gencrl",
                "-config",
                &path(&format!("{name}.cnf")),
                "-keyfile",
                &path(&format!("{name}.key")),
            ])
            .args(["-cert", &path(&format!("{name}.pem")), "-out", &path(&format!("{name}.crl"))])
            .args(dates)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let crl =
        |name: &str| openssl::x509::X509Crl::from_pem(&std::fs::read(path(&format!("{name}.crl"))).unwrap()).unwrap();
    let mut lists = vec![crl("issuing").to_der().unwrap()];
    if roots_list {
        lists.push(crl("root").to_der().unwrap());
    }
    add_lists(&cms(world, holder, messages::order().to_string().as_bytes(), true), &lists)
}

/// RFC 5652 §5.1: the field `crls` behind the certificates; the signature is not over it.
fn add_lists(object: &[u8], lists: &[Vec<u8>]) -> Vec<u8> {
    use chuky_pki::asn1::{Element, write};
    let mut outer = Element::sequence(object, "ContentInfo").unwrap();
    let kind = outer.any().unwrap().raw.to_vec();
    let explicit = outer.any().unwrap();
    let mut fields = Element::sequence(explicit.content, "SignedData").unwrap();
    let mut parts = Vec::new();
    while !fields.is_empty() {
        let field = fields.any().unwrap();
        parts.push(field.raw.to_vec());
        if field.tag == 0xa0 {
            parts.push(write::element(0xa1, &lists.concat()));
        }
    }
    write::sequence(&[kind, write::element(0xa0, &write::sequence(&parts))])
}
