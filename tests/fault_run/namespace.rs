//! A network namespace for a node: one link to its clients and one to the database, of which the second is taken down, and made to lose and delay packets
//! where the kernel can (`tc netem`). Needs root; whoever may not has the relay alone.

use rand::RngExt;
use std::{
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

/// The namespace. It goes with its processes.
pub struct Namespace {
    pub name: String,
    /// Where the node listens for its clients.
    pub inside: Ipv4Addr,
    /// Where what leads to the database listens.
    pub outside: Ipv4Addr,
    link: Link,
    other: String,
}

/// The host's end of a link.
#[derive(Clone)]
pub struct Link {
    name: String,
    /// Whether the kernel delays and loses packets.
    pub netem: bool,
}

impl Namespace {
    /// One of that number; `None` where this process may not make it.
    pub fn make(number: usize) -> Option<Self> {
        remove_left_over();
        let own = std::process::id();
        let name = format!("{PREFIX}{own}-{number}");
        if !ip(&["netns", "add", &name]) {
            return None;
        }
        let (clients, data) = (format!("ckc{number}{own}"), format!("ckd{number}{own}"));
        let made = connect(&name, &clients).zip(connect(&name, &data));
        let Some(((_, inside), (outside, _))) = made.filter(|_| ip(&["-n", &name, "link", "set", "lo", "up"])) else {
            ip(&["netns", "del", &name]);
            return None;
        };
        let link = Link { netem: tc(&["add", "dev", &data, "root", "netem", "delay", "1ms"]), name: data };
        link.heal();
        Some(Self { name, inside, outside, link, other: clients })
    }

    /// Its way to the database.
    pub fn link(&self) -> Link {
        self.link.clone()
    }

    /// The program that runs another one in it.
    pub fn command(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for link in [&self.link.name, &self.other] {
            ip(&["link", "del", link]);
        }
        ip(&["netns", "del", &self.name]);
    }
}

impl Link {
    /// Every packet is lost.
    pub fn down(&self) {
        assert!(ip(&["link", "set", &self.name, "down"]));
    }

    pub fn up(&self) {
        assert!(ip(&["link", "set", &self.name, "up"]));
    }

    /// Packets are late, and some are lost.
    pub fn worsen(&self, delay: &str, loss: &str) {
        tc(&["add", "dev", &self.name, "root", "netem", "delay", delay, "10ms", "loss", loss]);
    }

    pub fn heal(&self) {
        if self.netem {
            tc(&["del", "dev", &self.name, "root"]);
        }
    }
}

/// A link between here and there: its two addresses, of a network that nobody here knows.
fn connect(namespace: &str, name: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let network = (0..20).find_map(|_| {
        let chance: u32 = rand::rng().random_range(0..1 << 20);
        let network = Ipv4Addr::from(0x0ac0_0000_u32 | (chance << 2));
        let said = Command::new("ip").args(["route", "show", "root", &format!("{network}/30")]).output().ok()?;
        (said.status.success() && said.stdout.is_empty()).then_some(u32::from(network))
    })?;
    let (here, there) = (Ipv4Addr::from(network + 1), Ipv4Addr::from(network + 2));
    let inner = format!("{name}i");
    let steps: [&[&str]; 5] = [
        &["link", "add", name, "type", "veth", "peer", "name", &inner, "netns", namespace],
        &["addr", "add", &format!("{here}/30"), "dev", name],
        &["link", "set", name, "up"],
        &["-n", namespace, "addr", "add", &format!("{there}/30"), "dev", &inner],
        &["-n", namespace, "link", "set", &inner, "up"],
    ];
    steps.iter().all(|step| ip(step)).then_some((here, there))
}

/// Those of runs that were killed.
fn remove_left_over() {
    let Ok(said) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for name in String::from_utf8_lossy(&said.stdout).lines().filter_map(|line| line.split_whitespace().next()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(process, _)| process);
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    ran("ip", arguments)
}

fn tc(arguments: &[&str]) -> bool {
    ran("tc", &[&["qdisc"], arguments].concat())
}

fn ran(program: &str, arguments: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

const PREFIX: &str = "chuky-fault-";
