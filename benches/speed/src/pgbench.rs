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
    /// Seconds.
    settling: u32,
}

impl Script {
    pub(crate) fn prepare(folder: &Folder, name: &str, text: &str) -> Self {
        let path = folder.file(&format!("{name}.sql"));
        fs::write(&path, text).unwrap();
        Self { path, program: folder.postgres_program("pgbench"), socket: folder.socket(), settling: 1 }
    }

    /// Takes so many seconds before it counts, where there is more to plan than one second is enough for.
    pub(crate) fn settling(self, settling: u32) -> Self {
        Self { settling, ..self }
    }

    /// Runs it over so many connections for so long, with the settings that the server gives its own. The time before
    /// that is not counted, in which each connection begins and plans its statements: the server's have done so long
    /// ago. They are planned once for all values, which connections that live on come to as well.
    pub(crate) fn run(&self, connections: u32, seconds: f64, watched: Watched) -> Measured {
        let time = seconds.ceil().max(1.0) + f64::from(self.settling);
        let mut child = Command::new(&self.program)
            .args([
                "-n",
                "-M",
                "prepared",
                "-j1",
                "-P1",
                &format!("-c{connections}"),
                "-T",
                &time.to_string(),
            ])
            .args(["-U", "otherwise", "-p", "5432", "-h"])
            .arg(&self.socket)
            .arg("-f")
            .arg(&self.path)
            .arg("otherwise")
            .env("PGOPTIONS", "-c jit=off -c enable_bitmapscan=off -c plan_cache_mode=force_generic_plan")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pgbench");
        let lines = read_lines(child.stderr.take().unwrap());
        let mut told = Vec::new();
        // When it was settled, and how much was done by then.
        let (mut at, mut before_that) = (0.0, 0.0);
        while at + 0.5 < f64::from(self.settling) {
            let Ok(line) = lines.recv() else { break };
            if let Some((until, rate)) = progress(&line) {
                before_that += (until - at) * rate;
                at = until;
            }
            told.push(line);
        }
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
        let (Some(done), true) = (done, at > 0.0 && output.status.success()) else {
            let told = told.iter().find(|line| line.contains("ERROR")).cloned().unwrap_or_default();
            panic!("pgbench {}: {told} {said}", self.path.display());
        };
        let failed = number("number of failed transactions: ").unwrap_or_default();
        assert!(failed == 0.0, "pgbench {}: {failed} transactions failed: {said}", self.path.display());
        let counted = done - before_that;
        let spent = spent.since(before, counted);
        Measured { per_second: counted / (time - at), p99: 0.0, spent, problem: None }
    }
}

/// Reads `progress: 1.0 s, 2000.0 tps, …`: how long it has run, and transactions a second since it last said so.
fn progress(line: &str) -> Option<(f64, f64)> {
    let (seconds, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
    Some((seconds.parse().ok()?, rest.split_once(" tps")?.0.parse().ok()?))
}
