//! The README's tour, taken as it is written.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::{FIRST_DEBATE, Folder, PROGRAM, Ran, TEST_SETTINGS};

const README: &str = include_str!("../../README.md");

/// What is printed between two steps, to tell their output apart.
const BETWEEN: &str = "==== the next step ====";

/// The steps of the tour: what to type, and what the README says is printed then.
fn steps() -> Vec<(String, String)> {
    let (_, tour) = README.split_once("\n## Five minutes").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut blocks = tour.split("\n```").skip(1);
    while let (Some(block), Some(_between)) = (blocks.next(), blocks.next()) {
        match block.split_once('\n').unwrap() {
            ("sh", commands) => steps.push((commands.to_owned(), String::new())),
            ("", printed) => printed.clone_into(&mut steps.last_mut().unwrap().1),
            (other, _) => panic!("a block of {other} in the tour"),
        }
    }
    steps
}

/// Whether a text is what was promised, where `…` stands for anything within a line.
fn is_as_promised(line: &str, promised: &str) -> bool {
    let mut parts = promised.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    for part in parts {
        match rest.find(part) {
            // What ends the promise ends the line.
            Some(_) if !part.is_empty() && promised.ends_with(part) && rest.ends_with(part) => rest = part,
            Some(at) => rest = &rest[at..],
            None => return false,
        }
        rest = &rest[part.len()..];
    }
    rest.is_empty() || promised.ends_with('…')
}

#[test]
fn promises_are_compared_strictly() {
    for (line, promised, kept) in [
        ("abc", "abc", true),
        ("abcd", "abc", false),
        ("abc", "a…c", true),
        ("abcc", "a…c", true),
        ("abd", "a…c", false),
        ("xabc", "a…c", false),
        ("abcx", "a…c", false),
        ("abcx", "a…c…", true),
        ("a-b-b", "a…b", true),
    ] {
        assert_eq!(is_as_promised(line, promised), kept, "{line:?} {promised:?}");
    }
}

#[tokio::test]
async fn the_tour_of_the_readme_is_true() {
    let folder = Folder::new();
    let server = folder.serve();
    // The program where `script/server` builds it; the data folder `./data` is the usual one.
    std::fs::create_dir_all(folder.path().join("target/release")).unwrap();
    symlink(PROGRAM, folder.path().join("target/release/otherwise")).unwrap();

    let steps = steps();
    assert!(steps.len() > 10, "{steps:#?}");
    let mut script = String::from("set -euo pipefail\n");
    for (commands, _) in &steps {
        script += commands;
        script += "\necho '";
        script += BETWEEN;
        script += "'\n";
    }
    // The one thing that is not as written: the port, which is any free one here.
    let usual = "API=http://127.0.0.1:8080/api/v1\n";
    assert_eq!(script.matches(usual).count(), 1);
    let script = script.replace(usual, &format!("API={}/api/v1\n", server.base));

    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(TEST_SETTINGS)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran::from(output).succeeded();
    let mut printed: Vec<&str> = ran.out.split(&format!("{BETWEEN}\n")).collect();
    assert_eq!(printed.pop(), Some(""), "{}", ran.out);
    assert_eq!(printed.len(), steps.len());
    for (printed, (commands, promised)) in printed.iter().zip(&steps) {
        // Some answers end without a line end, so that the next one, or the mark, follows at once.
        let lines: Vec<&str> = printed.lines().collect();
        let promised: Vec<&str> = promised.lines().collect();
        let kept = commands.contains("attempt in 1 2")
            || lines.len() == promised.len()
                && lines.iter().zip(&promised).all(|(line, promised)| is_as_promised(line, promised));
        assert!(kept, "{commands}\nwas to print {promised:#?}\nand printed {lines:#?}");
        if commands.contains("attempt in 1 2") {
            let made: Vec<_> = lines.iter().filter_map(|line| line.split_once(": ")).collect();
            assert_eq!(made.len(), 2, "{printed}");
            assert_eq!(made[0].1, made[1].1, "a retry made another post");
            assert!(made[0].1.parse::<uuid::Uuid>().is_ok(), "{printed}");
        }
    }

    // What the tour left behind, seen from outside of it.
    let topic = server.guest().get(&format!("/topics/{FIRST_DEBATE}")).await.is(200);
    assert_eq!(topic.body["post_count"], 15 + 3);
    server.stop();
}
