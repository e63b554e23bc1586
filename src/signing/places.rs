//! Places in which documents are worked on. Whoever asks for one holds a file in clear, a thread that decrypts or hashes, and perhaps the
//! document in memory, so there are only so many, and fewer for one account. A place is held until the last of that is gone, and work that nobody waits for
//! any more stops at its next piece.

use super::limits::{DRAWN_AT_ONCE, DRAWN_OF_AN_ACCOUNT, PLACES, PLACES_OF_AN_ACCOUNT, WAIT_TO_DRAW};
use crate::error::{InternalError, RequestError, Result};
use chuky_model::id::AccountId;
use std::{
    collections::HashMap,
    fs::File,
    io,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of this process.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    by_account: Arc<ByAccount>,
    drawing: Arc<Semaphore>,
    drawing_by: Arc<DrawingBy>,
}

/// Accounts whose pages are drawn or wait: how many, and the account's one turn.
#[derive(Debug, Default)]
struct DrawingBy(Mutex<HashMap<AccountId, (usize, Arc<Semaphore>)>>);

impl DrawingBy {
    fn all(&self) -> MutexGuard<'_, HashMap<AccountId, (usize, Arc<Semaphore>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account's turn to prepare pictures: one at a time. Drawing itself takes a turn of everybody's.
#[derive(Debug)]
pub struct Drawing {
    all: Arc<Semaphore>,
    _own: OwnedSemaphorePermit,
    _waiting: Waiting,
}

impl Drawing {
    /// Waits for a turn to draw, behind whoever asked before; "try again" where none comes before long.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        waited(self.all.clone()).await
    }
}

#[derive(Debug)]
struct Waiting(AccountId, Arc<DrawingBy>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut all = self.1.all();
        if let Some((count, _)) = all.get_mut(&self.0) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                all.remove(&self.0);
            }
        }
    }
}

async fn waited(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let turn = tokio::time::timeout(WAIT_TO_DRAW, turns.acquire_owned()).await;
    Ok(turn.ok().and_then(std::result::Result::ok).ok_or_else(RequestError::try_again)?)
}

#[derive(Debug, Default)]
struct ByAccount(Mutex<HashMap<AccountId, usize>>);

impl ByAccount {
    fn all(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place; clones share it, and it is free when the last is dropped.
#[derive(Clone, Debug)]
pub struct Place(#[allow(dead_code)] Arc<Held>);

#[derive(Debug)]
struct Held {
    _of_all: Option<OwnedSemaphorePermit>,
    of: Option<(AccountId, Arc<ByAccount>)>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(PLACES)),
            by_account: Arc::default(),
            drawing: Arc::new(Semaphore::new(DRAWN_AT_ONCE)),
            drawing_by: Arc::default(),
        }
    }
}

impl Places {
    /// A place for an account's request; refused with "try again" where all, or all of the account's, are taken.
    pub fn enter(&self, account: AccountId) -> Result<Place> {
        let of_all = self.all.clone().try_acquire_owned().map_err(|_| RequestError::try_again())?;
        let mut by_account = self.by_account.all();
        let taken = by_account.entry(account).or_default();
        if *taken >= PLACES_OF_AN_ACCOUNT {
            return Err(RequestError::try_again().into());
        }
        *taken += 1;
        drop(by_account);
        Ok(Place(Arc::new(Held { _of_all: Some(of_all), of: Some((account, self.by_account.clone())) })))
    }

    /// Waits for the account's turn to prepare a picture; "try again" where none comes before long, or where [`DRAWN_OF_AN_ACCOUNT`] of its
    /// pages are drawn or wait already. Takes no place: whoever looks at pages can still sign.
    pub async fn drawing(&self, account: AccountId) -> Result<Drawing> {
        let own = {
            let mut all = self.drawing_by.all();
            let (count, own) = all.entry(account).or_insert_with(|| (0, Arc::new(Semaphore::new(1))));
            if *count >= DRAWN_OF_AN_ACCOUNT {
                return Err(RequestError::try_again().into());
            }
            *count += 1;
            own.clone()
        };
        let waiting = Waiting(account, self.drawing_by.clone());
        Ok(Drawing { all: self.drawing.clone(), _own: waited(own).await?, _waiting: waiting })
    }

    /// A place for what the service does by itself, one after the other: callers who take all places do not hold it up.
    pub fn of_service(&self) -> Place {
        Place(Arc::new(Held { _of_all: None, of: None }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((account, by_account)) = &self.of else { return };
        let mut by_account = by_account.all();
        if let Some(taken) = by_account.get_mut(account) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                by_account.remove(account);
            }
        }
    }
}

/// A document in clear, in an unnamed file, with the place that it takes.
#[derive(Debug)]
pub struct Clear {
    file: File,
    place: Option<Place>,
}

impl Clear {
    /// In a place.
    pub fn new(file: File, place: Place) -> Self {
        Self { file, place: Some(place) }
    }

    /// What takes no place here: it came with a request and is no larger than its body may be, or lies with whoever signs it on a machine of their own.
    pub(super) fn of_request(file: File) -> Self {
        Self { file, place: None }
    }

    /// Another file in the same place: what becomes of this one.
    pub fn beside(&self, file: File) -> Self {
        Self { file, place: self.place.clone() }
    }

    /// The same file once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(self.beside(self.file.try_clone()?))
    }

    /// The file, with what holds its place.
    pub fn into_parts(self) -> (File, Option<Place>) {
        (self.file, self.place)
    }
}

impl Deref for Clear {
    type Target = File;
    fn deref(&self) -> &File {
        &self.file
    }
}

impl DerefMut for Clear {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.file
    }
}

/// Whether somebody still waits for work in a thread of its own.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// Looked at before each piece; an error where the work is for nobody.
    pub fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("nobody waits for this any more")),
            false => Ok(()),
        }
    }
}

/// Tells the work that its caller is gone.
struct Caller(Wanted);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does work in a thread of its own, piece by piece, for as long as the caller waits.
pub(super) async fn in_pieces<T: Send + 'static>(
    work: impl FnOnce(&Wanted) -> Result<T> + Send + 'static,
) -> Result<T> {
    let caller = Caller(Wanted::default());
    let wanted = caller.0.clone();
    let done = tokio::task::spawn_blocking(move || {
        // The caller may have gone while this waited for a thread.
        wanted.check().map_err(InternalError::io("a document"))?;
        work(&wanted)
    });
    done.await.map_err(|error| InternalError::other(error.to_string()))?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc;
    use uuid::Uuid;

    fn account() -> AccountId {
        AccountId(Uuid::now_v7())
    }

    #[test]
    fn an_account_has_so_many_places_and_nobody_else_loses_any() {
        let (places, one, other) = (Places::default(), account(), account());
        let mut held: Vec<Place> = (0..PLACES_OF_AN_ACCOUNT).map(|_| places.enter(one).unwrap()).collect();
        let refused = places.enter(one).unwrap_err();
        assert!(matches!(refused, crate::error::Error::Request(refused) if refused.code == "try_again"));
        assert_eq!(places.all.available_permits(), PLACES - PLACES_OF_AN_ACCOUNT, "the refusal costs none");
        places.enter(other).unwrap();
        // Free when the last that shares it is gone.
        let shared = held.pop().unwrap();
        let clone = shared.clone();
        drop(shared);
        assert!(places.enter(one).is_err());
        drop(clone);
        held.push(places.enter(one).unwrap());
        drop(held);
        assert!(places.by_account.all().is_empty(), "nothing is remembered of whoever is gone");
        assert_eq!(places.all.available_permits(), PLACES);
    }

    #[test]
    fn all_places_are_bounded_and_the_service_is_not_held_up() {
        let places = Places::default();
        let held: Vec<Place> = (0..PLACES).map(|_| places.enter(account()).unwrap()).collect();
        assert!(places.enter(account()).is_err());
        drop(places.of_service());
        assert!(places.enter(account()).is_err());
        drop(held);
        assert_eq!(places.all.available_permits(), PLACES);
    }

    #[tokio::test]
    async fn an_account_draws_one_page_at_a_time_and_takes_no_place() {
        let (places, one, other) = (Arc::new(Places::default()), account(), account());
        let own = places.drawing(one).await.unwrap();
        let turn = own.turn().await.unwrap();
        let waits: Vec<_> = (1..DRAWN_OF_AN_ACCOUNT)
            .map(|_| {
                let places = places.clone();
                tokio::spawn(async move { drop(places.drawing(one).await.unwrap()) })
            })
            .collect();
        while places.drawing_by.all().get(&one).unwrap().0 < DRAWN_OF_AN_ACCOUNT {
            tokio::task::yield_now().await;
        }
        assert!(waits.iter().all(|wait| !wait.is_finished()), "one at a time");
        assert!(places.drawing(one).await.is_err(), "no more of them wait");
        let _held: Vec<Place> = (0..PLACES_OF_AN_ACCOUNT).map(|_| places.enter(one).unwrap()).collect();
        // Another account's page is drawn meanwhile.
        drop(places.drawing(other).await.unwrap().turn().await.unwrap());
        drop((turn, own));
        for wait in waits {
            wait.await.unwrap();
        }
        assert!(places.drawing_by.all().is_empty(), "nothing is remembered of whoever is gone");
        assert_eq!(places.drawing.available_permits(), DRAWN_AT_ONCE);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn work_stops_at_its_next_piece_and_its_place_is_free() {
        let places = Arc::new(Places::default());
        let place = places.enter(account()).unwrap();
        let (begun, begins) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let work = tokio::spawn(in_pieces(move |wanted| {
            let _place = place;
            begun.send(()).unwrap();
            let stopped = loop {
                if let Err(error) = wanted.check() {
                    break error;
                }
                std::thread::yield_now();
            };
            ended.send(stopped.to_string()).unwrap();
            Ok(())
        }));
        tokio::task::block_in_place(|| begins.recv().unwrap());
        assert_eq!(places.all.available_permits(), PLACES - 1);
        work.abort();
        let said = tokio::task::block_in_place(|| ends.recv().unwrap());
        assert!(said.contains("nobody waits"));
        // The place is that of the thread, which ends now.
        let all = places.all.acquire_many(u32::try_from(PLACES).unwrap()).await;
        drop(all.unwrap());
    }
}
