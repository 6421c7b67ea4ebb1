//! Starting: what a first start does and says, and what it refuses.

use std::fs;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};

use crate::support::{FIRST_DEBATE, Folder, Ran, free_port, is_running};

#[tokio::test]
async fn the_first_start_needs_nothing_and_says_where_everything_is() {
    let folder = Folder::new();
    let server = folder.serve();
    let cluster = folder.data().join("postgres").canonicalize().unwrap();
    for said in [
        format!("API        {}/api/v1/topics", server.base),
        format!("docs       {}/docs", server.base),
        format!("data       {} (a private PostgreSQL)", cluster.display()),
        format!("keys       {}", folder.data().join("keys").display()),
        "admin create --username NAME --email ADDRESS --password-stdin".to_owned(),
    ] {
        assert!(server.announced.contains(&said), "{said}\n{}", server.announced);
    }
    let topics = server.guest().get("/topics").await.is(200);
    assert_eq!(topics.text("/items/0/slug"), FIRST_DEBATE);
    assert_eq!(topics.body["items"].as_array().unwrap().len(), 1);
    let thread = server.guest().get(&format!("/topics/{FIRST_DEBATE}/thread")).await.is(200);
    assert_eq!(thread.body["posts"]["items"].as_array().unwrap().len(), 4);
    let docs = server.guest().get("//docs/").await.is(200);
    assert!(docs.text.contains("<html"), "{}", docs.text);
    server.guest().get("//readyz").await.is(200);
    server.stop();

    // The second start keeps what is there.
    let server = folder.serve();
    let topics = server.guest().get("/topics").await.is(200);
    assert_eq!(topics.body["items"].as_array().unwrap().len(), 1);
    server.stop();
}

#[tokio::test]
async fn the_private_cluster_is_safe_and_out_of_reach() {
    use std::os::unix::fs::MetadataExt;

    let folder = Folder::new();
    let server = folder.serve();
    let url = otherwise::db::embedded::running(&folder.data()).expect("a server runs here");
    let mut database = PgConnection::connect(&url).await.unwrap();
    for (setting, value) in [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
    ] {
        let show = AssertSqlSafe(format!("SHOW {setting}"));
        let shown: String = sqlx::query_scalar(show).fetch_one(&mut database).await.unwrap();
        assert_eq!(shown, value, "{setting}");
    }
    database.close().await.unwrap();
    let cluster = folder.data().join("postgres").canonicalize().unwrap();
    let owner = fs::metadata(cluster).unwrap().uid();
    assert_ne!(owner, 0, "PostgreSQL refuses root");
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(owner, nix::unistd::geteuid().as_raw());
    }
    server.stop();
}

#[tokio::test]
async fn the_first_debate_can_be_left_out() {
    let folder = Folder::new();
    let server = folder.serve_with(&[("OTHERWISE__DEBATES__LOAD_DEFAULT", "false")]);
    let topics = server.guest().get("/topics").await.is(200);
    assert_eq!(topics.body["items"].as_array().unwrap().len(), 0);
}

#[test]
fn nobody_else_may_read_keys_and_data() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let server = folder.serve();
    for private in ["keys/signing.pem", "keys/secret", "keys", "postgres", "postgres.log"] {
        let mode = fs::metadata(folder.data().join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private}: {mode:o}");
    }
    server.stop();
}

#[test]
fn a_second_server_over_one_folder_is_refused() {
    let folder = Folder::new();
    let server = folder.serve();
    let pid = fs::read_to_string(folder.data().join("otherwise.lock")).unwrap();
    let refused = folder.run(["serve"], "").refused("another otherwise server");
    assert!(refused.err.contains(&format!("(pid {})", pid.trim())), "{}", refused.err);
    assert!(refused.err.contains("OTHERWISE__DATA_DIR"), "{}", refused.err);
    assert_eq!(refused.out, "");
    // The usual way to get there: the same command again, which finds the address taken first.
    let mut again = folder.command(["serve"]);
    again.env("OTHERWISE__SERVER__ADDRESS", server.base.trim_start_matches("http://"));
    let refused = crate::support::run(&mut again, "").refused("another otherwise server");
    assert!(refused.err.contains(&format!("(pid {})", pid.trim())), "{}", refused.err);
    assert!(refused.err.contains(&folder.data().display().to_string()), "{}", refused.err);
    server.stop();
}

#[test]
fn a_port_that_is_taken_is_refused_before_a_database_is_made() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused =
        crate::support::run(folder.command(["serve"]).env("OTHERWISE__SERVER__ADDRESS", &address), "");
    refused.refused(&format!("listening on {address}"));
    assert!(!folder.data().exists());
}

#[test]
fn a_cluster_of_another_version_is_left_alone() {
    let folder = Folder::new();
    folder.serve().stop();
    let version = folder.data().join("postgres/PG_VERSION");
    let made_by = fs::read_to_string(&version).unwrap();
    fs::write(&version, "9\n").unwrap();
    let refused = folder.run(["serve"], "").refused("was made by PostgreSQL 9");
    for said in ["postgresql-9", "pg_dump", made_by.trim()] {
        assert!(refused.err.contains(said), "{said}\n{}", refused.err);
    }
    // Nothing was changed: with its version back it starts.
    fs::write(&version, made_by).unwrap();
    folder.serve().stop();
}

#[test]
fn a_weak_secret_is_refused() {
    let folder = Folder::new();
    // 32 bytes that are not random, 16 that are, and no base64 at all.
    for weak in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "9Y2n0RrN8c1m6L3VtqZk5w==", "not base64!"] {
        let mut command = folder.command(["serve"]);
        command.env("OTHERWISE__AUTH__SECRET", weak);
        let refused = crate::support::run(&mut command, "").refused("auth.secret");
        assert!(!refused.err.contains(weak), "{}", refused.err);
        assert_eq!(folder.postmaster(), None, "PostgreSQL was left behind");
    }
}

#[test]
fn a_postgres_that_dies_takes_the_server_with_it() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let postmaster = folder.postmaster().unwrap();
    nix::sys::signal::kill(postmaster, nix::sys::signal::Signal::SIGKILL).unwrap();
    let status = server.ended();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("the private PostgreSQL ended by itself"), "{}", server.log());
    assert!(!is_running(postmaster));
    folder.serve().stop();
}

#[tokio::test]
async fn metrics_are_on_a_listener_of_their_own() {
    let folder = Folder::new();
    let address = format!("127.0.0.1:{}", free_port());
    let server = folder.serve_with(&[("OTHERWISE__METRICS__ADDRESS", &address)]);
    let guest = server.guest();
    guest.get(&format!("/topics/{FIRST_DEBATE}")).await.is(200);
    guest.get("//metrics").await.is(404);
    guest.get("/metrics").await.is(404);

    let metrics = crate::support::Client::new(&format!("http://{address}"));
    let page = metrics.get("//metrics").await.is(200).text;
    let counted = page
        .lines()
        .find(|line| line.starts_with("http_requests_total") && line.contains("/topics/{topic}\""))
        .unwrap_or_else(|| panic!("not counted:\n{page}"));
    assert!(counted.ends_with(" 1"), "{counted}");
    assert!(page.contains("http_request_duration_seconds_bucket"), "{page}");
    // Routes are counted, not what was asked for: labels must not grow with the data.
    assert!(!page.contains(FIRST_DEBATE), "{page}");
    metrics.get("//api/v1/topics").await.is(404);
    server.stop();
}

#[test]
fn metrics_can_share_no_port_with_the_api() {
    let folder = Folder::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = folder.command(["serve"]);
    command.env("OTHERWISE__SERVER__ADDRESS", &address).env("OTHERWISE__METRICS__ADDRESS", &address);
    let refused: Ran = crate::support::run(&mut command, "");
    refused.refused("for metrics");
}
