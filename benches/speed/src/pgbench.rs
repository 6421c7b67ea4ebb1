//! The same work asked of PostgreSQL directly, by its own benchmark.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cpu::{Spent, Watched};
use crate::load::Measured;
use crate::server::Folder;

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

    /// Runs it over so many connections for so long, with the settings that the server gives its own.
    pub(crate) fn run(&self, connections: u32, seconds: f64, watched: Watched) -> Measured {
        let before = Spent::now(watched);
        let output = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j1", &format!("-c{connections}")])
            .args(["-T", &seconds.ceil().max(1.0).to_string(), "-U", "otherwise", "-p", "5432", "-h"])
            .arg(&self.socket)
            .arg("-f")
            .arg(&self.path)
            .arg("otherwise")
            .env("PGOPTIONS", "-c jit=off -c enable_bitmapscan=off")
            .output()
            .expect("pgbench");
        let said = String::from_utf8_lossy(&output.stdout);
        let number = |prefix: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(prefix));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
        };
        let done = number("number of transactions actually processed: ");
        let (Some(done), Some(per_second), true) = (done, number("tps = "), output.status.success()) else {
            panic!("pgbench {}: {said}{}", self.path.display(), String::from_utf8_lossy(&output.stderr));
        };
        let failed = number("number of failed transactions: ").unwrap_or_default();
        assert!(failed == 0.0, "pgbench {}: {failed} transactions failed: {said}", self.path.display());
        Measured { per_second, p99: 0.0, spent: Spent::now(watched).since(before, done) }
    }
}
