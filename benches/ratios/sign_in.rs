//! What signing in costs: its own time, and everybody else's.

use std::fs;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::json;

use crate::everyday::{Asked, Everyday};
use crate::support::{Client, FIRST_DEBATE, Folder, PASSWORD, Server, until};
use crate::{Bound, Row, cores, each, percentile};

/// Argon2id as `config/default.toml` has it: KiB and passes.
const COST: (u32, u32) = (19_456, 2);

/// People who sign in at the same time.
const CROWD: usize = 200;

/// Attempts with a known name, and as many with an unknown one.
const ATTEMPTS: usize = 500;

/// Measures all of it.
pub(crate) async fn measure() -> Vec<Row> {
    let folder = Folder::new();
    let (memory, passes) = (COST.0.to_string(), COST.1.to_string());
    let server = folder.serve_with(&[
        ("OTHERWISE__PASSWORD__MEMORY_KIB", memory.as_str()),
        ("OTHERWISE__PASSWORD__ITERATIONS", passes.as_str()),
    ]);
    println!("Registering {ATTEMPTS} people …");
    register(&server).await;
    // Each of them gets a mail, and writing it is no part of what is measured.
    let mails = folder.data().join("mail");
    let written = || async { fs::read_dir(&mails).is_ok_and(|files| files.count() >= ATTEMPTS) };
    until("the mails of those who registered", written).await;

    let mut rows = vec![throughput(&server).await];
    rows.extend(a_crowd(&server).await);
    rows.extend(telling_apart(&server).await);
    server.stop();
    rows
}

async fn register(server: &Server) {
    let guest = server.guest();
    each(ATTEMPTS, cores() * 2, move |number| {
        let guest = guest.clone();
        async move {
            let person = json!({
                "username": format!("person{number}"),
                "email": format!("person{number}@example.org"),
                "password": PASSWORD,
            });
            guest.post("/accounts", &person).await.is(201);
        }
    })
    .await;
}

async fn sign_in(guest: &Client, login: &str, password: &str, status: u16) {
    guest.post("/sessions", &json!({ "login": login, "password": password })).await.is(status);
}

/// Sign-ins a second, against what the bare hash function reaches on the same cores. Turn by turn, so that
/// whatever else the machine does slows both.
async fn throughput(server: &Server) -> Row {
    const TURNS: usize = 5;
    const EACH: usize = 80;
    let (mut ours, mut reference) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..cores() {
                scope.spawn(|| {
                    let params = Params::new(COST.0, COST.1, 1, None).unwrap();
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                    for _ in 0..EACH / cores() {
                        std::hint::black_box(argon2.hash_password(PASSWORD.as_bytes()).unwrap());
                    }
                });
            }
        });
        reference += started.elapsed();

        let guest = server.guest();
        let started = Instant::now();
        each(EACH / cores() * cores(), cores() * 4, move |number| {
            let guest = guest.clone();
            async move { sign_in(&guest, &format!("person{number}"), PASSWORD, 201).await }
        })
        .await;
        ours += started.elapsed();
    }
    let count = (EACH / cores() * cores() * TURNS) as f64;
    Row {
        name: "sign-ins a second, against the bare hash",
        ours: count / ours.as_secs_f64(),
        reference: count / reference.as_secs_f64(),
        unit: "1/s",
        bound: Bound::AtLeast(0.9),
    }
}

/// What a crowd that signs in at once takes of memory, and of everybody else's time: the median of several crowds,
/// each with a time without one before it.
async fn a_crowd(server: &Server) -> Vec<Row> {
    const TURNS: usize = 7;
    let member = server.sign_in("person0").await;
    let readers = [
        ("a page of a guest, the slowest of 100, during 200 sign-ins, against none", server.guest()),
        ("a page of a member, the slowest of 100, during 200 sign-ins, against none", member),
    ];
    let (mut rows, mut memory_rows) = (Vec::new(), Vec::new());
    for (name, reader) in readers {
        let (mut busy, mut idle) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let alone = read(server, &reader);
            tokio::time::sleep(Duration::from_secs(3)).await;
            idle.push(percentile(alone.stop().concat(), 99));
            let (pages, added) = read_beside_a_crowd(server, &reader).await;
            println!("{} pages were read while {CROWD} people signed in.", pages.len());
            busy.push(percentile(pages, 99));
            if memory_rows.is_empty() {
                memory_rows.extend(added);
            }
        }
        rows.push(Row {
            name,
            ours: percentile(busy, 50),
            reference: percentile(idle, 50),
            unit: "ms",
            bound: Bound::AtMost(2.0),
        });
    }
    rows.extend(memory_rows);
    rows
}

/// Begins to read a thread, again and again.
fn read(server: &Server, reader: &Client) -> Everyday {
    Everyday::start(server, &[(reader, Asked::Page(format!("/topics/{FIRST_DEBATE}/thread")))])
}

/// How long pages took while a crowd signed in, and the memory that was added.
async fn read_beside_a_crowd(server: &Server, reader: &Client) -> (Vec<f64>, Option<Row>) {
    let before = memory(server, "VmRSS:");
    fs::write(format!("/proc/{}/clear_refs", server.id()), "5").ok();
    let guest = server.guest();
    let reading = read(server, reader);
    each(CROWD, CROWD, move |number| {
        let guest = guest.clone();
        async move { sign_in(&guest, &format!("person{number}"), PASSWORD, 201).await }
    })
    .await;
    let busy = reading.stop().concat();
    let added = before.zip(memory(server, "VmHWM:")).map(|(before, peak)| Row {
        name: "memory that 200 sign-ins at once add, against a hash a core and 64 MiB",
        ours: (peak - before) / 1024.0,
        reference: cores() as f64 * f64::from(COST.0) / 1024.0 + 64.0,
        unit: "MiB",
        bound: Bound::AtMost(1.0),
    });
    (busy, added)
}

/// A line of the kernel's account of the server's memory, in KiB.
fn memory(server: &Server, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let line = status.lines().find_map(|found| found.strip_prefix(line))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Whether the time of a refusal tells if there is such an account (Mann and Whitney, 1947).
async fn telling_apart(server: &Server) -> Vec<Row> {
    let guest = server.guest();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..ATTEMPTS {
        for (login, times) in
            [(format!("person{number}"), &mut known), (format!("nobody{number}"), &mut unknown)]
        {
            let started = Instant::now();
            sign_in(&guest, &login, "this is not their password", 401).await;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    let p = mann_whitney(&known, &unknown);
    let (known, unknown) = (percentile(known, 50), percentile(unknown, 50));
    vec![
        Row {
            name: "median refusal of somebody who is there, against nobody",
            ours: known.max(unknown),
            reference: known.min(unknown),
            unit: "ms",
            bound: Bound::AtMost(1.05),
        },
        Row {
            name: "chance of such a difference if there is none, against 1 in 100",
            ours: p,
            reference: 0.01,
            unit: "probability",
            bound: Bound::AtLeast(1.0),
        },
    ]
}

/// The two-sided p-value of the rank-sum test by its normal approximation; times do not tie.
fn mann_whitney(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<_> =
        first.iter().map(|time| (*time, true)).chain(second.iter().map(|time| (*time, false))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let ranks: f64 =
        (1_usize..).zip(&all).filter(|(_, (_, of_first))| *of_first).map(|(rank, _)| rank as f64).sum();
    let (n, m) = (first.len() as f64, second.len() as f64);
    let statistic = ranks - n * (n + 1.0) / 2.0;
    let deviations = (statistic - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    erfc(deviations.abs() / std::f64::consts::SQRT_2)
}

/// The complementary error function, to about 1e-7 (Abramowitz and Stegun, 1964, 7.1.26).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 5] = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()
}
