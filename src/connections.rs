//! Who is connected: so many at a time, and so many of one address, so that nobody keeps the others out. Counts; knows no HTTP and no TLS.

use crate::config::{ConnectionLimits, Network};
use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The connections of this process.
pub struct Connections {
    limits: ConnectionLimits,
    /// Many callers come from each of them.
    proxies: Vec<Network>,
    places: Mutex<Places>,
    refused: AtomicU64,
}

#[derive(Default)]
struct Places {
    taken: u32,
    of_address: HashMap<IpAddr, u32>,
}

/// One connection's place, given back when it is dropped.
pub struct Place {
    connections: Arc<Connections>,
    /// Where the place counts for its address.
    address: Option<IpAddr>,
}

impl Connections {
    /// Nobody is connected yet.
    pub fn new(limits: ConnectionLimits, proxies: Vec<Network>) -> Arc<Self> {
        Arc::new(Self { limits, proxies, places: Mutex::default(), refused: AtomicU64::new(0) })
    }

    /// A place for a connection from there, where there is one.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(peer));
        let address = (!is_proxy).then(|| counted(peer));
        let admitted = self.places().take(address, self.limits);
        if admitted {
            return Some(Place { connections: self.clone(), address });
        }
        // One line for a storm, and the figure for how much of it there is.
        if self.refused.fetch_add(1, Ordering::Relaxed).is_multiple_of(BETWEEN_LINES) {
            tracing::warn!(event = "connections_refused", connections = self.count(), refused = self.refused());
        }
        None
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.places().taken
    }

    /// How many found no place since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many there may be, and how slow they may be.
    pub fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn take(&mut self, address: Option<IpAddr>, limits: ConnectionLimits) -> bool {
        if self.taken >= limits.most {
            return false;
        }
        if let Some(address) = address {
            let of_it = self.of_address.entry(address).or_insert(0);
            if *of_it >= limits.most_per_address {
                return false;
            }
            *of_it = of_it.saturating_add(1);
        }
        self.taken = self.taken.saturating_add(1);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.connections.places();
        places.taken = places.taken.saturating_sub(1);
        if let Some(address) = self.address
            && let Entry::Occupied(mut of_it) = places.of_address.entry(address)
        {
            match of_it.get().saturating_sub(1) {
                0 => drop(of_it.remove()),
                left => *of_it.get_mut() = left,
            }
        }
    }
}

/// One customer has an IPv6 network of 64 bits.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Refusals that one line stands for.
const BETWEEN_LINES: u64 = 1_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn nobody_keeps_the_others_out() {
        let limits = ConnectionLimits { most: 5, most_per_address: 2, slow: Duration::from_secs(1) };
        let connections = Connections::new(limits, vec![Network::parse("10.0.0.1").unwrap()]);
        let from = |text: &str| connections.admit(text.parse().unwrap());
        let first = [from("192.0.2.1").unwrap(), from("::ffff:192.0.2.1").unwrap()];
        assert!(from("192.0.2.1").is_none());
        // One IPv6 customer is one, whatever address it takes.
        let _others = [from("2001:db8::1").unwrap(), from("2001:db8::2:3").unwrap()];
        assert!(from("2001:db8::4").is_none());
        let _proxy = from("10.0.0.1").unwrap();
        assert!(from("198.51.100.7").is_none(), "all places are taken");
        assert_eq!((connections.count(), connections.refused()), (5, 3));
        drop(first);
        let _proxies = [from("10.0.0.1").unwrap(), from("10.0.0.1").unwrap()];
        assert_eq!(connections.count(), 5);
        assert_eq!(connections.places().of_address.len(), 1, "who left is forgotten");
    }
}
