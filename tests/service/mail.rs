//! Mail by SMTP: a real server takes it, and one that does not holds up nobody.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::{FIRST_DEBATE, Folder, PASSWORD, Server, free_port, until};

/// An SMTP server on loopback that puts what it takes into a Maildir.
struct SmtpServer {
    child: Child,
    maildir: PathBuf,
}

impl SmtpServer {
    async fn start(folder: &Folder, port: u16) -> Self {
        Self::start_with(folder, port, &[]).await
    }

    async fn start_with(folder: &Folder, port: u16, options: &[&str]) -> Self {
        let variable = |name| {
            std::env::var_os(name)
                .expect("run the tests with script/test, which finds an SMTP server for them")
        };
        let maildir = folder.path().join("maildir");
        let child = Command::new(variable("OTHERWISE_TEST_PYTHON"))
            .env("PYTHONPATH", variable("OTHERWISE_TEST_PYTHONPATH"))
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")])
            .args(options)
            .args(["-c", "aiosmtpd.handlers.Mailbox"])
            .arg(&maildir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, maildir };
        until("the SMTP server", || async { TcpStream::connect(("127.0.0.1", port)).is_ok() }).await;
        server
    }

    /// The mails that arrived: their `Message-ID`, recipient and whole text.
    fn mails(&self) -> Vec<(String, String, String)> {
        let Ok(new) = fs::read_dir(self.maildir.join("new")) else {
            return Vec::new();
        };
        let read = |file: PathBuf| {
            let text = fs::read_to_string(file).unwrap();
            let header = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
            };
            (header("Message-ID:"), header("To:"), text.clone())
        };
        new.map(|entry| read(entry.unwrap().path())).collect()
    }

    /// Waits for the mail to somebody with this in it, and gives the token it brings.
    async fn token(&self, to: &str, with: &str) -> String {
        let find = || {
            let mails = self.mails();
            mails.into_iter().find(|(_, recipient, text)| recipient == to && text.contains(with))
        };
        until("the mail", || async { find().is_some() }).await;
        let (.., text) = find().unwrap();
        let link = text.lines().find(|line| line.contains("#token=")).unwrap();
        link.split_once("#token=").unwrap().1.to_owned()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM);
        drop(self.child.wait());
    }
}

/// Waits short enough for a test.
fn settings(url: &str) -> [(&str, &str); 6] {
    [
        ("OTHERWISE__MAIL__TRANSPORT", "smtp"),
        ("OTHERWISE__MAIL__SMTP_URL", url),
        ("OTHERWISE__MAIL__FROM", "debates@example.org"),
        ("OTHERWISE__MAIL__SMTP_TIMEOUT_SECS", "1"),
        ("OTHERWISE__MAIL__RETRY_FIRST_MS", "50"),
        ("OTHERWISE__MAIL__RETRY_LONGEST_MS", "400"),
    ]
}

async fn register(server: &Server, username: &str) {
    let email = format!("{username}@example.org");
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    server.guest().post("/accounts", &body).await.is(201);
}

#[tokio::test]
async fn n1_what_arrives_by_smtp_leads_to_a_confirmed_address_and_a_new_password() {
    let folder = Folder::new();
    let port = free_port();
    let smtp = SmtpServer::start(&folder, port).await;
    let url = format!("smtp://127.0.0.1:{port}");
    let server = folder.serve_with(&settings(&url));
    let alice = server.member("alice").await;
    let token = smtp.token("alice@example.org", "/verify-email#").await;
    let confirmation = json!({ "token": token });
    server.guest().post("/email-verifications/confirmation", &confirmation).await.is(204);
    assert_eq!(alice.get("/me").await.is(200).body["email_verified"], true);
    server.guest().post("/email-verifications/confirmation", &confirmation).await.is(410);

    server.guest().post("/password-resets", &json!({ "email": "alice@example.org" })).await.is(202);
    let token = smtp.token("alice@example.org", "/reset-password#").await;
    let password = "a wholly different passphrase";
    let reset = json!({ "token": token, "password": password });
    server.guest().post("/password-resets/confirmation", &reset).await.is(204);
    alice.get("/me").await.is(401);
    let credentials = json!({ "login": "alice@example.org", "password": password });
    server.guest().post("/sessions", &credentials).await.is(201);
    until("the notice", || async { smtp.mails().len() == 3 }).await;
    for (id, to, text) in smtp.mails() {
        assert_eq!(to, "alice@example.org");
        assert!(id.starts_with('<') && id.ends_with("@example.org>"), "{id}");
        assert!(text.contains("From: Otherwise <debates@example.org>"), "{text}");
    }
    // Nothing of it is in the log.
    let log = server.log();
    assert!(log.contains("handed a mail over"), "{log}");
    assert!(!log.contains("otw_et_") && !log.contains("alice@example.org"), "{log}");
    server.stop();
}

#[tokio::test]
async fn mail_that_cannot_go_out_waits_and_then_goes_out_once() {
    let folder = Folder::new();
    let port = free_port();
    let url = format!("smtp://127.0.0.1:{port}");
    let server = folder.serve_with(&settings(&url));
    let answers = async || {
        server.guest().get(&format!("/topics/{FIRST_DEBATE}/thread")).await.is(200);
        server.guest().get("//readyz").await.is(200);
    };
    // Nobody listens: connections are refused.
    for n in 0..5 {
        register(&server, &format!("refused{n}")).await;
    }
    until("a refusal", || async { server.log().contains("a mail was not taken") }).await;
    answers().await;

    // Somebody listens and never answers.
    let hanging = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let first = hanging.accept().await.unwrap();
    for n in 0..5 {
        register(&server, &format!("hanging{n}")).await;
    }
    let alice = server.member("alice").await;
    alice.post(&format!("/topics/{FIRST_DEBATE}/posts"), &json!({ "body": "Meanwhile." })).await.is(201);
    answers().await;
    let second = hanging.accept().await.unwrap();
    until("an end of patience", || async { server.log().contains("did not answer") }).await;
    answers().await;
    drop((hanging, first, second));

    // It is back, and there is a second worker as well.
    let smtp = SmtpServer::start(&folder, port).await;
    let mut worker = folder.command(["worker"]);
    let errors = fs::File::create(folder.path().join("worker.log")).unwrap();
    let mut worker = worker.envs(settings(&url)).stderr(errors).spawn().unwrap();
    until("eleven mails", || async { smtp.mails().len() >= 11 }).await;
    for n in 0..5 {
        register(&server, &format!("back{n}")).await;
    }
    until("sixteen mails", || async { smtp.mails().len() >= 16 }).await;
    // Each worker ends what it has in hand, and none is left.
    kill(Pid::from_raw(i32::try_from(worker.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(worker.wait().unwrap().success());
    server.stop();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for (id, to, _) in smtp.mails() {
        assert!(ids.insert(id), "{to} has a mail twice");
        *times.entry(to).or_default() += 1;
    }
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    expected.insert("alice@example.org".to_owned(), 1);
    for n in 0..5 {
        for kind in ["refused", "hanging", "back"] {
            expected.insert(format!("{kind}{n}@example.org"), 1);
        }
    }
    assert_eq!(times, expected);
}

#[tokio::test]
async fn over_tls_mail_goes_to_the_server_that_is_meant() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl to make a certificate with");
        return;
    }
    let folder = Folder::new();
    let file = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let (key, certificate, wanted) = (file("key.pem"), file("certificate.pem"), file("openssl.cnf"));
    let extensions = "[req]\ndistinguished_name = name\nx509_extensions = extensions\n[name]\n[extensions]\n\
                      basicConstraints = critical,CA:FALSE\nsubjectAltName = DNS:localhost\n";
    fs::write(&wanted, extensions).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-config", &wanted, "-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let smtp =
        SmtpServer::start_with(&folder, port, &["--smtpscert", &certificate, "--smtpskey", &key]).await;
    let url = format!("smtps://localhost:{port}");

    // A certificate that nobody answers for: the mail stays here.
    let server = folder.serve_with(&settings(&url));
    register(&server, "alice").await;
    until("a refusal", || async { server.log().contains("a mail was not taken") }).await;
    assert!(server.log().to_lowercase().contains("certificate"), "{}", server.log());
    server.stop();
    assert!(smtp.mails().is_empty());

    let mut trusting = folder.command(["serve"]);
    trusting.envs(settings(&url)).env("SSL_CERT_FILE", &certificate);
    let server = Server::spawn(trusting, &folder.path().join("log"));
    smtp.token("alice@example.org", "/verify-email#").await;
    server.stop();
    assert_eq!(smtp.mails().len(), 1);
}
