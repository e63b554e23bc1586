//! What a confined reader tries on itself when it is asked to: to get out, or to overrun a bound. `doctor` and the tests ask, so
//! that the sandbox is seen to hold on the very machine it runs on. No document ever causes any of this.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    hint::black_box,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixDatagram,
    process::Command,
    thread,
};

/// What to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// To open and make files, use the network, start programs and threads.
    Escape,
    /// To take memory without end.
    Memory,
    /// To compute without end.
    Time,
    /// To recurse without end.
    Stack,
    /// To panic.
    Panic,
}

/// Tries it. Only [`Probe::Escape`] comes back, with what succeeded: nothing, where the sandbox holds.
pub(super) fn run(probe: Probe) -> Vec<String> {
    match probe {
        Probe::Escape => escape(),
        Probe::Memory => {
            let mut taken = Vec::new();
            loop {
                taken.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        Probe::Time => loop {
            black_box(());
        },
        Probe::Stack => vec![recurse(0).to_string()],
        #[allow(clippy::panic)] // the very thing that is tried
        Probe::Panic => panic!("the probe was asked to panic"),
    }
}

fn escape() -> Vec<String> {
    let attempts: [(&str, bool); 9] = [
        ("open a file", File::open("/etc/passwd").is_ok()),
        ("open its own memory", File::open("/proc/self/mem").is_ok()),
        ("list a directory", fs::read_dir("/").is_ok()),
        ("make a file", File::create("/tmp/chuky-reader-probe").is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("connect", reached(TcpStream::connect("127.0.0.1:9"))),
        ("send datagrams", UdpSocket::bind("127.0.0.1:0").is_ok() || UnixDatagram::unbound().is_ok()),
        ("start a program", Command::new("/bin/true").status().is_ok()),
        ("start a thread", thread::Builder::new().spawn(|| {}).is_ok()),
    ];
    attempts.iter().filter(|(_, succeeded)| *succeeded).map(|(what, _)| (*what).to_owned()).collect()
}

/// Whether an attempt to connect came as far as the other end.
fn reached(attempt: std::io::Result<TcpStream>) -> bool {
    attempt.map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionRefused, |_| true)
}

#[allow(unconditional_recursion)] // the very thing that is tried
fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    recurse(black_box(depth.wrapping_add(1))).wrapping_add(room.first().copied().unwrap_or_default())
}
