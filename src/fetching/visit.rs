//! The fetching for one verdict, within bounds of its own: each gap is filled from the first of its addresses that answers, and what was asked
//! for and what came of it stands in the report.

use super::{Fetcher, Wanted};
use chuky_model::report::{Check, Outcome};
use chuky_pki::verify::{Fetched, Gap};
use std::{collections::HashSet, time::Instant};

/// What was fetched and tried for one verdict so far.
pub struct Visit {
    fetcher: Fetcher,
    begun: Instant,
    tried: HashSet<Wanted>,
    bytes: usize,
    rounds: usize,
    checks: Vec<Check>,
}

impl Visit {
    pub(super) fn new(fetcher: Fetcher) -> Self {
        let tried = HashSet::new();
        Self { fetcher, begun: Instant::now(), tried, bytes: 0, rounds: 0, checks: Vec::new() }
    }

    /// Fetches what these gaps want, as far as the bounds go. Nothing new: there is no more to be had.
    pub async fn fill(&mut self, gaps: Vec<Gap>) -> Vec<Fetched> {
        let mut found = Vec::new();
        if !self.fetcher.is_on() || self.rounds >= ROUNDS {
            return found;
        }
        self.rounds += 1;
        for gap in gaps {
            found.extend(self.fill_one(gap).await);
        }
        found
    }

    /// What was fetched and what was not.
    pub fn checks(self) -> Vec<Check> {
        self.checks
    }

    async fn fill_one(&mut self, gap: Gap) -> Option<Fetched> {
        match gap {
            Gap::Issuer { addresses } => self.first(addresses, None).await.map(Fetched::Issuer),
            // A responder's answer is short; the list is fetched where there is none.
            Gap::Status { responders, request, lists } => match self.first(responders, Some(request)).await {
                Some(answer) => Some(Fetched::Answer(answer)),
                None => self.first(lists, None).await.map(Fetched::List),
            },
        }
    }

    /// The answer of the first address that was not asked yet and answers.
    async fn first(&mut self, addresses: Vec<String>, request: Option<Vec<u8>>) -> Option<Vec<u8>> {
        for address in addresses {
            let wanted = Wanted { address, request: request.clone() };
            if self.tried.len() >= MOST_REQUESTS || !self.tried.insert(wanted.clone()) {
                continue;
            }
            let left = self.fetcher.shared.patience.saturating_sub(self.begun.elapsed());
            let answer = match (left.is_zero(), self.bytes >= MOST_BYTES) {
                (true, _) => Err("the time for fetching is over".to_owned()),
                (_, true) => Err("enough was fetched for one verdict".to_owned()),
                (false, false) => self.fetcher.get(&wanted, left).await,
            };
            match answer {
                Ok(bytes) => {
                    self.bytes = self.bytes.saturating_add(bytes.len());
                    let digest = hex::encode(chuky_pki::crypto::sha256(&bytes));
                    self.say(&wanted, Outcome::Passed, &format!("{} bytes, SHA-256 {digest}", bytes.len()));
                    return Some(bytes.to_vec());
                }
                Err(reason) => self.say(&wanted, Outcome::NotDone, &reason),
            }
        }
        None
    }

    fn say(&mut self, wanted: &Wanted, outcome: Outcome, what: &str) {
        // A stranger's words: quoted, and short.
        let address: String = wanted.address.chars().take(LONGEST_SHOWN).collect();
        let reason = format!("{address:?}: {}", what.chars().take(LONGEST_SHOWN).collect::<String>());
        self.checks.push(Check { name: "fetched".to_owned(), outcome, reason });
    }
}

/// How often a verdict is made again with more: an issuer leads to the next one, and then to their status.
const ROUNDS: usize = 5;
/// Addresses asked for one verdict.
const MOST_REQUESTS: usize = 24;
/// Bytes after which no more is fetched for it. A reader is handed all of it at once.
const MOST_BYTES: usize = 16 << 20;
/// Letters of an address or a reason that the report repeats.
const LONGEST_SHOWN: usize = 200;
