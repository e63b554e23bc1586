//! A process killed (-9) in the midst of writing loses nothing that it had acknowledged and leaves nothing half done.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky::store::Store;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

on_both!(killed_while_writing);

/// Rows acknowledged before each kill.
const ACKNOWLEDGED: usize = 40;
const ROUNDS: usize = 3;
const URL: &str = "CHUKY_TEST_CRASH_URL";
const ROUND: &str = "CHUKY_TEST_CRASH_ROUND";

/// Not a test of its own: the process that `killed_while_writing` starts and kills. Each transaction stores a thing and its audit
/// entry; only after the commit is its name printed.
#[test]
#[ignore = "started by killed_while_writing"]
fn child_writes_until_it_is_killed() {
    let (Ok(url), Ok(round)) = (std::env::var(URL), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&url).await.unwrap();
        for number in 0_u64.. {
            let account = sample::account(&format!("round-{round}-{number}"));
            let mut transaction = store.begin().await.unwrap();
            transaction.insert_account(&account).await.unwrap();
            transaction.insert_audit_entry(&sample::entry(&account.login, 0)).await.unwrap();
            transaction.commit().await.unwrap();
            println!("stored {}", account.login);
        }
    });
}

async fn killed_while_writing(database: Database) {
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::crash::child_writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(URL, &database.url)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("stored ")?.1.to_owned()));
        acknowledged.extend(lines.by_ref().take(ACKNOWLEDGED));
        // SIGKILL, in the midst of a later transaction. What it still managed to print counts as acknowledged.
        child.kill().unwrap();
        acknowledged.extend(lines);
        child.wait().unwrap();
    }
    assert!(acknowledged.len() >= ROUNDS * ACKNOWLEDGED, "the child did not write");

    let store = Store::open(&database.url).await.unwrap();
    for login in &acknowledged {
        assert!(store.account_by_login(login).await.unwrap().is_some(), "{login} was acknowledged and is lost");
        assert_eq!(store.count_audit_entries("account.created", login).await.unwrap(), 1, "{login}: no entry");
    }
    let halves = database.sql("SELECT COUNT(*) FROM account WHERE login NOT IN (SELECT subject FROM audit_entry)");
    let others = database.sql("SELECT COUNT(*) FROM audit_entry WHERE subject NOT IN (SELECT login FROM account)");
    assert_eq!((halves.as_str(), others.as_str()), ("0", "0"), "half a transaction");
    // The database takes new work at once.
    sample::stored_account(&store, "after").await;
}
