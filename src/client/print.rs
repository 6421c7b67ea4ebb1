//! What a moderator is shown: tables for people, and the answers themselves for scripts.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Prints answers.
pub(super) struct Printer {
    /// As they came.
    pub(super) json: bool,
}

/// A line on standard output. Whoever reads it may have had enough, such as `head`.
fn line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}

/// A string in an answer, by JSON pointer; a dash where there is none.
fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "–".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The beginning of a text, in one line.
fn brief(text: &str, most: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= most {
        return flat;
    }
    flat.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    // Into a file or a pipe, identifiers stay in one piece.
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(size.ws_col);
    }
    table.set_header(head.to_vec());
    table.add_rows(rows);
    table.to_string()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Actions, one a row.
fn action_rows<'a>(actions: impl IntoIterator<Item = &'a Value>) -> anyhow::Result<()> {
    let row = |action: &Value| {
        vec![
            text(action, "/id"),
            text(action, "/kind"),
            text(action, "/subject/kind"),
            text(action, "/target/username"),
            text(action, "/ends_at"),
            text(action, "/reverts"),
        ]
    };
    line(&table(&["action", "what", "to", "of", "until", "takes back"], actions.into_iter().map(row)))
}

impl Printer {
    /// The answer itself, where that is wanted; says whether it was.
    fn raw<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> anyhow::Result<bool> {
        if self.json {
            for value in values {
                line(&value.to_string())?;
            }
        }
        Ok(self.json)
    }

    /// Something to people only.
    pub(super) fn say(&self, text: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { line(text) }
    }

    /// Cases.
    pub(super) fn cases(&self, cases: &[Value]) -> anyhow::Result<()> {
        if self.raw(cases)? {
            return Ok(());
        }
        if cases.is_empty() {
            return line("Nothing waits.");
        }
        let row = |case: &Value| {
            vec![
                text(case, "/id"),
                text(case, "/priority"),
                text(case, "/state"),
                format!("{} by {}", text(case, "/report_count"), text(case, "/reporter_count")),
                text(case, "/subject/kind"),
                text(case, "/owner/username"),
                text(case, "/assignee/username"),
            ]
        };
        line(&table(&["case", "priority", "state", "reports", "about", "of", "with"], cases.iter().map(row)))
    }

    /// A case in full.
    pub(super) fn case(&self, case: &Value) -> anyhow::Result<()> {
        if self.raw([case])? {
            return Ok(());
        }
        line(&format!(
            "case {}: {}, priority {}, {} of {}",
            text(case, "/id"),
            text(case, "/state"),
            text(case, "/priority"),
            text(case, "/subject/kind"),
            text(case, "/owner/username"),
        ))?;
        line(&format!("\n{}\n", text(case, "/content/text")))?;
        let report = |report: &Value| {
            vec![
                text(report, "/reporter/username"),
                text(report, "/rule"),
                text(report, "/weight"),
                text(report, "/outcome"),
                brief(&text(report, "/comment"), 60),
            ]
        };
        line(&table(
            &["reported by", "rule", "weight", "outcome", "comment"],
            list(case, "/reports").map(report),
        ))?;
        let event = |event: &Value| {
            vec![
                text(event, "/created_at"),
                text(event, "/kind"),
                text(event, "/actor/username"),
                text(event, "/to_state"),
                brief(&text(event, "/note"), 60),
            ]
        };
        line(&table(&["when", "what", "by", "then", "note"], list(case, "/events").map(event)))?;
        let moves: Vec<String> = list(case, "/moves").filter_map(Value::as_str).map(str::to_owned).collect();
        line(&format!("You may: {}", if moves.is_empty() { "nothing".to_owned() } else { moves.join(", ") }))
    }

    /// What was done, or would be.
    pub(super) fn actions(&self, taken: &Value) -> anyhow::Result<()> {
        if self.raw([taken])? {
            return Ok(());
        }
        if taken["dry_run"] == true {
            line("Nothing was done; this is what would be:")?;
        }
        action_rows(list(taken, "/actions"))
    }

    /// An action.
    pub(super) fn action(&self, action: &Value) -> anyhow::Result<()> {
        if self.raw([action])? { Ok(()) } else { action_rows([action]) }
    }

    /// Jobs.
    pub(super) fn jobs(&self, jobs: &[Value]) -> anyhow::Result<()> {
        if self.raw(jobs)? {
            return Ok(());
        }
        let row = |job: &Value| {
            vec![
                text(job, "/id"),
                text(job, "/kind"),
                text(job, "/state"),
                format!("{} of {}", text(job, "/counts/done"), text(job, "/counts/total")),
                text(job, "/author/username"),
                text(job, "/created_at"),
                brief(&text(job, "/note"), 40),
            ]
        };
        line(&table(&["job", "kind", "state", "done", "by", "planned", "note"], jobs.iter().map(row)))
    }

    /// A job in full.
    pub(super) fn job(&self, job: &Value) -> anyhow::Result<()> {
        if self.raw([job])? {
            return Ok(());
        }
        line(&format!(
            "job {}: {}, {}",
            text(job, "/id"),
            text(job, "/state"),
            brief(&text(job, "/note"), 100)
        ))?;
        let counts = ["total", "pending", "done", "already", "skipped", "failed", "undone"];
        let row = counts.map(|name| text(job, &format!("/counts/{name}"))).to_vec();
        line(&table(&["items", "pending", "done", "so already", "left alone", "failed", "undone"], [row]))?;
        let left: Vec<_> = list(job, "/left_alone")
            .map(|one| format!("{} {}", text(one, "/items"), text(one, "/code")))
            .collect();
        if !left.is_empty() {
            line(&format!("Left alone: {}", left.join(", ")))?;
        }
        if job["plan"].is_object() {
            let sample = |sample: &Value| {
                vec![
                    text(sample, "/subject/kind"),
                    text(sample, "/subject/id"),
                    text(sample, "/owner/username"),
                    brief(&text(sample, "/excerpt"), 60),
                ]
            };
            line(&table(&["for instance", "", "of", "says"], list(job, "/plan/samples").map(sample)))?;
            line(&format!(
                "{} people are told; {} votes are on it. The plan is good until {}.",
                text(job, "/plan/people"),
                text(job, "/plan/votes"),
                text(job, "/plan/expires_at"),
            ))?;
            let reasons: Vec<_> = list(job, "/approval_reasons").filter_map(Value::as_str).collect();
            if !reasons.is_empty() {
                line(&format!("It takes a second person: {}.", reasons.join(", ")))?;
            }
            let (id, hash) = (text(job, "/id"), text(job, "/plan/hash"));
            line(&format!("To do it: otherwise mod job run {id} --hash={hash}"))?;
        }
        Ok(())
    }

    /// The items of a job.
    pub(super) fn items(&self, items: &[Value]) -> anyhow::Result<()> {
        if self.raw(items)? {
            return Ok(());
        }
        let row = |item: &Value| {
            vec![
                text(item, "/ordinal"),
                text(item, "/subject/kind"),
                text(item, "/subject/id"),
                text(item, "/owner/username"),
                text(item, "/state"),
                text(item, "/code"),
            ]
        };
        line(&table(&["", "what", "which", "of", "state", "because"], items.iter().map(row)))
    }

    /// A bar for a job that is watched; none into a file, or where the answers themselves are wanted.
    pub(super) fn progress(&self) -> Progress {
        if self.json || !std::io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {pos} of {len}, {eta} left") {
            bar.set_style(style);
        }
        Progress(bar)
    }
}

/// How far a job has come.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows how far a job has come.
    pub(super) fn set(&mut self, job: &Value) {
        let count = |name: &str| job["counts"][name].as_u64().unwrap_or_default();
        self.0.set_length(count("total"));
        self.0.set_position(count("total") - count("pending"));
        self.0.set_message(text(job, "/state"));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
