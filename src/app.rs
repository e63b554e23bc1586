//! The running service, wired once: settings, store, tokens, vault, readers and the audit log. Flows take it by reference.

use crate::{
    attestation::CheckedRows,
    audit::{
        Covered, Listener, Log, Sequencer,
        head::{AUDIT_KEY, RememberedHead},
        replay::Replay,
        summary::Summaries,
    },
    clock::Clock,
    config::Settings,
    connections::Connections,
    current::KeptRows,
    custody::Stretcher,
    error::{InternalError, Result},
    fetching::{Fetcher, Hooks},
    finishing::UnderWay,
    identity::Provider,
    issuance::{IssuingPolicy, authority, ocsp::Answers, register::Register, revocation_list},
    lasting, outbox,
    rates::Rates,
    reader::ReaderPool,
    registration::lists,
    restoration, signing, statistics,
    store::Store,
    tls::Tls,
    tokens::{self, RootToken, Tokens},
    transactions::{Payments, Receipts, Registry, Remembered, receipts::RECEIPT_KEY, retention},
    trust::TrustFolder,
    units,
    vault::Vault,
    verification::{Admission, Policies},
};
use chuky_hsm::Hsm;
use chuky_model::algorithm::KeyAlgorithm;
use chuky_pki::payment::OrderPolicy;
use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tokio::task::JoinHandle;

/// Everything that flows need; clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What an [`App`] holds.
pub struct Inner {
    pub settings: Settings,
    pub clock: Clock,
    pub store: Store,
    pub tokens: Tokens,
    pub vault: Vault,
    pub readers: ReaderPool,
    pub stretcher: Stretcher,
    pub payments: Payments,
    /// Signs receipts of judged payments.
    pub receipts: Receipts,
    /// How often callers have tried of late.
    pub rates: Rates,
    /// Rows that authorise and were found genuine.
    pub checked_rows: CheckedRows,
    /// Rows that were read a moment ago.
    pub kept_rows: KeptRows,
    pub audit: Covered,
    /// The log as others see it.
    pub log: Arc<Log>,
    /// What the log's beginning comes to, so that a start need not read it.
    pub summaries: Summaries,
    /// Certificate profiles and lists of bad keys.
    pub issuing: IssuingPolicy,
    /// The authority's keys, once they were read.
    pub authority: authority::Kept,
    /// What the audit log says of certificates whose standing was changed.
    pub register: Register,
    /// OCSP answers made in advance.
    pub answers: Answers,
    /// Administrative units, once they were read.
    pub units: units::Kept,
    /// What figures are counted with.
    pub statistics: statistics::Kept,
    /// Digests of the lines of approved lists.
    pub approved_lists: lists::ApprovedLists,
    /// Agencies' lists that were looked at as a whole of late.
    pub lists: lists::Kept,
    /// What is known of whatever takes messages.
    pub spooling: outbox::Spooling,
    /// Held by whoever publishes revocation lists.
    pub publications: revocation_list::Publications,
    /// The validation policies that callers may name.
    pub policies: Policies,
    /// Anchors and trusted lists that the administrator recorded.
    pub trust: Arc<TrustFolder>,
    /// Fetches what others publish, where the settings name hosts.
    pub fetcher: Fetcher,
    /// Tells providers of payments what concerns them, at the addresses that the settings admit.
    pub hooks: Hooks,
    /// Says whether a person is who the card says.
    pub identity: Provider,
    /// Who is connected.
    pub connections: Arc<Connections>,
    /// What is shown to those who come by TLS, once it is served so.
    pub tls: OnceLock<Arc<Tls>>,
    /// Bounds the uploads under way.
    pub admission: Admission,
    /// Bounds the documents that are worked on.
    pub places: signing::Places,
    /// Requests with an idempotency key that are being carried out.
    pub under_way: UnderWay,
    /// The binary whose `worker …` commands are run.
    pub executable: PathBuf,
    sequencer: JoinHandle<()>,
}

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sequencer.abort();
    }
}

impl App {
    /// Opens database and tokens and starts what runs in the background. The tokens must be prepared, and the audit key made.
    pub async fn open(settings: Settings, clock: Clock, executable: PathBuf) -> Result<Self> {
        Self::open_with(settings, clock, executable, Vec::new()).await
    }

    /// The same for a ceremony, with the tokens of roots that are here for it.
    pub async fn open_with(
        settings: Settings,
        clock: Clock,
        executable: PathBuf,
        roots: Vec<RootToken>,
    ) -> Result<Self> {
        let store = Store::open_within(&settings.database_url, settings.database_wait).await?;
        restoration::check(&store, &remembered_head(&settings)).await?;
        Self::open_over((store, false), settings, clock, executable, roots).await
    }

    /// Opens what came out of a backup, for its reconciliation and nothing else.
    pub async fn open_to_reconcile(settings: Settings, clock: Clock, executable: PathBuf) -> Result<Self> {
        let store = Store::open_within(&settings.database_url, settings.database_wait).await?;
        Self::open_over((store, true), settings, clock, executable, Vec::new()).await
    }

    async fn open_over(
        (store, reconciles): (Store, bool),
        settings: Settings,
        clock: Clock,
        executable: PathBuf,
        roots: Vec<RootToken>,
    ) -> Result<Self> {
        let issuing = IssuingPolicy::load(&settings.authority)?;
        let policies = Policies::load(&settings.verification)?;
        let tokens = Tokens { roots, ..Tokens::start(&settings, &executable)? };
        tokens::refuse_different(&tokens).await?;
        let audit_key = ensure_audit_key(&settings, &tokens, &store).await?;
        let receipt_key = ensure_key(&tokens, RECEIPT_KEY, true).await?.unwrap_or_default();
        let vault = Vault::new(tokens.subscribers.derive_data_key(DATA_KEY_VERSION).await?.expose());
        let remembered = remembered_head(&settings);
        // What was accepted after a backup was made is not known here.
        let created_after = store.latest_restoration().await?.and_then(|row| row.reconciled_at);
        let policy = OrderPolicy { created_after, ..settings.order_policy.clone() };
        let replay = Replay::new(store.clone(), &audit_key, remembered)?;
        let age = retention::Age::at_start(&store, &clock).await?;
        let first = retention::first_day(&settings.payments, age.time(&clock));
        let accepted = Arc::new(Remembered::new(settings.payments.most_remembered, first));
        let registry = Arc::new(Registry::default());
        let listener = listening(accepted.clone(), registry.clone());
        let audit_key = (tokens.status.clone(), audit_key);
        let published = settings.audit.after(created_after);
        let log = Log::new(store.clone(), audit_key.clone(), clock.clone(), published)?;
        let parts = (&settings, &store, &tokens);
        let (sequencer, audit, summaries) = sequencing(parts, audit_key, &clock, (listener, reconciles)).await?;
        let (readers, typefaces) = (settings.readers.clone(), settings.fonts_dir.clone());
        Ok(Self(Arc::new(Inner {
            trust: Arc::new(TrustFolder::of(&settings.data_dir)),
            readers: ReaderPool::with_typefaces(readers, executable.clone(), typefaces),
            stretcher: Stretcher::new(STRETCHES_AT_A_TIME),
            checked_rows: CheckedRows::default(),
            kept_rows: KeptRows::default(),
            rates: Rates::new(settings.rates.clone()),
            connections: Connections::new(settings.connections, settings.trusted_proxies.clone()),
            tls: OnceLock::new(),
            identity: Provider::open(&settings.identity).map_err(|error| InternalError::other(error.to_string()))?,
            fetcher: Fetcher::new(&settings.verification.fetch),
            hooks: Hooks::new(&settings.payments.webhooks),
            spooling: outbox::Spooling::new(&settings),
            payments: Payments::start(store.clone(), tokens.subscribers.clone(), policy, (accepted, registry), age),
            receipts: Receipts::start(tokens.status.clone(), clock.clone(), settings.public_url.clone(), receipt_key)?,
            sequencer: lasting::spawn("audit sequencer", sequencer.run()),
            settings,
            clock,
            store,
            tokens,
            vault,
            audit,
            log: Arc::new(log),
            summaries,
            issuing,
            authority: authority::Kept::default(),
            register: Register::new(replay),
            answers: Answers::default(),
            lists: lists::Kept::default(),
            units: units::Kept::default(),
            statistics: statistics::Kept::default(),
            approved_lists: lists::ApprovedLists::default(),
            publications: revocation_list::Publications::default(),
            policies,
            admission: Admission::default(),
            places: signing::Places::default(),
            under_way: UnderWay::default(),
            executable,
        })))
    }
}

/// Who appends to the log, reading on from what is kept of its beginning; in a database that is to be reconciled from the log alone.
async fn sequencing(
    (settings, store, tokens): (&Settings, &Store, &Tokens),
    audit_key: (Arc<dyn Hsm>, Vec<u8>),
    clock: &Clock,
    (listener, reconciles): (Listener, bool),
) -> Result<(Sequencer, Covered, Summaries)> {
    let remembered = remembered_head(settings);
    let vouched = (tokens.subscribers.clone(), audit_key.1.clone());
    let kept = settings.secrets_dir.join("audit-summary");
    let summaries = Summaries::new(store.clone(), vouched, remembered.clone(), kept);
    let (sequencer, audit) = Sequencer::new(store.clone(), audit_key, clock.clone(), remembered, listener)?;
    if reconciles {
        return Ok((sequencer.reconciling(), audit, summaries));
    }
    audit.row_versions().resume(&summaries).await;
    Ok((sequencer, audit, summaries))
}

/// What is read of each entry of the audit log, as it is signed: payments that were accepted, and registered providers.
fn listening(accepted: Arc<Remembered>, registry: Arc<Registry>) -> Listener {
    Arc::new(move |entry| {
        accepted.read(entry);
        registry.read(entry);
    })
}

/// Where the last audit head is remembered: with the secrets, outside the database and its backups.
pub fn remembered_head(settings: &Settings) -> RememberedHead {
    RememberedHead::at(settings.secrets_dir.join("audit-head.json"))
}

/// The public half of the audit key (SPKI DER), kept outside the database so that whoever checks the log need not believe it.
pub fn audit_key_file(settings: &Settings) -> PathBuf {
    settings.secrets_dir.join("audit-key.spki")
}

/// Makes the audit key where it is missing, and keeps its public half where checks find it. SPKI DER.
async fn ensure_audit_key(settings: &Settings, tokens: &Tokens, store: &Store) -> Result<Vec<u8>> {
    // Another key would make every head that was signed before look forged.
    let may_be_made = store.latest_audit_head().await?.is_none();
    let spki = ensure_key(tokens, AUDIT_KEY, may_be_made).await?;
    let spki = spki.ok_or_else(|| InternalError::other("the audit log is signed, and its key is not on the token"))?;
    let file = audit_key_file(settings);
    let kept = std::fs::read(&file).ok();
    if kept.as_ref().is_some_and(|kept| *kept != spki) && store.latest_audit_head().await?.is_some() {
        return Err(InternalError::other("the token holds another audit key than the one that signed the log").into());
    }
    if kept.is_none_or(|kept| kept != spki) {
        crate::tokens::write_secret(&file, &spki)?;
    }
    Ok(spki)
}

/// The public half of a P-256 key on the token of status and time (SPKI DER), which is made where it is missing and may be.
async fn ensure_key(tokens: &Tokens, label: &str, may_be_made: bool) -> Result<Option<Vec<u8>>> {
    let find = async || -> Result<Option<Vec<u8>>> {
        let keys = tokens.status.service_keys().await?;
        Ok(keys.into_iter().find(|key| key.label == label).map(|key| key.spki_der))
    };
    match find().await? {
        None if may_be_made => match tokens.status.generate_service_key(label, KeyAlgorithm::P256).await {
            Ok(spki) => Ok(Some(spki)),
            // Another node was faster.
            Err(chuky_hsm::Error::KeyExists { .. }) => find().await,
            Err(error) => Err(InternalError::Hsm(error).into()),
        },
        found => Ok(found),
    }
}

/// The data key in use; older versions stay derivable.
const DATA_KEY_VERSION: u32 = 1;
/// Each takes 64 MiB and a core for a good part of a second.
const STRETCHES_AT_A_TIME: usize = 4;
