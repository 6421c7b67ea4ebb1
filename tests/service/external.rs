//! A database that a URL names: used as it is, over TLS where that is asked for.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use otherwise::db::embedded::{Cluster, Options};

use crate::support::{FIRST_DEBATE, Folder, STUCK, free_port, read_lines, run};

fn options(folder: &Folder) -> Options {
    Options { data_dir: folder.data(), postgres_bin: None, max_connections: 40 }
}

#[tokio::test]
async fn a_database_by_url_is_used_and_no_cluster_is_made() {
    let database = Folder::new();
    let cluster = Cluster::start(&options(&database)).await.unwrap();
    let url = cluster.url();
    let folder = Folder::new();
    let settings = [("OTHERWISE__DATABASE__URL", url.as_str())];
    let server = folder.serve_with(&settings);
    assert!(
        server.announced.contains("data       in the PostgreSQL of database.url"),
        "{}",
        server.announced
    );
    server.guest().get(&format!("/topics/{FIRST_DEBATE}")).await.is(200);
    assert!(!folder.data().join("postgres").exists());

    // Several servers share a database; the debate is loaded once.
    let beside = Folder::new();
    let second = beside.serve_with(&settings);
    let topics = second.guest().get("/topics").await.is(200);
    assert_eq!(topics.body["items"].as_array().unwrap().len(), 1);
    second.stop();
    server.stop();
    assert!(database.postmaster().is_some(), "the database is not theirs to stop");
    cluster.stop().await.unwrap();
}

/// A PostgreSQL that takes connections over TLS only.
pub struct Tls {
    postgres: Child,
    port: u16,
    certificate: PathBuf,
    _folder: Folder,
}

impl Tls {
    pub async fn start() -> Self {
        let folder = Folder::new();
        let cluster = Cluster::start(&options(&folder)).await.unwrap();
        let home = cluster.location().to_owned();
        let program = program(&home);
        cluster.stop().await.unwrap();

        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            // Its own authority: whoever trusts this certificate knows the server by it.
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(home.join("server.key"))
            .arg("-out")
            .arg(home.join("server.crt"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let owner = fs::metadata(&home).unwrap();
        for file in ["server.key", "server.crt"] {
            let file = home.join(file);
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(home.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").unwrap();

        let port = free_port();
        let mut command = Command::new(program);
        command.arg("-D").arg(&home).current_dir("/");
        for setting in
            ["ssl=on", "listen_addresses=127.0.0.1", &format!("port={port}"), "unix_socket_directories="]
        {
            command.args(["-c", setting]);
        }
        if nix::unistd::geteuid().is_root() {
            command.gid(owner.gid()).uid(owner.uid());
        }
        let mut postgres =
            command.env("LC_ALL", "C").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = read_lines(postgres.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("ready to accept connections") {
            let Ok(line) = lines.recv_timeout(STUCK) else {
                panic!("PostgreSQL did not start:\n{said}");
            };
            said += &line;
            said += "\n";
        }
        Self { postgres, port, certificate: home.join("server.crt"), _folder: folder }
    }

    pub fn url(&self, mode: &str) -> String {
        format!("postgres://otherwise@127.0.0.1:{}/otherwise?sslmode={mode}", self.port)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let pid = i32::try_from(self.postgres.id()).unwrap();
        let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        drop(self.postgres.wait());
    }
}

/// The program that a cluster was last run by: the first word of what PostgreSQL noted of its start.
fn program(cluster: &Path) -> PathBuf {
    let noted = fs::read_to_string(cluster.join("postmaster.opts")).unwrap();
    noted.split(' ').next().unwrap().into()
}

#[tokio::test]
async fn a_database_over_tls() {
    let database = Tls::start().await;
    let folder = Folder::new();
    // A server that runs as root may read the certificate where it is; one that does not owns it.
    let verified = format!("{}&sslrootcert={}", database.url("verify-full"), database.certificate.display());
    for url in [database.url("require"), verified] {
        let server = folder.serve_with(&[("OTHERWISE__DATABASE__URL", &url)]);
        server.guest().get(&format!("/topics/{FIRST_DEBATE}")).await.is(200);
        server.guest().get("//readyz").await.is(200);
        server.stop();
    }

    // This database lets nobody in without TLS, so what worked above was TLS.
    for (mode, because) in [("disable", "pg_hba.conf"), ("verify-full", "certificate")] {
        let mut command = folder.command(["serve"]);
        command.env("OTHERWISE__DATABASE__URL", database.url(mode));
        let refused = run(&mut command, "");
        assert_eq!(refused.status.code(), Some(1), "{mode}: {refused:#?}");
        let said = refused.err.to_lowercase();
        assert!(said.contains(because), "{mode}: {said}");
    }
}
