//! What moderators script with: the API of a server, from the command line.
//!
//! It speaks to a server as any other client does, with a personal access token, and knows no more than the API says.
//! What it prints is a table, or with `--json` the answer itself, one document a line.

mod call;
mod print;

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use self::call::Api;
use self::print::Printer;

/// What every command of a moderator takes.
#[derive(Args)]
pub struct Moderator {
    /// The server
    #[arg(long, global = true, env = "OTHERWISE_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// A file with the personal access token, instead of `OTHERWISE_TOKEN`
    ///
    /// Make one with the scopes `read` and `moderate` at POST /me/tokens. On the command line everybody on the machine would
    /// see it.
    #[arg(long, global = true)]
    token_file: Option<PathBuf>,
    /// Print the answers as they came, as JSON, one a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the cases that wait, the most urgent first
    Queue {
        /// Only those of this queue: its name, or its identifier
        #[arg(long)]
        queue: Option<String>,
        /// Only those in this state: open, claimed, escalated, resolved or appealed
        #[arg(long)]
        state: Option<String>,
        /// Only those about this kind of thing
        #[arg(long)]
        kind: Option<Kind>,
        /// Only those that are yours
        #[arg(long)]
        mine: bool,
        /// How many
        #[arg(long, default_value_t = 25)]
        limit: usize,
    },
    /// Claim the most urgent case that waits, and show it
    Next {
        /// Of this queue only: its name, or its identifier
        #[arg(long)]
        queue: Option<String>,
    },
    /// Show a case: what it is about, its reports and its history
    Show {
        /// The case
        id: String,
    },
    /// Do something about a post, a topic or an account, or whoever it belongs to
    Act {
        /// What kind of thing it is
        kind: Kind,
        /// Which one
        id: String,
        #[command(flatten)]
        action: NewAction,
        /// Say only what would come of it
        #[arg(long)]
        dry_run: bool,
    },
    /// Take an action back
    Revert {
        /// The action
        id: String,
        /// Why, to whom it concerns
        #[arg(long)]
        because: String,
    },
    /// Decide a case
    Resolve {
        /// The case
        id: String,
        /// What came of it
        outcome: Outcome,
        /// Why, for other moderators
        #[arg(long)]
        note: String,
    },
    /// Do the same to many things
    #[command(subcommand)]
    Job(Job),
    /// Plan to take a job back, or with `--yes` do it
    Undo {
        /// The job
        id: String,
        /// Why, to whom it concerns
        #[arg(long)]
        because: String,
        /// Execute the plan at once, and watch it
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
enum Job {
    /// Plan a job: say what would come of it, and do nothing
    Plan(Box<NewJob>),
    /// Execute a plan, by its hash, and watch it
    Run {
        /// The job
        id: String,
        /// The hash of its plan, as `plan` printed it
        #[arg(long)]
        hash: String,
        /// Do not wait for the end
        #[arg(long)]
        detach: bool,
    },
    /// List jobs, the last first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<String>,
        /// How many
        #[arg(long, default_value_t = 25)]
        limit: usize,
    },
    /// Show a job, and how far it has come
    Show {
        /// The job
        id: String,
    },
    /// Watch a job until it is over
    Watch {
        /// The job
        id: String,
    },
    /// List the items of a job, with what became of each
    Items {
        /// The job
        id: String,
        /// Only those: pending, done, skipped, failed or undone
        #[arg(long)]
        state: Option<String>,
    },
    /// Have a job wait
    Pause {
        /// The job
        id: String,
    },
    /// Go on with a job
    Resume {
        /// The job
        id: String,
    },
    /// Call a job off; what was done stays done
    Cancel {
        /// The job
        id: String,
    },
}

/// What kind of thing.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Post,
    Topic,
    Account,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Topic => "topic",
            Self::Account => "account",
        }
    }
}

/// What came of a case.
#[derive(Clone, Copy, ValueEnum)]
enum Outcome {
    Upheld,
    Rejected,
    Ignored,
    Duplicate,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
        }
    }
}

#[derive(Args)]
struct NewAction {
    /// What: hide, remove, lock, `freeze_votes`, `slow_mode`, warn, silence, restrict, `vote_ban`, suspend or ban
    action: String,
    #[command(flatten)]
    reasons: Reasons,
}

#[derive(Args)]
struct Reasons {
    /// The code of the rule that was broken
    #[arg(long)]
    rule: Option<String>,
    /// Why, to whom it concerns
    #[arg(long)]
    because: Option<String>,
    /// Until when, such as 2026-12-24T00:00:00Z
    #[arg(long)]
    until: Option<String>,
    /// Within which topic only
    #[arg(long)]
    within: Option<String>,
    /// How many seconds everybody waits, for `slow_mode`
    #[arg(long)]
    seconds: Option<i32>,
    /// The law that is broken, where the rule is `illegal`
    #[arg(long)]
    law: Option<String>,
}

impl Reasons {
    /// An action for these reasons, as the API takes it.
    fn action(&self, kind: &str) -> anyhow::Result<Value> {
        let rule = self.rule.as_ref().context("say which rule was broken: --rule")?;
        let explanation = self.because.as_ref().context("say why, to whom it concerns: --because")?;
        let mut action = json!({ "kind": kind, "rule": rule, "explanation": explanation });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                action[name] = value;
            }
        };
        set("ends_at", self.until.as_ref().map(|until| json!(until)));
        set("topic_id", self.within.as_ref().map(|topic| json!(topic)));
        set("seconds", self.seconds.map(|seconds| json!(seconds)));
        set("legal_ground", self.law.as_ref().map(|law| json!(law)));
        Ok(action)
    }
}

#[derive(Args)]
struct NewJob {
    /// What kind of things it is about
    #[arg(long, default_value = "post")]
    kind: Kind,
    /// A file with their identifiers, one a line; `-` reads standard input
    #[arg(long, conflicts_with_all = ["in_topic", "by", "from", "before", "contains", "met_by", "reported_for"])]
    ids: Option<PathBuf>,
    /// Choose what is in this topic
    #[arg(long)]
    in_topic: Option<String>,
    /// Choose what these people wrote (their identifiers)
    #[arg(long, value_delimiter = ',')]
    by: Vec<String>,
    /// Choose what was made at this moment or later
    #[arg(long)]
    from: Option<String>,
    /// Choose what was made before this moment
    #[arg(long)]
    before: Option<String>,
    /// Choose what says this, in either case
    #[arg(long)]
    contains: Option<String>,
    /// Choose what this rule of automatic moderation met
    #[arg(long)]
    met_by: Option<String>,
    /// Choose what was reported by this rule of the site
    #[arg(long)]
    reported_for: Option<String>,
    /// What is done to each; several after commas
    #[arg(long = "do", value_delimiter = ',')]
    actions: Vec<String>,
    #[command(flatten)]
    reasons: Reasons,
    /// How the case of each is decided
    #[arg(long)]
    resolve: Option<Outcome>,
    /// Why, for other moderators
    #[arg(long)]
    note: String,
}

impl NewJob {
    /// As the API takes it.
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = json!({ "note": self.note });
        if let Some(path) = &self.ids {
            body["subjects"] = json!({ "kind": self.kind.name(), "ids": read_ids(path)? });
        } else {
            let mut selector = json!({ "kind": self.kind.name() });
            for (name, value) in [
                ("topic_id", &self.in_topic),
                ("from", &self.from),
                ("until", &self.before),
                ("contains", &self.contains),
                ("met_by", &self.met_by),
                ("reported_for", &self.reported_for),
            ] {
                if let Some(value) = value {
                    selector[name] = json!(value);
                }
            }
            if !self.by.is_empty() {
                selector["author_ids"] = json!(self.by);
            }
            body["selector"] = selector;
        }
        let actions: Vec<Value> =
            self.actions.iter().map(|kind| self.reasons.action(kind)).collect::<Result<_, _>>()?;
        body["actions"] = json!(actions);
        if let Some(outcome) = self.resolve {
            body["resolution"] = json!(outcome.name());
        }
        Ok(body)
    }
}

/// The identifiers in a file, one a line; empty lines and what follows a `#` are passed over.
fn read_ids(path: &PathBuf) -> anyhow::Result<Vec<String>> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
    };
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let ids: Vec<_> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    ensure!(!ids.is_empty(), "{} has no identifiers", path.display());
    Ok(ids)
}

/// Does what a moderator says at the command line.
///
/// # Errors
/// The server cannot be reached, or refuses: its own words say why.
pub async fn run(moderator: Moderator) -> anyhow::Result<()> {
    let api = Api::new(&moderator.server, &token(moderator.token_file.as_ref())?)?;
    let printer = Printer { json: moderator.json };
    match moderator.command {
        Command::Queue { queue, state, kind, mine, limit } => {
            let mut query = vec![("sort", "urgent".to_owned())];
            if let Some(queue) = queue {
                query.push(("queue", queue_id(&api, &queue).await?));
            }
            query.extend(state.map(|state| ("state", state)));
            query.extend(kind.map(|kind| ("subject_kind", kind.name().to_owned())));
            query.extend(mine.then(|| ("mine", "true".to_owned())));
            printer.cases(&api.pages("/mod/cases", query, limit).await?)
        }
        Command::Next { queue } => {
            let path = match queue {
                Some(queue) => format!("/mod/cases/next?queue={}", queue_id(&api, &queue).await?),
                None => "/mod/cases/next".to_owned(),
            };
            match api.post(&path, None, None).await? {
                Value::Null => printer.say("Nothing waits that you may decide."),
                case => printer.case(&case),
            }
        }
        Command::Show { id } => printer.case(&api.get(&format!("/mod/cases/{id}")).await?),
        Command::Act { kind, id, action, dry_run } => {
            let body = json!({
                "subject": { "kind": kind.name(), "id": id },
                "actions": [action.reasons.action(&action.action)?], "dry_run": dry_run,
            });
            printer.actions(&api.post("/mod/actions", Some(body), None).await?)
        }
        Command::Revert { id, because } => {
            let body = json!({ "explanation": because });
            printer.action(&api.post(&format!("/mod/actions/{id}/revert"), Some(body), None).await?)
        }
        Command::Resolve { id, outcome, note } => {
            let path = format!("/mod/cases/{id}");
            let version = api.version(&path).await?;
            let body = json!({ "resolution": outcome.name(), "note": note });
            printer.case(&api.post(&format!("{path}/resolve"), Some(body), Some(&version)).await?)
        }
        Command::Job(job) => run_job(&api, &printer, job).await,
        Command::Undo { id, because, yes } => {
            let body = json!({ "explanation": because });
            let plan = api.post(&format!("/mod/jobs/{id}/undo"), Some(body), None).await?;
            printer.job(&plan)?;
            if !yes {
                return Ok(());
            }
            let (Some(id), Some(hash)) = (plan["id"].as_str(), plan["plan"]["hash"].as_str()) else {
                bail!("the server answered with no plan");
            };
            execute(&api, &printer, (id, hash), false).await
        }
    }
}

/// The identifier of the queue that somebody names, by that or by its name.
async fn queue_id(api: &Api, named: &str) -> anyhow::Result<String> {
    let queues = api.pages("/mod/queues", Vec::new(), usize::MAX).await?;
    let found: Vec<_> =
        queues.iter().filter(|queue| queue["id"] == named || queue["name"] == named).collect();
    match found.as_slice() {
        [queue] => queue["id"].as_str().map(str::to_owned).context("the server named no identifier"),
        [] => {
            let known: Vec<_> = queues.iter().filter_map(|queue| queue["name"].as_str()).collect();
            let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("there is no queue {named:?}; these are there: {there}")
        }
        _ => bail!("the team and you have each a queue {named:?}: give the identifier of one"),
    }
}

/// The personal access token, from a file or the environment.
fn token(file: Option<&PathBuf>) -> anyhow::Result<String> {
    let token = match file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
        }
        None => std::env::var("OTHERWISE_TOKEN").map_err(|_| {
            anyhow::anyhow!(
                "no personal access token: set OTHERWISE_TOKEN, or name a file with --token-file. Make one with the \
                 scopes read and moderate at POST /me/tokens"
            )
        })?,
    };
    Ok(token.trim().to_owned())
}

async fn run_job(api: &Api, printer: &Printer, job: Job) -> anyhow::Result<()> {
    let moved = async |id: &str, how: &str| {
        printer.job(&api.post(&format!("/mod/jobs/{id}/{how}"), None, None).await?)
    };
    match job {
        Job::Plan(new) => printer.job(&api.post("/mod/jobs", Some(new.body()?), None).await?),
        Job::Run { id, hash, detach } => execute(api, printer, (&id, &hash), detach).await,
        Job::List { state, limit } => {
            let query = state.map(|state| ("state", state)).into_iter().collect();
            printer.jobs(&api.pages("/mod/jobs", query, limit).await?)
        }
        Job::Show { id } => printer.job(&api.get(&format!("/mod/jobs/{id}")).await?),
        Job::Watch { id } => watch(api, printer, &id).await,
        Job::Items { id, state } => {
            let query = state.map(|state| ("state", state)).into_iter().collect();
            printer.items(&api.pages(&format!("/mod/jobs/{id}/items"), query, usize::MAX).await?)
        }
        Job::Pause { id } => moved(&id, "pause").await,
        Job::Resume { id } => moved(&id, "resume").await,
        Job::Cancel { id } => moved(&id, "cancel").await,
    }
}

/// Executes a plan, and watches it unless somebody else has to agree first.
async fn execute(api: &Api, printer: &Printer, (id, hash): (&str, &str), detach: bool) -> anyhow::Result<()> {
    let hash = format!("\"{hash}\"");
    let job = api.post(&format!("/mod/jobs/{id}/execute"), None, Some(&hash)).await?;
    if job["state"] == "awaiting_approval" {
        printer.job(&job)?;
        return printer
            .say("It waits for a second person: POST /mod/jobs/{id}/approve, in a session of theirs.");
    }
    if detach {
        return printer.job(&job);
    }
    watch(api, printer, id).await
}

/// Watches a job until it is over, and says how it ended.
async fn watch(api: &Api, printer: &Printer, id: &str) -> anyhow::Result<()> {
    let mut bar = printer.progress();
    let mut last = Value::Null;
    api.events(&format!("/mod/jobs/{id}/events"), |job| {
        bar.set(&job);
        last = job;
    })
    .await?;
    bar.end();
    // The server ended, or its connection did: what it says now is the truth.
    if !last["state"].as_str().is_some_and(is_over) {
        last = api.get(&format!("/mod/jobs/{id}")).await?;
    }
    printer.job(&last)
}

/// Whether nothing more comes of a job in this state by itself.
fn is_over(state: &str) -> bool {
    ["succeeded", "partial", "failed", "cancelled", "undone", "undo_partial"].contains(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ids");
        std::fs::write(&file, "a-1\n\n  b-2 # the second\n# none\n").unwrap();
        assert_eq!(read_ids(&file).unwrap(), ["a-1", "b-2"]);
        std::fs::write(&file, "# none\n").unwrap();
        assert!(read_ids(&file).unwrap_err().to_string().ends_with("has no identifiers"));
    }

    #[test]
    fn what_is_over_is_what_the_server_says() {
        use sea_orm::{ActiveEnum, Iterable};
        for state in crate::jobs::rules::JobState::iter() {
            assert_eq!(is_over(&state.to_value()), state.is_over(), "{state:?}");
        }
    }
}
