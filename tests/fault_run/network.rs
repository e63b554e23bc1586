//! The network between a node and PostgreSQL: every connection goes through here, where it can be cut, stalled, slowed down and closed by
//! halves. Where the node has a network namespace, the link between takes the packets away; on loopback, without privileges, this does.

use super::namespace::{Link, Namespace};
use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// New connections are closed at once.
    Closed,
    /// Everything is taken and nothing handed on, as by a network that loses all packets.
    Stalled,
    /// Some packets are lost, where the kernel does that; otherwise whoever asks stalls and opens in turn.
    Lossy,
    /// Each piece is late.
    Slow,
}

/// One node's way to PostgreSQL.
pub struct Network {
    address: SocketAddr,
    state: Arc<State>,
    link: Option<Link>,
}

struct State {
    to: SocketAddr,
    way: Mutex<Way>,
    over: AtomicBool,
    /// The node's end and the server's end of each connection.
    connections: Mutex<HashMap<u64, [TcpStream; 2]>>,
}

impl Network {
    /// A way to that port of this machine, from there.
    pub fn to(port: u16, from: Option<&Namespace>) -> Self {
        let own = from.map_or(Ipv4Addr::LOCALHOST, |namespace| namespace.outside);
        let listener = TcpListener::bind((own, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            to: SocketAddr::from(([127, 0, 0, 1], port)),
            way: Mutex::new(Way::Open),
            over: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, state, link: from.map(Namespace::link) }
    }

    /// The database's address behind it.
    pub fn url(&self, direct: &str, port: u16) -> String {
        direct.replace(&format!("127.0.0.1:{port}/"), &format!("{}/", self.address))
    }

    pub fn set(&self, way: Way) {
        let relayed = match (&self.link, way) {
            (Some(link), Way::Open) => {
                link.heal();
                link.up();
                way
            }
            (Some(link), Way::Closed) => {
                link.down();
                way
            }
            (Some(link), Way::Stalled) => {
                link.down();
                Way::Open
            }
            (Some(link), Way::Slow) if link.netem => {
                link.worsen("60ms", "1%");
                Way::Open
            }
            (Some(link), Way::Lossy) if link.netem => {
                link.worsen("5ms", "20%");
                Way::Open
            }
            _ => way,
        };
        *self.state.way.lock().unwrap() = relayed;
    }

    /// Whether the kernel loses packets here.
    pub fn loses_packets(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.netem)
    }

    /// Closes every connection at both ends.
    pub fn cut(&self) {
        for ends in self.state.connections.lock().unwrap().values() {
            ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }

    /// Tells the nodes that the server will send no more; the server hears nothing of it.
    pub fn close_by_halves(&self) {
        for [node, _] in self.state.connections.lock().unwrap().values() {
            let _ = node.shutdown(Shutdown::Write);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        self.cut();
        // Wakes whoever accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(500));
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for (number, node) in (0..).zip(listener.incoming()) {
        if state.over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(node) = node else { continue };
        if *state.way.lock().unwrap() == Way::Closed {
            continue;
        }
        let state = Arc::clone(state);
        thread::spawn(move || {
            state.wait_while_stalled();
            let Ok(server) = TcpStream::connect(state.to) else { return };
            let ends = [&node, &server].map(|end| end.try_clone().unwrap());
            state.connections.lock().unwrap().insert(number, ends);
            let (from_node, to_server) = (node.try_clone().unwrap(), server.try_clone().unwrap());
            let other = Arc::clone(&state);
            let there = thread::spawn(move || other.carry(from_node, to_server));
            state.carry(server, node);
            there.join().unwrap();
            state.connections.lock().unwrap().remove(&number);
        });
    }
}

impl State {
    /// Carries what comes until one end has closed.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; 16_384];
        while let Ok(length) = from.read(&mut piece) {
            self.wait_while_stalled();
            if *self.way.lock().unwrap() == Way::Slow {
                thread::sleep(LATE);
            }
            if length == 0 || to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Read);
        let _ = to.shutdown(Shutdown::Write);
    }

    fn wait_while_stalled(&self) {
        while *self.way.lock().unwrap() == Way::Stalled && !self.over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// By which a piece is late on a slow network.
const LATE: Duration = Duration::from_millis(40);
