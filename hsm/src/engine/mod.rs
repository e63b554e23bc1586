//! The one executor of requests, whichever process it runs in: a thread, its session, and what the threads of a process share.
//! May call PKCS#11; holds no socket and no async code.

mod fingerprint;
mod pool;
mod service_keys;
mod subscriber_keys;

pub(crate) use pool::{Job, Pool};

use crate::{
    activation::{Handles, Replay},
    error::Error,
    frame::Start,
    judge::{Judge, KeyReader, Lasting},
    limits,
    message::{Fingerprint, Probe, Request, Response},
    objects, seal,
    secret::Pin,
    self_test,
    settings::TokenKind,
    stock::Stock,
    token::{self, Token},
};
use chuky_model::{algorithm::KeyAlgorithm, instant::Instant};
use cryptoki::{
    mechanism::Mechanism,
    object::{ObjectClass, ObjectHandle},
    session::{Session, UserType},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What the threads of one process share about one token.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) token: Token,
    token_label: String,
    reader: KeyReader,
    kind: TokenKind,
    pin: Pin,
    /// Closing the last session logs out; this one stays.
    anchor: Mutex<Option<Session>>,
    pub(crate) stock: Stock,
    handles: Mutex<Handles>,
    replay: Mutex<Replay>,
    running: AtomicUsize,
    sessions: AtomicU64,
    lost: AtomicBool,
    /// What the token was found to hold since this process met it.
    known: Mutex<Fingerprint>,
}

impl Core {
    /// Opens the token, logs in, and refuses to go on where the self-test finds a hole.
    pub(crate) fn open(start: Start, reader: KeyReader) -> Result<Arc<Self>, Error> {
        let Start { module, token_label, serial, kind, pin, stock, .. } = start;
        let module = token::load(&module)?;
        let token = Token::find(&module, &token_label, serial.as_deref())?;
        let anchor = token.session()?;
        token.log_in(&anchor, UserType::User, &pin)?;
        self_test::run(&token, kind, &pin)?;
        let core = Arc::new(Self {
            token,
            token_label,
            reader,
            kind,
            pin,
            anchor: Mutex::new(Some(anchor)),
            stock: Stock::new(stock),
            handles: Mutex::default(),
            replay: Mutex::default(),
            running: AtomicUsize::new(0),
            sessions: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            known: Mutex::default(),
        });
        *core.known() = Engine::new(Arc::clone(&core))?.fingerprint()?;
        Ok(core)
    }

    /// What the token holds, as far as this process has seen.
    pub(crate) fn known(&self) -> MutexGuard<'_, Fingerprint> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests being executed.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// The token's label.
    pub(crate) fn label(&self) -> &str {
        &self.token_label
    }

    /// Who judges signatures of this key.
    fn judge(&self, spki_der: &[u8], lasting: Lasting) -> Result<Judge, Error> {
        (self.reader)(spki_der, lasting).ok_or_else(|| Error::wrong("public key"))
    }

    /// Whether a probe found the token gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replay(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs in again where a lost session took the login with it.
    fn log_in_again(&self) -> Result<(), Error> {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.token.session()?;
        self.token.log_in(&session, UserType::User, &self.pin)?;
        *anchor = Some(session);
        Ok(())
    }
}

/// One thread's view: its session and the handles it has found.
#[derive(Debug)]
pub(crate) struct Engine {
    core: Arc<Core>,
    session: Session,
    /// Number of the session within the process; kept handles name it.
    generation: u64,
    service_keys: HashMap<String, ServiceHandle>,
    secrets: Option<Secrets>,
}

/// A service key as a session finds it.
#[derive(Clone, Debug)]
struct ServiceHandle {
    private: ObjectHandle,
    algorithm: KeyAlgorithm,
    spki_der: Arc<[u8]>,
    judge: Judge,
}

/// The subscribers token's own keys.
#[derive(Clone, Debug)]
struct Secrets {
    wrapping: ObjectHandle,
    row_mac: ObjectHandle,
    data: ObjectHandle,
    peppers: BTreeMap<u32, ObjectHandle>,
    /// When they were looked for.
    since: std::time::Instant,
}

impl Engine {
    pub(crate) fn new(core: Arc<Core>) -> Result<Self, Error> {
        let session = core.token.session()?;
        let generation = core.sessions.fetch_add(1, Ordering::AcqRel);
        Ok(Self { core, session, generation, service_keys: HashMap::new(), secrets: None })
    }

    /// Executes one request. After a suspicious failure a probe decides whether it was the request's or the token's; where the token
    /// lives, a request that may be repeated is, once: another process's log-in makes calls fail for a moment on SoftHSM.
    pub(crate) fn execute(&mut self, request: &Request) -> Result<Response, Error> {
        self.core.running.fetch_add(1, Ordering::AcqRel);
        let ready = if self.core.is_lost() { self.recover() } else { Ok(()) };
        let result = ready.and_then(|()| match self.dispatch(request) {
            Err(error) if error.is_suspicious() => {
                self.recover()?;
                if request.is_repeatable() { self.dispatch(request) } else { Err(error) }
            }
            other => other,
        });
        self.sweep();
        self.core.running.fetch_sub(1, Ordering::AcqRel);
        result
    }

    /// What is done in idle moments: everything of activations that are over goes.
    pub(crate) fn rest(&self) {
        self.sweep();
        self.core.replay().expire(own_clock());
    }

    /// Destroys the handles of activations that are over.
    fn sweep(&self) {
        let abandoned = {
            let mut handles = self.core.handles();
            handles.expire(own_clock());
            handles.abandoned()
        };
        for handle in abandoned {
            if let Err(error) = self.session.destroy_object(handle) {
                tracing::debug!(event = "hsm.destroy.failed", %error);
            }
        }
    }

    fn dispatch(&mut self, request: &Request) -> Result<Response, Error> {
        match request {
            Request::Probe => self.probe().map(Response::Probe),
            Request::ServiceKeys => self.service_keys().map(Response::ServiceKeys),
            Request::GenerateServiceKey { label, algorithm } => self.generate_service_key(label, *algorithm),
            Request::Sign { label, key, scheme, digests } => {
                self.sign((label, key.as_deref()), *scheme, digests).map(Response::Signatures)
            }
            Request::Mac { domain, items } => self.row_macs(domain, items).map(Response::Macs),
            Request::DeriveDataKey { version } => self.data_key(*version),
            Request::GenerateSealed { algorithm, context, pin_secret } => {
                self.generate_sealed(*algorithm, context, pin_secret).map(Response::Sealed)
            }
            Request::Reseal { blob, from, old, to, new } => {
                self.reseal(blob, (from, old), (to, new)).map(Response::Sealed)
            }
            Request::OpenActivation { blob, key, pin_secret, activation, now } => {
                self.open_activation(blob, key, pin_secret, activation, *now).map(Response::Activation)
            }
            Request::SignActivated { call } => self.sign_activated(call).map(Response::Signatures),
            Request::CloseActivation { activation_id } => {
                self.core.handles().close(*activation_id);
                self.core.replay().close(*activation_id, own_clock());
                Ok(Response::Closed)
            }
            Request::Fingerprint => self.fingerprint().map(Response::Fingerprint),
            Request::Trial => self.trial().map(|()| Response::Passed),
        }
    }

    /// Throws the session away (a begun sign would block it for ever), and finds out whether the token still lives.
    fn recover(&mut self) -> Result<(), Error> {
        self.core.handles().forget_session(self.generation);
        self.service_keys.clear();
        self.secrets = None;
        let mut alive = self.reopen();
        for _ in 1..limits::PROBES {
            if alive.is_err() {
                std::thread::sleep(limits::PROBE_PAUSE);
                alive = self.reopen();
            }
        }
        self.core.lost.store(alive.is_err(), Ordering::Release);
        alive.map_err(|error| {
            self.core.stock.forget();
            Error::unavailable(error.to_string())
        })
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.session = self.core.token.session()?;
        self.generation = self.core.sessions.fetch_add(1, Ordering::AcqRel);
        self.core.log_in_again()?;
        self.probe()?;
        self.refuse_exchanged_token()
    }

    /// What stands in the slot now may be another token than this process met. A fresh process meets it then, and its supervisor compares
    /// the keys before anything is made with them.
    fn refuse_exchanged_token(&mut self) -> Result<(), Error> {
        let found = self.fingerprint()?;
        let mut known = self.core.known();
        let changed = known.changed_to(&found);
        if !changed.is_empty() {
            return Err(Error::unavailable(format!("the token was exchanged: {}", changed.join("; "))));
        }
        known.remember(&found);
        Ok(())
    }

    /// Reads the token's information and uses one of its private keys, which no cached answer can stand for.
    fn probe(&mut self) -> Result<Probe, Error> {
        let information = self.core.token.module.get_token_info(self.core.token.slot)?;
        if information.serial_number().trim() != self.core.token.serial {
            return Err(Error::unavailable("another token is in the slot"));
        }
        let pepper_versions = if self.core.kind == TokenKind::Subscribers {
            self.secrets = None;
            let secrets = self.secrets()?;
            self.hmac(secrets.row_mac, b"chuky-probe")?;
            secrets.peppers.keys().copied().collect()
        } else {
            // An authority or status token without keys yet is alive all the same.
            let keys = objects::labelled(&self.session, ObjectClass::PRIVATE_KEY)?;
            if keys.is_empty() {
                let serial = Some(self.core.token.serial.as_str());
                Token::find(&self.core.token.module, self.core.label(), serial)?;
            }
            Vec::new()
        };
        Ok(Probe {
            kind: self.core.kind,
            token_serial: self.core.token.serial.clone(),
            pepper_versions,
            stock: self.core.stock.levels(),
            unwrapped: self.core.handles().count(),
        })
    }

    /// The subscribers token's keys, looked for again after a while: nothing may be sealed under an old pepper for long.
    fn secrets(&mut self) -> Result<Secrets, Error> {
        if let Some(secrets) = &self.secrets
            && secrets.since.elapsed() < limits::SECRETS_KEPT
        {
            return Ok(secrets.clone());
        }
        if self.core.kind != TokenKind::Subscribers {
            return Err(Error::invalid("this token holds no subscribers' keys"));
        }
        let find = |label: &str| {
            objects::find(&self.session, ObjectClass::SECRET_KEY, label)?
                .ok_or_else(|| Error::unavailable(format!("the token holds no {label}")))
        };
        let secrets = Secrets {
            wrapping: find(objects::WRAPPING_LABEL)?,
            row_mac: find(objects::ROW_MAC_LABEL)?,
            data: find(objects::DATA_LABEL)?,
            peppers: objects::peppers(&self.session)?.into_iter().collect(),
            since: std::time::Instant::now(),
        };
        if secrets.peppers.is_empty() {
            return Err(Error::unavailable("the token holds no pepper"));
        }
        Ok(self.secrets.insert(secrets).clone())
    }

    /// Made twice and compared: nobody outside the token can judge it, and what is stored or opened under a wrong one is lost.
    fn hmac(&self, key: ObjectHandle, input: &[u8]) -> Result<seal::Mac, Error> {
        let once = Zeroizing::new(self.session.sign(&Mechanism::Sha256Hmac, key, input)?);
        let again = Zeroizing::new(self.session.sign(&Mechanism::Sha256Hmac, key, input)?);
        match seal::Mac::try_from(once.as_slice()) {
            Ok(mac) if bool::from(once.as_slice().ct_eq(again.as_slice())) => Ok(mac),
            _ => Err(Error::wrong("MAC")),
        }
    }

    fn row_macs(&mut self, domain: &str, items: &[Vec<u8>]) -> Result<Vec<seal::Mac>, Error> {
        if domain.len() > limits::TEXT_LENGTH || items.len() > limits::MAC_ITEMS {
            return Err(Error::invalid("too many or too long"));
        }
        let key = self.secrets()?.row_mac;
        let mac = |item: &Vec<u8>| {
            let mut input = Vec::with_capacity(item.len().saturating_add(64));
            seal::put(&mut input, b"chuky-row-v1");
            seal::put(&mut input, domain.as_bytes());
            seal::put(&mut input, item);
            self.hmac(key, &input)
        };
        items.iter().map(mac).collect()
    }

    fn data_key(&mut self, version: u32) -> Result<Response, Error> {
        let key = self.secrets()?.data;
        let input = [b"chuky-data-key-v1".as_slice(), &version.to_be_bytes()].concat();
        let hmac = Zeroizing::new(self.hmac(key, &input)?);
        Ok(Response::DataKey(seal::derive(hmac.as_slice(), b"chuky-data-key-v1")))
    }
}

/// The worker's own clock, a second opinion on expiry beside the service's.
fn own_clock() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
