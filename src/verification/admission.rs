//! Who may upload, and who is judged: an upload on its way holds no place of one that is judged, and nobody holds all places of either kind. So a
//! stranger who sends slowly keeps nobody waiting.

use super::limits::{ARRIVING, ARRIVING_EACH, DRAWING, UNDER_WAY, WAIT_TO_BE_JUDGED, WAIT_TO_DRAW};
use crate::{
    accounts::Principal,
    error::{RequestError, Result},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Bounds how many uploads are spooled, judged and drawn at once.
#[derive(Clone, Debug)]
pub struct Admission {
    arriving: Arc<Mutex<Arrivals>>,
    under_way: Arc<Semaphore>,
    drawing: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Arrivals {
    taken: usize,
    of_caller: HashMap<String, usize>,
}

/// An upload's place while it arrives and until its answer, given back when it is dropped.
#[derive(Debug)]
pub struct Arriving {
    admission: Admission,
    caller: String,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            arriving: Arc::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            drawing: Arc::new(Semaphore::new(DRAWING)),
        }
    }
}

impl Admission {
    /// A place for an upload of that account or, where nobody is logged in, from that address; refused with "try again" where all or the caller's
    /// share are taken.
    pub fn arrive(&self, account: Option<&Principal>, address: &str) -> Result<Arriving> {
        let caller = account.map_or_else(|| address.to_owned(), |principal| principal.account.to_string());
        if !self.arrivals().take(&caller) {
            return Err(RequestError::try_again().into());
        }
        Ok(Arriving { admission: self.clone(), caller })
    }

    /// A place to be judged in, for what has arrived: held until the report is made; refused with "try again" where none is free before long.
    pub async fn judge(&self) -> Result<OwnedSemaphorePermit> {
        let place = timeout(WAIT_TO_BE_JUDGED, self.under_way.clone().acquire_owned()).await;
        Ok(place.ok().and_then(std::result::Result::ok).ok_or_else(RequestError::try_again)?)
    }

    /// A place to draw in, where one is free before long.
    pub(super) async fn draw(&self) -> Option<OwnedSemaphorePermit> {
        timeout(WAIT_TO_DRAW, self.drawing.clone().acquire_owned()).await.ok()?.ok()
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arriving {
    /// As [`Admission::judge`], once the document is whole.
    pub async fn judge(&self) -> Result<OwnedSemaphorePermit> {
        self.admission.judge().await
    }
}

impl Arrivals {
    fn take(&mut self, caller: &str) -> bool {
        let of_caller = self.of_caller.get(caller).copied().unwrap_or(0);
        if self.taken >= ARRIVING || of_caller >= ARRIVING_EACH {
            return false;
        }
        self.of_caller.insert(caller.to_owned(), of_caller.saturating_add(1));
        self.taken = self.taken.saturating_add(1);
        true
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut arrivals = self.admission.arrivals();
        arrivals.taken = arrivals.taken.saturating_sub(1);
        if let Entry::Occupied(mut of_caller) = arrivals.of_caller.entry(std::mem::take(&mut self.caller)) {
            match of_caller.get().saturating_sub(1) {
                0 => drop(of_caller.remove()),
                left => *of_caller.get_mut() = left,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn nobody_takes_all_places() {
        let admission = Admission::default();
        let mut held: Vec<Arriving> = (0..ARRIVING_EACH).map(|_| admission.arrive(None, "a").unwrap()).collect();
        assert!(admission.arrive(None, "a").is_err());
        // Whoever only sends keeps nobody from being judged.
        let judged = admission.arrive(None, "b").unwrap();
        drop(judged.judge().await.unwrap());
        held.pop();
        held.push(admission.arrive(None, "a").unwrap());
        for caller in 0..ARRIVING {
            held.extend(admission.arrive(None, &caller.to_string()));
        }
        assert!(admission.arrive(None, "c").is_err());
        drop((held, judged));
        assert!(admission.arrivals().of_caller.is_empty() && admission.arrivals().taken == 0);
    }
}
