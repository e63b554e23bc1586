//! Which token, which key, which certificate: what was named, or what alone is there. Where several fit, all are listed and none is taken. A
//! certificate belongs to a key whose public half it holds; only where the token does not tell that, to the one of the same CKA_ID, and
//! the first signature then shows whether it was so.

use crate::error::{RequestError, Result};
use chuky_hsm::own::{CertificateFound, KeyFound, Objects, PinState, TokenFound};
use chuky_model::{
    algorithm::{KeyAlgorithm, SignatureScheme},
    instant::Instant,
    text::turns_direction,
};
use chuky_pki::{
    certificate::{Certificate, key_octets},
    crypto::{Curve, KeyType},
    extension::KeyUsage,
};

/// How a token is named.
#[derive(Clone, Debug, Default)]
pub struct TokenWanted {
    pub label: Option<String>,
    pub serial: Option<String>,
}

/// How a key and its certificate are named.
#[derive(Clone, Debug, Default)]
pub struct KeyWanted {
    pub label: Option<String>,
    /// CKA_ID.
    pub id: Option<Vec<u8>>,
    /// The signer's certificate, from a file.
    pub certificate: Option<Certificate>,
    /// Further certificates, from files, of which the signer's issuers travel along.
    pub further: Vec<Certificate>,
    pub scheme: Option<SignatureScheme>,
}

/// What signs.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The key's place in the token's list.
    pub key: usize,
    pub asks_each_time: bool,
    pub scheme: SignatureScheme,
    pub certificate: Certificate,
    /// Its issuers below the root.
    pub further: Vec<Certificate>,
}

/// The token that is meant.
pub fn token<'t>(tokens: &'t [TokenFound], wanted: &TokenWanted) -> Result<&'t TokenFound> {
    let named = |one: &&TokenFound| {
        wanted.label.as_ref().is_none_or(|label| *label == one.label)
            && wanted.serial.as_ref().is_none_or(|serial| *serial == one.serial)
    };
    let found: Vec<&TokenFound> = tokens.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] if tokens.is_empty() => Err(problem(
            "token_missing",
            "Không thấy token nào. Hãy cắm token và kiểm tra trình điều khiển.",
            "There is no token. Connect it and check its driver.",
            &[],
        )),
        [] => Err(problem(
            "token_unknown",
            "Không có token mang nhãn hoặc số sê-ri này. Đang có:",
            "There is no token with this label or serial number. There are:",
            &tokens.iter().map(shown).collect::<Vec<_>>(),
        )),
        several => Err(problem(
            "token_ambiguous",
            "Có nhiều token. Hãy chọn bằng --token NHÃN hoặc --serial SỐ:",
            "There are several tokens. Choose with --token LABEL or --serial NUMBER:",
            &several.iter().map(|one| shown(one)).collect::<Vec<_>>(),
        )),
    }
}

/// The key that is meant, with its certificate and how it signs.
pub fn key(objects: &Objects, wanted: &KeyWanted, now: Instant) -> Result<Chosen> {
    let named: Vec<(usize, &KeyFound)> =
        objects.keys.iter().enumerate().filter(|(_, key)| is_named(key, wanted)).collect();
    if named.is_empty() {
        let all: Vec<String> = objects.keys.iter().map(|key| described(key, None)).collect();
        return Err(problem(
            "key_missing",
            "Token không có khóa bí mật nào như vậy. Đang có:",
            "The token holds no such private key. It holds:",
            &all,
        ));
    }
    let usable: Vec<(usize, &KeyFound)> = named.iter().filter(|(_, key)| can_sign(key)).copied().collect();
    if usable.is_empty() {
        let all: Vec<String> = named.iter().map(|(_, key)| described(key, None)).collect();
        return Err(problem(
            "key_unusable",
            "Khóa trên token không ký được ở đây: cần P-256, P-384 hoặc RSA 2048, 3072, 4096, và token phải ký được trên giá trị băm (CKM_ECDSA, CKM_RSA_PKCS_PSS hoặc CKM_RSA_PKCS):",
            "The token's key cannot sign here: it takes P-256, P-384 or RSA 2048, 3072, 4096, and a token that signs digests (CKM_ECDSA, CKM_RSA_PKCS_PSS or CKM_RSA_PKCS):",
            &all,
        ));
    }
    let known = read(&objects.certificates);
    let mut pairs = paired(&usable, &known, wanted);
    if pairs.is_empty() {
        return Err(without_certificate(&usable, &known, wanted));
    }
    // A renewed certificate beside the one that it follows: the valid one is meant.
    if pairs.iter().any(|(_, _, certificate)| certificate.is_valid_at(now)) {
        pairs.retain(|(_, _, certificate)| certificate.is_valid_at(now));
    }
    let [(place, key, certificate)] = pairs.as_slice() else {
        let all: Vec<String> = pairs.iter().map(|(_, key, certificate)| described(key, Some(certificate))).collect();
        return Err(problem(
            "key_ambiguous",
            "Có nhiều khóa hoặc chứng thư. Hãy chọn bằng --key NHÃN, --key-id MÃ hoặc --certificate TỆP:",
            "Several keys or certificates fit. Choose with --key LABEL, --key-id ID or --certificate FILE:",
            &all,
        ));
    };
    check(certificate, now)?;
    let others: Vec<&Certificate> = known.iter().map(|(_, one)| one).chain(&wanted.further).collect();
    Ok(Chosen {
        key: *place,
        asks_each_time: key.asks_each_time,
        scheme: scheme(key, wanted)?,
        certificate: (*certificate).clone(),
        further: issuers(certificate, &others),
    })
}

/// What signs with a key that lies elsewhere, by its certificate alone: good for signing now, with the issuers of it that are there, and a
/// scheme that the key makes.
pub(crate) fn elsewhere(
    certificate: Certificate,
    others: &[Certificate],
    scheme: Option<SignatureScheme>,
    now: Instant,
) -> Result<Chosen> {
    check(&certificate, now)?;
    let algorithm = match certificate.public_key().map(|key| key.key_type()) {
        Ok(KeyType::Ec(Curve::P256)) => KeyAlgorithm::P256,
        Ok(KeyType::Ec(Curve::P384)) => KeyAlgorithm::P384,
        Ok(KeyType::Rsa { modulus_bits: 2048 }) => KeyAlgorithm::Rsa2048,
        Ok(KeyType::Rsa { modulus_bits: 3072 }) => KeyAlgorithm::Rsa3072,
        Ok(KeyType::Rsa { modulus_bits: 4096 }) => KeyAlgorithm::Rsa4096,
        _ => return Err(key_not_admitted().into()),
    };
    let scheme = scheme.unwrap_or_else(|| algorithm.default_scheme());
    if !scheme.fits(algorithm) {
        return Err(scheme_of_another_key().into());
    }
    let further = issuers(&certificate, &others.iter().collect::<Vec<_>>());
    Ok(Chosen { key: 0, asks_each_time: false, scheme, certificate, further })
}

/// A token on one line.
pub fn shown(token: &TokenFound) -> String {
    let pin = match token.pin {
        PinState::Usual => "",
        PinState::CountLow => "  [PIN: count low]",
        PinState::FinalTry => "  [PIN: final try]",
        PinState::Locked => "  [PIN: LOCKED]",
        PinState::Unset => "  [PIN: not set]",
    };
    let pad = if token.has_pin_pad { "  [PIN pad]" } else { "" };
    let mut lines = format!(
        "--token {:?} --serial {}  ({} {}){pad}{pin}",
        clean(&token.label),
        clean(&token.serial),
        clean(&token.manufacturer),
        clean(&token.model)
    );
    for found in &token.certificates {
        let text = match Certificate::from_der(&found.der) {
            Ok(certificate) => of_certificate(&certificate),
            Err(_) => "?".to_owned(),
        };
        lines.push_str(&format!("\n    --key-id {} ({:?})  {text}", hex::encode(&found.id), clean(&found.label)));
    }
    lines
}

type Known<'o> = Vec<(&'o CertificateFound, Certificate)>;
type Pair<'p> = (usize, &'p KeyFound, &'p Certificate);

fn read(found: &[CertificateFound]) -> Known<'_> {
    found.iter().filter_map(|one| Some((one, Certificate::from_der(&one.der).ok()?))).collect()
}

fn paired<'p>(usable: &[(usize, &'p KeyFound)], known: &'p Known<'p>, wanted: &'p KeyWanted) -> Vec<Pair<'p>> {
    let mut pairs: Vec<Pair<'p>> = Vec::new();
    for &(place, key) in usable {
        match &wanted.certificate {
            // A key that does not tell its public half may be the one; where it is not, no signature of it is accepted.
            Some(certificate) if is_of(key, certificate).unwrap_or_else(|| may_be(key, certificate, known)) => {
                pairs.push((place, key, certificate));
            }
            Some(_) => {}
            None => {
                for (found, certificate) in known {
                    let fits = is_of(key, certificate).unwrap_or(found.id == key.id && !is_authority(certificate));
                    if fits && !pairs.iter().any(|(at, _, other)| *at == place && *other == certificate) {
                        pairs.push((place, key, certificate));
                    }
                }
            }
        }
    }
    pairs
}

/// Whether the certificate holds the key's public half; `None` where the token does not tell it.
fn is_of(key: &KeyFound, certificate: &Certificate) -> Option<bool> {
    let octets = key_octets(key.spki.as_deref()?).ok()?;
    Some(octets == certificate.key_octets())
}

/// A certificate from a file may be the key's unless the token holds it under another CKA_ID.
fn may_be(key: &KeyFound, certificate: &Certificate, known: &Known<'_>) -> bool {
    known.iter().find(|(_, one)| one == certificate).is_none_or(|(found, _)| found.id == key.id)
}

fn without_certificate(usable: &[(usize, &KeyFound)], known: &Known<'_>, wanted: &KeyWanted) -> crate::error::Error {
    let same_id = known.iter().any(|(found, _)| usable.iter().any(|(_, key)| key.id == found.id));
    let keys: Vec<String> = usable.iter().map(|(_, key)| described(key, None)).collect();
    if wanted.certificate.is_some() || same_id {
        return problem(
            "key_not_of_certificate",
            "Chứng thư không thuộc khóa này: khóa công khai khác nhau. Khóa trên token:",
            "The certificate is not this key's: the public keys differ. The token's keys:",
            &keys,
        );
    }
    problem(
        "certificate_missing",
        "Token không có chứng thư cho khóa. Hãy đưa tệp chứng thư bằng --certificate TỆP.PEM:",
        "The token holds no certificate for its key. Give it with --certificate FILE.PEM:",
        &keys,
    )
}

fn is_named(key: &KeyFound, wanted: &KeyWanted) -> bool {
    wanted.label.as_ref().is_none_or(|label| *label == key.label) && wanted.id.as_ref().is_none_or(|id| *id == key.id)
}

fn can_sign(key: &KeyFound) -> bool {
    key.may_sign && !key.schemes.is_empty()
}

fn scheme(key: &KeyFound, wanted: &KeyWanted) -> Result<SignatureScheme> {
    match wanted.scheme {
        None => key.schemes.first().copied().ok_or_else(|| scheme_not_offered(key)),
        Some(scheme) if key.schemes.contains(&scheme) => Ok(scheme),
        Some(_) => Err(scheme_not_offered(key)),
    }
}

fn scheme_not_offered(key: &KeyFound) -> crate::error::Error {
    problem(
        "scheme_not_offered",
        "Token không ký được theo cách này (--scheme). Khóa và các cách ký của nó:",
        "The token does not sign this way (--scheme). The key and what it makes:",
        &[described(key, None)],
    )
}

/// RFC 5280 §4.2.1.3: a certificate that names its uses must name signing. One that is not valid now would make a signature that nobody
/// accepts.
pub(in crate::signing) fn check(certificate: &Certificate, now: Instant) -> Result<()> {
    let refused = |code, vi: &str, en: &str| Err(problem(code, vi, en, &[of_certificate(certificate)]));
    if !certificate.is_valid_at(now) {
        return refused(
            "certificate_not_valid_now",
            "Chứng thư đã hết hạn hoặc chưa có hiệu lực, nên không ký:",
            "The certificate has expired or is not valid yet, so nothing is signed:",
        );
    }
    let signing = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CONTENT_COMMITMENT;
    match certificate.key_usage() {
        Ok(Some(usage)) if !usage.has(signing) => refused(
            "certificate_not_for_signing",
            "Chứng thư này không dùng để ký văn bản (keyUsage):",
            "This certificate is not for signing documents (keyUsage):",
        ),
        Ok(_) => Ok(()),
        Err(_) => refused("certificate_unreadable", "Chứng thư sai cấu trúc:", "The certificate is malformed:"),
    }
}

/// From the issuer upwards, without the root, which a verifier must know itself.
fn issuers(signer: &Certificate, others: &[&Certificate]) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    let mut below = signer;
    while chain.len() < LONGEST_CHAIN {
        let issued = |one: &&&Certificate| {
            !one.is_self_issued()
                && one.subject().matches(below.issuer())
                && one.public_key().is_ok_and(|key| below.verify_signature(&key).is_ok())
        };
        let Some(issuer) = others.iter().find(issued).filter(|issuer| !chain.contains(issuer)) else { break };
        chain.push((**issuer).clone());
        below = issuer;
    }
    chain
}

fn is_authority(certificate: &Certificate) -> bool {
    certificate.basic_constraints().is_ok_and(|constraints| constraints.is_some_and(|constraints| constraints.ca))
}

fn described(key: &KeyFound, certificate: Option<&&Certificate>) -> String {
    let kind = key.algorithm.map_or("?", |algorithm| algorithm.name());
    let schemes: Vec<String> =
        key.schemes.iter().filter_map(|one| Some(serde_json::to_value(one).ok()?.as_str()?.to_owned())).collect();
    let named = certificate.map(|one| format!("  {}", of_certificate(one))).unwrap_or_default();
    format!("--key {:?} --key-id {}  {kind} [{}]{named}", clean(&key.label), hex::encode(&key.id), schemes.join(" "))
}

fn of_certificate(certificate: &Certificate) -> String {
    let serial = hex::encode(certificate.serial_octets());
    let name = clean(&certificate.subject().common_name());
    format!("{name}, {serial}, {} – {}", certificate.not_before().vietnamese(), certificate.not_after().vietnamese())
}

/// A token's words without what moves a cursor or turns letters around.
fn clean(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() && !turns_direction(*letter)).take(LONGEST_SHOWN).collect()
}

fn key_not_admitted() -> RequestError {
    RequestError::invalid(
        "certificate",
        "key_not_admitted",
        "Khóa trong chứng thư không ký được ở đây: cần P-256, P-384 hoặc RSA 2048, 3072, 4096.",
        "The certificate's key cannot sign here: it takes P-256, P-384 or RSA 2048, 3072, 4096.",
    )
}

fn scheme_of_another_key() -> RequestError {
    RequestError::invalid(
        "scheme",
        "scheme_not_of_key",
        "Cách ký này không hợp với khóa trong chứng thư. Bỏ trống scheme để dùng cách ký mặc định.",
        "The certificate's key cannot sign by this scheme. Leave scheme out for the usual one.",
    )
}

fn problem(code: &'static str, vi: &str, en: &str, listed: &[String]) -> crate::error::Error {
    let list: String = listed.iter().take(MOST_LISTED).map(|line| format!("\n  {line}")).collect();
    RequestError::conflict(code, format!("{vi}{list}"), format!("{en}{list}")).into()
}

/// Certificates between a signer and a root.
const LONGEST_CHAIN: usize = 8;
/// Letters of a label or name that are shown.
const LONGEST_SHOWN: usize = 100;
/// Lines of a list that are shown.
const MOST_LISTED: usize = 50;
