//! The service and its HSM workers are killed (-9) in a loop at random moments, while subscribers' certificates are issued, revoked,
//! suspended and resumed. Afterwards a checker that shares no code with the service compares database, lists, OCSP, audit log and
//! what the clients were told. `CHUKY_SOAK_SECONDS` lengthens the run, `CHUKY_SOAK_SEED` repeats one.

pub mod checker;
pub mod clients;

use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{config::Settings, issuance::revocation_list};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Seconds of a run of `make test`.
const SLICE_SECONDS: u64 = 12;
/// Changes, of issue and of standing, after which the long run ends.
const ENOUGH: u64 = 10_000;
/// Fewer would show nothing, so a run goes on until then, for at most `LONGEST_MORE`.
const LEAST: u64 = 16;
/// See `LEAST`.
const LONGEST_MORE: Duration = Duration::from_secs(90);
/// Subscribers at work at a time.
const CLIENTS: u64 = 8;
/// What a killed service left is taken back within this after the next start: on PostgreSQL as soon as the server noticed its end.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(120);

/// The service in a process of its own, started anew after each kill.
struct Victim {
    data: PathBuf,
    database_url: String,
    address: SocketAddr,
    process: Option<Child>,
}

/// How often what was killed.
#[derive(Default, Debug)]
struct Kills {
    services: u32,
    /// Of these, before the service listened.
    starting: u32,
    workers: u32,
}

impl Victim {
    fn start(&mut self) {
        let process = Command::new(EXECUTABLE)
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .env("CHUKY__REGISTRATION__SECOND_CERTIFICATE", "allow")
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(&self.data)
            .env("CHUKY__SERVER__LISTEN", self.address.to_string())
            .env("CHUKY__SERVER__PUBLIC_URL", format!("http://{}", self.address))
            .env("CHUKY__DATABASE__URL", &self.database_url)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .env("CHUKY__HSM__WORKERS_PER_TOKEN", "2")
            // Codes that a killed service has used up are tried again: here that is no guessing.
            .env("CHUKY__RATES__ACTIVATION_ADDRESS__COUNT", "1000000")
            .env("CHUKY__RATES__ACTIVATION_ADDRESS__SECONDS", "1")
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .stderr(fs::File::options().create(true).append(true).open(self.data.join("service.log")).unwrap())
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    fn listens(&self) -> bool {
        TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_ok()
    }

    /// Waits until it listens; a service that ends by itself does not come up.
    fn wait(&mut self) {
        let since = Instant::now();
        while !self.listens() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.data.join("service.log")).unwrap_or_default();
            assert!(ended.is_none(), "the service ended by itself: {ended:?}\n{}", log());
            assert!(since.elapsed() < Duration::from_secs(120), "the service did not start\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Kills one of its HSM workers, where it has any just now.
    fn kill_worker(&self, which: usize) -> bool {
        let workers = hsm_workers(self.process.as_ref().unwrap().id());
        let Some(process) = which.checked_rem(workers.len()).and_then(|index| workers.get(index)) else { return false };
        Command::new("kill").args(["-9", &process.to_string()]).stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Children of a service that hold a token.
pub fn hsm_workers(service: u32) -> Vec<u32> {
    let is_child = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        status.lines().any(|line| line == format!("PPid:\t{service}")) && line.contains("worker\0hsm")
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(is_child).collect()
}

/// Kills until told to stop, at moments that the seed tells.
fn kill_on(mut victim: Victim, seed: u64, stop: &AtomicBool) -> (Victim, Kills) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = Kills::default();
    while !stop.load(Ordering::Relaxed) {
        // One service in six does not live to listen.
        if random.random_range(0..6) == 0 {
            thread::sleep(Duration::from_millis(random.random_range(0..1_500)));
            kills.starting += u32::from(!victim.listens());
        } else {
            victim.wait();
            for _ in 0..random.random_range(0..3) {
                thread::sleep(Duration::from_millis(random.random_range(100..1_500)));
                kills.workers += u32::from(victim.kill_worker(random.random_range(0..64)));
            }
            thread::sleep(Duration::from_millis(random.random_range(50..3_000)));
        }
        victim.kill();
        kills.services += 1;
        victim.start();
    }
    (victim, kills)
}

async fn killed_in_a_loop(backend: Backend) {
    let seconds = std::env::var("CHUKY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SLICE_SECONDS);
    let seed = std::env::var("CHUKY_SOAK_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("kill loop on {backend:?}: {seconds} s, CHUKY_SOAK_SEED={seed}");
    // 1. Accounts and sessions, which outlive every kill; then the data go to a process of its own.
    let test = TestApp::start(backend).await;
    let staff = clients::Staff {
        operator: test.log_in("gianhang").await,
        approver: test.log_in("duyet").await,
        officer: test.log_in("quantri").await,
    };
    let (directory, settings) = test.rest().await;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (data, database_url) = (directory.path().join("var"), settings.database_url.clone());
    // 2. Clients at work, and the killer.
    let work = (address, staff, (seed, seconds));
    let run = tokio::task::spawn_blocking(move || run(&data, database_url, work)).await;
    let (notes, lists, kills) = run.unwrap();
    // 3. What was half done is taken back, and told.
    let test = woken(directory, settings).await;
    // 4. Checked from outside.
    let counts = checker::check(&test, &notes, &lists).await;
    println!("soak: kill loop on {backend:?}: seed {seed}, {kills:?}");
    println!(
        "soak: kill loop on {backend:?}: {} changes, {counts:?}",
        counts.issued + counts.revoked + counts.suspended
    );
    assert!(kills.services >= 2 && counts.issued > 0 && counts.revoked > 0, "{kills:?} {counts:?}");
}

fn run(
    data: &Path,
    database_url: String,
    (address, staff, (seed, seconds)): (SocketAddr, clients::Staff, (u64, u64)),
) -> (Vec<clients::Note>, Vec<checker::List>, Kills) {
    let mut victim = Victim { data: data.to_owned(), database_url, address, process: None };
    victim.start();
    victim.wait();
    let (stop, staff, done) = (Arc::new(AtomicBool::new(false)), Arc::new(staff), Arc::new(AtomicU64::new(0)));
    let killer = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || kill_on(victim, seed, &stop))
    };
    let watcher = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || checker::watch_lists(address, &stop))
    };
    let working: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (stop, staff, done) = (Arc::clone(&stop), Arc::clone(&staff), Arc::clone(&done));
            thread::spawn(move || clients::Client::new(vec![address], staff, (seed, number)).work(&stop, &done))
        })
        .collect();
    let since = Instant::now();
    // As long as was asked for, and on a machine that is busy with other things until something was done.
    let goes_on = |done: u64| match since.elapsed() {
        time if time < Duration::from_secs(seconds) => done < ENOUGH,
        time => done < LEAST && time < Duration::from_secs(seconds) + LONGEST_MORE,
    };
    while goes_on(done.load(Ordering::Relaxed)) {
        thread::sleep(Duration::from_millis(200));
        assert!(!killer.is_finished() && !watcher.is_finished(), "the killer or the watcher has failed");
    }
    stop.store(true, Ordering::Relaxed);
    let (mut victim, kills) = killer.join().unwrap();
    // The last calls get their answers: clients end between two subscribers.
    victim.wait();
    let notes = working.into_iter().flat_map(|client| client.join().unwrap()).collect();
    let lists = watcher.join().unwrap();
    victim.kill();
    (notes, lists, kills)
}

async fn woken(directory: tempfile::TempDir, settings: Settings) -> TestApp {
    let test = TestApp::wake(directory, settings).await;
    let since = Instant::now();
    while test.sql("SELECT count(*) FROM certificate WHERE state IN ('intended', 'signing')").trim() != "0" {
        assert!(since.elapsed() < TAKEN_BACK_WITHIN, "something is left half done");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("nothing is half done {:?} after the start", since.elapsed());
    revocation_list::publish_after_change(&test.app).await.unwrap();
    test
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_kills_at_random_lose_and_double_nothing_on_sqlite() {
    killed_in_a_loop(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_kills_at_random_lose_and_double_nothing_on_postgres() {
    killed_in_a_loop(Backend::Postgres).await;
}
