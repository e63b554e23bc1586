//! The method: sides of a row run alternately, at least five rounds, and the median of the rounds' ratios counts.
//! A machine's speed drifts by half during a run, so absolute figures mean nothing and two runs are never compared.

use std::time::Instant;

/// What a batch cost, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    /// User and system time of all processes that took part.
    pub cpu: f64,
    pub wall: f64,
}

/// One of the things that a row compares.
pub trait Side {
    fn name(&self) -> String;
    /// Does the task `count` times.
    fn run(&mut self, count: u32) -> Result<Cost, String>;
}

/// A task in this process, done once a call.
pub struct Local<F> {
    name: String,
    task: F,
}

impl<F: FnMut()> Local<F> {
    pub fn new(name: &str, task: F) -> Box<Self> {
        Box::new(Self { name: name.to_owned(), task })
    }
}

impl<F: FnMut()> Side for Local<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        let clock = Clock::start();
        for _ in 0..count {
            (self.task)();
        }
        Ok(clock.stop())
    }
}

/// A task in this process that does `count` pieces in one call, and that may cost other processes too.
pub struct Batch<F> {
    name: String,
    task: F,
    processes: Vec<u32>,
}

impl<F: FnMut(u32) -> Result<(), String>> Batch<F> {
    pub fn new(name: &str, processes: Vec<u32>, task: F) -> Box<Self> {
        Box::new(Self { name: name.to_owned(), task, processes })
    }
}

impl<F: FnMut(u32) -> Result<(), String>> Side for Batch<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        let before: f64 = self.processes.iter().map(|process| process_cpu(*process)).sum();
        let clock = Clock::start();
        (self.task)(count)?;
        let mut cost = clock.stop();
        cost.cpu += self.processes.iter().map(|process| process_cpu(*process)).sum::<f64>() - before;
        Ok(cost)
    }
}

/// What is compared: CPU time for one piece, or pieces in a second of the wall clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    CpuMicroseconds,
    CpuMilliseconds,
    PerSecond,
    /// A rate by CPU time: for work of one thread, steadier than the wall clock on shared cores.
    PerCpuSecond,
    /// Peak of resident memory; a side gives it in place of its CPU time.
    Mebibytes,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuMicroseconds => "us CPU",
            Self::CpuMilliseconds => "ms CPU",
            Self::PerSecond => "1/s",
            Self::PerCpuSecond => "1/s CPU",
            Self::Mebibytes => "MiB",
        }
    }

    pub fn is_rate(self) -> bool {
        matches!(self, Self::PerSecond | Self::PerCpuSecond)
    }

    fn of(self, cost: Cost, count: u32) -> f64 {
        let count = f64::from(count);
        match self {
            Self::CpuMicroseconds => cost.cpu / count * 1e6,
            Self::CpuMilliseconds => cost.cpu / count * 1e3,
            Self::PerSecond => count / cost.wall,
            Self::PerCpuSecond => count / cost.cpu,
            Self::Mebibytes => cost.cpu,
        }
    }
}

/// What a row should reach. For rates `ratio` is ours ÷ limit; for costs it is our cost ÷ the limit's cost.
#[derive(Clone, Copy)]
pub enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    PeerRatioAtLeast(f64),
    ValueAtMost(f64),
    ValueAtLeast(f64),
}

/// A row before it is measured.
pub struct Row {
    pub unit: Unit,
    pub ours: Box<dyn Side>,
    pub limit: Option<Box<dyn Side>>,
    pub peer: Option<Box<dyn Side>>,
    pub goals: Vec<Goal>,
}

/// Another side's figure and the ratio to ours.
pub struct Beside {
    pub name: String,
    pub value: f64,
    pub ratio: f64,
}

/// A row after it was measured.
pub struct Figure {
    pub name: String,
    pub unit: Unit,
    pub value: f64,
    pub limit: Option<Beside>,
    pub peer: Option<Beside>,
    pub goals: Vec<Goal>,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Rounds {
    rounds: usize,
    seconds_a_batch: f64,
}

impl Rounds {
    /// `CHUKY_BENCH_ROUNDS` (never below five) and a quarter of a second a batch.
    pub fn from_environment() -> Self {
        let rounds = std::env::var("CHUKY_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
        Self { rounds: rounds.max(5), seconds_a_batch: 0.25 }
    }
}

/// Measures one row.
pub fn measure(name: &str, row: Row, rounds: Rounds) -> Result<Figure, String> {
    let Row { unit, ours, limit, peer, goals } = row;
    let mut sides = vec![ours];
    let limit_at = limit.map(|side| push(&mut sides, side));
    let peer_at = peer.map(|side| push(&mut sides, side));
    let counts: Vec<u32> = sides.iter_mut().map(|side| calibrate(side.as_mut(), rounds)).collect::<Result<_, _>>()?;
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..rounds.rounds {
        for turn in 0..sides.len() {
            // Each side comes first in turn, so that a drift within a round favours nobody.
            let index = (turn + round) % sides.len();
            values[index].push(unit.of(sides[index].run(counts[index])?, counts[index]));
        }
    }
    let beside = |at: usize, ours_first: bool| Beside {
        name: sides[at].name(),
        value: median(values[at].clone()),
        ratio: median(
            values[0]
                .iter()
                .zip(&values[at])
                .map(|(ours, other)| if ours_first { ours / other } else { other / ours })
                .collect(),
        ),
    };
    Ok(Figure {
        name: name.to_owned(),
        unit,
        value: median(values[0].clone()),
        limit: limit_at.map(|at| beside(at, true)),
        peer: peer_at.map(|at| beside(at, unit.is_rate())),
        goals,
    })
}

fn push(sides: &mut Vec<Box<dyn Side>>, side: Box<dyn Side>) -> usize {
    sides.push(side);
    sides.len() - 1
}

/// How many pieces make a batch long enough to be measured well. Warms up, too.
fn calibrate(side: &mut dyn Side, rounds: Rounds) -> Result<u32, String> {
    let mut count = 1u32;
    loop {
        let cost = side.run(count)?;
        let longest = cost.wall.max(1e-7);
        if longest >= rounds.seconds_a_batch / 4.0 || count >= MOST_A_BATCH {
            let scaled = f64::from(count) * rounds.seconds_a_batch / longest;
            return Ok((scaled as u32).clamp(1, MOST_A_BATCH));
        }
        count = count.saturating_mul(4).min(MOST_A_BATCH);
    }
}

const MOST_A_BATCH: u32 = 1_000_000;

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

struct Clock {
    cpu: f64,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { cpu: own_cpu(), wall: Instant::now() }
    }

    fn stop(self) -> Cost {
        Cost { cpu: own_cpu() - self.cpu, wall: self.wall.elapsed().as_secs_f64() }
    }
}

/// CPU seconds of this process, all threads, user and system.
pub fn own_cpu() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, writable timespec, which the call fills and does not keep.
    #[allow(unsafe_code)]
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut now) };
    assert_eq!(status, 0, "the process clock can be read");
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// CPU seconds of another process, with a resolution of 10 ms; 0 where it is gone.
pub fn process_cpu(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // proc(5): the name in parentheses may hold blanks; utime and stime are fields 14 and 15, in clock ticks of 10 ms.
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
