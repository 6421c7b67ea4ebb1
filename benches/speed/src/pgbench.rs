//! The same work asked of PostgreSQL directly, by its own benchmark.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cpu::{Spent, Watched};
use crate::load::Measured;
use crate::server::{Folder, read_lines};

/// A script for pgbench, written down.
pub(crate) struct Script {
    path: PathBuf,
    program: PathBuf,
    socket: PathBuf,
}

impl Script {
    pub(crate) fn prepare(folder: &Folder, name: &str, text: &str) -> Self {
        let path = folder.file(&format!("{name}.sql"));
        fs::write(&path, text).unwrap();
        Self { path, program: folder.postgres_program("pgbench"), socket: folder.socket() }
    }

    /// Runs it over so many connections for so long, with the settings that the server gives its own. A second before
    /// is not counted, in which each connection plans its statements: those of the server have done so long ago.
    pub(crate) fn run(&self, connections: u32, seconds: f64, watched: Watched) -> Measured {
        let time = seconds.ceil().max(1.0) + 1.0;
        let mut child = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j1", "-P1", &format!("-c{connections}"), "-T", &time.to_string()])
            .args(["-U", "otherwise", "-p", "5432", "-h"])
            .arg(&self.socket)
            .arg("-f")
            .arg(&self.path)
            .arg("otherwise")
            .env("PGOPTIONS", "-c jit=off -c enable_bitmapscan=off")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pgbench");
        let lines = read_lines(child.stderr.take().unwrap());
        let mut told = Vec::new();
        let first = loop {
            let Ok(line) = lines.recv() else { break None };
            let progress = progress(&line);
            told.push(line);
            if progress.is_some() {
                break progress;
            }
        };
        let before = Spent::with_child(watched, child.id());
        let output = child.wait_with_output().unwrap();
        let spent = Spent::now(watched);
        told.extend(lines);
        let said = String::from_utf8_lossy(&output.stdout);
        let number = |prefix: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(prefix));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
        };
        let done = number("number of transactions actually processed: ");
        let (Some(done), Some((at, rate)), true) = (done, first, output.status.success()) else {
            let told = told.iter().find(|line| line.contains("ERROR")).cloned().unwrap_or_default();
            panic!("pgbench {}: {told} {said}", self.path.display());
        };
        let failed = number("number of failed transactions: ").unwrap_or_default();
        assert!(failed == 0.0, "pgbench {}: {failed} transactions failed: {said}", self.path.display());
        let counted = done - at * rate;
        Measured { per_second: counted / (time - at), p99: 0.0, spent: spent.since(before, counted) }
    }
}

/// Reads `progress: 1.0 s, 2000.0 tps, …`: how long it has run, and transactions a second until then.
fn progress(line: &str) -> Option<(f64, f64)> {
    let (seconds, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
    Some((seconds.parse().ok()?, rest.split_once(" tps")?.0.parse().ok()?))
}
