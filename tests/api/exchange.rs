//! Debates as files: what comes in, what goes out, and that nothing is lost or half stored.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::error::{Code, Error};
use otherwise::exchange::{Extent, FIRST_DEBATE, Imported, Progress, export, import};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::builders::{day, open_topic};
use crate::support::{Client, TestApp};

pub(crate) const WITH_VOTES: Extent = Extent { votes: true, credences: false };
pub(crate) const WITH_ALL: Extent = Extent { votes: true, credences: true };
const SLUG: &str = "khrushchev-no-secret-speech-1956";

/// What every table holds: how many rows, and a hash of them.
pub(crate) async fn contents(app: &TestApp) -> BTreeMap<String, (i64, String)> {
    let mut connection = PgConnection::connect(app.database_url()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(tables.len() > 20);
    let mut contents = BTreeMap::new();
    for table in tables {
        let rows = format!(
            "SELECT count(*), coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {table} t"
        );
        let rows = sqlx::query_as(AssertSqlSafe(rows)).fetch_one(&mut connection).await.unwrap();
        contents.insert(table, rows);
    }
    contents
}

async fn count(app: &TestApp, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(app.database_url()).await.unwrap();
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

pub(crate) async fn bring(app: &TestApp, file: &Value) -> Result<Imported, Error> {
    import(&app.app, file.to_string().as_bytes(), &Progress::none()).await
}

fn first_debate() -> Value {
    serde_json::from_str(FIRST_DEBATE).unwrap()
}

fn schema_file() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/debate.schema.json")).unwrap()
}

/// The export of a debate is read into an empty database, and exported from there the same to the byte.
pub(crate) async fn comes_back(app: &TestApp, slug: &str) -> (TestApp, Value) {
    let written = export(&app.app, slug, WITH_ALL).await.unwrap();
    let document: Value = serde_json::from_str(&written).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema_file()).unwrap()).unwrap();
    let unlike: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(unlike.is_empty(), "{unlike:#?}");
    let other = TestApp::new().await;
    other.app.clock.advance(TimeDelta::hours(1));
    let imported = import(&other.app, written.as_bytes(), &Progress::none()).await.unwrap();
    let posts = document["posts"].as_array().unwrap().len();
    assert_eq!(imported, Imported::New { slug: slug.to_owned(), posts });
    let again = export(&other.app, slug, WITH_ALL).await.unwrap();
    if again != written {
        let unlike: Vec<String> = written
            .lines()
            .zip(again.lines())
            .enumerate()
            .filter(|(_, (one, two))| one != two)
            .take(5)
            .map(|(i, (one, two))| format!("line {}: {one} | {two}", i + 1))
            .collect();
        panic!("the second export differs: {unlike:#?}");
    }
    (other, document)
}

#[tokio::test]
async fn the_first_debate_lands_whole() {
    let app = TestApp::new().await;
    let imported = bring(&app, &first_debate()).await.unwrap();
    assert_eq!(imported, Imported::New { slug: SLUG.to_owned(), posts: 15 });
    assert_eq!(imported.to_string(), format!("imported {SLUG}: 15 posts"));
    for (expected, query) in [
        (1, "SELECT count(*) FROM topic"),
        (6, "SELECT count(*) FROM scenario"),
        (15, "SELECT count(*) FROM post"),
        (15, "SELECT count(*) FROM post_tally"),
        (15, "SELECT count(*) FROM post_rank WHERE until IS NULL"),
        (15, "SELECT count(*) FROM post_revision"),
        (22, "SELECT count(*) FROM relation"),
        (6, "SELECT count(DISTINCT type) FROM relation"),
        (15, "SELECT count(*) FROM quotation"),
        (8, "SELECT count(*) FROM source"),
        (3, "SELECT count(*) FROM antecedent_variant"),
        (3, "SELECT count(*) FROM background_fact WHERE held"),
        (3, "SELECT count(*) FROM background_fact WHERE NOT held"),
        (4, "SELECT count(*) FROM account WHERE kind = 'imported'"),
        (0, "SELECT count(*) FROM account WHERE password_hash IS NOT NULL"),
        (0, "SELECT count(*) FROM vote"),
        (15, "SELECT post_count::bigint FROM topic_activity"),
        (4, "SELECT participant_count::bigint FROM topic_activity"),
    ] {
        assert_eq!(count(&app, query).await, expected, "{query}");
    }
    let thread =
        app.guest().get(&format!("/topics/{SLUG}/thread?sort=old&depth=10&children=50")).await.is(200);
    let mut texts = Vec::new();
    fn walk(posts: &Value, texts: &mut Vec<String>) {
        for post in posts["items"].as_array().unwrap() {
            texts.push(post["body"].as_str().unwrap().to_owned());
            walk(&post["replies"], texts);
        }
    }
    walk(&thread.body["posts"], &mut texts);
    texts.sort();
    let file = first_debate();
    let mut written: Vec<&str> =
        file["posts"].as_array().unwrap().iter().map(|post| post["body"].as_str().unwrap()).collect();
    written.sort_unstable();
    assert_eq!(texts, written);
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_says_so() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let before = contents(&app).await;
    let unchanged = Imported::Unchanged { slug: SLUG.to_owned() };
    assert_eq!(bring(&app, &first_debate()).await.unwrap(), unchanged);
    assert_eq!(contents(&app).await, before);
    assert_eq!(unchanged.to_string(), format!("{SLUG} was imported before: nothing changed"));

    let alice = app.member("alice").await;
    let post = alice.posts_in(SLUG, "Mikoyan would have spoken instead.").await;
    let thread = alice.get(&format!("/topics/{SLUG}/thread?sort=old")).await.is(200);
    alice.judges(&thread.text("/posts/items/0/id"), 1).await;
    app.member("bob").await.judges(&post, -1).await;
    let before = contents(&app).await;
    assert_eq!(bring(&app, &first_debate()).await.unwrap(), unchanged);
    assert_eq!(contents(&app).await, before);
}

#[tokio::test]
async fn two_imports_at_once_land_once() {
    let app = TestApp::new().await;
    let beside = app.another("").await;
    let file = first_debate();
    let (one, other) = tokio::join!(bring(&app, &file), bring(&beside, &file));
    let mut outcomes = [one.unwrap().to_string(), other.unwrap().to_string()];
    outcomes.sort();
    assert_eq!(
        outcomes,
        [format!("imported {SLUG}: 15 posts"), format!("{SLUG} was imported before: nothing changed")]
    );
    assert_eq!(count(&app, "SELECT count(*) FROM post").await, 15);
    assert_eq!(count(&app, "SELECT count(*) FROM account").await, 4);
}

#[tokio::test]
async fn the_first_debate_comes_back_the_same_to_the_byte() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let (other, document) = comes_back(&app, SLUG).await;
    // The export is the file of what is there: importing it where it came from changes nothing either.
    let before = contents(&app).await;
    let unchanged = Imported::Unchanged { slug: SLUG.to_owned() };
    assert_eq!(bring(&app, &document).await.unwrap(), unchanged);
    assert_eq!(contents(&app).await, before);
    assert_eq!(bring(&other, &document).await.unwrap(), unchanged);
    // Keys are made anew; everything else is what the file said.
    let file = first_debate();
    for at in
        ["/topic/title", "/topic/question_text", "/topic/horizon", "/topic/tags", "/author", "/posts/3/body"]
    {
        assert_eq!(document.pointer(at), file.pointer(at), "{at}");
    }
    let part = |name: &str| {
        (document["topic"][name].as_array().unwrap().len(), file["topic"][name].as_array().unwrap().len())
    };
    for name in ["sources", "quotations", "variants", "background_facts", "scenarios", "checkpoints"] {
        let (written, read) = part(name);
        assert_eq!(written, read, "{name}");
    }
}

pub(crate) fn time_passes(app: &TestApp) {
    // Not so far that access tokens run out.
    app.app.clock.advance(TimeDelta::seconds(10));
}

async fn says(client: &Client, slug: &str, post: Value) -> Value {
    time_passes(&client.server);
    client.post(&format!("/topics/{slug}/posts"), post).await.is(201).body
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// A debate with everything that people can do in it.
async fn busy_debate(app: &TestApp) -> String {
    let (alice, bob, carol) = (app.member("alice").await, app.member("bob").await, app.member("carol").await);
    bob.patch("/me", json!({ "display_name": "Bob B." })).await.is(200);
    let mut topic = open_topic("Had Hannibal marched on Rome after Cannae");
    let bc = |value: &str, precision: &str| json!({ "value": value, "precision": precision, "calendar": "julian", "circa": true });
    topic["event"]["date"] = json!({ "value": "-0215-08-02", "precision": "day", "calendar": "julian" });
    topic["event"]["place"] = json!("Cannae");
    topic["antecedent"]["point_of_divergence"] =
        json!({ "value": "-0215-08-03", "precision": "day", "calendar": "julian" });
    topic["antecedent"]["primary_variant"] = json!("march");
    topic["outcome_actual_date"] = bc("-0200", "decade");
    topic["horizon"] = bc("-0100", "century");
    topic["horizon_reason"] = json!("Two generations.");
    topic["tolerance_days"] = json!(3650);
    topic["checkpoints"] = json!([bc("-0214", "year"), bc("-0208", "year")]);
    topic["tags"] = json!(["rome", "carthage"]);
    topic["sources"] = json!([
        { "key": "livy", "type": "book", "authors": ["Livy"], "title": "Ab urbe condita", "source_class": "secondary",
          "published": bc("-0020", "decade"), "url": "https://example.org/livy?book=22#51", "note": "Written *long* after." },
        { "key": "polybius", "type": "book", "authors": [], "container_title": "The Histories", "source_class": "secondary" },
    ]);
    topic["quotations"] = json!([
        { "key": "latin", "source": "livy", "text": "vincere scis, Hannibal; victoria uti nescis", "attribution": "Maharbal",
          "locator": "22.51", "language": "la" },
        { "key": "english", "source": "livy", "quoted_in": "polybius", "text": "You know how to win, not how to use it.",
          "attribution": "Maharbal", "language": "en", "translation_of": "latin" },
    ]);
    topic["variants"] = json!([
        { "key": "march", "statement": "The cavalry leaves at once.", "antecedent_kind": "plausible",
          "enabling_steps": [{ "date": json!({ "value": "-0215-08-02", "precision": "day", "calendar": "julian" }), "statement": "Supplies are taken." }],
          "further_changes": [{ "date": bc("-0215", "year"), "statement": "Capua opens its gates." }],
          "contemporary_evidence": [{ "quotation": "english", "locator": "at the camp" }] },
        { "key": "wings", "statement": "The army flies.", "antecedent_kind": "miracle" },
    ]);
    topic["background_facts"] = json!([
        { "key": "walls", "statement": "Rome has walls.", "held": true, "date": bc("-0378", "year"),
          "citations": [{ "source": "livy", "locator": "6.32" }] },
        { "key": "allies", "statement": "What the allies do is open.", "held": false },
    ]);
    topic["scenarios"][0]["citations"] = json!([{ "quotation": "latin" }]);
    topic["scenarios"][0]["chain_steps"][1]["happens_by"] = bc("-0214", "year");
    topic["scenarios"][0]["chain_steps"][1]["generalisation"] = json!("Capitals that are surprised fall.");
    topic["scenarios"][0]["chain_steps"][1]["citations"] = json!([{ "source": "polybius" }]);
    let made = alice.post("/topics", topic).await.is(201).body;
    let slug = made["slug"].as_str().unwrap().to_owned();
    let at = |pointer: &str| made.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {made:#}")).clone();
    let step = at("/scenarios/0/chain_steps/0/id");
    let (falls, holds) = (at("/scenarios/0/id"), at("/scenarios/1/id"));
    let target = |kind: &str, id: &Value| json!({ "kind": kind, "id": id });
    let to_post = |kind: &str, post: &Value| json!({ "type": kind, "target": target("post", &post["id"]) });

    let claim = says(&alice, &slug, json!({
        "body": "The march *would* have taken **Rome**.\n\n> vae victis",
        "relations": [
            { "type": "support", "target": target("scenario", &falls) },
            { "type": "question", "target": target("topic", &made["id"]) },
        ],
        "citations": [{ "quotation_id": at("/quotations/0/id"), "locator": "22.51.4" },
                      { "source": { "type": "book", "authors": ["Delbrück"], "title": "Kriegskunst", "source_class": "secondary" },
                        "quotation": { "text": "Hannibal konnte Rom nicht belagern.", "attribution": "Delbrück", "language": "de" },
                        "locator": "I" }],
        "criterion": "cotenability",
        "stance_effects": [{ "scenario_id": falls, "direction": "raises" }, { "scenario_id": holds, "direction": "lowers" }],
    })).await;
    let first_relation = claim["relations"][0]["id"].clone();
    let evidence = says(&bob, &slug, json!({
        "parent_id": claim["id"], "body": "No siege engines are recorded.",
        "relations": [
            { "type": "evidence", "target": target("scenario", &holds), "p_if_true": 9500, "p_if_false": 0 },
            to_post("rebut", &claim),
            { "type": "undercut", "target": target("relation", &first_relation) },
            { "type": "concede", "target": target("background_fact", &at("/background_facts/0/id")) },
        ],
        "citation_status": "source_forgotten",
    })).await;
    let undercut_relation = evidence["relations"][2]["id"].clone();
    let doomed = says(&carol, &slug, json!({
        "parent_id": evidence["id"], "body": "I take this back soon.",
        "relations": [{ "type": "undercut", "target": target("relation", &undercut_relation) }, to_post("support", &claim)],
        "citations": [{ "source_id": at("/sources/1/id") }],
        "stance_effects": [{ "scenario_id": holds, "direction": "raises" }],
    })).await;
    let on_doomed = doomed["relations"][0]["id"].clone();
    let below = says(
        &alice,
        &slug,
        json!({
            "parent_id": doomed["id"], "body": "A reply to what will be gone.",
            "relations": [
                { "type": "question", "target": target("relation", &on_doomed) },
                to_post("support", &doomed),
                { "type": "support", "target": target("variant", &at("/variants/0/id")) },
                { "type": "rebut", "target": target("chain_step", &step) },
            ],
        }),
    )
    .await;
    let aside = says(&bob, &slug, json!({ "body": "An aside without any relation." })).await;

    // Revisions: the text, the text and the relations (one is withdrawn, one comes), the relations alone.
    time_passes(app);
    alice
        .patch(&format!("/posts/{}", id(&claim)), json!({ "body": "The march *could* have taken Rome." }))
        .await
        .is(200);
    time_passes(app);
    bob.patch(&format!("/posts/{}", id(&evidence)), json!({
        "body": "No siege engines are recorded anywhere.",
        "relations": [
            to_post("question", &claim),
            { "type": "undercut", "target": target("relation", &first_relation) },
            { "type": "evidence", "target": target("scenario", &holds), "p_if_true": 9000, "p_if_false": 100,
              "claimed_test_kind": "doubly_decisive" },
        ],
    })).await.is(200);
    time_passes(app);
    let revised = bob
        .patch(
            &format!("/posts/{}", id(&aside)),
            json!({
                "relations": [to_post("concede", &below), to_post("support", &evidence)],
            }),
        )
        .await
        .is(200)
        .body;
    // A relation that came late is itself undercut; a withdrawn and a forgotten one were as well.
    let late = revised["relations"][0]["id"].clone();
    let last = says(
        &carol,
        &slug,
        json!({
            "parent_id": aside["id"], "body": "That concession proves nothing.",
            "relations": [{ "type": "undercut", "target": target("relation", &late) }],
        }),
    )
    .await;
    time_passes(app);
    bob.patch(&format!("/posts/{}", id(&aside)), json!({ "relations": [] })).await.is(200);
    time_passes(app);
    carol.delete_as_read(&format!("/posts/{}", id(&doomed))).await.is(200);

    for (who, post, vote) in [
        (&bob, &claim, json!({ "quality": 1, "agreement": -1 })),
        (&carol, &claim, json!({ "quality": -1, "agreement": 0 })),
        (&alice, &evidence, json!({ "agreement": 1 })),
        (&carol, &evidence, json!({ "quality": 1, "agreement": 1 })),
        (&alice, &last, json!({ "quality": -1 })),
    ] {
        time_passes(app);
        who.put(&format!("/posts/{}/vote", id(post)), vote).await.is(200);
    }
    slug
}

/// What a reader sees of a thread, without identifiers and cursors, which differ between databases.
pub(crate) fn without_identifiers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for gone in ["id", "topic_id", "parent_id", "scenario_id", "next", "role"] {
                fields.remove(gone);
            }
            fields.values_mut().for_each(without_identifiers);
        }
        Value::Array(items) => items.iter_mut().for_each(without_identifiers),
        _ => {}
    }
}

#[tokio::test]
async fn a_debate_that_people_worked_on_comes_back_the_same_to_the_byte() {
    let app = TestApp::new().await;
    let slug = busy_debate(&app).await;
    let (other, document) = comes_back(&app, &slug).await;
    let text = document.to_string();
    for there in [
        "\"withdrawn_at\"",
        "\"revisions\"",
        "\"undercut\"",
        "\"p_if_true\":9000",
        "\"claimed_test_kind\":\"doubly_decisive\"",
        "\"calendar\":\"julian\"",
        "-0215",
        "Delbrück",
        "Bob B.",
    ] {
        assert!(text.contains(there), "{there}");
    }
    assert_eq!(document["votes"].as_array().unwrap().len(), 5);
    let tombstones: Vec<&Value> =
        document["posts"].as_array().unwrap().iter().filter(|post| post["body"].is_null()).collect();
    assert_eq!(tombstones.len(), 1);
    assert!(tombstones[0]["author"].is_null());
    assert!(!text.contains("I take this back soon."));
    for query in ["sort=old", "sort=best", "sort=controversial"] {
        let path = format!("/topics/{slug}/thread?{query}&depth=10&children=50");
        let (mut here, mut there) =
            (app.guest().get(&path).await.is(200).body, other.guest().get(&path).await.is(200).body);
        without_identifiers(&mut here);
        without_identifiers(&mut there);
        // What a tombstone was revised to, and when it went, is not for others to know.
        assert_eq!(here, there, "{query}");
    }
}

#[tokio::test]
async fn a_vote_that_was_taken_back_is_no_vote_in_a_file() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "It would have.").await;
    bob.judges(&post, 1).await;
    bob.delete(&format!("/posts/{post}/vote")).await.is(200);
    let (_, document) = comes_back(&app, &slug).await;
    assert_eq!(document["votes"], json!([]));
    assert_eq!(document["people"].as_array().unwrap().len(), 1, "nobody is named who has no part in it");
}

#[tokio::test]
async fn the_order_in_which_relations_stand_comes_back() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let claim = says(&alice, &slug, json!({ "body": "It would have." })).await;
    let relation = |kind: &str| json!({ "type": kind, "target": { "kind": "post", "id": claim["id"] } });
    let answer = says(
        &bob,
        &slug,
        json!({ "body": "Yes and no.", "relations": [relation("support"), relation("rebut")] }),
    )
    .await;
    time_passes(&app);
    bob.patch(
        &format!("/posts/{}", id(&answer)),
        json!({ "relations": [relation("question"), relation("rebut")] }),
    )
    .await
    .is(200);
    let (other, _) = comes_back(&app, &slug).await;
    for app in [&app, &other] {
        let thread = app.guest().get(&format!("/topics/{slug}/thread?sort=new")).await.is(200);
        let kinds: Vec<&Value> = thread.body["posts"]["items"][0]["relations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| &r["type"])
            .collect();
        assert_eq!(kinds, ["question", "rebut"]);
    }
}

#[tokio::test]
async fn posts_of_one_moment_cannot_undercut_each_other() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let topic = alice.get(&format!("/topics/{slug}")).await.is(200).text("/id");
    // The clock stands still: both are of one moment, and the identifiers alone say which came first.
    let first = alice.posts_in(&slug, "First.").await;
    let second = bob
        .post(&format!("/topics/{slug}/posts"), json!({ "body": "Second.", "relations": [{ "type": "support", "target": { "kind": "topic", "id": topic } }] }))
        .await
        .is(201);
    let link = second.text("/relations/0/id");
    let undercut =
        json!({ "relations": [{ "type": "undercut", "target": { "kind": "relation", "id": link } }] });
    alice
        .patch(&format!("/posts/{first}"), undercut)
        .await
        .refuses(&[("relations[0].target.id", "not_older")]);
    comes_back(&app, &slug).await;
}

#[tokio::test]
async fn an_archived_debate_comes_back_archived() {
    let app = TestApp::new().await;
    let (alice, root) = (app.member("alice").await, app.administrator("dora").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    alice.posts_in(&slug, "It would have.").await;
    root.patch(&format!("/topics/{slug}"), json!({ "status": "archived" })).await.is(200);
    let (_, document) = comes_back(&app, &slug).await;
    assert_eq!(document["topic"]["status"], "archived");
}

#[tokio::test]
async fn a_debate_can_be_written_without_its_votes() {
    let app = TestApp::new().await;
    let slug = busy_debate(&app).await;
    let with: Value = serde_json::from_str(&export(&app.app, &slug, WITH_VOTES).await.unwrap()).unwrap();
    let mut without: Value =
        serde_json::from_str(&export(&app.app, &slug, Extent::default()).await.unwrap()).unwrap();
    assert_eq!(without["votes"], json!([]));
    without["votes"] = with["votes"].clone();
    assert_eq!(without, with);
    assert_eq!(export(&app.app, "no-such-topic", WITH_VOTES).await.unwrap_err().code, Code::NotFound);
}

/// Imports the first debate with changes that spoil it: gives the fields that are named, and checks that
/// nothing was stored.
async fn refused(app: &TestApp, spoil: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let mut file = first_debate();
    spoil(&mut file);
    let before = contents(app).await;
    let error = bring(app, &file).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid, "{error}");
    assert_eq!(contents(app).await, before);
    error.fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect()
}

#[tokio::test]
async fn what_is_not_a_debate_is_refused() {
    let app = TestApp::new().await;
    let before = contents(&app).await;
    for nothing in ["", "{", "nonsense", "{\"format\": }"] {
        let error = import(&app.app, nothing.as_bytes(), &Progress::none()).await.unwrap_err();
        assert_eq!(error.code, Code::MalformedJson, "{nothing}");
    }
    assert_eq!(import(&app.app, b"\xff\xfe", &Progress::none()).await.unwrap_err().code, Code::MalformedJson);
    for other in [json!(null), json!([]), json!("otherwise-debate/1"), json!({})] {
        assert_eq!(bring(&app, &other).await.unwrap_err().code, Code::Invalid, "{other}");
    }
    assert_eq!(contents(&app).await, before);
    let fields = refused(&app, |file| file["format"] = json!("otherwise-debate/2")).await;
    assert!(fields.iter().any(|(field, _)| field == "format"), "{fields:?}");
}

#[tokio::test]
async fn every_part_that_has_not_the_right_form_is_named() {
    let app = TestApp::new().await;
    let fields = refused(&app, |file| {
        file["posts"][0]["citation_status"] = json!("perhaps");
        file["posts"][1].as_object_mut().unwrap().remove("key");
        file["posts"][2]["body"] = json!("x".repeat(10_001));
        file["posts"][3]["relations"][0]["type"] = json!("insult");
        file["posts"][4]["colour"] = json!("red");
        file["topic"]["event"]["date"]["value"] = json!("1956-02-31");
        file["topic"]["title"] = json!("Short");
        file["people"][0]["username"] = json!("no spaces please");
        file["votes"] = json!([{ "post": "a1", "voter": "editor", "quality": 2, "agreement": 0 }]);
    })
    .await;
    let named: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).collect();
    for expected in [
        "posts[0].citation_status",
        "posts[1]",
        "posts[2].body",
        "posts[3].relations[0].type",
        "posts[4]",
        "topic.event.date",
        "topic.title",
        "people[0].username",
        "votes[0].quality",
    ] {
        assert!(named.contains(&expected), "{expected} in {fields:#?}");
    }
    assert!(fields.contains(&("topic.event.date".to_owned(), "no_such_date".to_owned())), "{fields:#?}");
}

#[tokio::test]
async fn every_value_that_is_not_valid_is_named_not_the_first_alone() {
    let app = TestApp::new().await;
    let mut fields = refused(&app, |file| {
        file["posts"][0]["body"] = json!("a\u{0}b");
        file["posts"][5]["body"] = json!("\u{202E}");
        file["posts"][5]["citation_status"] = json!("perhaps");
        file["topic"]["title"] = json!("A title with a \u{7} bell");
        file["topic"]["horizon"]["value"] = json!("1991-02-31");
        file["topic"]["horizon_reason"] = json!(" ");
        file["topic"]["quotations"][0]["text"] = json!("b\u{0}");
        file["people"][0]["display_name"] = json!("c\u{0}");
        file["topic"]["sources"][0]["url"] = json!("javascript:alert(1)");
    })
    .await;
    fields.sort();
    let named: Vec<(&str, &str)> = fields.iter().map(|(field, code)| (&**field, &**code)).collect();
    expect![[r#"
        [
            (
                "people[0].display_name",
                "control_character",
            ),
            (
                "posts[0].body",
                "control_character",
            ),
            (
                "posts[5].body",
                "bidi_control",
            ),
            (
                "posts[5].citation_status",
                "not_as_described",
            ),
            (
                "topic.horizon",
                "no_such_date",
            ),
            (
                "topic.horizon_reason",
                "blank",
            ),
            (
                "topic.quotations[0].text",
                "control_character",
            ),
            (
                "topic.sources[0].url",
                "not_a_url",
            ),
            (
                "topic.title",
                "control_character",
            ),
        ]
    "#]]
    .assert_debug_eq(&named);
}

#[tokio::test]
async fn what_has_not_happened_yet_is_refused() {
    let app = TestApp::new().await;
    let fields = refused(&app, |file| {
        file["created_at"] = json!("2026-01-15T12:05:01Z");
        file["posts"][14]["created_at"] = json!("2030-01-01T00:00:00Z");
        file["votes"] = json!([{ "post": "a1", "voter": "editor", "quality": 1, "agreement": 0,
                                 "cast_at": "2026-02-01T00:00:00Z" }]);
        for post in &mut file["posts"].as_array_mut().unwrap()[..14] {
            post["created_at"] = json!("2026-01-15T12:05:00Z");
        }
    })
    .await;
    let future = |field: &str| (field.to_owned(), "in_the_future".to_owned());
    assert_eq!(fields, [future("created_at"), future("posts[14].created_at"), future("votes[0].cast_at")]);
}

#[tokio::test]
async fn every_part_that_does_not_fit_the_others_is_named() {
    let app = TestApp::new().await;
    let fields = refused(&app, |file| {
        file["posts"][0]["relations"][0]["target"]["key"] = json!("s-nowhere");
        file["posts"][1]["parent"] = json!("e5");
        file["posts"][2]["stance_effects"] = json!([{ "scenario": "s-nowhere", "direction": "raises" }]);
        file["posts"][3]["citations"][0]["quotation"] = json!("q-nowhere");
        file["posts"][4]["author"] = json!("nobody_here");
        file["posts"][5]["key"] = json!("a1");
        file["posts"][6].as_object_mut().unwrap().remove("author");
        file["posts"][7]["relations"][1]["key"] = json!("a8.r1");
        file["posts"][8]["created_at"] = json!("2026-01-02T00:00:00Z");
        file["votes"] = json!([
            { "post": "a2", "voter": "blog_author", "quality": 1, "agreement": 0 },
            { "post": "a2", "voter": "editor", "quality": 1, "agreement": 0 },
            { "post": "a2", "voter": "editor", "quality": -1, "agreement": 0 },
            { "post": "a99", "voter": "editor", "quality": 1, "agreement": 0 },
        ]);
    })
    .await;
    for (field, code) in [
        ("posts[0].relations[0].target", "unknown_key"),
        ("posts[1].parent", "unknown_key"),
        ("posts[2].stance_effects[0].scenario", "unknown_key"),
        ("posts[3].citations[0].quotation", "unknown_key"),
        ("posts[4].author", "unknown_person"),
        ("posts[5].key", "duplicate_key"),
        ("posts[6]", "half_a_tombstone"),
        ("posts[7].relations[1].key", "duplicate_key"),
        ("posts[8].created_at", "out_of_order"),
        ("votes[0].voter", "own_post"),
        ("votes[2]", "duplicate"),
        ("votes[3].post", "unknown_key"),
    ] {
        assert!(fields.contains(&(field.to_owned(), code.to_owned())), "{field} {code} in {fields:#?}");
    }
}

#[tokio::test]
async fn each_broken_part_alone_is_refused() {
    type Spoil = fn(&mut Value);
    let app = TestApp::new().await;
    let cases: [(&str, &str, Spoil); 18] = [
        ("author", "unknown_person", |file| file["author"] = json!("nobody_here")),
        ("topic.slug", "missing", |file| drop(file["topic"].as_object_mut().unwrap().remove("slug"))),
        ("topic.horizon", "before_divergence", |file| file["topic"]["horizon"] = day("1956-01-01")),
        ("topic.sources[1].key", "duplicate_key", |file| {
            file["topic"]["sources"][1]["key"] = json!("src-post")
        }),
        ("topic.scenarios[1].key", "duplicate_key", |file| {
            file["topic"]["scenarios"][1]["key"] = file["topic"]["scenarios"][0]["key"].clone();
        }),
        ("topic.scenarios", "no_residual", |file| {
            file["topic"]["scenarios"].as_array_mut().unwrap().pop();
            file["scenario_set"]["history"].as_array_mut().unwrap().pop();
        }),
        ("topic.status", "draft_with_posts", |file| file["topic"]["status"] = json!("draft")),
        ("people[1].username", "duplicate", |file| file["people"][1]["username"] = json!("blog_author")),
        ("scenario_set.history[0].scenario", "unknown_key", |file| {
            file["scenario_set"]["history"][0]["scenario"] = json!("s-nowhere");
        }),
        ("scenario_set.history[0].introduced_in_version", "not_yet", |file| {
            file["scenario_set"]["history"][0]["introduced_in_version"] = json!(2);
        }),
        ("scenario_set.history[0].merged_into", "not_retired", |file| {
            file["scenario_set"]["history"][0]["merged_into"] = json!("s-other");
        }),
        ("posts[0].relations[0].target.kind", "undercut_needs_relation", |file| {
            file["posts"][0]["relations"][0]["type"] = json!("undercut");
        }),
        ("posts[0].relations[0].p_if_true", "only_evidence", |file| {
            file["posts"][0]["relations"][0]["p_if_true"] = json!(1);
            file["posts"][0]["relations"][0]["p_if_false"] = json!(2);
        }),
        ("posts[0].relations[0].claimed_test_kind", "only_evidence", |file| {
            file["posts"][0]["relations"][0]["claimed_test_kind"] = json!("hoop");
        }),
        ("posts[1].relations[0].p_if_true", "one_likelihood", |file| {
            file["posts"][1]["relations"][0]["p_if_true"] = json!(1);
        }),
        ("posts[0].relations[1]", "duplicate", |file| {
            let mut again = file["posts"][0]["relations"][0].clone();
            again["key"] = json!("again");
            file["posts"][0]["relations"].as_array_mut().unwrap().push(again);
        }),
        ("posts[0].revisions", "not_the_last", |file| {
            file["posts"][0]["revisions"] = json!([
                { "body": "One.", "created_at": "2026-01-01T00:00:00Z" },
                { "body": "Two.", "created_at": "2026-01-02T00:00:00Z" },
            ]);
        }),
        ("votes[0].voter", "unknown_person", |file| {
            file["votes"] = json!([{ "post": "a1", "voter": "nobody_here", "quality": 1, "agreement": 0 }]);
        }),
    ];
    for (field, code, spoil) in cases {
        let fields = refused(&app, spoil).await;
        assert!(fields.contains(&(field.to_owned(), code.to_owned())), "{field} {code} in {fields:#?}");
    }
}

#[tokio::test]
async fn what_the_database_would_refuse_is_named_like_any_other_fault() {
    type Spoil = fn(&mut Value);
    let app = TestApp::new().await;
    let cases: [(&str, &str, Spoil); 4] = [
        ("posts[4].relations[0].target", "not_older", |file| {
            for post in file["posts"].as_array_mut().unwrap() {
                post["created_at"] = json!("2026-01-01T00:00:00Z");
            }
            file["posts"][0]["relations"][0]["created_at"] = json!("2026-01-09T00:00:00Z");
        }),
        ("scenario_set.history", "too_few", |file| {
            file["scenario_set"]["version"] = json!(2);
            for record in file["scenario_set"]["history"].as_array_mut().unwrap() {
                record["retired_in_version"] = json!(2);
            }
        }),
        ("scenario_set.version", "not_as_described", |file| file["scenario_set"]["version"] = json!(0)),
        ("posts[0].body", "control_character", |file| file["posts"][0]["body"] = json!("a\u{0}b")),
    ];
    for (field, code, spoil) in cases {
        let fields = refused(&app, spoil).await;
        assert!(fields.contains(&(field.to_owned(), code.to_owned())), "{field} {code} in {fields:#?}");
    }
}

#[tokio::test]
async fn a_name_that_a_person_has_is_not_taken_from_them() {
    let app = TestApp::new().await;
    app.member("reader_1").await;
    let fields = refused(&app, |_| {}).await;
    assert_eq!(fields, [("people[1].username".to_owned(), "username_taken".to_owned())]);
    let mut file = first_debate();
    let renamed = file.to_string().replace("\"reader_1\"", "\"reader_one\"");
    file = serde_json::from_str(&renamed).unwrap();
    bring(&app, &file).await.unwrap();
}

#[tokio::test]
async fn people_of_an_earlier_import_are_the_same_people() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let mut file = first_debate();
    file["topic"]["slug"] = json!("another-debate");
    bring(&app, &file).await.unwrap();
    assert_eq!(count(&app, "SELECT count(*) FROM account").await, 4);
    assert_eq!(count(&app, "SELECT count(*) FROM post").await, 30);
}

#[tokio::test]
async fn a_slug_with_other_content_is_taken() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let before = contents(&app).await;
    let mut file = first_debate();
    file["posts"][0]["body"] = json!("Something else.");
    let error = bring(&app, &file).await.unwrap_err();
    assert_eq!(error.code, Code::SlugTaken, "{error}");
    assert_eq!(contents(&app).await, before);

    let app = TestApp::new().await;
    let mut topic = open_topic("Had the Armada landed in Kent");
    topic["slug"] = json!(SLUG);
    app.member("alice").await.post("/topics", topic).await.is(201);
    let before = contents(&app).await;
    assert_eq!(bring(&app, &first_debate()).await.unwrap_err().code, Code::SlugTaken);
    assert_eq!(contents(&app).await, before);
}

#[test]
fn the_schema_in_docs_is_the_one_the_program_reads_by() {
    let mut current = serde_json::to_string_pretty(&otherwise::exchange::schema().unwrap()).unwrap();
    current.push('\n');
    // Not `assert_eq!`, which would print both of them.
    assert!(schema_file() == current, "run: cargo run -- schema > docs/debate.schema.json");
}

#[test]
fn the_first_debate_is_as_the_schema_describes() {
    let schema: Value = serde_json::from_str(&schema_file()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let unlike: Vec<String> = validator.iter_errors(&first_debate()).map(|error| error.to_string()).collect();
    assert!(unlike.is_empty(), "{unlike:#?}");
    assert!(!validator.is_valid(&json!({ "format": "otherwise-debate/1" })));
}

/// Small debates of any shape: who wrote what in answer to what, bearing on what, and who judged it.
fn debates() -> impl Strategy<Value = Value> {
    let post = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::option::weighted(0.85, "[a-z][ -~äß“€😀\n]{0,40}[a-z]"),
        prop::collection::vec(-1..=1_i8, 6),
        0..4_u8,
    );
    // Who says how likely the scenarios are, some of them in the same instant; and what they say besides.
    let vector = (0..6_u8, 0..=5000_i64, 0..=5000_i64, 0..3_u8, any::<bool>(), any::<bool>());
    let vectors = prop::collection::vec(vector, 0..12);
    (prop::collection::vec(post, 1..12), vectors).prop_map(|(posts, mut vectors)| {
        let people = ["anna", "bert", "cleo"];
        let mut file = json!({
            "format": "otherwise-debate/1",
            "people": people.map(|name| json!({ "username": name })),
            "author": "anna",
            "topic": open_topic("Had the Armada landed in Kent"),
            "posts": [],
            "votes": [],
        });
        let mut relations: Vec<String> = Vec::new();
        for (i, (author, parent, target, body, votes, kind)) in posts.into_iter().enumerate() {
            let author = people[author.index(3)];
            let key = format!("p{i}");
            let mut post = json!({ "key": key, "citation_status": "uncited", "created_at": format!("2026-01-01T00:{:02}:00Z", i / 2) });
            // In half of the cases a root; never an answer to itself.
            let above = parent.index(2 * i + 1);
            if above < i {
                post["parent"] = json!(format!("p{above}"));
            }
            let bears_on = match kind {
                0 => json!({ "type": "support", "target": { "kind": "scenario", "key": "falls" } }),
                1 if !relations.is_empty() => {
                    json!({ "type": "undercut", "target": { "kind": "relation", "key": relations[target.index(relations.len())] } })
                }
                2 if i > 0 => json!({ "type": "rebut", "target": { "kind": "post", "key": format!("p{}", target.index(i)) } }),
                _ => json!({ "type": "question", "target": { "kind": "chain_step", "key": "falls", "step_no": 2 } }),
            };
            let mut bears_on = bears_on;
            bears_on["key"] = json!(format!("{key}.r"));
            post["relations"] = json!([bears_on]);
            if let Some(body) = body {
                post["author"] = json!(author);
                post["body"] = json!(body);
                for (voter, pair) in people.iter().zip(votes.chunks(2)) {
                    if *voter != author && pair != [0, 0] {
                        let vote = json!({ "post": key, "voter": voter, "quality": pair[0], "agreement": pair[1], "cast_at": "2026-01-02T00:00:00Z" });
                        file["votes"].as_array_mut().unwrap().push(vote);
                    }
                }
            }
            file["posts"].as_array_mut().unwrap().push(post);
            relations.push(format!("{key}.r"));
        }
        vectors.sort_by_key(|(_, _, _, minute, _, _)| *minute);
        let (mut stated, mut predicted, mut likely) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (who, falls, holds, minute, saw_crowd, is_stated) in vectors {
            // Pseudonyms of a kind that an export does not make, and in an order that it does not keep.
            let person = format!("p{}", 9 - who);
            let time = format!("2026-01-02T00:0{minute}:00Z");
            let vector = json!([{ "scenario": "holds", "bp": holds }, { "scenario": "falls", "bp": falls },
                                { "scenario": "other", "bp": 10_000 - falls - holds }]);
            if is_stated {
                stated.push(json!({ "person": person, "scenario_set_version": 1, "vector": vector,
                                    "saw_crowd": saw_crowd, "created_at": time }));
            } else {
                likely.insert(who, json!({ "person": person, "bp": falls, "updated_at": time }));
                predicted.insert(who, json!({ "person": person, "scenario_set_version": 1, "vector": vector,
                                              "updated_at": time }));
            }
        }
        file["credences"] = json!(stated);
        file["meta_predictions"] = json!(predicted.into_values().collect::<Vec<_>>());
        file["outcome_likelihoods"] = json!(likely.into_values().collect::<Vec<_>>());
        file
    })
}

#[tokio::test]
async fn small_debates_of_any_shape_come_back_the_same() {
    let (app, other) = (TestApp::new().await, TestApp::new().await);
    let mut runner = TestRunner::deterministic();
    for i in 0..12 {
        let mut file = debates().new_tree(&mut runner).unwrap().current();
        let slug = format!("debate-{i}");
        file["topic"]["slug"] = json!(slug);
        bring(&app, &file).await.unwrap_or_else(|error| panic!("{error}: {file:#}"));
        let written = export(&app.app, &slug, WITH_ALL).await.unwrap();
        import(&other.app, written.as_bytes(), &Progress::none())
            .await
            .unwrap_or_else(|error| panic!("{error}: {written}"));
        assert_eq!(export(&other.app, &slug, WITH_ALL).await.unwrap(), written);
        let document: Value = serde_json::from_str(&written).unwrap();
        for part in ["posts", "votes", "credences", "meta_predictions"] {
            assert_eq!(
                document[part].as_array().map_or(0, Vec::len),
                file[part].as_array().unwrap().len(),
                "{part}: {file:#}"
            );
        }
        let bodies = |file: &Value| -> Vec<Value> {
            file["posts"].as_array().unwrap().iter().map(|post| post["body"].clone()).collect()
        };
        let (mut was, mut is) = (bodies(&file), bodies(&document));
        was.sort_by_key(Value::to_string);
        is.sort_by_key(Value::to_string);
        assert_eq!(was, is);
    }
}
