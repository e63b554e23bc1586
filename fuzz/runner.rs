//! Runs one parser on mutated seeds until its time is over, and keeps what crashed it.

use crate::mutation::mutate;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A slice of this length is what `make test` runs.
const SECONDS_IN_TESTS: u64 = 1;
/// No input may take longer, whatever it holds: a parser that does has no bound. Debug builds are ten times slower.
const LONGEST_INPUT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });
const LARGEST_SEED: u64 = 1 << 20;

/// Runs `parser` on the seeds and on mutations of them.
pub fn run(name: &str, seeds: &[Vec<u8>], parser: impl Fn(&[u8])) {
    let seconds = std::env::var("CHUKY_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS_IN_TESTS));
    // Without a wish the slice is the same each time, so that a test does not fail by chance.
    let first: u64 = match std::env::var("CHUKY_FUZZ_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => seed,
        None if seconds.is_some() => rand::rng().random_range(0..u64::MAX / 2),
        None => 1,
    };
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mut inputs = 0u64;
    while inputs == 0 || Instant::now() < until {
        let seed = first + inputs;
        let mut random = StdRng::seed_from_u64(seed);
        let base = &seeds[random.random_range(0..seeds.len())];
        let other = &seeds[random.random_range(0..seeds.len())];
        try_one(name, seed, &mutate(&mut random, base, other), &parser);
        inputs += 1;
    }
    println!("{name}: {inputs} mutated inputs of {} seeds, first seed {first}, none crashed it", seeds.len());
}

fn try_one(name: &str, seed: u64, input: &[u8], parser: &impl Fn(&[u8])) {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| parser(input)));
    let took = began.elapsed();
    if outcome.is_err() || took > LONGEST_INPUT {
        let folder = root().join("target/fuzz");
        std::fs::create_dir_all(&folder).unwrap();
        let kept = folder.join(format!("{name}-{seed}"));
        std::fs::write(&kept, input).unwrap();
        let what = if outcome.is_err() { "panicked" } else { "took too long" };
        panic!("{name}: seed {seed} {what} ({took:?}); the input is kept in {}", kept.display());
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The corpora beside the repository, or where `CHUKY_CORPORA` says.
fn corpora() -> PathBuf {
    std::env::var_os("CHUKY_CORPORA").map_or_else(|| root().join("../shared/corpora"), PathBuf::from)
}

/// Small files of one folder of the corpora; says so where there are none.
pub fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let path = corpora().join(folder);
    let Ok(entries) = std::fs::read_dir(&path) else {
        println!("no corpus {folder}: set CHUKY_CORPORA; only what is made here serves as seed");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let small = |path: &PathBuf| path.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_SEED);
    paths.iter().filter(|path| small(path)).filter_map(|path| std::fs::read(path).ok()).collect()
}
