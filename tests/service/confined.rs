//! The program as its image runs it: the first process, nobody in particular, over a root that it cannot write to.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::external::Tls;
use crate::support::{FIRST_DEBATE, Folder, PASSWORD, PROGRAM, Server, TEST_SETTINGS};

/// Who the program is in there, as in the image.
const NOBODY: &str = "65532";

/// The process that another one started, by `ps`.
fn child_of(parent: u32) -> Pid {
    let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    Pid::from_raw(listed.trim().parse().unwrap_or_else(|_| panic!("children of {parent}: {listed:?}")))
}

#[tokio::test]
async fn h1_the_program_needs_a_database_and_a_folder_and_nothing_else() {
    let database = Tls::start().await;
    let folder = Folder::new();
    let mut command = Command::new("bwrap");
    command
        .args(["--unshare-all", "--share-net", "--as-pid-1", "--die-with-parent", "--cap-drop", "ALL"])
        .args(["--uid", NOBODY, "--gid", NOBODY])
        .args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"])
        .args(["--ro-bind", PROGRAM, "/tmp/otherwise", "--chdir", "/tmp"])
        .args(["--", "/tmp/otherwise", "serve"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(TEST_SETTINGS)
        .env("OTHERWISE__DATA_DIR", "/tmp/data")
        .env("OTHERWISE__DATABASE__URL", database.url("require"));
    let mut server = Server::spawn(command, &folder.path().join("log"));
    let guest = server.guest();
    guest.get("//readyz").await.is(200);
    let registration = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
    guest.post("/accounts", &registration).await.is(201);
    let session = guest.post("/sessions", &json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    let alice = guest.bearer(&session.text("/access_token"));
    let post = json!({ "body": "So." });
    let post = alice.post(&format!("/topics/{FIRST_DEBATE}/posts"), &post).await.is(201).text("/id");
    alice.get(&format!("/posts/{post}")).await.is(200);

    let program = child_of(server.id());
    let status = std::fs::read_to_string(format!("/proc/{program}/status")).unwrap();
    for line in ["NSpid:\t", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    kill(program, Signal::SIGTERM).unwrap();
    let ended = server.ended();
    assert!(ended.success(), "{ended}\n{}", server.log());
    assert!(server.log().contains("stopped"), "{}", server.log());
}
