//! Row 8: the list of topics, people and single posts.

use super::{Bench, CONNECTIONS, head};
use crate::capture::{self, Variable};
use crate::data::ids::{self, Kind};
use crate::data::plan::VOTERS;
use crate::data::username;
use crate::load::{Load, Requests};
use crate::pgbench::Script;
use crate::report::{Bound, Figure};

/// Things that are asked for by name, of each kind.
const ASKED_FOR: u32 = 2000;

struct Read {
    name: &'static str,
    file: &'static str,
    unit: &'static str,
    paths: Vec<String>,
    /// What sets the variable `n` in a script.
    set: String,
    variables: Vec<Variable>,
}

fn list() -> Read {
    Read {
        name: "list of topics, against its statements",
        file: "topics",
        unit: "lists/s",
        paths: vec!["/topics?limit=20".to_owned()],
        set: String::new(),
        variables: Vec::new(),
    }
}

fn accounts() -> Read {
    let first = VOTERS + 1;
    let letters = "'person_' || translate((:n + 0)::text, '0123456789', 'abcdefghkt')";
    Read {
        name: "a person, against the statements",
        file: "accounts",
        unit: "people/s",
        paths: (first..first + 1000).map(|number| format!("/accounts/{}", username(number))).collect(),
        set: format!("\\set n random({first}, {})\n", first + 999),
        variables: vec![
            Variable { value: username(first), expression: format!("({letters})") },
            Variable {
                value: ids::text(Kind::Account, first.into()),
                expression: ids::sql_text(Kind::Account, ":n"),
            },
        ],
    }
}

fn posts(bench: &Bench) -> Read {
    let step = bench.plan.total() / ASKED_FOR;
    let path = |number: u32| format!("/posts/{}", ids::text(Kind::Post, (number * step).into()));
    Read {
        name: "a post, against the statements",
        file: "posts",
        unit: "posts/s",
        paths: (1..=ASKED_FOR).map(path).collect(),
        set: format!("\\set n random(1, {ASKED_FOR}) * {step}\n"),
        variables: vec![Variable {
            value: ids::text(Kind::Post, step.into()),
            expression: ids::sql_text(Kind::Post, ":n"),
        }],
    }
}

/// Row 8.
pub(crate) async fn reads(bench: &mut Bench) {
    for read in [list(), accounts(), posts(bench)] {
        let (http, url) = (bench.people.http(), bench.cold.url(&read.paths[0]));
        let statements = capture::statements(&bench.folder, async || {
            assert!(http.get(&url).send().await.unwrap().status().is_success(), "{url}");
        })
        .await;
        let text = capture::script(&bench.folder, &statements, &read.variables).await;
        let script = Script::prepare(&bench.folder, read.file, &(read.set + &text));
        let pieces = vec![read.paths.iter().map(|path| head("GET", path) + "\r\n").collect()];
        let load = Load::prepare(&bench.folder, &Requests { name: read.file, pieces, is_unique: false });
        let compared = bench.compare(
            || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
            || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
        );
        bench.note(Figure {
            row: 8,
            name: read.name.to_owned(),
            ours: compared.ours.per_second,
            reference: compared.reference.per_second,
            unit: read.unit,
            bound: Bound::AtLeast(0.7),
            spent: Some(compared.spent()),
            note: Some(format!("{} statements", statements.len())),
            problem: compared.problem(),
        });
    }
}
