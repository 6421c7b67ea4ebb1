//! Rows 9 to 11: memory, starting, and how long requests take beside a crowd that votes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::pages::{Packing, cold_load, signed_in_load, signed_out_load};
use super::votes::{check, hot_load, spread_load};
use super::{Bench, CONNECTIONS, middle};
use crate::cpu::peak_memory;
use crate::load::{Load, Measured};
use crate::report::{Bound, Figure};
use crate::server::stop;

/// Connections while memory is looked at: as many as one address may have.
const MANY: u32 = 256;

/// The most memory a server may take, in MiB.
const MOST_MEMORY: f64 = 128.0;

/// How often a server is started.
const STARTS: usize = 7;

/// How long a start may take, in milliseconds.
const LONGEST_START: f64 = 150.0;

/// Row 9.
pub(crate) async fn memory(bench: &mut Bench) {
    let loads = [
        spread_load(bench).await,
        hot_load(bench).await,
        signed_out_load(&bench.folder, Packing::Gzip),
        signed_in_load(bench, Packing::Plain).await,
        cold_load(bench),
    ];
    let fresh = bench.folder.serve_beside("fresh", &[]);
    let mut problem = None;
    for load in &loads {
        let watched = bench.watched(fresh.id());
        let measured = load.ask(&fresh.address, MANY, bench.seconds.max(2.0), watched);
        problem = problem.or(measured.problem);
        // Connections that are closed count until the server has seen it.
        sleep(Duration::from_millis(500));
    }
    let peak = peak_memory(fresh.id());
    drop(fresh);
    check(bench).await;
    bench.note(Figure {
        row: 9,
        name: "memory at most, after the loads of rows 1 to 5 over 256 connections".to_owned(),
        ours: peak,
        reference: MOST_MEMORY,
        unit: "MiB",
        bound: Bound::AtMost(1.0),
        spent: None,
        note: None,
        problem,
    });
}

/// Row 10.
pub(crate) fn start(bench: &mut Bench) {
    // The first start makes what later ones find.
    drop(bench.folder.serve_beside("starting", &[]));
    let mut times: Vec<f64> = (0..STARTS).map(|_| start_once(bench)).collect();
    bench.note(Figure {
        row: 10,
        name: "start until it is ready, the database being up".to_owned(),
        ours: middle(&mut times),
        reference: LONGEST_START,
        unit: "ms",
        bound: Bound::AtMost(1.0),
        spent: None,
        note: None,
        problem: None,
    });
}

/// Milliseconds from the start of the process until it says that it is ready.
fn start_once(bench: &Bench) -> f64 {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = bench.folder.command_beside("starting");
    command.env("OTHERWISE__SERVER__ADDRESS", address.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let is_ready = || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).ok()?;
        answer.ends_with(b" 200").then_some(())
    };
    while is_ready().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "the server did not become ready");
        sleep(Duration::from_millis(1));
    }
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    stop(child.id());
    child.wait().unwrap();
    took
}

/// Row 11.
pub(crate) async fn under_load(bench: &mut Bench) {
    let crowd = [spread_load(bench).await, hot_load(bench).await];
    let pages = [
        ("page, signed out", signed_out_load(&bench.folder, Packing::Gzip), false),
        ("page, signed in", signed_in_load(bench, Packing::Plain).await, false),
        ("page, none kept", cold_load(bench), true),
    ];
    for (name, load, is_cold) in pages {
        let (quiet, busy, problem) = p99(bench, &load, &crowd, is_cold);
        bench.note(Figure {
            row: 11,
            name: format!("p99 of {name}, beside the votes of rows 1 and 2, against without"),
            ours: busy / 1000.0,
            reference: quiet / 1000.0,
            unit: "ms",
            bound: Bound::AtMost(3.0),
            spent: None,
            note: None,
            problem,
        });
    }
    check(bench).await;
}

/// The median of p99 without and with a crowd, in microseconds, and what went wrong.
fn p99(bench: &Bench, load: &Load, crowd: &[Load], is_cold: bool) -> (f64, f64, Option<String>) {
    let server = if is_cold { &bench.cold } else { &bench.server };
    let ask =
        || -> Measured { load.ask(&server.address, CONNECTIONS, bench.seconds, bench.watched(server.id())) };
    let (mut quiet, mut busy, mut problem) = (Vec::new(), Vec::new(), None);
    for _ in 0..bench.rounds.min(3) {
        let alone = ask();
        quiet.push(alone.p99);
        let running: Vec<_> = crowd
            .iter()
            .map(|votes| votes.begin(&bench.server.address, CONNECTIONS, bench.seconds + 1.0))
            .collect();
        sleep(Duration::from_millis(300));
        let beside = ask();
        busy.push(beside.p99);
        problem = problem.or(alone.problem).or(beside.problem);
        for votes in running {
            problem = problem.or(votes.end());
        }
    }
    (middle(&mut quiet), middle(&mut busy), problem)
}
