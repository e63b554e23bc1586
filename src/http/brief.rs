//! A listener for a server that is asked one short question at a time: no connection outlives its time, whatever its peer sends or does not, and
//! nobody takes every place.

use axum::serve::Listener;
use std::{
    collections::{HashMap, hash_map::Entry},
    io::{self, ErrorKind},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};

/// The listener.
pub(super) struct Brief {
    listener: TcpListener,
    longest: Duration,
    places: Arc<Mutex<Places>>,
}

/// A connection, until its time is over.
pub(super) struct BriefStream {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: Place,
}

#[derive(Default)]
struct Places {
    taken: u32,
    of_address: HashMap<IpAddr, u32>,
}

/// Given back when it is dropped.
struct Place {
    places: Arc<Mutex<Places>>,
    address: IpAddr,
}

impl Brief {
    /// Listens there, for connections of at most that time.
    pub fn new(listener: TcpListener, longest: Duration) -> Self {
        Self { listener, longest, places: Arc::default() }
    }

    fn place(&self, peer: IpAddr) -> Option<Place> {
        let address = counted(peer.to_canonical());
        locked(&self.places).take(address).then(|| Place { places: self.places.clone(), address })
    }
}

impl Listener for Brief {
    type Io = BriefStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BriefStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Without a place the connection is closed at once.
                    let Some(place) = self.place(peer.ip()) else { continue };
                    return (BriefStream { stream, end: Box::pin(sleep(self.longest)), _place: place }, peer);
                }
                // No descriptor is free: some soon will be.
                Err(error) => {
                    tracing::warn!(event = "connection_not_accepted", error = %error);
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl BriefStream {
    fn is_over(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for BriefStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let brief = self.get_mut();
        brief.is_over(context)?;
        Pin::new(&mut brief.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BriefStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let brief = self.get_mut();
        brief.is_over(context)?;
        Pin::new(&mut brief.stream).poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl Places {
    fn take(&mut self, address: IpAddr) -> bool {
        let of_it = self.of_address.get(&address).copied().unwrap_or_default();
        if self.taken >= MOST_CONNECTIONS || of_it >= MOST_OF_ADDRESS {
            return false;
        }
        self.of_address.insert(address, of_it + 1);
        self.taken += 1;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = locked(&self.places);
        places.taken = places.taken.saturating_sub(1);
        if let Entry::Occupied(mut of_it) = places.of_address.entry(self.address) {
            match of_it.get().saturating_sub(1) {
                0 => drop(of_it.remove()),
                left => *of_it.get_mut() = left,
            }
        }
    }
}

fn locked(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Connections at a time: fewer than a process may have descriptors by default (1,024).
const MOST_CONNECTIONS: u32 = 512;
/// Connections of one address at a time; a log asks once in ten seconds.
const MOST_OF_ADDRESS: u32 = 8;
const AFTER_FAILURE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn who_sends_no_request_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "here"));
        let brief = Brief::new(listener, Duration::from_secs(5));
        let served = tokio::spawn(async move { axum::serve(brief, router).await });
        let ask = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            answer
        };
        assert!(ask().await.ends_with("here"));
        // One address takes all of its places, with half a request each and with none.
        let mut idle = Vec::new();
        for number in 0..MOST_OF_ADDRESS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            }
            idle.push(stream);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(ask().await, "", "no place for one more of that address");
        // They are closed without having sent anything, and their places are free.
        let mut rest = [0; 64];
        for stream in &mut idle {
            let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut rest)).await;
            assert!(matches!(read.expect("the connection is closed"), Ok(0) | Err(_)));
        }
        assert!(ask().await.ends_with("here"));
        served.abort();
    }

    #[test]
    fn one_network_is_one_caller_and_all_together_are_bounded() {
        let mut places = Places::default();
        let of = |text: &str| counted(text.parse().unwrap());
        for _ in 0..MOST_OF_ADDRESS {
            assert!(places.take(of("2001:db8::1")));
        }
        assert!(!places.take(of("2001:db8::2:3")) && places.take(of("2001:db8:0:1::1")));
        for number in 0..MOST_CONNECTIONS {
            places.take(IpAddr::from([10, 0, (number >> 8) as u8, number as u8]));
        }
        assert_eq!(places.taken, MOST_CONNECTIONS);
        assert!(!places.take(of("192.0.2.1")));
    }
}
