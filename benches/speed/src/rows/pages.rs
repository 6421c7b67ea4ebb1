//! Rows 3 to 6: pages of threads, kept and read anew, for guests and for people who are signed in.

use serde_json::Value;

use super::{Bench, CONNECTIONS, Compared, authorizations, head, page};
use crate::bare::{Answer, BareServer};
use crate::capture::{self, Variable};
use crate::data::ids::{self, Kind};
use crate::data::plan::{GROWN, POPULAR, THOUSAND, VOTERS};
use crate::load::{Load, Requests};
use crate::pgbench::Script;
use crate::report::{Bound, Figure};
use crate::server::Folder;

/// Posts of a page.
const POSTS: usize = 50;

/// Topics that pages are read of where none is kept, at most.
const TOPICS: u32 = 2000;

/// How an answer is asked for: packed, or as it is.
#[derive(Clone, Copy)]
pub(crate) enum Packing {
    Gzip,
    Plain,
}

impl Packing {
    const fn accepted(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }

    /// The end of a request's head.
    const fn end(self) -> &'static str {
        match self {
            Self::Gzip => "Accept-Encoding: gzip\r\n\r\n",
            Self::Plain => "\r\n",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Plain => "not compressed",
        }
    }
}

/// Pages of some topics for guests.
fn guests(name: &'static str, topics: impl Iterator<Item = u32>, packing: Packing) -> Requests {
    let pieces = vec![topics.map(|topic| head("GET", &page(topic)) + packing.end()).collect()];
    Requests { name, pieces, is_unique: false }
}

/// The popular topic's page for guests.
pub(crate) fn signed_out_load(folder: &Folder, packing: Packing) -> Load {
    Load::prepare(folder, &guests("page-signed-out", std::iter::once(POPULAR), packing))
}

/// The popular topic's page for people who are signed in.
pub(crate) async fn signed_in_load(bench: &mut Bench, packing: Packing) -> Load {
    let tokens = bench.people.tokens(&bench.server).await;
    let pieces =
        vec![vec![head("GET", &page(POPULAR))], authorizations(tokens), vec![packing.end().to_owned()]];
    Load::prepare(&bench.folder, &Requests { name: "page-signed-in", pieces, is_unique: false })
}

/// Pages of many topics, the grown one among them.
pub(crate) fn cold_load(bench: &Bench) -> Load {
    Load::prepare(&bench.folder, &guests("page-cold", 1..=bench.plan.full.min(TOPICS), Packing::Plain))
}

/// The posts of a page, which has as many as it should.
async fn posts(bench: &Bench, topic: u32) -> Vec<String> {
    let url = bench.server.url(&page(topic));
    let thread: Value = bench.people.http().get(url).send().await.unwrap().json().await.unwrap();
    let items = |page: &Value| page["items"].as_array().unwrap().clone();
    let mut found = Vec::new();
    for root in items(&thread["posts"]) {
        found.push(root["id"].as_str().unwrap().to_owned());
        found.extend(items(&root["replies"]).iter().map(|reply| reply["id"].as_str().unwrap().to_owned()));
    }
    assert!(found.len() == POSTS, "the page of topic {topic} has {} posts", found.len());
    found
}

fn figure(row: u32, name: String, compared: &Compared, bound: Bound) -> Figure {
    Figure {
        row,
        name,
        ours: compared.ours.per_second,
        reference: compared.reference.per_second,
        unit: "pages/s",
        bound,
        spent: Some(compared.spent()),
        note: None,
        problem: compared.problem(),
    }
}

/// Row 3.
pub(crate) async fn signed_out(bench: &mut Bench) {
    posts(bench, POPULAR).await;
    for packing in [Packing::Gzip, Packing::Plain] {
        let load = signed_out_load(&bench.folder, packing);
        let url = bench.server.url(&page(POPULAR));
        let answer = Answer::of(bench.people.http(), &url, packing.accepted()).await;
        let bare = BareServer::start(&bench.folder, "page", &answer);
        let compared = bench.compare(
            || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
            || load.ask(&bare.address, CONNECTIONS, bench.seconds, bench.watched(bare.id())),
        );
        let name = format!("page, signed out, {}, against a bare handler", packing.name());
        let note = Some(format!("{} bytes", answer.body.len()));
        bench.note(Figure { note, ..figure(3, name, &compared, Bound::AtLeast(0.7)) });
    }
}

/// Row 4.
pub(crate) async fn signed_in(bench: &mut Bench) {
    let posts = posts(bench, POPULAR).await.join(",");
    let text = format!(
        "\\set v random(1, {VOTERS})\nSELECT post_id, quality, agreement FROM vote WHERE account_id = {}
         AND post_id = ANY('{{{posts}}}'::uuid[]);\n",
        ids::sql(Kind::Account, ":v")
    );
    let script = Script::prepare(&bench.folder, "page-signed-in", &text);
    for packing in [Packing::Plain, Packing::Gzip] {
        let load = signed_in_load(bench, packing).await;
        let compared = bench.compare(
            || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
            || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
        );
        let name = format!("page, signed in, {}, against reading the votes", packing.name());
        bench.note(figure(4, name, &compared, Bound::AtLeast(0.8)));
    }
}

/// Row 5.
pub(crate) async fn cold(bench: &mut Bench) {
    let topics = bench.plan.full.min(TOPICS);
    for topic in [GROWN, THOUSAND, topics] {
        posts(bench, topic).await;
    }
    let (http, url) = (bench.people.http(), bench.cold.url(&page(POPULAR)));
    let mut statements = capture::statements(&bench.folder, async || {
        assert!(http.get(&url).send().await.unwrap().status().is_success());
    })
    .await;
    let sent = statements.len();
    statements.retain(|statement| statement.text.contains("FROM post_rank"));
    assert!(!statements.is_empty(), "no statement reads the thread");
    let topic = Variable {
        value: ids::text(Kind::Topic, POPULAR.into()),
        expression: ids::sql_text(Kind::Topic, ":n"),
    };
    let text = capture::script(&bench.folder, &statements, &[topic]).await;
    let text = format!("\\set n random(1, {topics})\n{text}");
    let script = Script::prepare(&bench.folder, "page-cold", &text);
    let load = cold_load(bench);
    let compared = bench.compare(
        || load.ask(&bench.cold.address, CONNECTIONS, bench.seconds, bench.watched(bench.cold.id())),
        || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
    );
    let name = "page, none kept, against the thread's statement".to_owned();
    let note = Some(format!("{topics} topics, {sent} statements a page"));
    bench.note(Figure { note, ..figure(5, name, &compared, Bound::AtLeast(0.6)) });
}

/// Row 6.
pub(crate) fn grown_and_small(bench: &mut Bench) {
    let grown = Load::prepare(&bench.folder, &guests("page-grown", std::iter::once(GROWN), Packing::Plain));
    let small =
        Load::prepare(&bench.folder, &guests("page-small", std::iter::once(THOUSAND), Packing::Plain));
    let watched = bench.watched(bench.cold.id());
    let compared = bench.compare(
        || grown.ask(&bench.cold.address, 1, bench.seconds, watched),
        || small.ask(&bench.cold.address, 1, bench.seconds, watched),
    );
    bench.note(Figure {
        row: 6,
        name: format!("page, none kept, topic of {} posts against one of 1,000", bench.plan.posts),
        ours: 1e6 / compared.ours.per_second,
        reference: 1e6 / compared.reference.per_second,
        unit: "µs/page",
        bound: Bound::AtMost(1.3),
        spent: Some(compared.spent()),
        note: None,
        problem: compared.problem(),
    });
}
