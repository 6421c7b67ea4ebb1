//! What the documents say of the tests is true.

use std::fs;
use std::path::{Path, PathBuf};

/// The file that a reference of docs/SECURITY.md means: `edge::b2_`, `service slow::l3_`, `unit keys::t4_`.
fn file_of(kind: &str, module: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match kind {
        "" => root.join("tests/api"),
        "service" => root.join("tests/service"),
        "unit" => root.join("src"),
        other => panic!("there are no tests called {other}"),
    };
    [format!("{module}.rs"), format!("{module}/mod.rs")]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| folder.join(module))
}

/// Whether `file` has a test function whose name begins with `prefix`.
fn has_test(file: &Path, prefix: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1)).any(|rest| {
        let name = rest.split_once("fn ").map(|(_, rest)| rest);
        name.is_some_and(|name| name.starts_with(prefix))
    })
}

#[test]
fn the_tests_that_the_security_document_names_are_there() {
    let text = include_str!("../../docs/SECURITY.md");
    let mut named = 0;
    let missing: Vec<_> = (text.lines().filter(|line| line.starts_with('|')))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|span| span.contains("::"))
        .inspect(|_| named += 1)
        .filter(|span| {
            let (kind, path) = span.rsplit_once(' ').unwrap_or(("", span));
            path.rsplit_once("::").is_none_or(|(module, prefix)| !has_test(&file_of(kind, module), prefix))
        })
        .collect();
    assert!(missing.is_empty(), "docs/SECURITY.md names tests that are not there: {missing:?}");
    assert!(named > 80, "the tables were not read: {named} tests are named");
}
