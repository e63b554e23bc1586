//! One fault after another, in an order and with lengths that the seed tells; after each the nodes must be ready again within a bound.

use super::{
    Length,
    disk::{Disk, FULL, UNLIMITED, limit},
    network::{Network, Way},
    node::{Common, Node, signal},
    victim::Victim,
};
use crate::harness::database::OwnCluster;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    NodeKilled,
    WorkerKilled,
    DatabaseRestarted,
    DatabaseDown,
    /// A server process of it, which makes it end every connection and recover.
    DatabaseProcessKilled,
    /// Nodes, workers and processes of PostgreSQL at random moments, the next before all is well again.
    KilledInTurn,
    NodeStopped,
    WorkerStopped,
    NetworkCut,
    NetworkStalled,
    NetworkStalledThenCut,
    NetworkClosedByHalves,
    NetworkSlow,
    NetworkLossy,
    DatabaseDiskFull,
    NodeDiskFull,
    HsmFrozen,
    HsmRemoved,
    HsmFailing,
    ClockAhead,
    ClockBack,
    KeyCorrupted,
    SlowClients,
}

/// Every one; those that kill more than once in a deck.
const DECK: [Fault; 26] = [
    Fault::KilledInTurn,
    Fault::NodeKilled,
    Fault::NodeKilled,
    Fault::NodeKilled,
    Fault::WorkerKilled,
    Fault::WorkerKilled,
    Fault::DatabaseRestarted,
    Fault::DatabaseDown,
    Fault::DatabaseProcessKilled,
    Fault::NodeStopped,
    Fault::WorkerStopped,
    Fault::NetworkCut,
    Fault::NetworkStalled,
    Fault::NetworkStalledThenCut,
    Fault::NetworkClosedByHalves,
    Fault::NetworkSlow,
    Fault::NetworkLossy,
    Fault::DatabaseDiskFull,
    Fault::NodeDiskFull,
    Fault::HsmFrozen,
    Fault::HsmRemoved,
    Fault::HsmFailing,
    Fault::ClockAhead,
    Fault::ClockBack,
    Fault::KeyCorrupted,
    Fault::SlowClients,
];

/// What was done and what came of it.
#[derive(Default, Debug)]
pub struct Done {
    /// How often each fault was met, and the longest until every node was ready again.
    pub faults: BTreeMap<Fault, (u32, Duration)>,
    pub nodes_killed: u32,
    pub workers_killed: u32,
    /// Restarts, stops and killed processes of PostgreSQL.
    pub databases_killed: u32,
}

impl Done {
    pub fn kills(&self) -> u32 {
        self.nodes_killed + self.workers_killed + self.databases_killed
    }
}

/// All that faults happen to. The nodes end first, the disk last.
pub struct World {
    pub nodes: Vec<Node>,
    pub networks: Vec<Network>,
    pub cluster: OwnCluster,
    pub disk: Disk,
    pub common: Common,
    pub victim: Victim,
    pub done: Done,
    random: StdRng,
    /// As many kills are made, whatever time they take; then the deck is full of them.
    kills: Option<u32>,
    /// Milliseconds that a fault lasts.
    lasts: (u64, u64),
    /// Seconds by which a clock is set ahead at most.
    ahead: i64,
}

impl World {
    /// Nothing has happened yet.
    pub fn new(
        (nodes, networks): (Vec<Node>, Vec<Network>),
        (cluster, disk): (OwnCluster, Disk),
        (common, victim): (Common, Victim),
        Length { seed, long, kills, .. }: Length,
    ) -> Self {
        let (lasts, ahead) = match (long, kills) {
            (_, Some(_)) => ((300, 2_000), 60),
            (true, None) => ((500, 8_000), 60),
            (false, None) => ((300, 1_200), 10),
        };
        let (random, done) = (StdRng::seed_from_u64(seed), Done::default());
        Self { nodes, networks, cluster, disk, common, victim, done, random, kills, lasts, ahead }
    }

    /// One fault after another until that late or so many kills, or until somebody has ended before their time.
    pub fn suffer(&mut self, ended: impl Fn() -> bool, until: Instant) {
        loop {
            let mut deck = DECK.to_vec();
            if self.kills.is_some() {
                deck.extend([Fault::KilledInTurn; DECK.len()]);
            }
            deck.shuffle(&mut self.random);
            for fault in deck {
                let pause = self.random.random_range(100..900);
                thread::sleep(Duration::from_millis(pause));
                let enough = match self.kills {
                    Some(kills) => self.done.kills() >= kills,
                    None => Instant::now() > until,
                };
                if enough || ended() {
                    return;
                }
                self.meet(fault);
                let after = self.until_ready(fault);
                let (count, longest) = self.done.faults.entry(fault).or_default();
                (*count, *longest) = (*count + 1, (*longest).max(after));
            }
        }
    }

    /// Waits until every node is ready; how long that took.
    pub fn until_ready(&mut self, after: impl std::fmt::Debug) -> Duration {
        let since = Instant::now();
        loop {
            // Each is asked: one that ended is started again.
            let mut waiting = 0;
            for node in &mut self.nodes {
                waiting += usize::from(!node.ready(&self.common));
            }
            if waiting == 0 {
                return since.elapsed();
            }
            if since.elapsed() > READY_WITHIN {
                let words: Vec<String> = self.nodes.iter().map(Node::last_words).collect();
                panic!("not ready {:?} after {after:?}:\n{}", since.elapsed(), words.join("\n"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn last(&mut self) {
        let length = self.random.random_range(self.lasts.0..self.lasts.1);
        thread::sleep(Duration::from_millis(length));
    }

    fn one_node(&mut self) -> usize {
        self.random.random_range(0..self.nodes.len())
    }

    fn meet(&mut self, fault: Fault) {
        match fault {
            Fault::NodeKilled => {
                let which = self.one_node();
                self.node_killed(which);
                // Now and then it does not live to listen.
                if self.random.random_range(0..4) == 0 {
                    let soon = self.random.random_range(50..1_000);
                    thread::sleep(Duration::from_millis(soon));
                    self.node_killed(which);
                }
            }
            Fault::WorkerKilled => {
                for _ in 0..3 {
                    self.worker_killed();
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Fault::KilledInTurn => self.killed_in_turn(),
            Fault::NodeStopped => {
                let which = self.one_node();
                self.stopped(Some(self.nodes[which].id()));
            }
            Fault::WorkerStopped => {
                let worker = self.one_worker();
                self.stopped(worker);
            }
            Fault::DatabaseRestarted | Fault::DatabaseDown | Fault::DatabaseProcessKilled => self.database_ends(fault),
            Fault::NetworkCut
            | Fault::NetworkStalled
            | Fault::NetworkStalledThenCut
            | Fault::NetworkClosedByHalves
            | Fault::NetworkSlow
            | Fault::NetworkLossy => self.network_breaks(fault),
            Fault::DatabaseDiskFull => self.database_disk_fills(),
            Fault::NodeDiskFull => {
                let which = self.one_node();
                let processes = [vec![self.nodes[which].id()], self.nodes[which].workers()].concat();
                limit(&processes, FULL);
                self.last();
                limit(&processes, UNLIMITED);
            }
            Fault::HsmFrozen => self.hsm("C_Sign hang per_mille=300\nC_UnwrapKey hang per_mille=300"),
            Fault::HsmRemoved => self.hsm("* vanish"),
            Fault::HsmFailing => self.hsm(FAILING),
            Fault::ClockAhead => {
                let seconds = self.random.random_range(1..=self.ahead);
                self.clock(seconds);
            }
            Fault::ClockBack => {
                let seconds = self.random.random_range(1..=LONGEST_BACK);
                self.clock(-seconds);
            }
            Fault::KeyCorrupted => {
                let addresses: Vec<_> = self.nodes.iter().map(|node| node.address).collect();
                self.victim.suffer(&self.cluster.url(), &addresses, self.random.random());
            }
            Fault::SlowClients => self.slow_clients(),
        }
    }

    fn node_killed(&mut self, which: usize) {
        self.done.nodes_killed += u32::from(self.nodes[which].kill());
        self.nodes[which].start(&self.common);
    }

    fn worker_killed(&mut self) {
        let worker = self.one_worker();
        self.done.workers_killed += u32::from(worker.is_some_and(|worker| signal(worker, "KILL")));
    }

    /// One after another, each at a moment that the seed tells: in the middle of acts, of recoveries and of starts.
    fn killed_in_turn(&mut self) {
        for _ in 0..IN_TURN {
            let pause = self.random.random_range(50..1_000);
            thread::sleep(Duration::from_millis(pause));
            match self.random.random_range(0..10) {
                0..2 => {
                    let which = self.one_node();
                    self.node_killed(which);
                }
                2..7 => self.worker_killed(),
                _ => self.server_process_killed(),
            }
        }
    }

    /// A process of PostgreSQL other than its first, where it has one just now.
    fn server_process_killed(&mut self) {
        let processes = self.cluster.processes();
        let others = processes.get(1..).unwrap_or_default();
        if !others.is_empty() {
            let which = self.random.random_range(0..others.len());
            self.done.databases_killed += u32::from(signal(others[which], "KILL"));
        }
    }

    fn one_worker(&mut self) -> Option<u32> {
        let which = self.one_node();
        let workers = self.nodes[which].workers();
        (!workers.is_empty()).then(|| workers[self.random.random_range(0..workers.len())])
    }

    /// Stands still for a while, and goes on as if nothing had been.
    fn stopped(&mut self, process: Option<u32>) {
        let Some(process) = process.filter(|process| signal(*process, "STOP")) else { return };
        self.last();
        signal(process, "CONT");
    }

    fn database_ends(&mut self, fault: Fault) {
        self.done.databases_killed += 1;
        match fault {
            Fault::DatabaseDown => {
                self.cluster.stop();
                self.last();
                self.cluster.restart();
            }
            Fault::DatabaseProcessKilled => {
                let processes = self.cluster.processes();
                let which = self.random.random_range(1..processes.len().max(2));
                // Without others the first is asked to restart, which is the same to its clients.
                match processes.get(which) {
                    Some(process) => drop(signal(*process, "KILL")),
                    None => self.cluster.restart(),
                }
            }
            _ => self.cluster.restart(),
        }
    }

    /// Between one node and the database, or between all and it.
    fn network_breaks(&mut self, fault: Fault) {
        let which = self.random.random_range(0..=self.nodes.len());
        let chosen = |number: usize| which == self.nodes.len() || which == number;
        let chosen: Vec<usize> = (0..self.nodes.len()).filter(|number| chosen(*number)).collect();
        let set = |way| chosen.iter().for_each(|number| self.networks[*number].set(way));
        match fault {
            Fault::NetworkCut => {
                set(Way::Closed);
                chosen.iter().for_each(|number| self.networks[*number].cut());
            }
            Fault::NetworkClosedByHalves => chosen.iter().for_each(|number| self.networks[*number].close_by_halves()),
            Fault::NetworkSlow => set(Way::Slow),
            Fault::NetworkLossy => set(Way::Lossy),
            _ => set(Way::Stalled),
        }
        let loses = self.networks[chosen[0]].loses_packets();
        match fault {
            Fault::NetworkLossy if !loses => self.down_and_up(&chosen),
            _ => self.last(),
        }
        for number in chosen {
            if fault == Fault::NetworkStalledThenCut {
                self.networks[number].cut();
            }
            self.networks[number].set(Way::Open);
        }
    }

    /// What was sent while it was down is lost, or late.
    fn down_and_up(&mut self, chosen: &[usize]) {
        let until = Instant::now() + Duration::from_millis(self.random.random_range(self.lasts.0..self.lasts.1));
        while Instant::now() < until {
            for way in [Way::Stalled, Way::Open] {
                chosen.iter().for_each(|number| self.networks[*number].set(way));
                let length = self.random.random_range(20..200);
                thread::sleep(Duration::from_millis(length));
            }
        }
    }

    /// What a full disk ended is started again when there is room, as an administrator does.
    fn database_disk_fills(&mut self) {
        self.disk.fill(&self.cluster.processes());
        self.last();
        self.disk.empty(&self.cluster.processes());
        let since = Instant::now();
        while crate::harness::database::run(&self.cluster.url(), "SELECT 1").is_err() {
            assert!(since.elapsed() < READY_WITHIN, "PostgreSQL did not come back after its disk was full");
            if self.cluster.processes().is_empty() || since.elapsed() > BY_ITSELF {
                self.cluster.restart();
                self.done.databases_killed += 1;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn hsm(&mut self, lines: &str) {
        let seed: u32 = self.random.random();
        let tell = |text: String| {
            let new = self.common.control.with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, &self.common.control).unwrap();
        };
        tell(format!("seed {seed}\n{lines}\n"));
        let length = self.random.random_range(self.lasts.0..self.lasts.1);
        thread::sleep(Duration::from_millis(length));
        tell(format!("seed {seed}\n"));
    }

    /// One node's wall clock is wrong for a while; started meanwhile it would be wrong from the start.
    fn clock(&mut self, seconds: i64) {
        let which = self.one_node();
        let file = self.nodes[which].clock.clone();
        let tell = |seconds: i64| {
            fs::write(file.with_extension("new"), seconds.to_string()).unwrap();
            fs::rename(file.with_extension("new"), &file).unwrap();
        };
        tell(seconds);
        if self.random.random_range(0..3) == 0 {
            self.node_killed(which);
            let since = Instant::now();
            while !self.nodes[which].ready(&self.common) && since.elapsed() < BY_ITSELF {
                thread::sleep(Duration::from_millis(50));
            }
        }
        self.last();
        tell(0);
    }

    /// Callers that send an octet now and then, and others that send nothing; those that are quick are served meanwhile.
    fn slow_clients(&mut self) {
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address).collect();
        let mut slow: Vec<TcpStream> = (0..SLOW_CLIENTS)
            .filter_map(|number| TcpStream::connect(addresses[number % addresses.len()]).ok())
            .collect();
        let head = b"POST /api/v1/documents/verify HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
        for caller in slow.iter_mut().step_by(2) {
            let _ = caller.write_all(head);
        }
        let until = Instant::now() + Duration::from_millis(self.random.random_range(self.lasts.0..self.lasts.1));
        while Instant::now() < until {
            slow.iter_mut().step_by(2).for_each(|caller| drop(caller.write_all(b"x")));
            self.until_ready("slow clients came");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// From the end of a fault until every node says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// In which something comes back without help.
const BY_ITSELF: Duration = Duration::from_secs(20);
const SLOW_CLIENTS: usize = 60;
/// Kills that follow each other.
const IN_TURN: u32 = 8;
/// Two hours, in seconds: as far back as a clock is set.
const LONGEST_BACK: i64 = 7_200;
const FAILING: &str = "C_Sign crash per_mille=20\nC_Sign flip per_mille=60\nC_Sign other per_mille=30\nC_Sign short per_mille=30\n\
    C_Sign rv=CKR_DEVICE_ERROR per_mille=300\nC_SignInit rv=CKR_SESSION_HANDLE_INVALID per_mille=100\n\
    C_WrapKey rv=CKR_DEVICE_MEMORY per_mille=200\nC_UnwrapKey crash per_mille=100\nC_GetTokenInfo vanish per_mille=50";
