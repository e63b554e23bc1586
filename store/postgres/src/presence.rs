//! What this process is at work on, as every other process on the database can tell: each piece of work is a session-level advisory
//! lock (PostgreSQL, "Explicit Locking") on one connection of its own. The server lets go of the locks with the connection, so what a
//! killed process left is free at once. They say who is at work, and guard nothing: every change is a compare-and-swap on its row.

use crate::{Error, limits};
use sqlx::{ConnectOptions, Connection as _, PgConnection, postgres::PgConnectOptions, query, query_scalar};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

/// The way to the connection. Clones share it; it closes with the last of them.
#[derive(Clone, Debug)]
pub struct Presence(mpsc::UnboundedSender<Order>);

/// A piece of work that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    key: i64,
    lasts: Arc<AtomicBool>,
    way: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Hold(i64, oneshot::Sender<Result<Option<Held>, Error>>),
    Release(i64),
}

impl Presence {
    /// Connects when it is first asked. To be called inside a tokio runtime.
    pub(crate) fn over(options: &PgConnectOptions) -> Self {
        let (way, orders) = mpsc::unbounded_channel();
        let options = options.clone().options([
            // A host that vanished without closing its connections is given up by the server after half a minute.
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "4"),
            // Idle is its purpose.
            ("idle_session_timeout", "0"),
        ]);
        let session = Session { options, connection: None, held: HashMap::new() };
        // The task must not keep its own way open.
        tokio::spawn(session.serve(orders, way.downgrade()));
        Self(way)
    }

    /// Holds a piece of work; `None` where it is held already, by this process or another.
    pub(crate) async fn hold(&self, key: i64) -> Result<Option<Held>, Error> {
        let (answer, held) = oneshot::channel();
        let ended = || Error::Unavailable(sqlx::Error::PoolClosed);
        self.0.send(Order::Hold(key, answer)).map_err(|_| ended())?;
        held.await.map_err(|_| ended())?
    }
}

impl Held {
    /// Whether it is held still: a connection that broke lets go, and another process may have been faster.
    pub fn lasts(&self) -> bool {
        self.lasts.load(Ordering::Acquire)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where the task has ended its connection has, and the lock with it.
        drop(self.way.send(Order::Release(self.key)));
    }
}

struct Session {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    held: HashMap<i64, Arc<AtomicBool>>,
}

impl Session {
    async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Order>, way: mpsc::WeakUnboundedSender<Order>) {
        loop {
            match timeout(limits::PRESENCE_LOOKED_AT, orders.recv()).await {
                Ok(None) => return,
                Ok(Some(Order::Hold(key, answer))) => {
                    let locked = self.hold(key).await;
                    let held = |lasts| Some(Held { key, lasts, way: way.upgrade()? });
                    // Whoever has stopped waiting drops what is held, which gives it back.
                    drop(answer.send(locked.map(|locked| locked.and_then(held))));
                }
                Ok(Some(Order::Release(key))) => self.release(key).await,
                Err(_) => self.look().await,
            }
        }
    }

    async fn hold(&mut self, key: i64) -> Result<Option<Arc<AtomicBool>>, Error> {
        // The server would lock twice for one session.
        if self.held.contains_key(&key) {
            return Ok(None);
        }
        let locked = match self.connected().await {
            Ok(connection) => try_lock(connection, key).await,
            Err(error) => Err(error),
        };
        // What a broken connection held is given up with it; once more over a fresh one.
        let locked = match locked {
            Ok(locked) => locked,
            Err(_) => {
                self.connection = None;
                try_lock(self.connected().await?, key).await?
            }
        };
        if !locked {
            return Ok(None);
        }
        let lasts = Arc::new(AtomicBool::new(true));
        self.held.insert(key, Arc::clone(&lasts));
        Ok(Some(lasts))
    }

    async fn release(&mut self, key: i64) {
        let held = self.held.remove(&key).is_some_and(|lasts| lasts.load(Ordering::Acquire));
        let Some(connection) = self.connection.as_mut().filter(|_| held) else { return };
        if in_time(query("SELECT pg_advisory_unlock($1)").bind(key).execute(connection)).await.is_err() {
            self.connection = None;
        }
    }

    /// In idle moments: a connection that broke is found and made anew before somebody believes that this process is gone.
    async fn look(&mut self) {
        self.held.retain(|_, lasts| lasts.load(Ordering::Acquire));
        if self.held.is_empty() {
            return;
        }
        if let Ok(connection) = self.connected().await
            && in_time(connection.ping()).await.is_err()
        {
            self.connection = None;
            // Tried again in the next idle moment.
            drop(self.connected().await);
        }
    }

    /// The connection, a fresh one holding again what the last one held, unless another process was faster.
    async fn connected(&mut self) -> Result<&mut PgConnection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut fresh = timeout(limits::ACQUIRE_TIMEOUT, self.options.connect())
                    .await
                    .map_err(|_| Error::Unavailable(sqlx::Error::PoolTimedOut))??;
                for (key, lasts) in &self.held {
                    if lasts.load(Ordering::Acquire) && !try_lock(&mut fresh, *key).await? {
                        lasts.store(false, Ordering::Release);
                    }
                }
                fresh
            }
        };
        Ok(self.connection.insert(connection))
    }
}

async fn try_lock(connection: &mut PgConnection, key: i64) -> Result<bool, Error> {
    let asked = query_scalar("SELECT pg_try_advisory_lock($1)").bind(key).fetch_one(connection);
    Ok(in_time(asked).await?)
}

/// What the server answers within the time that a connection may take.
async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(limits::ACQUIRE_TIMEOUT, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// The half of an identifier that is random (RFC 9562 §5.7). Two that met in it would only be taken for one another's work.
pub(crate) fn key_of_id(id: Uuid) -> i64 {
    let [.., a, b, c, d, e, f, g, h] = id.into_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The beginning of a name: ASCII, so never an identifier's half, whose first bit is set.
pub(crate) fn key_of_name(name: &str) -> i64 {
    let mut octets = [0; 8];
    octets.iter_mut().zip(name.bytes()).for_each(|(octet, letter)| *octet = letter);
    i64::from_be_bytes(octets)
}
