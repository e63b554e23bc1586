//! Work that runs from rows: leases, jobs, messages that are to leave, and the versions of the data key.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    error::moved,
    stored::Stored,
};
use chuky_model::{
    id::{JobId, MessageId},
    instant::Instant,
    record::{
        Cursor,
        state::{JobState, MessageChannel},
        work::*,
    },
};
use sqlx::query;

/// Takes or renews a lease. `None` while another holds it; a new holder gets a greater fence than every earlier one.
pub async fn take_lease(
    connection: &mut Connection,
    name: &str,
    holder: &str,
    now: Instant,
    until: Instant,
) -> Result<Option<Lease>, Error> {
    Ok(sqlx::query_as!(
        Lease,
        r#"INSERT INTO lease (name, holder, held_until, fence) VALUES ($1, $2, $4, 1) ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, held_until = excluded.held_until,
            fence = CASE WHEN lease.holder = excluded.holder THEN lease.fence ELSE lease.fence + 1 END
        WHERE lease.holder = excluded.holder OR lease.held_until <= $3
        RETURNING name AS "name!: String", holder AS "holder!: String", held_until AS "held_until!: Stored<Instant>",
        fence AS "fence!: i64""#,
        name,
        holder,
        now.0,
        until.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Gives a lease up before it ends, if this holder still has it.
pub async fn release_lease(connection: &mut Connection, name: &str, holder: &str) -> Result<(), Error> {
    query!("UPDATE lease SET held_until = 0 WHERE name = $1 AND holder = $2", name, holder).execute(connection).await?;
    Ok(())
}

/// Queues a piece of work, in the transaction that makes it necessary.
pub async fn insert_job(connection: &mut Connection, job: &Job) -> Result<(), Error> {
    query!(
        "INSERT INTO job (id, kind, payload, state, run_at, tries, last_error, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        job.id.0,
        job.kind,
        job.payload,
        job.state.name(),
        job.run_at.0,
        job.tries,
        job.last_error,
        job.created_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The same, unless its identifier stands for a piece of work already, done or not.
pub async fn insert_job_once(connection: &mut Connection, job: &Job) -> Result<(), Error> {
    query!(
        "INSERT INTO job (id, kind, payload, state, run_at, tries, last_error, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        job.id.0,
        job.kind,
        job.payload,
        job.state.name(),
        job.run_at.0,
        job.tries,
        job.last_error,
        job.created_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a piece of work in the place of whatever its identifier stood for, as if it were new.
pub async fn put_job(connection: &mut Connection, job: &Job) -> Result<(), Error> {
    query!(
        "INSERT INTO job (id, kind, payload, state, run_at, tries, last_error, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, payload = excluded.payload,
        state = excluded.state, run_at = excluded.run_at, tries = excluded.tries, last_error = excluded.last_error,
        created_at = excluded.created_at",
        job.id.0,
        job.kind,
        job.payload,
        job.state.name(),
        job.run_at.0,
        job.tries,
        job.last_error,
        job.created_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The piece of work of that identifier, finished or not.
pub async fn job_by_id(connection: &mut Connection, id: JobId) -> Result<Option<Job>, Error> {
    Ok(sqlx::query_as!(
        Job,
        r#"SELECT id AS "id!: Stored<JobId>", kind, payload, state AS "state!: Stored<JobState>", run_at AS "run_at!: Stored<Instant>",
        tries, last_error, created_at AS "created_at!: Stored<Instant>" FROM job WHERE id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Claims due jobs of a kind until a time: whoever claims one and dies leaves it to the next after that time. Counts the try.
pub async fn claim_jobs(
    connection: &mut Connection,
    kind: &str,
    now: Instant,
    until: Instant,
    limit: i64,
) -> Result<Vec<Job>, Error> {
    Statements::claim_due_jobs(connection, kind, (now, until), limit).await
}

/// Ends a claimed job's turn: done, failed for good, or queued again for `run_at`. `Stale` where the claim had run out and
/// somebody else has the job.
pub async fn finish_job(
    connection: &mut Connection,
    claimed: &Job,
    state: JobState,
    run_at: Instant,
    last_error: Option<&str>,
) -> Result<(), Error> {
    let done = query!(
        "UPDATE job SET state = $3, run_at = $4, last_error = $5 WHERE id = $1 AND state = 'queued' AND run_at = $2",
        claimed.id.0,
        claimed.run_at.0,
        state.name(),
        run_at.0,
        last_error
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Removes jobs of a kind that ended before that moment.
pub async fn remove_finished_jobs(connection: &mut Connection, kind: &str, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM job WHERE kind = $1 AND state <> 'queued' AND run_at < $2", kind, before.0)
        .execute(connection)
        .await?
        .rows_affected())
}

/// Puts a message where the sender finds it, in the transaction of what it tells.
pub async fn insert_message(connection: &mut Connection, message: &Message) -> Result<(), Error> {
    query!(
        "INSERT INTO message (id, channel, recipient, body, created_at, sent_at, tries, next_at, failed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        message.id.0,
        message.channel.name(),
        message.recipient,
        message.body,
        message.created_at.0,
        message.sent_at.map(|at| at.0),
        message.tries,
        message.next_at.map(|at| at.0),
        message.failed_at.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Messages that have not left and were not given up, oldest first.
pub async fn unsent_messages(connection: &mut Connection, limit: i64) -> Result<Vec<Message>, Error> {
    Ok(sqlx::query_as!(
        Message,
        r#"SELECT id AS "id!: Stored<MessageId>", channel AS "channel!: Stored<MessageChannel>", recipient, body,
        created_at AS "created_at!: Stored<Instant>", sent_at AS "sent_at!: Stored<Option<Instant>>", tries,
        next_at AS "next_at!: Stored<Option<Instant>>", failed_at AS "failed_at!: Stored<Option<Instant>>" FROM message
        WHERE sent_at IS NULL AND failed_at IS NULL ORDER BY created_at, id LIMIT $1"#,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Those of a channel that whatever takes them may be given now, oldest first. One that is to wait longer than until `longest` was put off by a
/// clock that was wrong, and does not wait.
pub async fn due_messages(
    connection: &mut Connection,
    channel: MessageChannel,
    now: Instant,
    longest: Instant,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    Ok(sqlx::query_as!(
        Message,
        r#"SELECT id AS "id!: Stored<MessageId>", channel AS "channel!: Stored<MessageChannel>", recipient, body,
        created_at AS "created_at!: Stored<Instant>", sent_at AS "sent_at!: Stored<Option<Instant>>", tries,
        next_at AS "next_at!: Stored<Option<Instant>>", failed_at AS "failed_at!: Stored<Option<Instant>>" FROM message
        WHERE sent_at IS NULL AND failed_at IS NULL AND (next_at IS NULL OR next_at <= $1 OR next_at > $2)
        AND channel = $4 ORDER BY created_at, id LIMIT $3"#,
        now.0,
        longest.0,
        limit,
        channel.name()
    )
    .fetch_all(connection)
    .await?)
}

/// Counts a try of a message before it is made, and puts the next one off. `Stale` where somebody else was first.
pub async fn claim_message(
    connection: &mut Connection,
    id: MessageId,
    tries: i64,
    next_at: Instant,
) -> Result<(), Error> {
    let done = query!(
        "UPDATE message SET tries = tries + 1, next_at = $3
        WHERE id = $1 AND tries = $2 AND sent_at IS NULL AND failed_at IS NULL",
        id.0,
        tries,
        next_at.0
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Puts the next try of a message off. `Stale` where it has left or was given up.
pub async fn put_message_off(connection: &mut Connection, id: MessageId, next_at: Instant) -> Result<(), Error> {
    let done = query!(
        "UPDATE message SET next_at = $2 WHERE id = $1 AND sent_at IS NULL AND failed_at IS NULL",
        id.0,
        next_at.0
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Gives a message up. `Stale` where it has left or was given up before.
pub async fn give_message_up(connection: &mut Connection, id: MessageId, at: Instant) -> Result<(), Error> {
    let done =
        query!("UPDATE message SET failed_at = $2 WHERE id = $1 AND sent_at IS NULL AND failed_at IS NULL", id.0, at.0)
            .execute(connection)
            .await?;
    moved(done.rows_affected())
}

/// How many messages were given up and are still kept.
pub async fn count_failed_messages(connection: &mut Connection) -> Result<i64, Error> {
    let row = query!(r#"SELECT COUNT(*) AS "count!: i64" FROM message WHERE failed_at IS NOT NULL"#)
        .fetch_one(connection)
        .await?;
    Ok(row.count)
}

/// The newest messages, sent or not, newest first.
pub async fn newest_messages(connection: &mut Connection, limit: i64) -> Result<Vec<Message>, Error> {
    Ok(sqlx::query_as!(
        Message,
        r#"SELECT id AS "id!: Stored<MessageId>", channel AS "channel!: Stored<MessageChannel>", recipient, body,
        created_at AS "created_at!: Stored<Instant>", sent_at AS "sent_at!: Stored<Option<Instant>>", tries,
        next_at AS "next_at!: Stored<Option<Instant>>", failed_at AS "failed_at!: Stored<Option<Instant>>" FROM message
        ORDER BY created_at DESC, id DESC LIMIT $1"#,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Marks a message as sent. `Stale` where it was before.
pub async fn mark_message_sent(connection: &mut Connection, id: MessageId, at: Instant) -> Result<(), Error> {
    let done = query!("UPDATE message SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL", id.0, at.0)
        .execute(connection)
        .await?;
    moved(done.rows_affected())
}

/// Messages after the cursor, sent or not, oldest first.
pub async fn messages_after(connection: &mut Connection, after: Cursor, limit: i64) -> Result<Vec<Message>, Error> {
    Ok(sqlx::query_as!(
        Message,
        r#"SELECT id AS "id!: Stored<MessageId>", channel AS "channel!: Stored<MessageChannel>", recipient, body,
        created_at AS "created_at!: Stored<Instant>", sent_at AS "sent_at!: Stored<Option<Instant>>", tries,
        next_at AS "next_at!: Stored<Option<Instant>>", failed_at AS "failed_at!: Stored<Option<Instant>>" FROM message
        WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3"#,
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Removes a message. One that is gone already is as good.
pub async fn remove_message(connection: &mut Connection, id: MessageId) -> Result<(), Error> {
    query!("DELETE FROM message WHERE id = $1", id.0).execute(connection).await?;
    Ok(())
}

/// Removes messages that were handed over before that moment.
pub async fn remove_sent_messages(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM message WHERE sent_at < $1 OR failed_at < $1", before.0)
        .execute(connection)
        .await?
        .rows_affected())
}

/// Records a version of the data key. `Conflict` where it is recorded.
pub async fn insert_data_key(connection: &mut Connection, key: &DataKey) -> Result<(), Error> {
    query!(
        "INSERT INTO data_key (version, created_at, retired_at) VALUES ($1, $2, $3)",
        key.version,
        key.created_at.0,
        key.retired_at.map(|at| at.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every version of the data key, oldest first.
pub async fn data_keys(connection: &mut Connection) -> Result<Vec<DataKey>, Error> {
    Ok(sqlx::query_as!(
        DataKey,
        r#"SELECT version, created_at AS "created_at!: Stored<Instant>", retired_at AS "retired_at!: Stored<Option<Instant>>"
        FROM data_key ORDER BY version"#
    )
    .fetch_all(connection)
    .await?)
}
