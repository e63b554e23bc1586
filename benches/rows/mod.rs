//! The rows, by area. Each is made when it is measured and dropped after, so that no row pays for another's memory.

mod container_verify;
mod crypto;
mod csc;
mod hsm;
mod issue;
pub mod memory;
mod payment;
mod payment_service;
mod pdf_sign;
mod pdf_verify;
mod pdf_verify_service;
mod pin;
mod raw;
mod status;
mod status_peers;
mod xml_verify;

use crate::fixtures::Fixtures;
use crate::harness::Row;
use crate::peer::Peer;
use crate::token::Token;
use chuky_hsm::{Hsm, Supervised, TokenKind};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What rows share: the files, and the peer once somebody needs it.
pub struct Context {
    pub fixtures: Fixtures,
    peer: Option<Rc<RefCell<Peer>>>,
    token: Option<Rc<Token>>,
    hsm: Option<Arc<Supervised>>,
    runtime: Option<Rc<Runtime>>,
    million: Option<Rc<status::Million>>,
}

impl Context {
    pub fn new() -> Result<Self, String> {
        let fixtures = Fixtures::ready()?;
        Ok(Self { fixtures, peer: None, token: None, hsm: None, runtime: None, million: None })
    }

    pub fn peer(&mut self) -> Result<Rc<RefCell<Peer>>, String> {
        if let Some(peer) = &self.peer {
            return Ok(Rc::clone(peer));
        }
        let started = Peer::start(&self.fixtures, &[])?;
        self.peer = Some(Rc::clone(&started));
        Ok(started)
    }

    /// The run's token.
    pub fn token(&mut self) -> Result<Rc<Token>, String> {
        if self.token.is_none() {
            self.token = Some(Rc::new(Token::prepare("chuky-bench", TokenKind::Subscribers)?));
        }
        self.token.clone().ok_or_else(|| "no token".to_owned())
    }

    /// The service's path to the run's token: supervised workers.
    pub fn hsm(&mut self) -> Result<Arc<dyn Hsm>, String> {
        if let Some(hsm) = &self.hsm {
            return Ok(Arc::<Supervised>::clone(hsm));
        }
        let token = self.token()?;
        let hsm = self.supervise(&token)?;
        self.hsm = Some(Arc::clone(&hsm));
        Ok(hsm)
    }

    /// Starts workers for a token and waits until they are up.
    pub fn supervise(&mut self, token: &Token) -> Result<Arc<Supervised>, String> {
        let settings = token.settings()?;
        let hsm = self.runtime()?.block_on(async {
            let hsm = Supervised::start(settings);
            hsm.wait_ready().await.map(|()| hsm)
        });
        hsm.map(Arc::new).map_err(|error| error.to_string())
    }

    /// The workers behind it, whose CPU time counts.
    pub fn worker_processes(&self) -> Vec<u32> {
        self.hsm.as_ref().map(|hsm| hsm.worker_processes()).unwrap_or_default()
    }

    /// A peer that signs with a key of its own on the run's token.
    pub fn peer_with_token(&mut self) -> Result<Rc<RefCell<Peer>>, String> {
        const KEY: &str = "peer";
        let token = self.token()?;
        token.make_object(KEY)?;
        let environment = [
            ("CHUKY_BENCH_MODULE", token.module.display().to_string()),
            ("CHUKY_BENCH_TOKEN", token.label.to_owned()),
            (crate::token::PIN, token.user_pin.expose().to_owned()),
            ("CHUKY_BENCH_KEY", KEY.to_owned()),
        ];
        Peer::start(&self.fixtures, &environment)
    }

    /// One runtime for all rows.
    pub fn runtime(&mut self) -> Result<Rc<Runtime>, String> {
        if self.runtime.is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            self.runtime = Some(Rc::new(runtime.map_err(|error| error.to_string())?));
        }
        self.runtime.clone().ok_or_else(|| "no runtime".to_owned())
    }
}

/// A row's name and how it is made.
pub struct Entry {
    pub name: &'static str,
    pub make: fn(&mut Context) -> Result<Row, String>,
}

/// Every row, in the order of the table.
pub const ALL: &[Entry] = &[
    Entry { name: "crypto.verify.p256", make: crypto::verify_p256 },
    Entry { name: "crypto.verify.rsa2048", make: crypto::verify_rsa2048 },
    Entry { name: "hsm.sign.p256", make: hsm::p256 },
    Entry { name: "hsm.sign.rsa2048", make: hsm::rsa2048 },
    Entry { name: "hsm.sign.rsa3072", make: hsm::rsa3072 },
    Entry { name: "csc.sign_hash.p256", make: csc::sign_hash_p256 },
    Entry { name: "issue.p256", make: issue::hsm },
    Entry { name: "issue.p256.memory", make: issue::in_memory },
    Entry { name: "crl.million", make: status::crl_million },
    Entry { name: "crl.million.memory", make: status::crl_million_memory },
    Entry { name: "ocsp.cached", make: status::ocsp_cached },
    Entry { name: "ocsp.nonce", make: status::ocsp_nonce },
    Entry { name: "ocsp.nonce.cpu", make: status::ocsp_nonce_cpu },
    Entry { name: "ocsp.nonce.memory", make: status::ocsp_in_memory },
    Entry { name: "tsa", make: status::tsa },
    Entry { name: "payment.verify.es256", make: payment::es256 },
    Entry { name: "payment.verify.rs256", make: payment::rs256 },
    Entry { name: "payment.http", make: payment_service::http },
    Entry { name: "payment.http_batch", make: payment_service::batch },
    Entry { name: "payment.http_batch.judged", make: payment_service::batch_judged },
    Entry { name: "payment.durable.sqlite", make: payment_service::durable_sqlite },
    Entry { name: "payment.durable.postgres", make: payment_service::durable_postgres },
    Entry { name: "pdf.verify.50kb", make: pdf_verify::small },
    Entry { name: "pdf.verify.first.50kb", make: pdf_verify::first_meeting },
    Entry { name: "pdf.verify.1mb", make: pdf_verify::medium },
    Entry { name: "pdf.verify.20mb", make: pdf_verify::large },
    Entry { name: "pdf.verify.20mb.memory", make: memory::verify_large },
    Entry { name: "pdf.verify.lt.50kb", make: pdf_verify::long_term_small },
    Entry { name: "pdf.verify.lt.1mb", make: pdf_verify::long_term_medium },
    Entry { name: "pdf.verify.lt.20mb", make: pdf_verify::long_term_large },
    Entry { name: "pdf.verify.many_signatures", make: pdf_verify::many_signatures },
    Entry { name: "pdf.verify.http.50kb", make: pdf_verify_service::small },
    Entry { name: "xml.verify", make: xml_verify::plain },
    Entry { name: "xml.verify.xades", make: xml_verify::qualified },
    Entry { name: "asice.verify", make: container_verify::extended },
    Entry { name: "pin.guess", make: pin::guess },
    Entry { name: "pdf.sign.50kb", make: pdf_sign::small },
    Entry { name: "pdf.sign.1mb", make: pdf_sign::medium },
    Entry { name: "pdf.sign.20mb", make: pdf_sign::large },
    Entry { name: "pdf.sign.bt.50kb", make: pdf_sign::timestamped },
    Entry { name: "pdf.sign.verified.50kb", make: pdf_sign::verified_small },
    Entry { name: "pdf.sign.verified.1mb", make: pdf_sign::verified_medium },
    Entry { name: "pdf.sign.verified.20mb", make: pdf_sign::verified_large },
    Entry { name: "pdf.sign.hsm.50kb", make: pdf_sign::hsm },
];
