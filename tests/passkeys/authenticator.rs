//! An authenticator in software: makes P-256 credentials and answers as CTAP devices do, and wrongly where a test wants it to.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    nid::Nid,
    pkey::Private,
    sha::sha256,
};
use serde_json::{Value, json};

/// One credential.
pub struct Authenticator {
    pub origin: String,
    pub credential_id: Vec<u8>,
    pub counter: u32,
    user_handle: String,
    key: EcKey<Private>,
}

/// What an answer says, for a test to alter.
pub struct Saying {
    pub kind: String,
    pub origin: String,
    pub rp: String,
    /// base64url.
    pub challenge: String,
    pub flags: u8,
    pub counter: u32,
    pub credential_id: Vec<u8>,
}

/// User present and verified.
pub const VERIFIED: u8 = 0x05;

impl Authenticator {
    /// Makes what a service asks for; with what is to be sent back.
    pub fn register(origin: &str, asked: &Value, name: &str) -> (Self, Value) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let credential_id = sha256(&key.public_key_to_der().unwrap()).to_vec();
        let user_handle = asked["user_id"].as_str().unwrap().to_owned();
        let made = Self { origin: origin.to_owned(), credential_id, counter: 0, user_handle, key };
        let rp = asked["rp_id"].as_str().unwrap();
        let length = u16::try_from(made.credential_id.len()).unwrap().to_be_bytes();
        let data =
            [&authenticator_data(rp, VERIFIED | 0x40, 0)[..], &[0; 16], &length, &made.credential_id, &made.cose()]
                .concat();
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(&data);
        let challenge = asked["challenge"].as_str().unwrap();
        let answer = json!({
            "token": asked["token"], "name": name, "attestation_object": text(&object),
            "client_data": text(&client_data("webauthn.create", challenge, origin)),
        });
        (made, answer)
    }

    /// Answers what a service asks.
    pub fn answer(&mut self, asked: &Value) -> Value {
        self.answer_wrongly(asked, |_| ())
    }

    /// The same, altered before it is signed.
    pub fn answer_wrongly(&mut self, asked: &Value, alter: impl FnOnce(&mut Saying)) -> Value {
        self.counter += 1;
        let mut saying = Saying {
            kind: "webauthn.get".to_owned(),
            origin: self.origin.clone(),
            rp: asked["rp_id"].as_str().unwrap().to_owned(),
            challenge: asked["challenge"].as_str().unwrap().to_owned(),
            flags: VERIFIED,
            counter: self.counter,
            credential_id: self.credential_id.clone(),
        };
        alter(&mut saying);
        let data = authenticator_data(&saying.rp, saying.flags, saying.counter);
        let client = client_data(&saying.kind, &saying.challenge, &saying.origin);
        let digest = sha256(&[&data[..], &sha256(&client)].concat());
        let signature = EcdsaSig::sign(&digest, &self.key).unwrap().to_der().unwrap();
        json!({
            "token": asked["token"], "credential_id": text(&saying.credential_id), "authenticator_data": text(&data),
            "client_data": text(&client), "signature": text(&signature), "user_handle": self.user_handle,
        })
    }

    /// {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    pub fn cose(&self) -> Vec<u8> {
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        self.key.public_key().affine_coordinates(self.key.group(), &mut x, &mut y, &mut context).unwrap();
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        cose.extend(x.to_vec_padded(32).unwrap());
        cose.extend([0x22, 0x58, 0x20]);
        cose.extend(y.to_vec_padded(32).unwrap());
        cose
    }
}

pub fn text(octets: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

pub fn octets(text: &Value) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn client_data(kind: &str, challenge: &str, origin: &str) -> Vec<u8> {
    json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
}

fn authenticator_data(rp: &str, flags: u8, counter: u32) -> Vec<u8> {
    [&sha256(rp.as_bytes())[..], &[flags], &counter.to_be_bytes()].concat()
}
