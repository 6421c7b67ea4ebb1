//! Row 7: new replies, which are on disk when they are answered.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::{Bench, CONNECTIONS, authorizations, head};
use crate::capture::{self, Variable};
use crate::data::ids::{self, Kind};
use crate::data::plan::{POPULAR, VOTERS};
use crate::load::{Load, Requests};
use crate::pgbench::Script;
use crate::report::{Bound, Figure};

/// Topics that are replied in, at most.
const TOPICS: u32 = 1000;

/// A reply to the first root of a topic, which has the number of its topic.
fn reply(topic: u32) -> String {
    let parent = ids::text(Kind::Post, topic.into());
    let words = "They would have known of it within weeks, whatever the committee said in public. ";
    json!({
        "parent_id": parent, "body": words.repeat(6).trim(),
        "relations": [{ "type": "rebut", "target": { "kind": "post", "id": parent } }],
    })
    .to_string()
}

/// The first and the last topic that are replied in.
fn topics(bench: &Bench) -> (u32, u32) {
    (POPULAR, bench.plan.full.min(POPULAR + TOPICS - 1))
}

async fn load(bench: &mut Bench) -> Load {
    let (first, last) = topics(bench);
    let tokens = bench.people.tokens(&bench.server).await;
    let path = |topic: u32| format!("/topics/{}/posts", ids::text(Kind::Topic, topic.into()));
    let whole = |topic: u32, authorization: &str| {
        let body = reply(topic);
        let length = body.len();
        format!(
            "{}{authorization}Content-Type: application/json\r\nContent-Length: {length}\r\n|{body}",
            head("POST", &path(topic))
        )
    };
    // The topic stands in the path and in the body, so a request is one piece around its key.
    let authorizations = authorizations(tokens);
    let requests = (first..=last)
        .flat_map(|topic| {
            authorizations.iter().skip(topic as usize % 16).step_by(16).map(move |who| (topic, who))
        })
        .map(|(topic, who)| whole(topic, who))
        .map(|request| request.replace('|', "Idempotency-Key: bench-@UNIQUE@\r\n\r\n"))
        .collect();
    let pieces = vec![requests];
    Load::prepare(&bench.folder, &Requests { name: "replies", pieces, is_unique: true })
}

/// The statements of one reply as a script, and how many there are.
async fn script(bench: &mut Bench) -> (Script, usize) {
    let (first, last) = topics(bench);
    let token = bench.people.tokens(&bench.server).await[0].clone();
    let http = bench.people.http();
    let url = bench.cold.url(&format!("/topics/{}/posts", ids::text(Kind::Topic, first.into())));
    let asked = AtomicU32::new(0);
    let key = || format!("captured-{}-{}", bench.server.id(), asked.load(Ordering::Relaxed));
    let statements = capture::statements(&bench.folder, async || {
        asked.fetch_add(1, Ordering::Relaxed);
        let request = http.post(&url).bearer_auth(&token).header("idempotency-key", key());
        let request = request.header("content-type", "application/json").body(reply(first));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    })
    .await;
    let statements = capture::transaction_of(statements, |text| {
        ["INSERT INTO \"post\" (", "INSERT INTO post ("].iter().any(|insert| text.contains(insert))
    });
    let mut variables = vec![
        Variable { value: key(), expression: "('reply-' || :r::text || '-' || :s::text)".to_owned() },
        Variable {
            value: ids::text(Kind::Topic, first.into()),
            expression: ids::sql_text(Kind::Topic, ":n"),
        },
        Variable { value: ids::text(Kind::Post, first.into()), expression: ids::sql_text(Kind::Post, ":n") },
        Variable { value: ids::text(Kind::Account, 1), expression: ids::sql_text(Kind::Account, ":v") },
    ];
    for (number, value) in capture::new_ids(&bench.folder, &statements).await.into_iter().enumerate() {
        let expression = format!(
            "('0190001{number:x}-' || lpad(:s::text, 4, '0') || '-7000-8000-' || lpad(:r::text, 12, '0'))"
        );
        variables.push(Variable { value, expression });
    }
    let text = capture::script(&bench.folder, &statements, &variables).await;
    let set = format!(
        "\\set n random({first}, {last})\n\\set v random(1, {VOTERS})\n\\set r random(1, 999999999999)\n\\set s random(0, 9999)\n"
    );
    (Script::prepare(&bench.folder, "replies", &(set + &text)).settling(2), statements.len())
}

/// Row 7.
pub(crate) async fn durable(bench: &mut Bench) {
    let (script, count) = script(bench).await;
    let load = load(bench).await;
    let compared = bench.compare(
        || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
        || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
    );
    bench.note(Figure {
        row: 7,
        name: "new reply, durable, against its statements".to_owned(),
        ours: compared.ours.per_second,
        reference: compared.reference.per_second,
        unit: "posts/s",
        bound: Bound::AtLeast(0.6),
        spent: Some(compared.spent()),
        note: Some(format!("{count} statements")),
        problem: compared.problem(),
    });
}
