//! Connections that wait for the server only so long. One that does not answer in time is closed and never used again: what it was asked may
//! still be carried out, and what it answers later is nobody's answer.

use crate::Error;
use sqlx::{Executor as _, PgConnection, Postgres, pool::PoolConnection};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// A connection that reads.
#[derive(Debug)]
pub struct Reader {
    /// Taken when this is dropped, and only then.
    connection: Option<PoolConnection<Postgres>>,
    wait: Duration,
    /// Whether a transaction is to be undone.
    is_open: bool,
    is_lost: bool,
}

/// A transaction that writes; dropped without a commit it is rolled back.
#[derive(Debug)]
pub struct Transaction(Reader);

impl Reader {
    pub(crate) fn over(connection: PoolConnection<Postgres>, wait: Duration) -> Self {
        Self { connection: Some(connection), wait, is_open: false, is_lost: false }
    }

    /// How long an answer is waited for.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// To be called when that is over: the connection is closed with this value.
    pub fn give_up(&mut self) -> Error {
        self.is_lost = true;
        Error::Unavailable(late())
    }

    /// `BEGIN`, `COMMIT` or `ROLLBACK`; `None` where the server does not answer in time.
    async fn say(&mut self, what: &'static str) -> Option<Result<(), sqlx::Error>> {
        let wait = self.wait;
        let said = timeout(wait, (&mut **self).execute(what)).await.ok();
        self.is_lost |= said.is_none();
        said.map(|said| said.map(drop))
    }
}

impl Transaction {
    pub(crate) async fn begin(connection: PoolConnection<Postgres>, wait: Duration) -> Result<Self, Error> {
        let mut reader = Reader::over(connection, wait);
        // Whoever stops waiting for it leaves a connection on which it may have begun.
        reader.is_open = true;
        match reader.say("BEGIN").await {
            Some(begun) => begun?,
            None => return Err(reader.give_up()),
        }
        Ok(Self(reader))
    }

    /// How long an answer is waited for.
    pub fn wait(&self) -> Duration {
        self.0.wait
    }

    /// To be called when that is over: nothing of the transaction takes hold, and its connection is closed with it.
    pub fn give_up(&mut self) -> Error {
        self.0.give_up()
    }

    /// Makes everything durable at once. [`Error::Unknown`] where nobody knows what became of it.
    pub async fn commit(mut self) -> Result<(), Error> {
        match self.0.say("COMMIT").await {
            Some(Ok(())) => {
                self.0.is_open = false;
                Ok(())
            }
            Some(Err(error)) if was_refused(&error) => Err(error.into()),
            Some(Err(error)) => {
                self.0.is_lost = true;
                Err(Error::Unknown(error))
            }
            None => Err(Error::Unknown(late())),
        }
    }

    /// Undoes everything now.
    pub async fn rollback(mut self) -> Result<(), Error> {
        match self.0.say("ROLLBACK").await {
            Some(done) => {
                done?;
                self.0.is_open = false;
                Ok(())
            }
            None => Err(self.give_up()),
        }
    }
}

/// Whether the server says that the transaction took no hold: every answer of its own but that it ends (PostgreSQL, Appendix A, class 57), lost
/// its client (08) or does not know (40003).
fn was_refused(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(said) = error else { return false };
    said.code().is_some_and(|code| !code.starts_with("57") && !code.starts_with("08") && code != "40003")
}

fn late() -> sqlx::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer").into()
}

impl Deref for Reader {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_deref().unwrap_or_else(|| unreachable!("it is taken when this is dropped"))
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_deref_mut().unwrap_or_else(|| unreachable!("it is taken when this is dropped"))
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Drop for Reader {
    /// Given back in the background once the server has answered whatever is open and undone what was not committed; closed where it does not
    /// in time.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let (Ok(runtime), false) = (Handle::try_current(), self.is_lost) else {
            connection.close_on_drop();
            return;
        };
        let (wait, is_open) = (self.wait, self.is_open);
        runtime.spawn(async move {
            let given_back = timeout(wait, async {
                let undone = !is_open || connection.execute("ROLLBACK").await.is_ok();
                if undone {
                    connection.return_to_pool().await;
                }
                undone
            });
            if !matches!(given_back.await, Ok(true)) {
                connection.close_on_drop();
            }
        });
    }
}
