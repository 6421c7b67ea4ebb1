//! Asking a server as fast as it answers: wrk, with prepared pieces of requests that are picked at random.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cpu::{Spent, Watched};
use crate::server::Folder;

/// What a request is put together from. Each field names pieces, of which any one is taken.
pub(crate) struct Requests {
    /// Names the files.
    pub(crate) name: &'static str,
    /// The pieces, one after the other; a request is one of each.
    pub(crate) pieces: Vec<Vec<String>>,
    /// Whether the text `@UNIQUE@` in the first piece stands for something that no other request has.
    pub(crate) is_unique: bool,
}

/// Pieces are kept apart by this, which no request has in it.
const BETWEEN: &str = "\u{1}";

const SCRIPT: &str = r#"
local pieces, random, concat = {}, math.random, table.concat
local unique, count = UNIQUE, 0
for number = 1, PIECES do
    local file = assert(io.open("NAME." .. number, "rb"))
    local text, list = file:read("*a"), {}
    file:close()
    for piece in text:gmatch("[^\1]+") do list[#list + 1] = piece end
    pieces[number] = list
end
local run = "0"

function init(arguments)
    run = arguments[1]
    math.randomseed(tonumber(run))
    -- Reading answers costs the generator, so it is done only to say what went wrong.
    if arguments[2] == "look" then
        local told = false
        response = function(status, headers, body)
            if status > 299 and not told then
                told = true
                io.stderr:write("first bad answer: ", status, " ", body, "\n")
            end
        end
    end
end

function request()
    if not unique and #pieces == 1 then
        local list = pieces[1]
        return list[random(#list)]
    end
    local parts = {}
    for number = 1, #pieces do
        local list = pieces[number]
        parts[number] = list[random(#list)]
    end
    if unique then
        count = count + 1
        parts[1] = parts[1]:gsub("@UNIQUE@", string.format("%s-%09d", run, count))
    end
    return concat(parts)
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests": %d, "micros": %d, "bad": %d, "errors": %d, "p50": %d, "p99": %d}\n',
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"#;

/// What came of asking.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Requests in a second.
    pub(crate) per_second: f64,
    /// Microseconds that 99 of 100 requests took at most.
    pub(crate) p99: f64,
    pub(crate) spent: Spent,
    /// What else than success was answered, if anything was. The figure counts for nothing then.
    pub(crate) problem: Option<String>,
}

/// Requests ready to be sent.
pub(crate) struct Load {
    script: PathBuf,
    folder: PathBuf,
}

impl Load {
    /// Writes what wrk needs.
    pub(crate) fn prepare(folder: &Folder, requests: &Requests) -> Self {
        for (number, pieces) in (1..).zip(&requests.pieces) {
            fs::write(folder.file(&format!("{}.{number}", requests.name)), pieces.join(BETWEEN)).unwrap();
        }
        let script = folder.file(&format!("{}.lua", requests.name));
        let text = SCRIPT
            .replace("UNIQUE, 0", &format!("{}, 0", requests.is_unique))
            .replace("PIECES", &requests.pieces.len().to_string())
            .replace("NAME", requests.name);
        fs::write(&script, text).unwrap();
        Self { script, folder: folder.path().to_owned() }
    }

    fn command(&self, address: &str, connections: u32, seconds: f64, look: bool) -> Command {
        let mut command = Command::new("wrk");
        // Whole seconds only.
        let seconds = seconds.ceil().max(1.0);
        command
            .current_dir(&self.folder)
            .args([
                "-t1",
                &format!("-c{connections}"),
                &format!("-d{seconds}s"),
                "--timeout",
                "10s",
                "--latency",
            ])
            .arg("-s")
            .arg(&self.script)
            .arg(format!("http://{address}"))
            .args(["--", &rand::random_range(1..1_000_000_000).to_string()]);
        if look {
            command.arg("look");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Asks over so many connections for so long.
    pub(crate) fn ask(&self, address: &str, connections: u32, seconds: f64, watched: Watched) -> Measured {
        let before = Spent::now(watched);
        let output = self.command(address, connections, seconds, false).output().expect("wrk");
        let (result, problem) = self.read(address, connections, &output);
        let requests = result["requests"].as_f64().unwrap();
        Measured {
            per_second: requests * 1e6 / result["micros"].as_f64().unwrap(),
            p99: result["p99"].as_f64().unwrap(),
            spent: Spent::now(watched).since(before, requests),
            problem,
        }
    }

    /// Begins to ask, beside something else. What is given waits for the end.
    pub(crate) fn begin(&self, address: &str, connections: u32, seconds: f64) -> Running<'_> {
        let child = self.command(address, connections, seconds, false).spawn().expect("wrk");
        Running { load: self, child, address: address.to_owned() }
    }

    /// Reads what wrk said, and what went wrong if anything but success was answered.
    fn read(&self, address: &str, connections: u32, output: &Output) -> (Value, Option<String>) {
        let said = String::from_utf8_lossy(&output.stdout);
        let result = said.lines().find_map(|line| line.strip_prefix("RESULT "));
        let Some(result) = result.filter(|_| output.status.success()) else {
            panic!("wrk failed: {said}{}", String::from_utf8_lossy(&output.stderr));
        };
        let result: Value = serde_json::from_str(result).unwrap();
        if result["bad"] == 0 && result["errors"] == 0 {
            return (result, None);
        }
        let again = self.command(address, connections, 1.0, true).output().expect("wrk");
        let again = String::from_utf8_lossy(&again.stderr);
        let problem = format!(
            "of {} requests {} were answered badly and {} not at all. {} {}",
            result["requests"],
            result["bad"],
            result["errors"],
            if again.is_empty() { "Asked again, all went well." } else { again.trim() },
            self.last_warning(),
        );
        (result, Some(problem))
    }

    /// The last thing that each server of this run complained of within the last seconds.
    fn last_warning(&self) -> String {
        let is_fresh = |path: &Path| {
            let written = path.metadata().ok().and_then(|about| about.modified().ok());
            written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age.as_secs() < 10)
        };
        let mut found = String::new();
        for path in fs::read_dir(&self.folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "log") && is_fresh(&path) {
                let log = fs::read_to_string(&path).unwrap_or_default();
                let complains = |line: &&str| line.contains(r#""WARN""#) || line.contains(r#""ERROR""#);
                let last = log.lines().rev().find(complains).unwrap_or_default();
                found.push('\n');
                found.extend(last.chars().take(500));
            }
        }
        found
    }
}

/// Requests that are being sent beside something else.
pub(crate) struct Running<'l> {
    load: &'l Load,
    child: std::process::Child,
    address: String,
}

impl Running<'_> {
    /// Waits for the end, and says what went wrong if anything but success was answered.
    pub(crate) fn end(self) -> Option<String> {
        let output = self.child.wait_with_output().unwrap();
        self.load.read(&self.address, 1, &output).1
    }
}
