//! The two rulers of docs/ARCHITECTURE.md, read off the source: what a file uses stands to its left. And what the API document
//! calls its types.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Kinds of file, from left to right. A file may use its own kind and those before it.
const KINDS: [&[&str]; 11] = [
    &[
        "ids",
        "basis_points",
        "changes",
        "clock",
        "config",
        "error",
        "grouping",
        "invalid",
        "text",
        "historic_date",
        "markdown",
    ],
    &["rules", "templates", "totp"],
    &["entity"],
    &["policy"],
    &["db", "http", "keys", "hashing", "mailer", "openid", "outbound"],
    &["app"],
    &["store", "checkpoint", "verify", "thread", "throttle", "factors", "passkeys", "token", "exchange"],
    &["api", "actor", "worker"],
    &["router"],
    &["serve", "client"],
    &["main"],
];

/// Features, from left to right.
const FEATURES: [&str; 29] = [
    "events",
    "audit",
    "ranking",
    "mail",
    "accounts",
    "roles",
    "trust",
    "decisions",
    "auth",
    "credentials",
    "identities",
    "sources",
    "scenarios",
    "automation",
    "topics",
    "posts",
    "votes",
    "vote_signals",
    "credences",
    "criteria",
    "implications",
    "mind_changes",
    "scenario_sets",
    "track_record",
    "moderation",
    "jobs",
    "webhooks",
    "own_data",
    "exchange",
];

/// The one exception: the state holds the parts that `db` and `http` make of it, and these are given it.
const KNOT: (&[&str], &str) = (&["db", "http"], "app");

/// Libraries, and the kinds of file that call them. Derives are passive and may stand on any value type.
const HOMES: [(&str, &[&str]); 13] = [
    ("axum::", &["api", "http", "router", "actor", "serve"]),
    ("utoipa_axum::", &["api", "http", "router", "actor", "serve"]),
    (
        "sea_orm::",
        &[
            "store",
            "thread",
            "throttle",
            "factors",
            "passkeys",
            "entity",
            "db",
            "app",
            "exchange",
            "text",
            "historic_date",
            "ids",
        ],
    ),
    ("jsonwebtoken::", &["token"]),
    ("argon2::", &["hashing"]),
    ("lettre::", &["mailer"]),
    ("totp_rs::", &["totp"]),
    ("webauthn_rs::", &["passkeys", "rules"]),
    ("openidconnect::", &["openid"]),
    ("reqwest::", &["openid", "outbound", "client"]),
    ("quick_cache::", &["http", "app"]),
    ("regex::", &["rules"]),
    ("regex_syntax::", &["rules"]),
];

/// Derives and helpers of the database library that declare a column type and call nothing.
const PASSIVE: [&str; 5] =
    ["EnumIter", "DeriveActiveEnum", "DeriveValueType", "FromJsonQueryResult", "Iterable"];

type Finding = (PathBuf, usize, String);

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments and no unit tests, every line in its place.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let blank =
        |line: &str| if line.trim_start().starts_with("//") { String::new() } else { line.to_owned() };
    code.lines().map(blank).collect::<Vec<_>>().join("\n")
}

/// Where the path that starts here leads: `a::{b, c::d}` leads to `a::b` and to `a::c::d`.
fn leads_to(text: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    if let Some(rest) = text.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (i, c) in rest.char_indices() {
            if depth == 0 && (c == ',' || c == '}') {
                if !rest[start..i].trim().is_empty() {
                    leads_to(rest[start..i].trim(), before, found);
                }
                start = i + 1;
                if c == '}' {
                    return;
                }
            }
            depth += i32::from(c == '{') - i32::from(c == '}');
        }
        return;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut path = before.to_vec();
    path.push(text[..end].to_owned());
    match text[end..].strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => leads_to(rest, &path, found),
        _ => found.push(path),
    }
}

/// What stands before `name::` is no part of a longer name.
fn starts_a_path(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The parts of the program that a file names, each with its line; `super` is written out.
fn uses(path: &[String], text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let folder: Vec<String> = path[..path.len() - 1].to_vec();
    for (prefix, before) in [("crate::", Vec::new()), ("super::", folder)] {
        for (at, _) in text.match_indices(prefix) {
            if !starts_a_path(text, at) || (prefix == "super::" && path.ends_with(&["mod".to_owned()])) {
                continue;
            }
            let mut paths = Vec::new();
            leads_to(&text[at + prefix.len()..], &before, &mut paths);
            let line = text[..at].matches('\n').count() + 1;
            found.extend(paths.into_iter().map(|path| (line, path)));
        }
    }
    // `use crate::topics;` and then `topics::find`: each such name counts like a `use` of its own.
    let modules: Vec<String> = found
        .iter()
        .filter(|(_, path)| path.len() == 1 || path.last().is_some_and(|last| last == "self"))
        .map(|(_, path)| path[0].clone())
        .filter(|name| FEATURES.contains(&name.as_str()))
        .collect();
    for module in modules {
        for (at, matched) in text.match_indices(&format!("{module}::")) {
            if starts_a_path(text, at) {
                let mut paths = Vec::new();
                leads_to(&text[at + matched.len()..], &[module.clone()], &mut paths);
                let line = text[..at].matches('\n').count() + 1;
                found.extend(paths.into_iter().map(|path| (line, path)));
            }
        }
    }
    found
}

/// The file of a feature that a name comes from: itself, or where `mod.rs` re-exports it from.
fn home(path: &[String]) -> Vec<String> {
    let (feature, name) = (&path[0], path.get(1).map_or("self", String::as_str));
    let folder = source().join(feature);
    if !FEATURES.contains(&feature.as_str()) || folder.join(format!("{name}.rs")).is_file() || name == "self"
    {
        return path.to_vec();
    }
    let text = code(&folder.join("mod.rs"));
    for (at, matched) in text.match_indices(" use ") {
        let mut paths = Vec::new();
        leads_to(&text[at + matched.len()..], &[], &mut paths);
        if let Some(found) = paths.into_iter().find(|path| path.last().is_some_and(|last| last == name)) {
            return [vec![feature.clone()], found].concat();
        }
    }
    path.to_vec()
}

/// The kind of the file that a path leads into, as its place on the ruler and its name.
fn kind(path: &[String]) -> Option<(usize, &'static str)> {
    let feature = FEATURES.contains(&path[0].as_str()) && path[0] != "exchange";
    let name = if feature { path.get(1)? } else { &path[0] };
    let of = |(i, names): (usize, &&'static [&'static str])| {
        names.iter().find(|kind| *kind == name).map(|kind| (i, *kind))
    };
    KINDS.iter().enumerate().find_map(of)
}

fn findings() -> Vec<Finding> {
    let (mut files, mut found) = (Vec::new(), Vec::new());
    files_below(&source(), &mut files);
    assert!(files.len() > 50, "the source is read");
    for file in files {
        let name = file.strip_prefix(source()).unwrap().with_extension("");
        let path: Vec<String> = name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let text = code(&file);
        if path == ["lib"] || (path.len() == 2 && path[1] == "mod" && FEATURES.contains(&path[0].as_str())) {
            continue;
        }
        let (place, own) = kind(&path).unwrap_or_else(|| panic!("{} has a kind", name.display()));
        let mut complain = |line: usize, rule: String| found.push((name.clone(), line, rule));
        for (line, used) in uses(&path, &text) {
            let home = home(&used);
            let knot = KNOT.0.contains(&own) && home[0] == KNOT.1;
            if let Some((its, kind)) = kind(&home)
                && its > place
                && !knot
                && !(own == "app" && KNOT.0.contains(&kind))
            {
                complain(line, format!("`{own}` stands left of `{kind}` ({})", used.join("::")));
            }
            let feature = |name: &String| FEATURES.iter().position(|feature| feature == name);
            if let (Some(mine), Some(its)) = (feature(&path[0]), feature(&home[0]))
                && its > mine
            {
                complain(line, format!("feature `{}` stands left of `{}`", path[0], home[0]));
            }
            // What is not `pub` the compiler refuses.
            let inside = |part: &String| {
                part != "rules"
                    && code(&source().join(&used[0]).join("mod.rs")).contains(&format!("pub mod {part};"))
            };
            if FEATURES.contains(&used[0].as_str()) && used[0] != path[0] && used.get(1).is_some_and(inside) {
                complain(line, format!("`{}` is not for others: go through `mod.rs`", used[..2].join("::")));
            }
        }
        for (library, homes) in HOMES {
            for (i, line) in text.lines().enumerate() {
                let call = line.find(library).filter(|at| starts_a_path(line, *at));
                let passive = own == "rules" && PASSIVE.iter().any(|derive| line.contains(derive));
                if call.is_some() && !homes.contains(&own) && !passive {
                    complain(i + 1, format!("`{library}` is at home in {}", homes.join(", ")));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_file_uses_only_what_stands_to_its_left() {
    let found = findings();
    let lines: Vec<String> =
        found.iter().map(|(file, line, rule)| format!("src/{}.rs:{line}: {rule}", file.display())).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

/// The API document has one schema a name, and of two types that share one it would show either in place of both.
#[test]
fn every_schema_has_a_name_of_its_own() {
    let derived = Regex::new(
        r"#\[derive\([^)]*\bToSchema\b[^)]*\)\](?:\s*#\[[^\]]*\])*\s*(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum)\s+(\w+)",
    )
    .unwrap();
    let written = Regex::new(r"(?s)\b(?:text|text_enum|string_value)! \{(.*?)\n\}").unwrap();
    let named = Regex::new(r"\b(?:struct|enum) (\w+)").unwrap();
    let mut files = Vec::new();
    files_below(&source(), &mut files);
    let mut homes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let code = code(&file);
        let in_macros = written.captures_iter(&code).flat_map(|found| {
            let types = found.get(1).unwrap().as_str();
            named.captures_iter(types).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        });
        for name in derived.captures_iter(&code).map(|found| found[1].to_owned()).chain(in_macros) {
            homes.entry(name).or_default().push(file.strip_prefix(source()).unwrap().to_owned());
        }
    }
    assert!(homes.len() > 200, "{}", homes.len());
    homes.retain(|_, files| files.len() > 1);
    assert!(homes.is_empty(), "{homes:#?}");
}

#[test]
fn the_reader_of_paths_sees_through_braces_and_super() {
    let path = ["posts".to_owned(), "store".to_owned()];
    let text = "use crate::{db, entity::{post, vote as v}};\nuse super::rules::X;\nlet a: &crate::app::App;\nuse crate::topics;\n topics::find();";
    let found: Vec<String> =
        uses(&path, text).iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    assert_eq!(
        found,
        [
            "1 db",
            "1 entity::post",
            "1 entity::vote",
            "3 app::App",
            "4 topics",
            "2 posts::rules::X",
            "5 topics::find"
        ]
    );
    assert_eq!(home(&["topics".to_owned(), "find".to_owned()]), ["topics", "store", "find"]);
}
