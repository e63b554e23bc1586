//! Many clients of two providers bring the same payments at the same time, half of them another order under the same identity, to all nodes,
//! while nodes are killed (-9) and the database is restarted: of each payment one order is accepted exactly once, for one provider, everybody
//! else is told so, and it stays accepted when SQL takes its row away. `CHUKY_SOAK_SECONDS` makes the run long, `CHUKY_SOAK_SEED` repeats one.

use crate::harness::{
    app::{Backend, EXECUTABLE, TestApp},
    database::OwnCluster,
    payer::{Authority, p256},
};
use chuky_model::role::Role;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const CLIENTS: u64 = 64;
/// Payments of the run of `make test`, and of the long one.
const PAYMENTS: usize = 60;
const MANY_PAYMENTS: usize = 10_000;
/// Lines that a client sends in one stream.
const STREAM: usize = 20;

/// A service in a process of its own.
struct Node {
    data: PathBuf,
    database_url: String,
    address: SocketAddr,
    process: Option<Child>,
}

impl Node {
    fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.data.join("race.log")).unwrap();
        let process = Command::new(EXECUTABLE)
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(&self.data)
            .env("CHUKY__SERVER__LISTEN", self.address.to_string())
            .env("CHUKY__DATABASE__URL", &self.database_url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Waits until it listens; one that ended because the database was away is started again.
    fn wait(&mut self) {
        let since = Instant::now();
        while TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(120), "the service did not start");
            if self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some()) {
                self.start();
            }
            thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A payment: two orders under one identity.
type Orders = [String; 2];
/// An order of a payment and the provider that brings it, each by its number.
type Bid = (usize, usize);

/// What a client was told of its bid for a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    First,
    Repeated,
    /// Another order was accepted under the identity.
    Conflict,
    /// Another provider acquired this order.
    OtherProvider,
}

impl Told {
    /// `None`: to be asked again.
    fn read(answer: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match (text(&answer["verdict"]).as_str(), text(&answer["seen"]).as_str(), text(&answer["reasons"][0]).as_str())
        {
            ("accepted", "first", _) => Some(Self::First),
            ("accepted", "repeated", _) => Some(Self::Repeated),
            ("rejected", _, "conflict") => Some(Self::Conflict),
            ("rejected", _, "acquired_by_another_provider") => Some(Self::OtherProvider),
            ("rejected", ..) => panic!("{answer}"),
            _ => None,
        }
    }
}

/// One client: brings one order of every payment, in an order of its own, until each has a final answer. Returns for each payment what it bid
/// and what it was told.
fn client(
    addresses: &[SocketAddr],
    keys: &[String; 2],
    messages: &[Orders],
    seed: u64,
    late: Instant,
) -> Vec<(Bid, Told)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut open: Vec<usize> = (0..messages.len()).collect();
    open.shuffle(&mut random);
    let provider = random.random_range(0..keys.len());
    let bids: Vec<Bid> = messages.iter().map(|orders| (random.random_range(0..orders.len()), provider)).collect();
    let mut told: Vec<Option<Told>> = vec![None; messages.len()];
    while !open.is_empty() {
        assert!(Instant::now() < late, "{} payments have no answer", open.len());
        let count = open.len().min(STREAM);
        let stream: Vec<usize> = open.drain(..count).collect();
        let address = addresses[random.random_range(0..addresses.len())];
        let body: Vec<&str> = stream.iter().map(|number| messages[*number][bids[*number].0].as_str()).collect();
        let answers = send(address, &keys[provider], &body.join("\n"));
        let mut answers = answers.iter();
        for number in stream {
            // A line without an answer, or with a problem, is asked for again.
            told[number] = answers.next().and_then(Told::read);
            if told[number].is_none() {
                open.push(number);
            }
        }
        if open.len() > messages.len() / 2 {
            thread::sleep(Duration::from_millis(random.random_range(5..100)));
        }
    }
    bids.into_iter().zip(told.into_iter().flatten()).collect()
}

/// Holds what all clients were told against each other. Returns how many payments nobody was told to be the first of.
fn agree(count: usize, clients: &[Vec<(Bid, Told)>]) -> usize {
    let mut lost = 0;
    for number in 0..count {
        let told: Vec<(Bid, Told)> = clients.iter().map(|client| client[number]).collect();
        let accepted = |told: &&(Bid, Told)| matches!(told.1, Told::First | Told::Repeated);
        let winner = told.iter().find(accepted).unwrap_or_else(|| panic!("nobody was accepted: {number}: {told:?}")).0;
        let firsts = told.iter().filter(|(_, told)| *told == Told::First).count();
        assert!(firsts <= 1, "accepted more than once: {number}: {told:?}");
        for (bid, told) in &told {
            let right = match told {
                Told::First | Told::Repeated => *bid == winner,
                Told::Conflict => bid.0 != winner.0,
                Told::OtherProvider => bid.0 == winner.0 && bid.1 != winner.1,
            };
            assert!(right, "{number}: {bid:?} was told {told:?}, and {winner:?} was accepted");
        }
        lost += usize::from(firsts == 0);
    }
    lost
}

/// The answers that arrived before the service went away.
fn send(address: SocketAddr, key: &str, body: &str) -> Vec<Value> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into();
    let url = format!("http://{address}/api/v1/transactions/verify-batch");
    let Ok(response) = agent.post(url).header("authorization", format!("Bearer {key}")).send(body) else {
        return Vec::new();
    };
    let lines = BufReader::new(response.into_body().into_reader()).lines();
    lines.map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok()).collect()
}

async fn raced(backend: Backend) {
    let soak = std::env::var("CHUKY_SOAK_SECONDS").is_ok();
    let count = if soak { MANY_PAYMENTS } else { PAYMENTS };
    let seed = std::env::var("CHUKY_SOAK_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let cluster = (backend == Backend::Postgres).then(OwnCluster::start);
    // 1. A provider, a payer, and the payments, which all clients have.
    let test = TestApp::start_with(backend, |settings| {
        if let Some(cluster) = &cluster {
            settings.database_url = cluster.url();
        }
    })
    .await;
    let key = test.account("vi.dien.tu", &[Role::PaymentProvider], None).await.1;
    let keys = [key.clone(), test.account("ngan.hang", &[Role::PaymentProvider], None).await.1];
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    let order = |number| {
        let order = payer.order(&test.app, &format!("RACE-{number}"));
        let mut other = order.clone();
        other["amount"] = serde_json::json!(150_001);
        [payer.sign(&order), payer.sign(&other)]
    };
    let messages: Arc<Vec<Orders>> = Arc::new((0..count).map(order).collect());
    let (directory, settings) = test.rest().await;
    let (data, url) = (directory.path().join("var"), settings.database_url.clone());
    // 2. Clients against all nodes, and the killer.
    let racing = (messages.clone(), keys);
    let race = move || run(&data, &url, cluster, (&racing.0, &racing.1), seed);
    // The database lives as long as what follows.
    let (_cluster, lost, kills) = tokio::task::spawn_blocking(race).await.unwrap();
    println!(
        "soak: race on {backend:?}: {count} payments, {CLIENTS} clients, {kills} kills, {lost} first answers lost, CHUKY_SOAK_SEED={seed}"
    );
    assert!(kills >= 1, "nothing was killed");
    // 3. Each is stored once, and the log tells as many.
    let test = TestApp::wake(directory, settings).await;
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), count.to_string());
    assert_eq!(test.sql("SELECT SUM(count) FROM payment_batch"), count.to_string());
    assert_eq!(test.app.payments.remembered().count(), count);
    // 4. What SQL takes away is not accepted again.
    test.sql("DELETE FROM payment_identity");
    test.sql("DELETE FROM payment_batch");
    let some: Vec<&str> = messages.iter().take(20).map(|orders| orders[0].as_str()).collect();
    let path = "/api/v1/transactions/verify-batch";
    let (_, bytes) = test.raw("POST", path, &key, "application/x-ndjson", some.join("\n").into()).await;
    let answers: Vec<Value> =
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 20);
    assert!(answers.iter().all(|answer| answer["type"] == "urn:chuky:problem:internal"), "{answers:?}");
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
}

/// Returns the database's cluster, how many first answers nobody got, and how often something was killed.
fn run(
    data: &Path,
    database_url: &str,
    cluster: Option<OwnCluster>,
    (messages, keys): (&Arc<Vec<Orders>>, &[String; 2]),
    seed: u64,
) -> (Option<OwnCluster>, usize, u32) {
    let node = || Node {
        data: data.to_owned(),
        database_url: database_url.to_owned(),
        address: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
        process: None,
    };
    let mut nodes: Vec<Node> = (0..if cluster.is_some() { 2 } else { 1 }).map(|_| node()).collect();
    nodes.iter_mut().for_each(Node::start);
    nodes.iter_mut().for_each(Node::wait);
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let longest = Duration::from_secs(if messages.len() > PAYMENTS { 3_000 } else { 240 });
    let late = Instant::now() + longest;
    let killer = {
        let stop = stop.clone();
        // On a machine so busy that nodes hardly answer before they are killed again, clients come to their end in the second half.
        let until = Instant::now() + longest / 2;
        thread::spawn(move || kill_on(nodes, cluster, seed, (&stop, until)))
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (addresses, keys, messages) = (addresses.clone(), keys.clone(), messages.clone());
            thread::spawn(move || client(&addresses, &keys, &messages, seed ^ (number << 32), late))
        })
        .collect();
    let told: Vec<Vec<(Bid, Told)>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    stop.store(true, Ordering::Relaxed);
    let (nodes, cluster, kills) = killer.join().unwrap();
    drop(nodes);
    (cluster, agree(messages.len(), &told), kills)
}

/// Kills a node or restarts the database every now and then, until told to stop or so late; then waits to be told.
fn kill_on(
    mut nodes: Vec<Node>,
    cluster: Option<OwnCluster>,
    seed: u64,
    (stop, until): (&AtomicBool, Instant),
) -> (Vec<Node>, Option<OwnCluster>, u32) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(random.random_range(200..2_500)));
        if Instant::now() > until {
            continue;
        }
        match &cluster {
            Some(cluster) if random.random_range(0..3) == 0 => cluster.restart(),
            _ => {
                let which = random.random_range(0..nodes.len());
                nodes[which].kill();
                nodes[which].start();
            }
        }
        kills += 1;
        nodes.iter_mut().for_each(Node::wait);
    }
    (nodes, cluster, kills)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_many_clients_each_payment_is_accepted_once_on_sqlite() {
    raced(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_many_clients_each_payment_is_accepted_once_on_postgres() {
    raced(Backend::Postgres).await;
}
