//! Two nodes on one PostgreSQL under load, while one fault after another happens to nodes, workers, database, disks, network, HSM, clocks and
//! keys. Afterwards checkers that share no code with the service hold database, lists, OCSP, audit log and documents against what the
//! clients were told. `CHUKY_SOAK_SECONDS` makes the run long, `CHUKY_SOAK_KILLS` lets it go on until so many kills were made, `CHUKY_SOAK_SEED`
//! repeats a schedule.

mod checker;
mod clients;
mod disk;
mod faults;
mod namespace;
pub mod network;
mod node;
mod victim;

use crate::{
    harness::{
        app::{Backend, TestApp},
        database::{OwnCluster, free_directory},
        payer::{Holder, Payer, UID},
    },
    issuance::{
        self,
        kill_loop::{
            self,
            checker::{List, watch_lists},
            clients::{Client, Staff},
        },
        own_key::issued_for_own_key,
    },
    payments::key_of,
};
use chuky::{config::Settings, issuance::revocation_list};
use chuky_model::{id::CertificateId, role::Role};
use clients::{Load, Notes};
use disk::Disk;
use faults::World;
use namespace::Namespace;
use network::Network;
use node::{Common, Node};
use openssl::{pkey::PKey, x509::X509};
use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use uuid::Uuid;
use victim::Victim;

const NODES: usize = 2;
/// Clients at work at a time, in a run of `make test` and in a long one.
const CLIENTS: u64 = 4;
const MANY_CLIENTS: u64 = 8;
/// Seconds of faults in a run of `make test`, and its schedule: the same each time.
const SLICE_SECONDS: u64 = 15;
const SLICE_SEED: u64 = 8;
/// Fewer acknowledged acts would show nothing, so a run goes on until then, for at most `LONGEST_MORE`.
const LEAST: u64 = 10;
const LONGEST_MORE: Duration = Duration::from_secs(90);
/// What was half done when the last node ended is taken back within this after the next start, and a list is out that was dated ahead.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);

/// Whoever pays: a citizen with a key of their own, certified by the service.
async fn payer(test: &TestApp) -> Payer {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued_for_own_key(test, at).await;
    issuance::fetch(test, at, "citizens", &receipt).await;
    let pem = |name: &str| fs::read(at.join(name)).unwrap();
    let certificate = X509::from_pem(&pem("subscriber.pem")).unwrap();
    let key = PKey::private_key_from_pem(&pem("key.pem")).unwrap();
    let subject = format!("{:?}", certificate.subject_name());
    assert!(subject.contains(UID), "{subject}");
    let issuing = X509::from_pem(&pem("issuing.pem")).unwrap().to_der().unwrap();
    Payer { holder: Holder { certificate, key }, id: CertificateId(Uuid::now_v7()), issuing }
}

/// PostgreSQL on a disk of its own; somebody else may be quicker to take a free port.
fn database() -> (OwnCluster, Disk) {
    let started = (0..3).find_map(|_| {
        let (place, port) = free_directory();
        let disk = Disk::mount(&place);
        Some((OwnCluster::start_in(place, port)?, disk))
    });
    started.expect("PostgreSQL did not start: its message stands above")
}

/// Everything that must be told apart by seed and length.
#[derive(Clone, Copy)]
struct Length {
    seconds: u64,
    seed: u64,
    long: bool,
    kills: Option<u32>,
}

impl Length {
    fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let seconds: Option<u64> = number("CHUKY_SOAK_SECONDS");
        let kills = number("CHUKY_SOAK_KILLS").and_then(|kills| u32::try_from(kills).ok());
        let seed = number("CHUKY_SOAK_SEED").unwrap_or(SLICE_SEED);
        let long = seconds.is_some() || kills.is_some();
        Self { seconds: seconds.unwrap_or(SLICE_SECONDS), seed, long, kills }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_faults_of_every_kind_nothing_acknowledged_is_lost() {
    let length = Length::from_environment();
    match length.kills {
        Some(kills) => println!("fault run: until {kills} kills, CHUKY_SOAK_SEED={}", length.seed),
        None => println!("fault run: {} s, CHUKY_SOAK_SEED={}", length.seconds, length.seed),
    }
    let (cluster, disk) = database();
    // 1. Accounts, keys and what is there before the run.
    let url = cluster.url();
    let test = TestApp::start_with(Backend::Postgres, |settings| settings.database_url = url).await;
    let staff = Staff {
        operator: test.log_in("gianhang").await,
        approver: test.log_in("duyet").await,
        officer: test.log_in("quantri").await,
    };
    let provider = key_of(&test, "vi.chay", Role::PaymentProvider).await;
    let load = Load { payer: payer(&test).await, provider, stop: AtomicBool::new(false), done: AtomicU64::new(0) };
    let victim = Victim::enrol(&test).await;
    let known = checker::certified_requests(&test);
    let (directory, settings) = test.rest().await;
    let common = Common::write(directory.path(), directory.path().join("var"), settings.public_url.clone());
    // 2. Nodes, each behind a network of its own; clients at work; faults.
    let parts = ((cluster, disk), (common, victim));
    let work = tokio::task::spawn_blocking(move || run(parts, load, staff, length));
    let Run { world, notes, lists, acts, took } = work.await.unwrap();
    // 3. What was half done is taken back, and told.
    let test = settled(directory, settings).await;
    // 4. Checked from outside.
    let certificates: Vec<_> = notes.iter().flat_map(|notes| &notes.certificates).cloned().collect();
    let issued = kill_loop::checker::check(&test, &certificates, &lists).await;
    let counts = checker::check(&test, &notes, &known, &world.victim).await;
    let done = &world.done;
    println!(
        "soak: faults: seed {}, {} s, {acts} acts acknowledged, {} kills",
        length.seed,
        took.as_secs(),
        done.kills()
    );
    println!(
        "soak: faults: killed {} nodes, {} HSM workers, PostgreSQL {} times; disk: {}",
        done.nodes_killed,
        done.workers_killed,
        done.databases_killed,
        world.disk.means()
    );
    for (fault, (count, longest)) in &done.faults {
        println!("soak: faults: {fault:?} {count}, every node ready within {:.1} s", longest.as_secs_f64());
    }
    println!("soak: faults: {issued:?}");
    println!("soak: faults: {counts:?}; a changed key was refused {} times", world.victim.refused);
    assert!(done.kills() >= length.kills.unwrap_or(1));
    assert!(done.kills() >= 1 && issued.issued > 0 && counts.payments > 0, "{done:?} {issued:?} {counts:?}");
}

struct Run {
    world: World,
    notes: Vec<Notes>,
    lists: Vec<List>,
    acts: u64,
    took: Duration,
}

fn run(
    ((cluster, disk), (common, victim)): ((OwnCluster, Disk), (Common, Victim)),
    load: Load,
    staff: Staff,
    length: Length,
) -> Run {
    let namespaces = namespaces(length);
    let networks: Vec<Network> = namespaces.iter().map(|from| Network::to(cluster.port(), from.as_ref())).collect();
    let urls = networks.iter().map(|network| network.url(&cluster.url(), cluster.port()));
    let each = urls.zip(namespaces).enumerate();
    let mut nodes: Vec<Node> = each.map(|(number, place)| Node::new(&common, number, place)).collect();
    nodes.iter_mut().for_each(|node| node.start(&common));
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
    let mut world = World::new((nodes, networks), (cluster, disk), (common, victim), length);
    world.until_ready("the start");
    let (load, staff) = (Arc::new(load), Arc::new(staff));
    let count = if length.long { MANY_CLIENTS } else { CLIENTS };
    let working: Vec<JoinHandle<Notes>> = (0..count)
        .map(|number| {
            let (load, staff, addresses) = (Arc::clone(&load), Arc::clone(&staff), addresses.clone());
            thread::spawn(move || clients::live(Client::new(addresses, staff, (length.seed, number)), &load))
        })
        .collect();
    let watcher = {
        let (load, address) = (Arc::clone(&load), addresses[0]);
        thread::spawn(move || watch_lists(address, &load.stop))
    };
    let began = Instant::now();
    let until = began + Duration::from_secs(length.seconds);
    world.suffer(|| working.iter().any(JoinHandle::is_finished) || watcher.is_finished(), until);
    // On a machine that is busy with other things until something was done.
    while load.done.load(Ordering::Relaxed) < LEAST && Instant::now() < until + LONGEST_MORE {
        thread::sleep(Duration::from_millis(100));
    }
    let took = began.elapsed();
    load.stop.store(true, Ordering::Relaxed);
    // The last calls get their answers: clients end between two lives.
    let notes = working.into_iter().map(|client| client.join().unwrap()).collect();
    let lists = watcher.join().unwrap();
    world.until_ready("the end");
    world.nodes.clear();
    Run { world, notes, lists, acts: load.done.load(Ordering::Relaxed), took }
}

/// Each node's network namespace, in long runs and where that may be made; says which it is.
fn namespaces(length: Length) -> Vec<Option<Namespace>> {
    let wanted = length.long && std::env::var("CHUKY_SOAK_NETWORK").ok().as_deref() != Some("relay");
    let made: Vec<_> = (0..NODES).map(|number| wanted.then(|| Namespace::make(number)).flatten()).collect();
    let all = made.iter().all(Option::is_some);
    println!(
        "soak: faults: network: {}",
        match (all, wanted) {
            (true, _) if made.iter().flatten().all(|namespace| namespace.link().netem) =>
                "namespaces, links cut, delay and loss by netem",
            (true, _) =>
                "namespaces, links cut; this kernel has no netem: loss by links that go down and up, delay by a relay",
            (false, true) => "a relay on loopback: this run may not make network namespaces",
            (false, false) => "a relay on loopback",
        }
    );
    if all { made } else { (0..NODES).map(|_| None).collect() }
}

async fn settled(directory: tempfile::TempDir, settings: Settings) -> TestApp {
    let test = TestApp::wake(directory, settings).await;
    let since = Instant::now();
    let half_done = "SELECT count(*) FROM certificate WHERE state IN ('intended', 'signing')";
    while test.sql(half_done).trim() != "0" {
        assert!(since.elapsed() < SETTLED_WITHIN, "something is left half done");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("nothing is half done {:?} after the start", since.elapsed());
    // No list is made before the time of the last one has come, which a clock set ahead has dated.
    while let Err(error) = revocation_list::publish_after_change(&test.app).await {
        assert!(since.elapsed() < SETTLED_WITHIN, "{error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    test
}
