//! Messages on their way out: each waits as an encrypted row until it is handed to whatever sends it: written as a file into a spool directory,
//! from which the operator's gateway takes it, or posted to a gateway (`gateway`); by mail handed to a mail server (`mail`). Handed over is not
//! delivered: that is theirs to say.

mod compose;
mod gateway;
mod mail;
mod tries;

pub use compose::{Said, To, mail_address, message};

use crate::{
    app::App,
    config::{MailSettings, Settings},
    error::{InternalError, Result},
    fetching::Hooks,
    lasting, store,
};
use chuky_model::{
    instant::Instant as Moment,
    record::{state::MessageChannel, work::Message},
};
use compose::{BODY, RECIPIENT};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Mutex;
use tries::Taker;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What is known of whatever takes messages.
#[derive(Default)]
pub struct Spooling {
    /// Held while something is done in the spool directory: a file system that hangs keeps one thread, and not one more each round.
    held: Arc<Mutex<()>>,
    failed: AtomicBool,
    /// The last round by mail handed nothing over.
    mail_failed: AtomicBool,
    /// What calls the gateway, where one is called.
    hooks: Option<Hooks>,
    /// When the gateway took a message of this process, microseconds; 0 before the first.
    gateway_took: AtomicI64,
}

impl Spooling {
    /// By the settings, which were checked.
    pub fn new(settings: &Settings) -> Self {
        let hooks = settings.gateway.as_ref().map(|gateway| Hooks::new(&gateway.reach));
        Self { hooks, ..Self::default() }
    }

    fn gateway_took(&self, now: Moment) {
        self.gateway_took.store(now.0, Ordering::Relaxed);
    }

    fn gateway_took_since(&self, then: Moment) -> bool {
        self.gateway_took.load(Ordering::Relaxed) > then.0
    }

    /// Whether the last round could hand messages over; `true` on a node that leaves it to another.
    pub fn is_well(&self) -> bool {
        !self.failed.load(Ordering::Relaxed)
    }

    /// Whether the last round could hand messages to the mail server.
    pub fn mail_is_well(&self) -> bool {
        !self.mail_failed.load(Ordering::Relaxed)
    }
}

/// Has what waits handed over at once: somebody waits for it. Where another node is at it, this one looks again until it is done there. What
/// fails is logged, and the worker's next round does it.
pub fn soon(app: &App) {
    for channel in [MessageChannel::Sms, MessageChannel::Mail] {
        let app = app.clone();
        tokio::spawn(async move {
            for _ in 0..LOOKS {
                let handed = match channel {
                    MessageChannel::Sms => hand_over(&app).await,
                    MessageChannel::Mail => hand_over_mail(&app).await,
                };
                match handed {
                    Ok(Round::Mine(_)) => return,
                    Ok(Round::Another) => tokio::time::sleep(BETWEEN_LOOKS).await,
                    Err(error) => {
                        tracing::error!(event = "messages_not_handed_over", channel = channel.name(), error = %error);
                        return;
                    }
                }
            }
        });
    }
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// So many messages were handed over.
    Mine(usize),
    /// Another node hands over in this moment.
    Another,
}

/// Hands messages to the gateway and to the mail server, where there are any, until the service ends: they may be slow, and nothing else waits for
/// them, nor one of them for the other.
pub async fn run(app: App) {
    let by_sms = async {
        while app.settings.gateway.is_some() {
            tokio::time::sleep(BEAT).await;
            if let Some(Err(error)) = lasting::caught(hand_over(&app)).await {
                tracing::error!(event = "messages_not_handed_over", channel = "sms", error = %error);
            }
        }
    };
    let by_mail = async {
        while app.settings.mail.is_some() {
            tokio::time::sleep(BEAT).await;
            if let Some(Err(error)) = lasting::caught(hand_over_mail(&app)).await {
                tracing::error!(event = "messages_not_handed_over", channel = "mail", error = %error);
            }
        }
    };
    tokio::join!(by_sms, by_mail);
}

/// Hands what waits for telephones to the spool directory or to the gateway, where one is set. One node at a time does, whichever directories they
/// have: each message is written by one of them. A message that cannot be read keeps no other back. One that was handed over and not yet marked when
/// the service ended is handed over once more, under the same name and the same key.
pub async fn hand_over(app: &App) -> Result<Round> {
    if !app.settings.sends(MessageChannel::Sms) {
        return Ok(Round::Mine(0));
    }
    let holder = Uuid::now_v7().to_string();
    if !held(app, LEASE, &holder).await? {
        // What failed here is the other node's to try, and to tell of.
        app.spooling.failed.store(false, Ordering::Relaxed);
        return Ok(Round::Another);
    }
    let handed = async {
        match (&app.settings.spool_dir, &app.settings.gateway, &app.spooling.hooks) {
            (_, Some(gateway), Some(hooks)) => {
                let gateway = gateway::Gateway::of(gateway, hooks).await?;
                tries::hand_over(app, Taker::Gateway(Arc::new(gateway)), &holder).await
            }
            (Some(spool), _, _) => spooled(app, spool, &holder).await,
            _ => Ok(Round::Mine(0)),
        }
    };
    let handed = handed.await;
    app.spooling.failed.store(handed.is_err(), Ordering::Relaxed);
    released(app, LEASE, &holder).await?;
    handed
}

/// Hands what waits for mail boxes to the mail server, where one is set; one node at a time.
pub async fn hand_over_mail(app: &App) -> Result<Round> {
    let Some(settings) = &app.settings.mail else { return Ok(Round::Mine(0)) };
    let holder = Uuid::now_v7().to_string();
    if !held(app, MAIL_LEASE, &holder).await? {
        app.spooling.mail_failed.store(false, Ordering::Relaxed);
        return Ok(Round::Another);
    }
    let handed = async {
        let server = mail::MailServer::of(settings).await?;
        tries::hand_over(app, Taker::MailServer(Arc::new(server)), &holder).await
    };
    let handed = handed.await;
    app.spooling.mail_failed.store(handed.is_err(), Ordering::Relaxed);
    released(app, MAIL_LEASE, &holder).await?;
    handed
}

/// Why the mail server would not let this service in now. Nothing is sent.
pub async fn mail_standing(settings: &MailSettings) -> std::result::Result<(), String> {
    let server = mail::MailServer::of(settings).await.map_err(|error| error.to_string())?;
    server.knock().await
}

async fn released(app: &App, lease: &str, holder: &str) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    transaction.release_lease(lease, holder).await?;
    Ok(transaction.commit().await?)
}

/// Takes the lease under which messages are handed over, or makes it last longer.
async fn held(app: &App, lease: &str, holder: &str) -> Result<bool> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let held = transaction.take_lease(lease, holder, now, now.plus_seconds(LEASE_SECONDS)).await?.is_some();
    transaction.commit().await?;
    Ok(held)
}

async fn spooled(app: &App, spool: &Path, holder: &str) -> Result<Round> {
    in_spool(app, spool, |spool| usable(spool).and_then(|()| clear_up(spool))).await?;
    let (mut handed, mut unreadable) = (0, 0_usize);
    let mut renewed = Instant::now();
    // All that are counted, so that those that cannot be read never fill the round.
    let now = app.clock.now();
    for message in app.store.due_messages(MessageChannel::Sms, now, now, MOST_COUNTED).await? {
        if handed >= AT_A_TIME {
            break;
        }
        let text = match content(app, &message) {
            Ok(text) => text,
            Err(error) => {
                if unreadable == 0 {
                    tracing::error!(event = "message_not_readable", message = %message.id, error = %error);
                }
                unreadable = unreadable.saturating_add(1);
                continue;
            }
        };
        if renewed.elapsed() >= RENEWED {
            renewed = Instant::now();
            if !held(app, LEASE, holder).await? {
                // This node stood still, and another goes on.
                break;
            }
        }
        let name = format!("{}.json", message.id);
        in_spool(app, spool, move |spool| write(spool, &name, &text)).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.mark_message_sent(message.id, app.clock.now()).await {
            Err(store::Error::Stale) => continue,
            other => other?,
        }
        transaction.commit().await?;
        handed += 1;
    }
    if unreadable > 0 {
        tracing::error!(event = "messages_not_readable", count = unreadable);
    }
    Ok(Round::Mine(handed))
}

/// Works in a thread that may wait for the disk, and gives up waiting for it after a while.
async fn in_spool(app: &App, spool: &Path, work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static) -> Result<()> {
    let failed = |error| InternalError::io(spool.display().to_string())(error);
    let hangs = || failed(io::Error::new(io::ErrorKind::TimedOut, "the spool directory does not answer"));
    let waiting = tokio::time::timeout(LONGEST_WORK, Arc::clone(&app.spooling.held).lock_owned());
    let held = waiting.await.map_err(|_| hangs())?;
    let directory = spool.to_owned();
    let working = tokio::task::spawn_blocking(move || {
        let _held = held;
        work(&directory)
    });
    match tokio::time::timeout(LONGEST_WORK, working).await {
        Ok(Ok(done)) => Ok(done.map_err(failed)?),
        Ok(Err(ended)) => Err(InternalError::other(ended.to_string()).into()),
        Err(_) => Err(hangs().into()),
    }
}

/// Why nothing can be handed over: the spool directory is missing, not writable or full, as far as looking at it tells. `None` where no
/// directory is set.
pub fn readiness(spool_dir: Option<&Path>) -> Option<std::result::Result<(), String>> {
    let spool = spool_dir?;
    Some(usable(spool).map_err(|error| format!("{}: {error}", spool.display())))
}

fn usable(spool: &Path) -> io::Result<()> {
    if !fs::metadata(spool)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    rustix::fs::access(spool, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    match rustix::fs::statvfs(spool)?.f_bavail {
        0 => Err(io::Error::from(io::ErrorKind::StorageFull)),
        _ => Ok(()),
    }
}

/// How many wait, counted up to a thousand.
pub async fn waiting(app: &App) -> Result<usize> {
    Ok(app.store.unsent_messages(MOST_COUNTED).await?.len())
}

/// A message in clear, for the page of a demonstration.
pub struct Shown {
    pub to: String,
    pub text: String,
    pub at: chuky_model::instant::Instant,
}

/// The newest messages in clear, newest first, where a page may show them. One that cannot be read is left out.
pub async fn shown(app: &App) -> Result<Option<Vec<Shown>>> {
    if !app.settings.shows_messages {
        return Ok(None);
    }
    let messages = app.store.newest_messages(MOST_SHOWN).await?;
    let shown = messages.iter().filter_map(|message| {
        let text = app.vault.open(BODY, &message.id.to_string(), &message.body).ok()?;
        let to = recipient(app, message).ok()?;
        Some(Shown { to, text: String::from_utf8_lossy(&text).into_owned(), at: message.created_at })
    });
    Ok(Some(shown.collect()))
}

/// Where a message goes, in clear.
pub fn recipient(app: &App, message: &Message) -> Result<String> {
    let plain = app.vault.open(RECIPIENT, &message.id.to_string(), &message.recipient)?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// Where a message goes, and what it says.
fn content_of(app: &App, message: &Message) -> Result<(Zeroizing<String>, Zeroizing<String>)> {
    let id = message.id.to_string();
    let open = |name: &str, sealed: &[u8]| -> Result<Zeroizing<String>> {
        let plain = app.vault.open(name, &id, sealed)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&plain).into_owned()))
    };
    Ok((open(RECIPIENT, &message.recipient)?, open(BODY, &message.body)?))
}

fn content(app: &App, message: &Message) -> Result<Zeroizing<String>> {
    let (to, text) = content_of(app, message)?;
    let value = serde_json::json!({
        "id": message.id.to_string(), "channel": message.channel, "to": to.as_str(), "text": text.as_str(),
        "created": message.created_at.rfc3339(),
    });
    Ok(Zeroizing::new(value.to_string()))
}

/// It appears whole or not at all, and only its owner and group read it. No two writers share the file beside it.
fn write(spool: &Path, name: &str, text: &str) -> io::Result<()> {
    let beside = spool.join(format!(".{name}.{}{HALF}", Uuid::new_v4()));
    let written = written(&beside, text).and_then(|()| fs::rename(&beside, spool.join(name)));
    if let Err(error) = written {
        // What cannot be removed is cleared up later.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    // The name lies in the directory: before it is on the disk the message must not be marked as handed over.
    fs::File::open(spool)?.sync_all()
}

fn written(beside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Removes what a writer left that died before its file had its name.
fn clear_up(spool: &Path) -> io::Result<()> {
    for entry in fs::read_dir(spool)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with('.') && name.ends_with(HALF)) {
            continue;
        }
        let age = entry.metadata().and_then(|data| data.modified()).map(|at| at.elapsed().unwrap_or_default());
        // One that is gone meanwhile has got its name.
        if age.is_ok_and(|age| age >= LEFT_BEHIND) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// In one round of the worker.
const AT_A_TIME: usize = 200;
/// Between two looks at what a gateway may be given.
const BEAT: Duration = Duration::from_secs(5);
/// On the page of a demonstration.
const MOST_SHOWN: i64 = 50;
/// A few hundred octets take no disk as long: the file system hangs.
const LONGEST_WORK: Duration = Duration::from_secs(10);
const MOST_COUNTED: i64 = 1_000;
const LEASE: &str = "messages";
const MAIL_LEASE: &str = "mails";
/// A node that died gives the work up after this; longer than a write may take.
const LEASE_SECONDS: i64 = 60;
/// Between two renewals of the lease.
const RENEWED: Duration = Duration::from_secs(15);
/// While another node is at it, as often and as long after each other.
const LOOKS: usize = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// The end of the name of a file that is not whole yet.
const HALF: &str = ".half";
/// No writer is at such a file any more.
const LEFT_BEHIND: Duration = Duration::from_secs(600);
