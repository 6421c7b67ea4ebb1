//! Where a cluster is kept: its folder, the user it runs as, and its socket.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::unistd::{Uid, User, geteuid};
use tokio::time::{Instant, sleep};

use super::programs::{Programs, command, run};

/// How long a start may take without any sign of life …
pub(super) const QUIET: Duration = Duration::from_mins(1);

/// Where the cluster is kept when the data folder shuts out the user it has to run as.
const ELSEWHERE: &str = "/var/lib/otherwise";

/// Part of the name of the socket. Nothing listens on this port.
pub(super) const PORT: u16 = 5432;

/// The longest path of a socket, in bytes: 107 on Linux, 103 on macOS and the BSDs.
pub(super) const SOCKET_PATH_MAX: usize = 103;

/// The user that PostgreSQL runs as when this process is root.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The owner of an existing cluster, whom alone PostgreSQL accepts.
    pub(super) fn owner(uid: u32, gid: u32) -> Self {
        match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.into(),
            _ => Self { name: uid.to_string(), uid, gid },
        }
    }

    /// An unprivileged user for a new cluster.
    pub(super) fn unprivileged() -> Result<Self> {
        for name in ["postgres", "nobody"] {
            if let Some(user) =
                User::from_name(name).with_context(|| format!("looking up the user {name}"))?
            {
                if name == "nobody" {
                    tracing::warn!(
                        "there is no user postgres, so the private database will run as nobody: anything \
                         else that runs as nobody can read it"
                    );
                }
                return Ok(user.into());
            }
        }
        bail!(
            "PostgreSQL refuses to run as root, and this system has neither a user postgres nor a user \
             nobody for it. Run the server as an ordinary user, or make one: useradd --system postgres"
        )
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }
}

/// The cluster's folder and who runs it; no account means this process's own.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) location: PathBuf,
    pub(super) account: Option<Account>,
    pub(super) major: String,
}

impl Home {
    /// The cluster of the data folder, if there is one.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("postgres");
        let shown = path.display();
        let Ok(found) = path.symlink_metadata() else {
            return Ok(None);
        };
        let location = path.canonicalize().map_err(|error| match fs::read_link(&path) {
            // A new cluster in its place would look as if everything had been lost.
            Ok(target) if error.kind() == ErrorKind::NotFound => anyhow!(
                "the database is missing: {shown} leads to {}, which does not exist. Bring that folder back \
                 (from a backup, or by mounting its disk), or remove {shown} to begin with an empty database",
                target.display()
            ),
            _ => anyhow!(error).context(format!("following {shown}")),
        })?;
        // Removes only what is empty.
        if found.is_dir() && fs::remove_dir(&path).is_ok() {
            return Ok(None);
        }

        let owner = location.metadata().with_context(|| format!("looking at {}", location.display()))?;
        let me = geteuid();
        let account = Account::owner(owner.uid(), owner.gid());
        ensure!(
            owner.uid() == me.as_raw() || me.is_root(),
            "the database in {} belongs to the user {}: run the server as that user or as root, or set \
             OTHERWISE__DATA_DIR to another folder",
            location.display(),
            account.name,
        );
        let version = location.join("PG_VERSION");
        let major = match fs::read_to_string(&version) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "{shown} is not a database: it has no file PG_VERSION. Move it away to begin with an empty \
                 database, or bring back a backup in its place"
            ),
            Err(error) => return Err(error).with_context(|| format!("reading {}", version.display())),
        };
        ensure!(
            owner.uid() != 0,
            "the database in {0} belongs to root, as whom PostgreSQL refuses to run: chown -R postgres: {0}",
            location.display(),
        );
        Ok(Some(Self { location, account: me.is_root().then_some(account), major }))
    }

    pub(super) async fn check_reachable(&self) -> Result<()> {
        if let Some(account) = &self.account {
            ensure!(
                reachable(&self.location, account).await?,
                "the user {} cannot get to its database {}: allow everybody to pass through each folder \
                 above it (chmod o+x), or run the server as a user who owns both",
                account.name,
                self.location.display(),
            );
        }
        Ok(())
    }
}

/// Whether an account can work in a folder, as told by the system and not by guessing from mode bits.
pub(super) async fn reachable(folder: &Path, account: &Account) -> Result<bool> {
    let status = command(Path::new("/bin/sh"), Some(account))
        .args(["-c", r#"test -x "$1" && test -w "$1""#, "sh"])
        .arg(folder)
        .status()
        .await
        .with_context(|| format!("running /bin/sh as the user {}", account.name))?;
    Ok(status.success())
}

/// Makes the cluster beside its place and moves it there when it is complete.
pub(super) async fn create(folder: &Path, programs: &Programs) -> Result<Home> {
    let account = if geteuid().is_root() { Some(Account::unprivileged()?) } else { None };
    tracing::info!(
        folder = %folder.join("postgres").display(),
        version = %programs.version,
        user = account.as_ref().map(|account| account.name.as_str()),
        "making the private database; this happens once"
    );
    // A name of its own: an initdb orphaned by a kill may still be writing under the last one.
    let stage = folder.join(format!("postgres-{}.new", random()));
    let made = fill(&stage, programs, account.as_ref()).await;
    let place = folder.join("postgres");
    let moved = made.and_then(|()| {
        fs::rename(&stage, &place)
            .and_then(|()| File::open(folder)?.sync_all())
            .with_context(|| format!("moving the new database to {}", place.display()))
    });
    if let Err(error) = moved {
        if let Err(left) = remove_unfinished(folder).await {
            tracing::warn!("{left:#}");
        }
        return Err(error);
    }
    Home::find(folder)?.with_context(|| format!("the new database has vanished from {}", place.display()))
}

/// Makes a complete cluster at a path, or elsewhere with a link from that path.
pub(super) async fn fill(stage: &Path, programs: &Programs, account: Option<&Account>) -> Result<()> {
    private_folder(stage, account).with_context(|| format!("making {}", stage.display()))?;
    let mut home = stage.to_owned();
    if let Some(account) = account
        && !reachable(stage, account).await?
    {
        fs::remove_dir(stage).with_context(|| format!("removing {}", stage.display()))?;
        home = elsewhere(stage, account).await?;
    }

    let mut initdb = command(&programs.bin.join("initdb"), account);
    initdb.arg("-D").arg(&home);
    // The C locale sorts alike on every system and in every version, so no upgrade spoils an index.
    initdb.args(["--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"]);
    initdb.args(["--username=otherwise", "--auth-local=trust", "--auth-host=reject"]);
    run(initdb, "").await.context("making the database cluster")?;

    let file = home.join("postgresql.conf");
    File::options()
        .append(true)
        .open(&file)
        .and_then(|mut file| file.write_all(CONFIGURATION.as_bytes()))
        .with_context(|| format!("writing {}", file.display()))?;

    let mut single = command(&programs.bin.join("postgres"), account);
    single.arg("--single").arg("-D").arg(&home).args(["-c", "exit_on_error=true", "postgres"]);
    run(single, DATABASE).await.context("making the database in its cluster")
}

/// What an administrator may want to change, written once. What must hold is in [`super::launch`].
pub(super) const CONFIGURATION: &str = "
# Set by Otherwise when it made this cluster. Change it as the machine allows and restart the server.
shared_buffers = 256MB
# Its statements are short: compiling them takes longer than running them.
jit = off
password_encryption = scram-sha-256
";

/// One statement a line. A refused row is quoted in the detail of the error: that is no matter for a log.
pub(super) const DATABASE: &str = "CREATE DATABASE otherwise;
ALTER DATABASE otherwise SET log_error_verbosity = terse;
";

/// A folder where the account can work, with a link to it from the stage.
pub(super) async fn elsewhere(stage: &Path, account: &Account) -> Result<PathBuf> {
    let advice = || {
        format!(
            "the user {}, as whom PostgreSQL has to run, cannot pass through the data folder, and \
             {ELSEWHERE} cannot be used instead: set OTHERWISE__DATA_DIR to a folder below {ELSEWHERE}, or \
             run the server as an ordinary user",
            account.name
        )
    };
    if !Path::new(ELSEWHERE).exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(ELSEWHERE)
            .and_then(|()| fs::set_permissions(ELSEWHERE, Permissions::from_mode(0o755)))
            .with_context(advice)?;
    }
    let home = Path::new(ELSEWHERE).join(random());
    // The link first: through it the next start finds what a kill leaves behind.
    symlink(&home, stage).with_context(|| format!("making the link {}", stage.display()))?;
    private_folder(&home, Some(account)).with_context(advice)?;
    ensure!(reachable(&home, account).await?, advice());
    tracing::info!(
        folder = %home.display(),
        user = account.name,
        "the data folder shuts out the user that PostgreSQL runs as: the database is kept in another folder, \
         with a link in the data folder; back up both"
    );
    Ok(home)
}

/// Removes clusters whose making was interrupted.
pub(super) async fn remove_unfinished(folder: &Path) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("reading the data folder {}", folder.display()))?
    {
        let entry = entry.with_context(|| format!("reading the data folder {}", folder.display()))?;
        let name = entry.file_name();
        if !name.as_bytes().starts_with(b"postgres-") || !name.as_bytes().ends_with(b".new") {
            continue;
        }
        let path = entry.path();
        tracing::info!(folder = %path.display(), "removing a database whose making was interrupted");
        if let Ok(target) = fs::read_link(&path) {
            // Nobody else makes such links, but what is removed for good is looked at twice.
            if target.parent() == Some(Path::new(ELSEWHERE)) {
                remove_all(&target).await?;
            }
            fs::remove_file(&path).with_context(|| format!("removing the link {}", path.display()))?;
        } else {
            remove_all(&path).await?;
        }
    }
    Ok(())
}

/// Removes a folder in which an orphaned `initdb` may still be making files.
pub(super) async fn remove_all(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && begun.elapsed() < QUIET => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("removing the unfinished database {}", folder.display()));
            }
            _ => return Ok(()),
        }
    }
}

/// The folder of the socket: in the cluster, unless that makes its path longer than the system takes.
pub(super) fn sockets(home: &Home) -> Result<PathBuf> {
    let folder = home.location.join("socket");
    let account = home.account.as_ref();
    if fits(&folder) {
        return match private_folder(&folder, account) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("making {}", folder.display()))
            }
            _ => Ok(folder),
        };
    }
    // A runtime folder belongs to the user of this process: no other gets into it.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| account.is_none()).map(PathBuf::from);
    let parents = runtime.into_iter().filter(|parent| parent.is_absolute()).chain([PathBuf::from("/tmp")]);
    let mut failed = anyhow!("the path of the socket would be too long");
    for parent in parents {
        let folder = parent.join(format!("otherwise-{}", random()));
        match private_folder(&folder, account) {
            Ok(()) if fits(&folder) => {
                tracing::info!(
                    folder = %folder.display(),
                    "the path of the data folder is too long for a socket, which is put elsewhere"
                );
                return Ok(folder);
            }
            Ok(()) => drop(fs::remove_dir(&folder)),
            Err(error) => failed = anyhow!(error).context(format!("making {}", folder.display())),
        }
    }
    Err(failed.context("the path of the data folder is too long: set OTHERWISE__DATA_DIR to a shorter one"))
}

/// Whether a folder looks like one that [`sockets`] makes outside a cluster.
pub(super) fn is_temporary(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_bytes().starts_with(b"otherwise-"))
}

/// Removes a socket, and its folder if that was made for it alone. Nothing else is removed, since the
/// path may have been read from a file.
pub(super) fn remove_sockets(folder: &Path) {
    for name in [socket_name(), format!("{}.lock", socket_name())] {
        drop(fs::remove_file(folder.join(name)));
    }
    if is_temporary(folder) {
        drop(fs::remove_dir(folder));
    }
}

pub(super) fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

pub(super) fn fits(sockets: &Path) -> bool {
    sockets.join(socket_name()).as_os_str().len() <= SOCKET_PATH_MAX
}

/// Makes a folder that only the account and root can enter.
pub(super) fn private_folder(folder: &Path, account: Option<&Account>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    match account {
        // Does not follow a link that somebody else could have put there meanwhile.
        Some(account) => lchown(folder, Some(account.uid), Some(account.gid)),
        None => Ok(()),
    }
}

/// A name that no other folder has.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
