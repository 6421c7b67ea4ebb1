//! What a killed server left running: recognised beyond doubt, and stopped.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use super::home::{is_temporary, remove_sockets};
use super::programs::command;
use super::{FAST_SHUTDOWN, IMMEDIATE_SHUTDOWN};

/// What of `postmaster.pid` matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: Pid,
    /// In single-user mode, which has no sockets and writes the number with a minus.
    pub(super) single: bool,
    pub(super) sockets: Option<PathBuf>,
    pub(super) status: Status,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    Starting,
    Ready,
    Other,
}

impl PidFile {
    /// The lines are: process, cluster, start time, port, folder of sockets, address, shared memory, status.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let pid: i32 = lines.first()?.trim().parse().ok().filter(|pid| *pid != 0)?;
        Some(Self {
            pid: Pid::from_raw(pid.checked_abs()?),
            single: pid < 0,
            sockets: lines.get(4).filter(|line| !line.is_empty()).map(PathBuf::from),
            status: match lines.get(7).map(|line| line.trim()) {
                Some("starting") => Status::Starting,
                Some("ready") => Status::Ready,
                _ => Status::Other,
            },
        })
    }
}

/// Stops the PostgreSQL that a killed server left running. The lock is held, so no other server uses it.
pub(super) async fn make_way(location: &Path) -> Result<()> {
    let path = location.join("postmaster.pid");
    let text = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let file = text.as_deref().and_then(PidFile::parse);
    match &file {
        Some(PidFile { pid, single, .. }) if serves(*pid, location).await => {
            ensure!(
                !single,
                "a postgres in single-user mode (pid {pid}) has the database {} open: end it first",
                location.display()
            );
            tracing::warn!(%pid, "stopping the private database, which a killed server left running");
            stop_orphan(*pid, location).await?;
        }
        None if text.is_none() => {}
        // PostgreSQL sees for itself that this one is gone.
        Some(PidFile { pid, .. }) if kill(*pid, None).is_err() => {}
        // The number belongs to another program now, as it does after every crash of a container, or was
        // never written: for both PostgreSQL would refuse to start.
        _ => {
            wait_for_survivors(location, &path).await?;
            tracing::warn!(
                file = %path.display(),
                "removing a file left by a killed PostgreSQL: its process number is not PostgreSQL's any more"
            );
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    // Whoever had a socket is gone. PostgreSQL would refuse to start over the number in a socket's lock, too,
    // if another program has it now.
    let elsewhere = file.and_then(|file| file.sockets).filter(|folder| is_temporary(folder));
    for folder in elsewhere.iter().chain([&location.join("socket")]) {
        remove_sockets(folder);
    }
    Ok(())
}

pub(super) async fn stop_orphan(pid: Pid, location: &Path) -> Result<()> {
    for (with, patience) in [(Signal::SIGINT, FAST_SHUTDOWN), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN)] {
        if with == Signal::SIGQUIT {
            warn_immediate(pid);
        }
        signal(pid, with)?;
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if !serves(pid, location).await {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Err(still_there(pid))
}

/// Whether a process is the PostgreSQL of a cluster. Its number alone proves nothing.
pub(super) async fn serves(pid: Pid, location: &Path) -> bool {
    let arguments = arguments(pid).await;
    let same = |folder: &Path| folder.canonicalize().is_ok_and(|folder| folder == location);
    is_postgres(&arguments)
        && (folder_argument(&arguments).is_some_and(|folder| same(&folder))
            // PostgreSQL works in the folder of its cluster.
            || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == location))
}

/// How a process was called; nothing if it has ended.
pub(super) async fn arguments(pid: Pid) -> Vec<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return line
            .split(|byte| *byte == 0)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
    }
    let printed = command(Path::new("ps"), None)
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .output()
        .await
        .map(|output| output.stdout)
        .unwrap_or_default();
    split_arguments(&String::from_utf8_lossy(&printed))
}

/// Takes apart what `ps` prints, where spaces in names look like spaces between arguments.
pub(super) fn split_arguments(line: &str) -> Vec<String> {
    let mut parts = line.trim().split(" -");
    let program = parts.next().unwrap_or_default().to_owned();
    let options = parts.map(|part| format!("-{}", part.replacen("D ", "D", 1)));
    [program].into_iter().chain(options).collect()
}

pub(super) fn is_postgres(arguments: &[String]) -> bool {
    let name = arguments.first().and_then(|program| Path::new(program).file_name());
    name.is_some_and(|name| name == "postgres" || name == "postmaster")
}

/// The cluster that a `postgres` was called for.
pub(super) fn folder_argument(arguments: &[String]) -> Option<PathBuf> {
    let at = arguments.iter().position(|argument| argument.starts_with("-D"))?;
    match arguments.get(at)?.strip_prefix("-D")? {
        "" => arguments.get(at + 1).map(PathBuf::from),
        folder => Some(PathBuf::from(folder)),
    }
}

/// Waits until it is certain that no session of a killed PostgreSQL is left, which could still write.
pub(super) async fn wait_for_survivors(location: &Path, pid_file: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        let survivors = survivors(location);
        match &survivors {
            Some(pids) if pids.is_empty() => return Ok(()),
            Some(_) if begun.elapsed() < FAST_SHUTDOWN => sleep(Duration::from_millis(200)).await,
            _ => {
                let pids = survivors.map(|pids| format!(" (pid {})", pids.join(", "))).unwrap_or_default();
                bail!(
                    "the file {0} says that PostgreSQL is already running, and its processes{pids} may be \
                     using the database. Look at them (ps aux | grep postgres) and end those of this \
                     database; when there are none, remove the file and start again: rm {0}",
                    pid_file.display()
                )
            }
        }
    }
}

/// The processes of PostgreSQL that use a cluster, or may; nothing where the system does not tell.
pub(super) fn survivors(location: &Path) -> Option<Vec<String>> {
    if !Path::new("/proc/self/cmdline").exists() {
        return None;
    }
    let owner = location.metadata().ok()?.uid();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let uses = processes.filter(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        // Sessions call themselves "postgres: …", and work in the folder of their cluster.
        let postgres = String::from_utf8_lossy(&line).contains("postgres");
        // Only the owner of a cluster can have it open.
        let same = process.metadata().is_ok_and(|process| process.uid() == owner);
        postgres
            && same
            && fs::read_link(process.path().join("cwd")).map_or(true, |folder| folder == location)
    });
    Some(uses.map(|process| process.file_name().to_string_lossy().into_owned()).collect())
}

pub(super) fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
}

pub(super) fn signal(pid: Pid, signal: Signal) -> Result<()> {
    match kill(pid, signal) {
        // It has just ended: what was wanted.
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("sending {signal} to PostgreSQL (pid {pid})")),
    }
}

pub(super) fn warn_immediate(pid: Pid) {
    tracing::warn!(
        %pid,
        "PostgreSQL did not shut down in {} seconds and is told to stop at once; the next start will recover",
        FAST_SHUTDOWN.as_secs()
    );
}

pub(super) fn still_there(pid: Pid) -> anyhow::Error {
    anyhow!("PostgreSQL (pid {pid}) does not end. See what it waits for: ps -o stat,wchan,args {pid}")
}
