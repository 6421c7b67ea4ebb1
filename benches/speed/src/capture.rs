//! The statements that a request comes to, read from PostgreSQL's log and turned into a script for pgbench.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::data::now;
use crate::server::Folder;

/// Requests that are looked at. What was not sent for each of them came from something else.
const LOOKS: usize = 3;

/// A statement as the server sent it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    backend: String,
    pub(crate) text: String,
    /// The values of `$1`, `$2` and so on, as text.
    parameters: Vec<Option<String>>,
}

/// Lets the log show the values of statements to sessions that begin from now on. The server's own cluster keeps them out
/// of its log, which they have no place in.
pub(crate) async fn allow(folder: &Folder) {
    let mut db = folder.connect().await;
    db.execute("ALTER DATABASE otherwise SET log_error_verbosity = 'default'").await.unwrap();
}

/// The statements of a request, which is made several times. Those of the last one are given.
pub(crate) async fn statements(folder: &Folder, mut ask: impl AsyncFnMut()) -> Vec<Statement> {
    let mut db = folder.connect().await;
    // The first request prepares what later ones only execute.
    ask().await;
    let mut looks = Vec::new();
    set_logging(&mut db, "ALTER SYSTEM SET log_min_duration_statement = 0").await;
    for _ in 0..LOOKS {
        let from = folder.postgres_log().metadata().unwrap().len();
        ask().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut file = File::open(folder.postgres_log()).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        let mut log = Vec::new();
        file.read_to_end(&mut log).unwrap();
        looks.push(parse(&String::from_utf8_lossy(&log)));
    }
    set_logging(&mut db, "ALTER SYSTEM RESET log_min_duration_statement").await;
    let always = |statement: &Statement| {
        looks.iter().all(|look| look.iter().any(|other| other.text == statement.text))
    };
    let last = looks.last().cloned().unwrap_or_default();
    let found: Vec<_> = last.into_iter().filter(always).collect();
    assert!(!found.is_empty(), "the log of PostgreSQL shows no statement");
    found
}

async fn set_logging(db: &mut PgConnection, statement: &'static str) {
    db.execute(statement).await.unwrap();
    db.execute("SELECT pg_reload_conf()").await.unwrap();
    // Every process takes it up when it is told, and each must have been.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Keeps the statements of the transaction that has one of them in it, or of its connection where none was begun.
pub(crate) fn transaction_of(statements: Vec<Statement>, is_in_it: impl Fn(&str) -> bool) -> Vec<Statement> {
    let one = statements.iter().position(|statement| is_in_it(&statement.text)).expect("what was looked for");
    let backend = statements[one].backend.clone();
    let text = |statement: &Statement, text: &str| statement.backend == backend && statement.text == text;
    let begin = statements[..one].iter().rposition(|statement| text(statement, "BEGIN")).unwrap_or(0);
    let commit = statements[one..].iter().position(|statement| text(statement, "COMMIT"));
    let end = commit.map_or(statements.len(), |place| one + place + 1);
    let ours = |statement: &Statement| statement.backend == backend;
    statements.into_iter().take(end).skip(begin).filter(ours).collect()
}

/// Reads what was executed from the log.
fn parse(log: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    // Parsing and binding are told of as well; only what follows an execution at once is about it.
    let mut was_executed = false;
    // A message goes on in lines that begin with a tab.
    for message in log.replace("\n\t", "\u{1}").lines() {
        let message = message.replace('\u{1}', "\n");
        let Some((backend, said)) = message.split_once('[').and_then(|(_, rest)| rest.split_once("] "))
        else {
            continue;
        };
        if let Some(said) = said.strip_prefix("LOG:  duration: ") {
            let Some((_, said)) = said.split_once(" ms  ") else { continue };
            let text = if let Some(said) = said.strip_prefix("execute ") {
                said.split_once(": ").map(|(_, text)| text)
            } else {
                said.strip_prefix("statement: ")
            };
            was_executed = text.is_some();
            if let Some(text) = text {
                let (backend, text) = (backend.to_owned(), text.trim().trim_end_matches(';').to_owned());
                found.push(Statement { backend, text, parameters: Vec::new() });
            }
        } else if let Some(values) = said.strip_prefix("DETAIL:  parameters: ")
            && let Some(statement) = found.last_mut().filter(|last| was_executed && last.backend == backend)
        {
            statement.parameters = parameters(values);
        }
    }
    found
}

/// Reads `$1 = 'text', $2 = NULL`.
fn parameters(values: &str) -> Vec<Option<String>> {
    let mut found = Vec::new();
    let mut rest = values;
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            found.push(None);
            rest = value.strip_prefix("NULL").unwrap_or(value);
            continue;
        };
        let mut text = String::new();
        let mut characters = quoted.char_indices().peekable();
        let mut end = quoted.len();
        while let Some((_, character)) = characters.next() {
            if character == '\'' {
                match characters.peek() {
                    Some((_, '\'')) => drop(characters.next()),
                    Some((place, _)) => {
                        end = *place;
                        break;
                    }
                    None => break,
                }
            }
            text.push(character);
        }
        found.push(Some(text));
        rest = &quoted[end..];
    }
    found
}

/// What stands in a script where a value stood in a request: a part of a value, and an expression that gives text.
pub(crate) struct Variable {
    pub(crate) value: String,
    pub(crate) expression: String,
}

/// Writes statements as a script, with variables in the place of values.
pub(crate) async fn script(folder: &Folder, statements: &[Statement], variables: &[Variable]) -> String {
    let mut db = folder.connect().await;
    let mut script = String::new();
    for (number, statement) in statements.iter().enumerate() {
        assert!(!has_variable(&statement.text), "pgbench would misread {}", statement.text);
        let types = types(&mut db, number, statement).await;
        let mut values = Vec::new();
        for (value, sql_type) in statement.parameters.iter().zip(&types) {
            values.push(expression(&mut db, value.as_deref(), sql_type, variables).await);
        }
        script += &fill(&statement.text, &values);
        script += ";\n";
    }
    script
}

/// Whether pgbench would take something in a text for a variable of its own.
fn has_variable(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(3).any(|three| {
        three[1] == b':' && three[0] != b':' && (three[2].is_ascii_alphabetic() || three[2] == b'_')
    })
}

/// The types of a statement's parameters.
async fn types(db: &mut PgConnection, number: usize, statement: &Statement) -> Vec<String> {
    if statement.parameters.is_empty() {
        return Vec::new();
    }
    db.execute(AssertSqlSafe(format!("PREPARE captured_{number} AS {}", statement.text)))
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", statement.text));
    let look = format!(
        "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'captured_{number}'"
    );
    let types: Vec<String> = sqlx::query(AssertSqlSafe(look)).fetch_one(db).await.unwrap().get(0);
    assert!(types.len() == statement.parameters.len(), "{statement:?} {types:?}");
    types
}

/// A value as a script has it.
async fn expression(
    db: &mut PgConnection,
    value: Option<&str>,
    sql_type: &str,
    variables: &[Variable],
) -> String {
    let Some(value) = value else { return format!("NULL::{sql_type}") };
    if sql_type == "timestamp with time zone" && is_recent(db, value).await {
        return "now()".to_owned();
    }
    if let Ok(number) = value.parse::<f64>()
        && sql_type == "double precision"
        && (number.abs() - now() as f64).abs() < 6e8
    {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("({sign}(extract(epoch FROM clock_timestamp()) * 1000000)::float8)");
    }
    let mut pieces = vec![(false, value.to_owned())];
    for variable in variables {
        pieces = pieces
            .into_iter()
            .flat_map(
                |(is_expression, piece)| {
                    if is_expression { vec![(true, piece)] } else { split(&piece, variable) }
                },
            )
            .collect();
    }
    let texts: Vec<String> = pieces
        .into_iter()
        .map(|(is_expression, piece)| if is_expression { piece } else { quote(&piece) })
        .collect();
    format!("({})::{sql_type}", texts.join(" || "))
}

/// Cuts a value where a variable stands in it. The first of each pair says whether it is an expression.
fn split(piece: &str, variable: &Variable) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (place, part) in piece.split(&variable.value).enumerate() {
        if place > 0 {
            found.push((true, variable.expression.clone()));
        }
        if !part.is_empty() || (piece.is_empty() && place == 0) {
            found.push((false, part.to_owned()));
        }
    }
    found
}

/// A literal in which pgbench sees no variable.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "''").replace(':', "\\x3A").replace('\n', "\\n");
    format!("E'{escaped}'")
}

async fn is_recent(db: &mut PgConnection, time: &str) -> bool {
    let look = format!("SELECT abs(extract(epoch FROM {}::timestamptz - now())) < 300", quote(time));
    sqlx::query(AssertSqlSafe(look)).fetch_one(db).await.unwrap().get(0)
}

/// Puts values in the place of `$1`, `$2` and so on.
fn fill(text: &str, values: &[String]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled += before;
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        match after[..digits].parse::<usize>().ok().and_then(|number| values.get(number.checked_sub(1)?)) {
            Some(value) => filled += value,
            None => filled = filled + "$" + &after[..digits],
        }
        rest = &after[digits..];
    }
    filled + rest
}

/// The identifiers in the values of statements that a request has made up: those that stand for nothing before it.
pub(crate) async fn new_ids(folder: &Folder, statements: &[Statement]) -> Vec<String> {
    let mut db = folder.connect().await;
    let mut found: Vec<String> = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        let types = types(&mut db, number, statement).await;
        for (value, sql_type) in statement.parameters.iter().zip(types) {
            if let Some(value) = value
                && sql_type == "uuid"
                && !found.contains(value)
                && !value.starts_with("0190000")
            {
                found.push(value.clone());
            }
        }
    }
    let known: HashSet<String> = sqlx::query("SELECT id::text FROM session")
        .fetch_all(&mut db)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.get(0))
        .collect();
    found.retain(|id| !known.contains(id));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-28 06:59:56.764 UTC [21] LOG:  duration: 0.030 ms  statement: BEGIN
2026-11-28 06:59:56.764 UTC [21] LOG:  duration: 0.1 ms  bind sqlx_s_6: SELECT $1
2026-11-28 06:59:56.764 UTC [21] DETAIL:  parameters: $1 = 'bound'
2026-11-28 06:59:56.764 UTC [21] LOG:  duration: 1.126 ms  execute sqlx_s_6: SELECT $1,
\t$2, $3
2026-11-28 06:59:56.764 UTC [21] DETAIL:  parameters: $1 = 'it''s = ''so'', or', $2 = NULL, $3 = ''
";

    #[test]
    fn the_log_gives_what_was_executed_and_with_what() {
        let found = parse(LOG);
        let texts: Vec<_> = found.iter().map(|statement| statement.text.as_str()).collect();
        assert_eq!(texts, ["BEGIN", "SELECT $1,\n$2, $3"]);
        assert!(found[0].parameters.is_empty());
        let values: Vec<_> = found[1].parameters.iter().map(Option::as_deref).collect();
        assert_eq!(values, [Some("it's = 'so', or"), None, Some("")]);
    }

    #[test]
    fn variables_stand_where_values_stood() {
        let variable = Variable { value: "42".to_owned(), expression: "(:n::text)".to_owned() };
        let pieces = split("a42b42", &variable);
        let expected = [(false, "a"), (true, "(:n::text)"), (false, "b"), (true, "(:n::text)")];
        assert_eq!(pieces, expected.map(|(is_expression, text)| (is_expression, text.to_owned())));
        assert_eq!(split("", &variable), [(false, String::new())]);
        assert_eq!(fill("SELECT $2, $1, $12", &["a".to_owned(), "b".to_owned()]), "SELECT b, a, $12");
    }

    #[test]
    fn pgbench_sees_no_variable_in_a_literal() {
        assert_eq!(quote("it's 12:30\n"), r"E'it''s 12\x3A30\n'");
        assert!(has_variable("SELECT ':name'") && !has_variable("SELECT a::text"));
    }
}
