//! A subscriber whose wrapped key is changed in the database now and then. It must be refused, not used, and be good again when the row is.

use crate::{
    harness::{app::TestApp, database},
    signing::subscriber::{self, PIN, plain_pdf},
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The subscriber, with a document.
pub struct Victim {
    pub token: String,
    pub credential: String,
    pub document: String,
    /// Signatures that were asked for while nothing was wrong, and acknowledged.
    pub signed: usize,
    /// Asks while the key was changed, each refused.
    pub refused: usize,
    /// Asks whose answer says nothing of what was done.
    pub unanswered: usize,
}

impl Victim {
    /// Enrols one.
    pub async fn enrol(test: &TestApp) -> Self {
        let request = json!({ "hierarchy": "citizens", "unit": "H26", "subscriber": {
            "full_name": "Phạm Thị Lụa", "personal_number": "001190054321", "birth_date": "1990-07-09",
            "sex": "female", "province": "Hà Nội", "locality": "Phường Ba Đình" } });
        let subscriber = subscriber::enrol(test, "gianhang", request, "bi.hong", "p256").await;
        let document = subscriber.upload(test, &plain_pdf()).await;
        let (token, credential) = (subscriber.token, subscriber.credential);
        Self { token, credential, document, signed: 0, refused: 0, unanswered: 0 }
    }

    /// Changes one bit of the wrapped key, asks every node for a signature, and puts it back.
    pub fn suffer(&mut self, database_url: &str, nodes: &[SocketAddr], chance: u32) {
        let length = self.column(database_url, "length(sealed_key)");
        let (at, bit) = (chance % length.parse::<u32>().unwrap(), 1 << (chance >> 29));
        let flip = format!(
            "UPDATE credential SET sealed_key = set_byte(sealed_key, {at}, get_byte(sealed_key, {at}) # {bit}) WHERE id = '{}'",
            self.credential
        );
        let before = self.column(database_url, "encode(sealed_key, 'hex')");
        database::run(database_url, &flip).unwrap();
        assert_ne!(self.column(database_url, "encode(sealed_key, 'hex')"), before);
        for node in nodes {
            for _ in 0..2 {
                if let Some((status, answer)) = self.ask(*node) {
                    assert!(status == 500 || status == 503, "a changed key: {status} {answer}");
                    self.refused += 1;
                }
            }
        }
        database::run(database_url, &flip).unwrap();
        assert_eq!(self.column(database_url, "encode(sealed_key, 'hex')"), before);
        // Nobody is locked out by what was not their doing.
        let since = Instant::now();
        loop {
            match self.ask(nodes[0]) {
                Some((200, signed)) => {
                    assert_eq!(signed["report"]["integrity"], "intact", "{signed}");
                    self.signed += 1;
                    return;
                }
                Some((status, answer)) => assert!([409, 500, 503].contains(&status), "put back: {status} {answer}"),
                None => {}
            }
            self.unanswered += 1;
            assert!(since.elapsed() < Duration::from_secs(60), "the key that was put back is not used");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn column(&self, database_url: &str, expression: &str) -> String {
        let question = format!("SELECT {expression} FROM credential WHERE id = '{}'", self.credential);
        database::run(database_url, &question).unwrap()
    }

    fn ask(&self, node: SocketAddr) -> Option<(u16, Value)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let url = format!("http://{node}/api/v1/documents/{}/sign", self.document);
        let order = json!({ "credential": self.credential, "pin": PIN, "level": "B" });
        let request = agent.post(url).header("authorization", format!("Bearer {}", self.token));
        let mut response = request.content_type("application/json").send(order.to_string()).ok()?;
        Some((response.status().as_u16(), response.body_mut().read_json().ok()?))
    }
}
