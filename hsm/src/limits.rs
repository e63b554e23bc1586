//! Every bound of this package, with its unit and where it came from. What an operator may want to change is in `Settings` instead.

use std::time::Duration;

/// Longest label of a token object, bytes. PKCS#11 has no bound of its own; tokens commonly hold 64.
pub const LABEL_LENGTH: usize = 64;
/// Most digests in one `Sign`, `SignActivated` or activation. A clerk's largest batch is 5,000 documents.
pub const DIGESTS: usize = 10_000;
/// Most items in one batch of MACs.
pub const MAC_ITEMS: usize = 100_000;
/// Most items that go to a worker together for several callers: on SoftHSM about 3 ms of P-256, so that nobody waits long for others.
pub const GATHERED_ITEMS: usize = 64;
/// Callers with one elliptic-curve signature each that share a way to a worker: on SoftHSM a way costs as much as two signatures.
pub const COMPANY_EC: usize = 8;
/// Callers with MACs that share one; a MAC costs a tenth of a signature.
pub const COMPANY_MAC: usize = 16;
/// Longest sealed or activation blob, bytes. RSA-4096 wrapped is 2.4 kB, its public key 0.5 kB.
pub const BLOB_LENGTH: usize = 16 * 1024;
/// Longest owner, client or domain text, bytes.
pub const TEXT_LENGTH: usize = 256;
/// Longest frame between service and worker, bytes: `MAC_ITEMS` small rows or `DIGESTS` signatures of RSA-4096 fit.
pub const FRAME_LENGTH: usize = 64 * 1024 * 1024;
/// Longest life of an activation from the moment it is opened, seconds: a batch of thousands on a slow network HSM.
pub const ACTIVATION_SECONDS: i64 = 3_600;
/// Activations a process remembers for replay, about 100 B each: 800 a second that live five minutes. One more is refused as busy
/// rather than one forgotten.
pub const REPLAY_ENTRIES: usize = 250_000;
/// Unwrapped handles kept at once (hsm.md: 5,000 live handles cost SoftHSM nothing).
pub const UNWRAPPED_HANDLES: usize = 1_024;
/// Oldest pepper version looked for is 1; newest, so that a hostile label cannot make the number overflow.
pub const PEPPER_VERSION: u32 = 1_000_000;
/// How long a thread keeps what it found of the token's own keys: a new pepper is used by every worker within this.
pub const SECRETS_KEPT: Duration = Duration::from_secs(30);
/// Objects listed from a token at start. More means that it is not ours.
pub const LISTED_OBJECTS: usize = 4_096;
/// How often an idle thread looks for expired activations.
pub const SWEEP: Duration = Duration::from_millis(500);
/// Least time worth sending to a worker: with less left the answer would be late and a healthy worker be blamed.
pub const LEAST_BUDGET: Duration = Duration::from_millis(5);
/// A worker must have opened its token and passed the self-test within this.
pub const START: Duration = Duration::from_secs(30);
/// First pause before a worker that failed is started again; doubles up to `RESTART_LONGEST`.
pub const RESTART_FIRST: Duration = Duration::from_millis(50);
/// Longest pause between two starts, so that a token that came back is found soon.
pub const RESTART_LONGEST: Duration = Duration::from_secs(1);
/// How often the supervisor probes an idle worker and reads its memory.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long whoever asks for a probe waits.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// Probes before a token counts as gone: another process that logs in at the moment makes one fail on SoftHSM.
pub const PROBES: usize = 5;
/// Between two of them.
pub const PROBE_PAUSE: Duration = Duration::from_millis(20);
/// After as much weight of failures in a row a token is taken out of service: four failed calls or crashes, two hung workers.
pub const FAILURES: u32 = 4;
/// A worker that hung weighs more than a call that failed: it cost its callers seconds.
pub const HUNG_WEIGHT: u32 = 2;
/// As many wrong answers within `WRONG_ANSWERS_WITHIN` take a token out of service, however many were right between them.
pub const WRONG_ANSWERS: usize = 3;
/// See `WRONG_ANSWERS`.
pub const WRONG_ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Pause before a token that is out of service is tried, and between two trials.
pub const TRIAL_PAUSE: Duration = Duration::from_millis(250);
/// Trials passed one after the other before a token is back in service.
pub const TRIALS: usize = 12;
/// Signatures and MACs in one trial, so that it asks no more of a token than opening an activation does. One that still gives a wrong answer in ten
/// passes all trials with a chance of 8 %.
pub const TRIAL_SIGNATURES: usize = 2;
/// How often the keys of a role's tokens are compared while they serve.
pub const COMPARE_EVERY: Duration = Duration::from_secs(30);
/// A comparison may take as long as so many calls (`Settings::stall`): a dozen keys are read in about a hundred PKCS#11 calls.
pub const COMPARISON_STALLS: u32 = 3;
/// A call that should take milliseconds and is not answered within this shows a hung worker (`Settings::stall`).
pub const STALL: Duration = Duration::from_secs(2);
/// Each item of a batch adds to it: RSA-4096 on SoftHSM signs about 200 a second.
pub const STALL_AN_ITEM: Duration = Duration::from_millis(20);
/// Once a worker was seen to sleep for some time in its start, one that sleeps eight times as long is given up, but not before this.
pub const START_LEAST: Duration = Duration::from_secs(2);
/// How much longer a worker may take that waits for this machine (a processor, a disk) and not for its token.
pub const STARVED: Duration = Duration::from_secs(4);
