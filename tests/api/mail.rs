//! Mail on its way: what happens when nobody takes it, when two want to send it, and when it is too late.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::TimeDelta;
use otherwise::worker::{Delivery, deliver_next, tidy};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::mails::{CONFIRM, Mail};
use crate::support::{PASSWORD, TestApp};

async fn register(app: &TestApp, username: &str) {
    let email = format!("{username}@example.org");
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    app.guest().post("/accounts", body).await.is(201);
}

fn smtp(port: u16) -> String {
    format!(
        "[mail]\ntransport = 'smtp'\nsmtp_url = 'smtp://127.0.0.1:{port}'\nretry_first_ms = 1000\n\
         retry_longest_ms = 4000\nsmtp_timeout_secs = 1"
    )
}

/// A server of the simplest kind, which answers each `RCPT` as told and collects what it takes.
async fn post_office(
    replies: &'static [(&'static str, &'static str)],
) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, taken) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"220 ready\r\n").await.unwrap();
            let mut data: Option<String> = None;
            while let Ok(Some(line)) = lines.next_line().await {
                let reply = match &mut data {
                    Some(text) if line == "." => {
                        send.send(std::mem::take(text)).unwrap();
                        data = None;
                        "250 taken"
                    }
                    Some(text) => {
                        *text += &format!("{line}\r\n");
                        continue;
                    }
                    None if line.starts_with("DATA") => {
                        data = Some(String::new());
                        "354 go on"
                    }
                    None => replies
                        .iter()
                        .find(|(command, _)| {
                            line.to_ascii_uppercase().starts_with(&command.to_ascii_uppercase())
                        })
                        .map_or("250 fine", |(_, reply)| reply),
                };
                write.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                if line.starts_with("QUIT") {
                    break;
                }
            }
        }
    });
    (port, taken)
}

#[tokio::test]
async fn a_mail_is_a_file_for_its_owner_s_eyes() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Done);
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Nothing);
    let folder = app.app.config.data_dir.join("mail");
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().into_string().unwrap();
    assert!(name.starts_with("20260115T120000000000Z-") && name.ends_with(".eml"), "{name}");
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_mail_belongs_to_the_transaction_it_tells_of() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    app.mails().await;
    let taken = json!({ "username": "alice", "email": "bob@example.org", "password": PASSWORD });
    app.guest().post("/accounts", taken).await.is_problem(409, "username_taken");
    assert!(app.mails().await.is_empty());
    // A repeated request is one request.
    let bob = json!({ "username": "bob", "email": "bob@example.org", "password": PASSWORD });
    for _ in 0..3 {
        app.guest().with("idempotency-key", "once").post("/accounts", bob.clone()).await.is(201);
    }
    assert_eq!(app.mails().await.len(), 1);
}

#[tokio::test]
async fn a_mail_is_tried_until_it_is_taken_and_then_no_more() {
    // Nobody listens at port 1.
    let app = TestApp::with(&smtp(1)).await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Away);
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Away);
    // Both wait for their turn, longer each time.
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Nothing);
    app.app.clock.advance(TimeDelta::milliseconds(1250));
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Away);
    app.app.clock.advance(TimeDelta::milliseconds(1250));
    deliver_next(&app.app).await.unwrap();

    let (port, mut taken) = post_office(&[]).await;
    let beside = app.another(&smtp(port)).await;
    beside.app.clock.advance(TimeDelta::hours(1));
    while deliver_next(&beside.app).await.unwrap() == Delivery::Done {}
    let mut to = Vec::new();
    while let Ok(mail) = taken.try_recv() {
        let mail = Mail::parse(mail);
        assert_eq!(mail.subject, CONFIRM);
        to.push(mail.to);
    }
    to.sort_unstable();
    assert_eq!(to, ["alice@example.org", "bob@example.org"]);
    beside.app.clock.advance(TimeDelta::days(1));
    assert_eq!(deliver_next(&beside.app).await.unwrap(), Delivery::Nothing);
    assert_eq!(app.rows("SELECT outcome FROM mail").await, ["sent", "sent"]);
}

#[tokio::test]
async fn every_attempt_brings_the_same_mail() {
    let app = TestApp::with(&smtp(1)).await;
    register(&app, "alice").await;
    deliver_next(&app.app).await.unwrap();
    let written = app.rows("SELECT encode(token_hash, 'hex') FROM email_token").await;
    assert_eq!(written.len(), 1);
    let id = app.rows("SELECT message_id FROM mail").await;
    app.app.clock.advance(TimeDelta::minutes(1));
    deliver_next(&app.app).await.unwrap();
    // Written once: the token in it is the one that counts.
    assert_eq!(app.rows("SELECT encode(token_hash, 'hex') FROM email_token").await, written);
    let beside = app.another("").await;
    beside.app.clock.advance(TimeDelta::hours(1));
    let mail = beside.mail("alice@example.org", CONFIRM).await;
    assert_eq!([mail.message_id.clone()], *id);
    let confirmation = json!({ "token": mail.token() });
    app.guest().post("/email-verifications/confirmation", confirmation).await.is(204);
}

#[tokio::test]
async fn a_mail_that_is_refused_holds_up_no_other() {
    let (port, mut taken) =
        post_office(&[("RCPT TO:<alice@", "550 <alice@example.org> is not known here")]).await;
    let app = TestApp::with(&smtp(port)).await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    let mut rounds = Vec::new();
    for _ in 0..3 {
        rounds.push(deliver_next(&app.app).await.unwrap());
    }
    assert_eq!(rounds, [Delivery::Done, Delivery::Done, Delivery::Nothing]);
    assert_eq!(Mail::parse(taken.try_recv().unwrap()).to, "bob@example.org");
    assert!(taken.try_recv().is_err());
    let left = app.rows("SELECT attempts::text FROM mail WHERE finished_at IS NULL").await;
    assert_eq!(left, ["1"]);
}

#[tokio::test]
async fn a_server_that_wants_other_credentials_is_not_asked_about_every_mail() {
    let (port, _taken) = post_office(&[("MAIL", "530 authentication required")]).await;
    let app = TestApp::with(&smtp(port)).await;
    register(&app, "alice").await;
    assert_eq!(deliver_next(&app.app).await.unwrap(), Delivery::Away);
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_so_long_and_no_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = TestApp::with(&smtp(listener.local_addr().unwrap().port())).await;
    register(&app, "alice").await;
    let held = tokio::spawn(async move { listener.accept().await });
    let patience = Duration::from_mins(1);
    let delivery = tokio::time::timeout(patience, deliver_next(&app.app)).await.expect("it gives up");
    assert_eq!(delivery.unwrap(), Delivery::Away);
    held.abort();
}

#[tokio::test]
async fn a_mail_is_given_up_when_its_link_is_no_longer_good() {
    let app = TestApp::with(&format!("{}\nreset_ttl_secs = 60\ngive_up_secs = 600", smtp(1))).await;
    app.member("alice").await;
    app.guest().post("/password-resets", json!({ "email": "alice@example.org" })).await.is(202);
    let outcomes = async || {
        app.rows("SELECT kind || ' ' || outcome FROM mail WHERE finished_at IS NOT NULL ORDER BY 1").await
    };
    for (seconds, expected) in [
        (0, &[][..]),
        (55, &[]),
        (6, &["password_reset given_up"]),
        (540, &["email_verification given_up", "password_reset given_up"]),
    ] {
        app.app.clock.advance(TimeDelta::seconds(seconds));
        while deliver_next(&app.app).await.unwrap() != Delivery::Nothing {}
        assert_eq!(outcomes().await, expected, "after {seconds} more seconds");
    }
}

#[tokio::test]
async fn two_workers_never_have_the_same_mail() {
    let (port, mut taken) = post_office(&[]).await;
    let app = TestApp::with(&smtp(port)).await;
    for n in 0..12 {
        register(&app, &format!("alice{n}")).await;
    }
    let beside = app.another(&smtp(port)).await;
    let workers: JoinSet<()> = [&app, &beside, &app, &beside]
        .into_iter()
        .map(|app| {
            let app = app.app.clone();
            async move { while deliver_next(&app).await.unwrap() == Delivery::Done {} }
        })
        .collect();
    workers.join_all().await;
    let mut to = Vec::new();
    while let Ok(mail) = taken.try_recv() {
        to.push(Mail::parse(mail).to);
    }
    to.sort_unstable();
    let mut expected: Vec<_> = (0..12).map(|n| format!("alice{n}@example.org")).collect();
    expected.sort_unstable();
    assert_eq!(to, expected);
}

#[tokio::test]
async fn a_mail_whose_worker_is_gone_is_taken_up_again() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    // As a worker that took it and died.
    let tx = app.app.begin().await.unwrap();
    assert!(otherwise::mail::take(&app.app, &tx).await.unwrap().is_some());
    tx.commit().await.unwrap();
    assert!(app.mails().await.is_empty());
    app.app.clock.advance(TimeDelta::seconds(90));
    app.mail("alice@example.org", CONFIRM).await;
}

#[tokio::test]
async fn mails_sealed_with_other_keys_are_dropped() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    app.sql("UPDATE mail SET sealed_content = '\\x00' WHERE account_id = (SELECT id FROM account WHERE username = 'alice')")
        .await
        .unwrap();
    app.mail("bob@example.org", CONFIRM).await;
    let mut outcomes = app.rows("SELECT outcome FROM mail").await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["dropped", "sent"]);
}

#[tokio::test]
async fn turned_off_mail_goes_nowhere() {
    let app = TestApp::with("[mail]\ntransport = 'off'").await;
    register(&app, "alice").await;
    assert!(app.mails().await.is_empty());
    assert_eq!(app.rows("SELECT outcome FROM mail").await, ["sent"]);
}

#[tokio::test]
async fn the_records_of_mails_are_kept_for_a_month() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    app.mails().await;
    app.app.clock.advance(TimeDelta::days(30));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT outcome FROM mail").await.len(), 1);
    app.app.clock.advance(TimeDelta::seconds(1));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT outcome FROM mail").await.len(), 0);
}
