//! PostgreSQL's programs: finding them, choosing among versions, and running them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::home::{Account, Home};

/// The oldest PostgreSQL that the schema is written for.
pub(super) const OLDEST: u32 = 15;

/// The version of a PostgreSQL. The newest is the greatest, and a beta is less than any release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) released: bool,
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    /// Reads what `postgres --version` prints.
    pub(super) fn parse(printed: &str) -> Option<Self> {
        let (_, text) = printed.split_once("(PostgreSQL) ")?;
        let text = text.split_whitespace().next()?;
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (major, rest) = text.split_at(digits(text));
        let minor = rest.strip_prefix('.').map(|rest| &rest[..digits(rest)]);
        Some(Self {
            released: rest.is_empty() || minor.is_some(),
            major: major.parse().ok()?,
            minor: minor.and_then(|minor| minor.parse().ok()).unwrap_or(0),
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.released {
            write!(f, "{}.{}", self.major, self.minor)
        } else {
            write!(f, "{} (a preview)", self.major)
        }
    }
}

/// The programs of one installed version.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) bin: PathBuf,
    pub(super) version: Version,
}

/// The PostgreSQL of the folder that was chosen, or all that can be found.
pub(super) async fn installed(chosen: Option<&Path>) -> Result<Vec<Programs>> {
    if let Some(bin) = chosen.filter(|bin| !bin.as_os_str().is_empty()) {
        let found = programs(bin).await.with_context(|| {
            format!(
                "database.postgres_bin is {0}, where PostgreSQL's programs postgres and initdb are missing \
                 or do not run: try {0}/postgres --version, or leave the setting empty to have them \
                 searched for",
                bin.display()
            )
        })?;
        return Ok(vec![found]);
    }
    let mut installed: Vec<Programs> = Vec::new();
    let mut seen = Vec::new();
    for bin in folders().await {
        // The same folder is often found twice, in PATH and by name.
        let Ok(real) = bin.canonicalize() else { continue };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        installed.extend(programs(&bin).await);
    }
    Ok(installed)
}

/// The programs of a folder, if it has all that are needed and they run.
pub(super) async fn programs(bin: &Path) -> Option<Programs> {
    if !bin.is_absolute() || !bin.join("initdb").is_file() || !bin.join("postgres").is_file() {
        return None;
    }
    let printed = command(&bin.join("postgres"), None).arg("--version").output().await.ok()?;
    let version = Version::parse(&String::from_utf8_lossy(&printed.stdout))?;
    Some(Programs { bin: bin.to_owned(), version })
}

/// Where PostgreSQL's programs may be, most wanted first.
pub(super) async fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(printed) = command(Path::new("pg_config"), None).arg("--bindir").output().await {
        let printed = printed.stdout.trim_ascii();
        if !printed.is_empty() {
            folders.push(PathBuf::from(OsStr::from_bytes(printed)));
        }
    }
    // A folder, how the names in it begin, and what follows them.
    for (parent, prefix, rest) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr/lib", "postgresql", "bin"),
        ("/usr/lib64", "postgresql", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
        ("/Library/PostgreSQL", "", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().as_bytes().starts_with(prefix.as_bytes()) {
                folders.push(entry.path().join(rest));
            }
        }
    }
    folders.extend(["/opt/homebrew/bin", "/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    folders
}

/// The programs for a cluster: those of its version, or the newest for a new one.
pub(super) fn choose(installed: Vec<Programs>, existing: Option<&Home>) -> Result<Programs> {
    let list = |of: &[Programs]| {
        let list: Vec<_> =
            of.iter().map(|found| format!("{} in {}", found.version, found.bin.display())).collect();
        if list.is_empty() { "none".to_owned() } else { list.join(", ") }
    };
    let found = list(&installed);
    let wanted = |programs: &Programs| match existing {
        Some(home) => programs.version.major.to_string() == home.major,
        None => programs.version.major >= OLDEST,
    };
    let mut usable: Vec<_> = installed.into_iter().filter(wanted).collect();
    // Stable, and reversed first, so that of equals the earliest found wins.
    usable.reverse();
    usable.sort_by(|a, b| a.version.cmp(&b.version));
    usable.pop().ok_or_else(|| match existing {
        Some(Home { location, major, .. }) => anyhow!(
            "the database in {} was made by PostgreSQL {major}, whose programs are needed to run it; \
             installed: {found}. Install PostgreSQL {major} (Debian, Ubuntu: apt-get install \
             postgresql-{major}; Homebrew: brew install postgresql@{major}) and see that \
             database.postgres_bin is empty or names its folder. To move to another version, write \
             everything out with the pg_dump of version {major} and read it into a \
             new database; to begin with an empty database, move the folder away",
            location.display()
        ),
        None => anyhow!(
            "PostgreSQL {OLDEST} or newer is needed and was not found; installed: {found}. Install it \
             (Debian, Ubuntu: sudo apt-get install postgresql; Fedora: sudo dnf install postgresql-server \
             postgresql-contrib; Homebrew: brew install postgresql@17), name \
             the folder of its programs in OTHERWISE__DATABASE__POSTGRES_BIN, or name a running PostgreSQL \
             in OTHERWISE__DATABASE__URL"
        ),
    })
}

/// A program with an account and without this server's environment, which holds secrets that are not
/// PostgreSQL's business and may hold settings (`PGPORT`, `PGOPTIONS` …) that are meant for others.
pub(super) fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null());
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(account) = account {
        // Setting a user without groups also clears the supplementary groups, which are root's.
        command.gid(account.gid).uid(account.uid);
    }
    // The current folder may be one that the account cannot enter.
    command.current_dir("/");
    command
}

/// Runs a program to its end with some input.
pub(super) async fn run(mut command: Command, input: &str) -> Result<()> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("running {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has ended before reading it says why in its output.
        drop(stdin.write_all(input.as_bytes()).await);
    }
    let output = child.wait_with_output().await.with_context(|| format!("running {program}"))?;
    let said = [output.stdout, output.stderr].concat();
    let status = output.status;
    ensure!(status.success(), "{program} failed ({status}):\n{}", last(&String::from_utf8_lossy(&said), 20));
    Ok(())
}

/// The last lines of a text.
pub(super) fn last(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
