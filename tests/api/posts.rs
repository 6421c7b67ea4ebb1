//! Posts: writing, relating, citing, revising and deleting them, and their place in the tree.

use std::collections::HashMap;

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::builders::open_topic;
use crate::support::{Client, Reply, TestApp};

/// An identifier of nothing.
const NOTHING: &str = "0198c5f0-0000-7000-8000-00000000dead";

impl Client {
    /// Opens a topic with one of every part that a post can bear on, and gives it whole.
    async fn opens_full_topic(&self, title: &str) -> Value {
        let mut topic = open_topic(title);
        topic["variants"] =
            json!([{ "key": "v", "statement": "Parma has barges enough.", "antecedent_kind": "plausible" }]);
        topic["background_facts"] =
            json!([{ "key": "f", "statement": "Parma was at Dunkirk.", "held": true }]);
        topic["sources"] = json!([{ "key": "s", "type": "book", "authors": ["Garrett Mattingly"],
                                    "title": "The Defeat of the Spanish Armada", "source_class": "secondary" }]);
        topic["quotations"] = json!([{ "key": "q", "source": "s", "text": "The fleet was scattered.",
                                       "attribution": "Mattingly", "locator": "p. 321" }]);
        self.post("/topics", topic).await.is(201).body
    }

    /// Tries to post in a topic.
    async fn tries_post(&self, topic: &str, post: Value) -> Reply {
        self.post(&format!("/topics/{topic}/posts"), post).await
    }

    /// Posts something that bears on something.
    async fn relates(&self, topic: &str, relation: &str, target: Value) -> Reply {
        let relations = json!([{ "type": relation, "target": target }]);
        self.tries_post(topic, json!({ "body": format!("A {relation}."), "relations": relations })).await
    }
}

fn target(kind: &str, id: &str) -> Value {
    json!({ "kind": kind, "id": id })
}

fn url(post: &str) -> String {
    format!("/posts/{post}")
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_post_and_a_reply_are_answered_whole() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let root =
        alice.tries_post(&topic, json!({ "body": "London had **no** walls worth the name." })).await.is(201);
    let location = format!("/api/v1/posts/{}", root.text("/id"));
    assert_eq!(root.header("location"), Some(&*location));
    let mut read = alice.get(&url(&root.text("/id"))).await.is(200);
    assert_eq!(read.body.as_object_mut().unwrap().remove("ancestors"), Some(json!([])));
    assert_eq!(read.body.as_object_mut().unwrap().remove("ancestors_omitted"), Some(json!(0)));
    assert_eq!(read.body, root.body);
    assert!(root.header("etag").unwrap().starts_with("\"1."));

    app.app.clock.advance(TimeDelta::seconds(90));
    let falls = alice.get(&format!("/topics/{topic}")).await.text("/scenarios/0/id");
    let reply = json!({
        "parent_id": root.text("/id"),
        "body": "It had the river.",
        "relations": [
            { "type": "rebut", "target": target("post", &root.text("/id")) },
            { "type": "evidence", "target": target("scenario", &falls), "p_if_true": 2000, "p_if_false": 6000 },
        ],
        "criterion": "cotenability",
        "citation_status": "source_forgotten",
        "stance_effects": [{ "scenario_id": falls, "direction": "lowers" }],
    });
    let reply = bob.tries_post(&topic, reply).await.is(201);
    root.matches(expect![[r#"
        {
          "author": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "body": "London had **no** walls worth the name.",
          "body_html": "<p>London had <strong>no</strong> walls worth the name.</p>\n",
          "citation_status": "not_applicable",
          "citations": [],
          "created_at": "2026-01-15T12:00:00Z",
          "criterion": null,
          "depth": 0,
          "descendant_count": 0,
          "edited_at": null,
          "id": "00000000-0000-7000-8000-00000000000c",
          "mine": {
            "agreement": 0,
            "quality": 0
          },
          "parent_id": null,
          "persuasion": {
            "median_shift": null,
            "people": 0
          },
          "relations": [],
          "reply_count": 0,
          "restrictions": [],
          "revision": 1,
          "stance_effects": [],
          "status": "visible",
          "tallies": {
            "agreement": {
              "agree": 0,
              "disagree": 0
            },
            "quality": {
              "down": 0,
              "up": 0
            }
          },
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
    reply.matches(expect![[r#"
        {
          "author": {
            "id": "00000000-0000-7000-8000-000000000003",
            "role": "member",
            "username": "bob"
          },
          "body": "It had the river.",
          "body_html": "<p>It had the river.</p>\n",
          "citation_status": "source_forgotten",
          "citations": [],
          "created_at": "2026-01-15T12:01:30Z",
          "criterion": "cotenability",
          "depth": 1,
          "descendant_count": 0,
          "edited_at": null,
          "id": "00000000-0000-7000-8000-00000000000d",
          "mine": {
            "agreement": 0,
            "quality": 0
          },
          "parent_id": "00000000-0000-7000-8000-00000000000c",
          "persuasion": {
            "median_shift": null,
            "people": 0
          },
          "relations": [
            {
              "id": "00000000-0000-7000-8000-00000000000e",
              "target": {
                "id": "00000000-0000-7000-8000-00000000000c",
                "kind": "post"
              },
              "type": "rebut"
            },
            {
              "id": "00000000-0000-7000-8000-00000000000f",
              "p_if_false": 6000,
              "p_if_true": 2000,
              "target": {
                "id": "00000000-0000-7000-8000-000000000007",
                "kind": "scenario"
              },
              "test_kind": "straw_in_the_wind",
              "type": "evidence",
              "weight_decibans": -4.77
            }
          ],
          "reply_count": 0,
          "restrictions": [],
          "revision": 1,
          "stance_effects": [
            {
              "direction": "lowers",
              "scenario_id": "00000000-0000-7000-8000-000000000007"
            }
          ],
          "status": "visible",
          "tallies": {
            "agreement": {
              "agree": 0,
              "disagree": 0
            },
            "quality": {
              "down": 0,
              "up": 0
            }
          },
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
}

#[tokio::test]
async fn i8_which_type_goes_with_which_target() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let slug = topic["slug"].as_str().unwrap();
    let post = alice.relates(slug, "support", target("scenario", &id(&topic["scenarios"][0]))).await.is(201);
    let targets = [
        ("topic", id(&topic)),
        ("post", post.text("/id")),
        ("relation", post.text("/relations/0/id")),
        ("scenario", id(&topic["scenarios"][0])),
        ("chain_step", id(&topic["scenarios"][0]["chain_steps"][0])),
        ("background_fact", id(&topic["background_facts"][0])),
        ("variant", id(&topic["variants"][0])),
    ];
    let mut table = format!("{:16}", "");
    let types = ["support", "rebut", "undercut", "question", "evidence", "concede"];
    for relation in types {
        table += &format!(" {relation:<24}");
    }
    for (kind, id) in &targets {
        table = format!("{}\n{kind:<16}", table.trim_end());
        for relation in types {
            let reply = alice.relates(slug, relation, target(kind, id)).await;
            let verdict = match reply.status {
                201 => {
                    assert_eq!(reply.body["relations"][0]["target"], target(kind, id));
                    assert_eq!(reply.body["relations"][0]["type"], relation);
                    "yes".to_owned()
                }
                _ => reply.is_problem(422, "invalid").text("/errors/0/code"),
            };
            table += &format!(" {verdict:<24}");
        }
    }
    expect![[r#"
                         support                  rebut                    undercut                 question                 evidence                 concede
        topic            yes                      yes                      undercut_needs_relation  yes                      yes                      yes
        post             yes                      yes                      undercut_needs_relation  yes                      yes                      yes
        relation         relation_needs_undercut  relation_needs_undercut  yes                      yes                      relation_needs_undercut  relation_needs_undercut
        scenario         yes                      yes                      undercut_needs_relation  yes                      yes                      yes
        chain_step       yes                      yes                      undercut_needs_relation  yes                      yes                      yes
        background_fact  yes                      yes                      undercut_needs_relation  yes                      yes                      yes
        variant          yes                      yes                      undercut_needs_relation  yes                      yes                      yes
    "#]]
    .assert_eq(&format!("{}\n", table.trim_end()));
}

#[tokio::test]
async fn a_relation_bears_on_something_in_its_own_topic() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let here = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let there = alice.opens_full_topic("Had the Armada landed in Sussex").await;
    let (here_slug, there_slug) = (here["slug"].as_str().unwrap(), there["slug"].as_str().unwrap());
    let post = alice.relates(there_slug, "support", target("topic", &id(&there))).await.is(201);
    let deleted = alice.relates(here_slug, "support", target("topic", &id(&here))).await.is(201);
    alice.delete_as_read(&url(&deleted.text("/id"))).await.is(200);
    let unknown = [("relations[0].target.id", "unknown_id")];
    for (relation, kind, id) in [
        ("support", "topic", id(&there)),
        ("support", "post", post.text("/id")),
        ("undercut", "relation", post.text("/relations/0/id")),
        ("support", "scenario", id(&there["scenarios"][0])),
        ("support", "chain_step", id(&there["scenarios"][0]["chain_steps"][0])),
        ("support", "background_fact", id(&there["background_facts"][0])),
        ("support", "variant", id(&there["variants"][0])),
        ("support", "post", NOTHING.to_owned()),
        ("undercut", "relation", NOTHING.to_owned()),
        // One kind's identifier is not another's.
        ("support", "post", id(&here["scenarios"][0])),
        // What was deleted is not argued with any more, nor is what it did.
        ("support", "post", deleted.text("/id")),
        ("undercut", "relation", deleted.text("/relations/0/id")),
    ] {
        alice.relates(here_slug, relation, target(kind, &id)).await.refuses(&unknown);
    }
    let both = json!({ "body": "Two of them.", "relations": [
        { "type": "support", "target": target("topic", &id(&here)) },
        { "type": "support", "target": target("topic", &id(&there)) },
        { "type": "support", "target": target("post", NOTHING) },
    ] });
    alice
        .tries_post(here_slug, both)
        .await
        .refuses(&[("relations[1].target.id", "unknown_id"), ("relations[2].target.id", "unknown_id")]);
    let effects = json!({ "body": "Two of them.", "stance_effects": [
        { "scenario_id": id(&here["scenarios"][0]), "direction": "raises" },
        { "scenario_id": id(&there["scenarios"][0]), "direction": "lowers" },
    ] });
    alice.tries_post(here_slug, effects).await.refuses(&[("stance_effects[1].scenario_id", "unknown_id")]);
    let count = alice.get(&format!("/topics/{here_slug}")).await;
    assert_eq!(count.body["post_count"], 0, "the refused ones left something behind");
}

#[tokio::test]
async fn a_relation_is_said_once_and_i16_with_likelihoods_that_make_sense() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let slug = topic["slug"].as_str().unwrap();
    let this = target("topic", &id(&topic));
    let relate = async |relations: Value| {
        alice.tries_post(slug, json!({ "body": "So.", "relations": relations })).await
    };
    relate(json!([{ "type": "support", "target": this }, { "type": "rebut", "target": this }, { "type": "support", "target": this }]))
        .await
        .refuses(&[("relations[2]", "duplicate")]);
    relate(json!([{ "type": "support", "target": this }, { "type": "rebut", "target": this }])).await.is(201);
    let likelihoods = |kind: &str, p_if_true: Value, p_if_false: Value| json!([{ "type": kind, "target": this, "p_if_true": p_if_true, "p_if_false": p_if_false }]);
    for (relations, code) in [
        (likelihoods("evidence", json!(0), json!(0)), "impossible_evidence"),
        (likelihoods("evidence", json!(1), Value::Null), "one_likelihood"),
        (likelihoods("evidence", Value::Null, json!(1)), "one_likelihood"),
        (likelihoods("support", json!(1), json!(1)), "only_evidence"),
        (likelihoods("rebut", Value::Null, json!(1)), "only_evidence"),
    ] {
        relate(relations).await.refuses(&[("relations[0].p_if_true", code)]);
    }
    for (value, code) in [
        (json!(10_001), "out_of_range"),
        (json!(-1), "out_of_range"),
        (json!(0.5), "wrong_type"),
        (json!("5000"), "wrong_type"),
    ] {
        relate(likelihoods("evidence", value, json!(5000)))
            .await
            .refuses(&[("relations[0].p_if_true", code)]);
    }
    let claimed =
        |kind: &str, claimed: &str| json!([{ "type": kind, "target": this, "claimed_test_kind": claimed }]);
    relate(claimed("support", "hoop")).await.refuses(&[("relations[0].claimed_test_kind", "only_evidence")]);
    relate(claimed("evidence", "proof"))
        .await
        .refuses(&[("relations[0].claimed_test_kind", "unknown_value")]);
    let made = relate(claimed("evidence", "hoop")).await.is(201);
    assert_eq!(made.body["relations"][0]["claimed_test_kind"], "hoop");
    assert_eq!(made.body["relations"][0]["test_kind"], Value::Null);
    let made = relate(likelihoods("evidence", json!(10_000), json!(0))).await.is(201);
    assert_eq!(made.body["relations"][0]["p_if_true"], 10_000);
    assert_eq!(made.body["relations"][0]["p_if_false"], 0);
    relate(json!([{ "type": "agree", "target": this }]))
        .await
        .refuses(&[("relations[0].type", "unknown_value")]);
    relate(json!([{ "type": "support", "target": { "kind": "topic" } }]))
        .await
        .refuses(&[("relations[0].target.id", "missing")]);
    relate(json!([{ "type": "support", "target": { "kind": "topic", "id": "x" } }]))
        .await
        .is_problem(422, "invalid");
    let posts: Vec<_> = topic["scenarios"].as_array().unwrap().iter().map(id).collect();
    let many: Vec<_> =
        (0..21).map(|n| json!({ "type": "support", "target": target("scenario", &posts[n % 3]) })).collect();
    relate(json!(many)).await.is_problem(422, "invalid");
}

#[tokio::test]
async fn i8_a_target_is_older_than_the_post_even_when_it_is_added_later() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let slug = topic["slug"].as_str().unwrap();
    let first = alice.relates(slug, "support", target("topic", &id(&topic))).await.is(201);
    let second = alice.posts_in(slug, "The second, made at the same moment.").await;
    app.app.clock.advance(TimeDelta::seconds(1));
    let third = alice.relates(slug, "rebut", target("post", &second)).await.is(201);
    let (first_id, third_id) = (first.text("/id"), third.text("/id"));
    let bears_on = |relation: &str, kind: &str, id: &str| json!({ "relations": [{ "type": relation, "target": target(kind, id) }] });
    let not_older = [("relations[0].target.id", "not_older")];
    for (post, relation, kind, target) in [
        (&second, "support", "post", &second),
        (&second, "support", "post", &third_id),
        (&second, "undercut", "relation", &third.text("/relations/0/id")),
        (&first_id, "support", "post", &second),
        (&first_id, "undercut", "relation", &first.text("/relations/0/id")),
    ] {
        alice.patch(&url(post), bears_on(relation, kind, target)).await.refuses(&not_older);
    }
    alice.patch(&url(&second), bears_on("support", "post", &first_id)).await.is(200);
    // Made later than the third post, by a post that is older than it.
    let late = alice.get(&url(&second)).await.text("/relations/0/id");
    alice.patch(&url(&third_id), bears_on("undercut", "relation", &late)).await.is(200);
    app.app.clock.advance(TimeDelta::seconds(1));
    alice.patch(&url(&second), bears_on("rebut", "post", &first_id)).await.is(200);
    let later = alice.get(&url(&second)).await.text("/relations/0/id");
    alice.patch(&url(&third_id), bears_on("undercut", "relation", &later)).await.refuses(&not_older);
}

#[tokio::test]
async fn what_cannot_be_answered_takes_no_reply() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let other = alice.opens_topic("Had the Armada landed in Sussex").await;
    let gone = alice.posts_in(&topic, "Gone.").await;
    let elsewhere = alice.posts_in(&other, "Elsewhere.").await;
    alice.delete_as_read(&url(&gone)).await.is(200);
    let reply = |parent: &str| json!({ "parent_id": parent, "body": "A reply." });
    alice.tries_post(&topic, reply(&gone)).await.is_problem(409, "post_deleted");
    for parent in [&*elsewhere, NOTHING] {
        alice.tries_post(&topic, reply(parent)).await.refuses(&[("parent_id", "unknown_id")]);
    }
    alice.tries_post("nothing", reply(&gone)).await.is_problem(404, "not_found");
    alice.post("/topics", json!({ "title": "Had Elizabeth married", "slug": "draft" })).await.is(201);
    alice.tries_post("draft", json!({ "body": "Too early." })).await.is_problem(409, "topic_not_open");
    carol.patch(&format!("/topics/{topic}"), json!({ "status": "archived" })).await.is(200);
    for client in [&alice, &carol] {
        client.tries_post(&topic, json!({ "body": "Too late." })).await.is_problem(409, "topic_not_open");
    }
    app.guest().tries_post(&other, json!({ "body": "Who am I?" })).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_body_is_text_that_people_can_read() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let longest = "ä".repeat(10_000);
    for (body, code) in [
        ("", "blank"),
        (" \n\t ", "blank"),
        ("\u{200B}\u{2060}", "blank"),
        (&*"ä".repeat(10_001), "too_long"),
        ("a\0b", "control_character"),
        ("a\u{1B}[31mb", "control_character"),
        ("a\u{202E}b", "bidi_control"),
        ("a\u{2066}b\u{2069}", "bidi_control"),
        (&*format!("a{}", "\u{301}".repeat(10)), "too_many_marks"),
    ] {
        alice.tries_post(&topic, json!({ "body": body })).await.refuses(&[("body", code)]);
    }
    let post = alice.tries_post(&topic, json!({ "body": longest })).await.is(201);
    assert_eq!(post.text("/body"), longest);
    // Normalised: composed, one kind of line break, no blank lines around; never cut.
    let post =
        alice.tries_post(&topic, json!({ "body": "\r\n\r\nRene\u{301}\r\nDescartes  \n\n" })).await.is(201);
    assert_eq!(post.text("/body"), "René\nDescartes");
    for (body, field, code) in [
        (json!({}), "body", "missing"),
        (json!({ "body": 1 }), "body", "wrong_type"),
        (json!({ "body": null }), "body", "wrong_type"),
        (json!({ "body": "a", "text": "b" }), "text", "unknown_field"),
        (json!({ "body": "a", "author": "bob" }), "author", "unknown_field"),
    ] {
        alice.tries_post(&topic, body).await.refuses(&[(field, code)]);
    }
    alice
        .send(
            Method::POST,
            &format!("/topics/{topic}/posts"),
            Some(br#"{"body": "a", "body": "b"}"#.to_vec()),
        )
        .await
        .refuses(&[("body", "duplicate_field")]);
}

#[tokio::test]
async fn markdown_is_rendered_and_nothing_in_it_runs() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let body = r#"# A **bold** claim

- <script>alert(1)</script>
- <img src=x onerror="alert(2)">
- [a link](https://example.org/?a=1&b=2 "title") and [another](javascript:alert(3))
- ![an image](https://example.org/x.png)
- <a href="data:text/html,hm" onclick="alert(4)">raw</a>
- [relative](/api/v1/me), <https://example.org>, "quoted" & 'so'

> ~~struck~~ `<b>code</b>`

| a | b |
|---|--:|
| 1 | 2 |
"#;
    let post = alice.tries_post(&topic, json!({ "body": body })).await.is(201);
    assert_eq!(post.text("/body"), body.trim_end());
    let html = post.text("/body_html");
    for harmful in ["<script", "<img", "javascript:", "<a href=\"data", "href=\"/"] {
        assert!(!html.contains(harmful), "{harmful}: {html}");
    }
    expect![[r#"
        <h1>A <strong>bold</strong> claim</h1>
        <ul>
        <li>&lt;script&gt;alert(1)&lt;/script&gt;</li>
        <li>&lt;img src=x onerror="alert(2)"&gt;</li>
        <li><a href="https://example.org/?a=1&amp;b=2" title="title" rel="nofollow ugc noopener">a link</a> and <a rel="nofollow ugc noopener">another</a></li>
        <li><a href="https://example.org/x.png" rel="nofollow ugc noopener">an image</a></li>
        <li>&lt;a href="data:text/html,hm" onclick="alert(4)"&gt;raw&lt;/a&gt;</li>
        <li><a rel="nofollow ugc noopener">relative</a>, <a href="https://example.org" rel="nofollow ugc noopener">https://example.org</a>, "quoted" &amp; 'so'</li>
        </ul>
        <blockquote>
        <p><del>struck</del> <code>&lt;b&gt;code&lt;/b&gt;</code></p>
        </blockquote>
        <table>
        <thead>
        <tr>
        <th>a</th>
        <th align="right">b</th>
        </tr>
        </thead>
        <tbody>
        <tr>
        <td>1</td>
        <td align="right">2</td>
        </tr>
        </tbody>
        </table>
    "#]]
    .assert_eq(&html);
}

#[tokio::test]
async fn a_post_cites_what_the_topic_has_and_brings_what_it_has_not() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let there = alice.opens_full_topic("Had the Armada landed in Sussex").await;
    let slug = topic["slug"].as_str().unwrap();
    let citations = json!([
        { "source_id": id(&topic["sources"][0]), "locator": "ch. 30" },
        { "quotation_id": id(&topic["quotations"][0]) },
        { "source": { "type": "book", "title": "Annales", "authors": ["William Camden"], "source_class": "primary",
                      "published": { "value": "1615", "precision": "year" } } },
        { "source": { "type": "letter", "source_class": "primary", "url": "https://example.org/letter" },
          "quotation": { "text": "Il vento ci salvò.", "attribution": "An envoy", "language": "it" }, "locator": "f. 2r" },
    ]);
    let post =
        alice.tries_post(slug, json!({ "body": "As they say.", "citations": citations })).await.is(201);
    assert_eq!(post.body["citation_status"], "cited");
    expect![[r#"
        [
          {
            "id": "00000000-0000-7000-8000-00000000001a",
            "locator": "ch. 30",
            "quotation": null,
            "source": {
              "authors": [
                "Garrett Mattingly"
              ],
              "container_title": null,
              "id": "00000000-0000-7000-8000-000000000005",
              "published": null,
              "source_class": "secondary",
              "title": "The Defeat of the Spanish Armada",
              "type": "book",
              "url": null
            }
          },
          {
            "id": "00000000-0000-7000-8000-00000000001b",
            "locator": null,
            "quotation": {
              "attribution": "Mattingly",
              "id": "00000000-0000-7000-8000-000000000006",
              "language": "en",
              "locator": "p. 321",
              "quoted_in": null,
              "text": "The fleet was scattered."
            },
            "source": {
              "authors": [
                "Garrett Mattingly"
              ],
              "container_title": null,
              "id": "00000000-0000-7000-8000-000000000005",
              "published": null,
              "source_class": "secondary",
              "title": "The Defeat of the Spanish Armada",
              "type": "book",
              "url": null
            }
          },
          {
            "id": "00000000-0000-7000-8000-00000000001d",
            "locator": null,
            "quotation": null,
            "source": {
              "authors": [
                "William Camden"
              ],
              "container_title": null,
              "id": "00000000-0000-7000-8000-00000000001c",
              "published": {
                "calendar": "gregorian",
                "circa": false,
                "precision": "year",
                "value": "1615"
              },
              "source_class": "primary",
              "title": "Annales",
              "type": "book",
              "url": null
            }
          },
          {
            "id": "00000000-0000-7000-8000-000000000020",
            "locator": "f. 2r",
            "quotation": {
              "attribution": "An envoy",
              "id": "00000000-0000-7000-8000-00000000001f",
              "language": "it",
              "locator": null,
              "quoted_in": null,
              "text": "Il vento ci salvò."
            },
            "source": {
              "authors": [],
              "container_title": null,
              "id": "00000000-0000-7000-8000-00000000001e",
              "published": null,
              "source_class": "primary",
              "title": null,
              "type": "letter",
              "url": "https://example.org/letter"
            }
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", post.body["citations"]));
    let grown = alice.get(&format!("/topics/{slug}")).await;
    assert_eq!(grown.body["sources"].as_array().unwrap().len(), 3);
    assert_eq!(grown.body["quotations"].as_array().unwrap().len(), 2);
    assert_eq!(grown.body["sources"][2]["key"], "source-3");
    assert_eq!(grown.body["quotations"][1]["text"], "Il vento ci salvò.");

    let source = json!({ "type": "book", "source_class": "primary" });
    let quote = json!({ "text": "So.", "attribution": "Camden" });
    for (citation, field, code) in [
        (json!({ "source_id": NOTHING }), "citations[0].source_id", "unknown_id"),
        (json!({ "source_id": id(&there["sources"][0]) }), "citations[0].source_id", "unknown_id"),
        (json!({ "quotation_id": id(&there["quotations"][0]) }), "citations[0].quotation_id", "unknown_id"),
        (json!({}), "citations[0]", "ambiguous_citation"),
        (
            json!({ "source": source, "source_id": id(&topic["sources"][0]) }),
            "citations[0]",
            "ambiguous_citation",
        ),
        (
            json!({ "source_id": id(&topic["sources"][0]), "quotation": quote }),
            "citations[0].quotation",
            "quotation_without_source",
        ),
        (
            json!({ "source": { "type": "book", "source_class": "gossip" } }),
            "citations[0].source.source_class",
            "unknown_value",
        ),
        (
            json!({ "source": source, "quotation": { "text": "x".repeat(601), "attribution": "Camden" } }),
            "citations[0].quotation.text",
            "too_long",
        ),
    ] {
        alice
            .tries_post(slug, json!({ "body": "As they say.", "citations": [citation] }))
            .await
            .refuses(&[(field, code)]);
    }
    alice
        .tries_post(
            slug,
            json!({ "body": "As they say.", "citations": vec![json!({ "source": source }); 21] }),
        )
        .await
        .refuses(&[("citations", "too_many")]);
    alice
        .tries_post(slug, json!({ "body": "As they say.", "citation_status": "cited" }))
        .await
        .refuses(&[("citation_status", "nothing_cited")]);
    assert_eq!(alice.get(&format!("/topics/{slug}")).await.body["sources"], grown.body["sources"]);
}

#[tokio::test]
async fn sources_that_several_people_bring_at_once_are_numbered_apart() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let posts: Vec<_> = (0..12)
        .map(|n| {
            let (client, topic) = (alice.clone(), topic.clone());
            let source = json!({ "type": "book", "title": format!("Book {n}"), "source_class": "secondary" });
            let post = json!({ "body": "As they say.", "citations": [{ "source": source }] });
            tokio::spawn(async move { client.tries_post(&topic, post).await.is(201) })
        })
        .collect();
    for post in posts {
        post.await.unwrap();
    }
    let grown = alice.get(&format!("/topics/{topic}")).await;
    let keys: Vec<_> = grown.body["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["key"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (1..=12).map(|n| format!("source-{n}")).collect();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn an_edit_makes_a_revision_and_keeps_the_relations_that_stay() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let slug = topic["slug"].as_str().unwrap();
    let relation = |kind: &str, target: Value| json!({ "type": kind, "target": target });
    let support = relation("support", target("topic", &id(&topic)));
    let rebut = relation("rebut", target("scenario", &id(&topic["scenarios"][0])));
    let question = relation("question", target("variant", &id(&topic["variants"][0])));
    let post =
        alice.tries_post(slug, json!({ "body": "First.", "relations": [support, rebut] })).await.is(201);
    let url = url(&post.text("/id"));
    let (support_id, rebut_id) = (post.text("/relations/0/id"), post.text("/relations/1/id"));
    let bob = app.member("bob").await;
    let undercut = bob.relates(slug, "undercut", target("relation", &rebut_id)).await.is(201);

    app.app.clock.advance(TimeDelta::seconds(10));
    let second = alice.patch(&url, json!({ "body": "Second." })).await.is(200);
    assert_eq!(
        (&second.body["revision"], &second.body["edited_at"], &second.body["body"]),
        (&json!(2), &json!("2026-01-15T12:00:10Z"), &json!("Second."))
    );
    assert_eq!(second.body["relations"], post.body["relations"]);
    assert_ne!(second.header("etag"), post.header("etag"));

    app.app.clock.advance(TimeDelta::seconds(10));
    let third = alice.patch(&url, json!({ "relations": [question, support] })).await.is(200);
    assert_eq!((&third.body["revision"], &third.body["body"]), (&json!(3), &json!("Second.")));
    assert_eq!(third.body["relations"][1]["id"], *support_id);
    assert_eq!(third.body["relations"][0]["type"], "question");
    assert_eq!(third.body["relations"].as_array().unwrap().len(), 2);
    // What was withdrawn can be read in the undercut that it got, and is not argued with any more.
    let seen = bob.get(&format!("/posts/{}", undercut.text("/id"))).await.is(200);
    assert_eq!(seen.body["relations"][0]["target"]["id"], *rebut_id);
    bob.relates(slug, "undercut", target("relation", &rebut_id))
        .await
        .refuses(&[("relations[0].target.id", "unknown_id")]);
    let withdrawn = app.rows("SELECT id::text FROM relation WHERE withdrawn_at IS NOT NULL").await;
    assert_eq!(withdrawn, [rebut_id]);

    app.app.clock.advance(TimeDelta::seconds(10));
    for nothing in [
        json!({}),
        json!({ "body": "Second." }),
        json!({ "body": "\nSecond.  \n" }),
        json!({ "relations": [question, support] }),
    ] {
        let same = alice.patch(&url, nothing).await.is(200);
        assert_eq!(same.body, third.body);
        assert_eq!(same.header("etag"), third.header("etag"));
    }
    let fourth = alice.patch(&url, json!({ "body": "Fourth.", "relations": [] })).await.is(200);
    assert_eq!((&fourth.body["revision"], &fourth.body["relations"]), (&json!(4), &json!([])));
    let again = alice.patch(&url, json!({ "relations": [support] })).await.is(200);
    assert_ne!(again.body["relations"][0]["id"], *support_id, "a withdrawn relation came back to life");

    app.guest().get(&format!("{url}/revisions?limit=3")).await.is(200).matches(expect![[r#"
        {
          "items": [
            {
              "body": "Fourth.",
              "body_html": "<p>Fourth.</p>\n",
              "created_at": "2026-01-15T12:00:30Z",
              "number": 5,
              "relations": [
                {
                  "target": {
                    "id": "00000000-0000-7000-8000-000000000003",
                    "kind": "topic"
                  },
                  "type": "support"
                }
              ]
            },
            {
              "body": "Fourth.",
              "body_html": "<p>Fourth.</p>\n",
              "created_at": "2026-01-15T12:00:30Z",
              "number": 4,
              "relations": []
            },
            {
              "body": "Second.",
              "body_html": "<p>Second.</p>\n",
              "created_at": "2026-01-15T12:00:20Z",
              "number": 3,
              "relations": [
                {
                  "target": {
                    "id": "00000000-0000-7000-8000-000000000007",
                    "kind": "variant"
                  },
                  "type": "question"
                },
                {
                  "target": {
                    "id": "00000000-0000-7000-8000-000000000003",
                    "kind": "topic"
                  },
                  "type": "support"
                }
              ]
            }
          ],
          "next": "hRj2ntIKiZj_6hpi32b_-lsxNzY4NDc4NDMwLDNd"
        }
    "#]]);
}

#[tokio::test]
async fn new_likelihoods_are_a_new_relation() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let evidence = |p_if_true: u32| json!({ "relations": [{ "type": "evidence", "target": target("topic", &id(&topic)), "p_if_true": p_if_true, "p_if_false": 100 }] });
    let mut post = evidence(9000);
    post["body"] = json!("A letter.");
    let post = alice.tries_post(topic["slug"].as_str().unwrap(), post).await.is(201);
    let url = url(&post.text("/id"));
    let same = alice.patch(&url, evidence(9000)).await.is(200);
    assert_eq!(same.body["relations"], post.body["relations"]);
    let other = alice.patch(&url, evidence(9500)).await.is(200);
    assert_eq!(other.body["relations"][0]["p_if_true"], 9500);
    assert_ne!(other.body["relations"][0]["id"], post.body["relations"][0]["id"]);
    assert_eq!(other.body["revision"], 2);
    let mut called = evidence(9500);
    called["relations"][0]["claimed_test_kind"] = json!("hoop");
    let called = alice.patch(&url, called).await.is(200);
    assert_ne!(called.body["relations"][0]["id"], other.body["relations"][0]["id"]);
    assert_eq!(called.body["revision"], 3);
}

#[tokio::test]
async fn an_edit_is_refused_where_it_breaks_a_rule() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "First.").await;
    let url = url(&post);
    for (patch, field, code) in [
        (json!({ "body": null }), "body", "wrong_type"),
        (json!({ "relations": null }), "relations", "wrong_type"),
        (json!({ "body": " " }), "body", "blank"),
        (json!({ "body": ["a"] }), "body", "wrong_type"),
        (json!({ "parent_id": NOTHING }), "parent_id", "unknown_field"),
        (json!({ "citations": [] }), "citations", "unknown_field"),
        (
            json!({ "relations": [{ "type": "undercut", "target": target("post", NOTHING) }] }),
            "relations[0].target.kind",
            "undercut_needs_relation",
        ),
        (
            json!({ "relations": [{ "type": "support", "target": target("relation", NOTHING) }] }),
            "relations[0].type",
            "relation_needs_undercut",
        ),
        (
            json!({ "relations": [{ "type": "support", "target": target("post", NOTHING) }] }),
            "relations[0].target.id",
            "unknown_id",
        ),
    ] {
        alice.patch(&url, patch).await.refuses(&[(field, code)]);
    }
    let body = json!({ "body": "No." });
    for client in [&bob, &carol] {
        client.patch(&url, body.clone()).await.is_problem(403, "not_your_post");
        client.delete_as_read(&url).await.is_problem(403, "not_your_post");
    }
    app.guest().patch(&url, body.clone()).await.is_problem(401, "unauthenticated");
    alice
        .send(Method::PATCH, &url, Some(body.to_string().into()))
        .await
        .is_problem(428, "precondition_required");
    alice.delete(&url).await.is_problem(428, "precondition_required");
    let first = alice.get(&url).await.header("etag").unwrap().to_owned();
    alice.patch(&url, json!({ "body": "Second." })).await.is(200);
    let stale = alice.with("if-match", &first);
    stale
        .send(Method::PATCH, &url, Some(body.to_string().into()))
        .await
        .is_problem(412, "precondition_failed");
    stale.delete(&url).await.is_problem(412, "precondition_failed");
    assert_eq!(alice.get(&url).await.body["body"], "Second.");
}

#[tokio::test]
async fn a_vote_in_between_does_not_refuse_an_edit() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "First.").await;
    let read = alice.get(&url(&post)).await.header("etag").unwrap().to_owned();
    bob.judges(&post, 1).await;
    // Reads see the vote, edits do not.
    alice.with("if-none-match", &read).get(&url(&post)).await.is(200);
    let edited = alice
        .with("if-match", &read)
        .send(Method::PATCH, &url(&post), Some(br#"{"body": "Second."}"#.to_vec()))
        .await
        .is(200);
    assert_eq!(edited.body["tallies"]["quality"], json!({ "up": 1, "down": 0 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_edits_of_one_version_one_is_made_and_none_is_lost() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "First.").await;
    let etag = alice.get(&url(&post)).await.header("etag").unwrap().to_owned();
    let edits: Vec<_> = (0..20)
        .map(|n| {
            let (client, url) = (alice.with("if-match", &etag), url(&post));
            let body = json!({ "body": format!("Edit {n}.") }).to_string();
            tokio::spawn(async move { client.send(Method::PATCH, &url, Some(body.into())).await })
        })
        .collect();
    let mut made = Vec::new();
    for edit in edits {
        let reply = edit.await.unwrap();
        if reply.status == 200 {
            made.push(reply.text("/body"));
        } else {
            reply.is_problem(412, "precondition_failed");
        }
    }
    assert_eq!(made.len(), 1);
    let now = alice.get(&url(&post)).await;
    assert_eq!((&now.body["body"], &now.body["revision"]), (&json!(made[0]), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replies_and_edits_of_one_post_wait_for_each_other_and_never_for_good() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "First.").await;
    let tasks: Vec<_> = (0..4)
        .flat_map(|n| [(n, true), (n, false)])
        .map(|(n, replies)| {
            let (alice, bob, topic, post) = (alice.clone(), bob.clone(), topic.clone(), post.clone());
            tokio::spawn(async move {
                for round in 0..25 {
                    if replies {
                        bob.replies_to(&topic, &post, &format!("Reply {n}.{round}.")).await;
                    } else {
                        let body = json!({ "body": format!("Edit {n}.{round}.") }).to_string();
                        alice
                            .with("if-match", "*")
                            .send(Method::PATCH, &url(&post), Some(body.into()))
                            .await
                            .is(200);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let now = alice.get(&url(&post)).await;
    assert_eq!(
        (&now.body["reply_count"], &now.body["descendant_count"], &now.body["revision"]),
        (&json!(100), &json!(100), &json!(101))
    );
}

#[tokio::test]
async fn revisions_are_listed_newest_first_a_page_at_a_time() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "Revision 1.").await;
    for n in 2..=7 {
        alice.patch(&url(&post), json!({ "body": format!("Revision {n}.") })).await.is(200);
    }
    let (mut numbers, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.guest().get(&format!("/posts/{post}/revisions?limit=3{after}")).await.is(200);
        for revision in page.body["items"].as_array().unwrap() {
            let number = revision["number"].as_i64().unwrap();
            assert_eq!(revision["body"], format!("Revision {number}."));
            assert_eq!(revision["body_html"], format!("<p>Revision {number}.</p>\n"));
            numbers.push(number);
        }
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(numbers, [7, 6, 5, 4, 3, 2, 1]);
    let other = alice.posts_in(&topic, "Another.").await;
    app.guest()
        .get(&format!("/posts/{other}/revisions?{}", after.trim_start_matches('&')))
        .await
        .is_problem(400, "invalid_cursor");
}

#[tokio::test]
async fn a_deleted_post_is_a_tombstone_and_its_replies_stay() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let relations = json!([{ "type": "support", "target": target("topic", &topic_id) }]);
    let source = json!([{ "source": { "type": "book", "title": "Annales", "source_class": "primary" } }]);
    let post = alice
        .tries_post(&topic, json!({ "body": "Secret words.", "relations": relations, "citations": source }))
        .await
        .is(201)
        .text("/id");
    let reply = bob.replies_to(&topic, &post, "I quote nothing.").await;
    bob.judges(&post, 1).await;
    alice.patch(&url(&post), json!({ "body": "Other secret words." })).await.is(200);

    bob.delete_as_read(&url(&post)).await.is_problem(403, "not_your_post");
    app.guest().delete_as_read(&url(&post)).await.is_problem(401, "unauthenticated");
    app.app.clock.advance(TimeDelta::seconds(1));
    let deleted = alice.delete_as_read(&url(&post)).await.is(200);
    let read = app.guest().get(&url(&post)).await.is(200);
    let mut unsigned = deleted.body.clone();
    unsigned.as_object_mut().unwrap().remove("mine");
    assert_eq!(read.body, unsigned);

    let thread = app.guest().get(&format!("/topics/{topic}/thread")).await.is(200);
    assert_eq!(thread.text("/posts/items/0/status"), "deleted");
    assert_eq!(thread.text("/posts/items/0/replies/items/0/id"), reply);
    let context = bob.get(&url(&reply)).await.is(200);
    assert_eq!(context.body["ancestors"][0]["author"], Value::Null);
    for answer in [&read, &thread, &context] {
        let text = answer.body.to_string();
        assert!(!text.contains("secret") && !text.contains("Annales"), "{text}");
    }
    let line = app.guest().get(&format!("/topics/{topic}")).await;
    assert_eq!(line.body["post_count"], 1);
    app.guest().get(&format!("/posts/{post}/revisions")).await.is_problem(404, "not_found");
    alice.delete_as_read(&url(&post)).await.is_problem(409, "post_deleted");
    alice.patch(&url(&post), json!({ "body": "Back again." })).await.is_problem(409, "post_deleted");
    let line = app.guest().get(&format!("/topics/{topic}")).await;
    assert_eq!(line.body["post_count"], 1);
    deleted.matches(expect![[r#"
        {
          "ancestors": [],
          "ancestors_omitted": 0,
          "author": null,
          "body": "",
          "body_html": "",
          "citation_status": "cited",
          "citations": [],
          "created_at": "2026-01-15T12:00:00Z",
          "criterion": null,
          "depth": 0,
          "descendant_count": 1,
          "edited_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-00000000000c",
          "mine": {
            "agreement": 0,
            "quality": 0
          },
          "parent_id": null,
          "persuasion": {
            "median_shift": null,
            "people": 0
          },
          "relations": [],
          "reply_count": 1,
          "restrictions": [],
          "revision": 2,
          "stance_effects": [],
          "status": "deleted",
          "tallies": {
            "agreement": {
              "agree": 0,
              "disagree": 0
            },
            "quality": {
              "down": 0,
              "up": 1
            }
          },
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
}

#[tokio::test]
async fn what_a_deleted_post_brought_goes_with_it_unless_others_lean_on_it() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let slug = topic["slug"].as_str().unwrap();
    let brings = |title: &str, words: &str| {
        json!({ "body": "As I read.", "citations": [{
            "source": { "type": "book", "authors": ["Alice"], "title": title, "source_class": "primary",
                        "note": "Which I own." },
            "quotation": { "text": words, "attribution": "Alice" } }] })
    };
    let alone = alice.tries_post(slug, brings("Mine alone", "Words of mine.")).await.is(201);
    let shared = alice.tries_post(slug, brings("Ours", "Words of ours.")).await.is(201);
    let quotation = shared.text("/citations/0/quotation/id");
    let leans = json!({ "body": "She read well.", "citations": [{ "quotation_id": quotation }] });
    let leaning = bob.tries_post(slug, leans).await.is(201).text("/id");
    let bibliography = async || {
        let topic = app.guest().get(&format!("/topics/{slug}")).await.is(200).body;
        (topic["sources"].clone(), topic["quotations"].clone())
    };
    let before = bibliography().await;
    assert_eq!((before.0.as_array().unwrap().len(), before.1.as_array().unwrap().len()), (3, 3));
    assert_eq!((&before.0[2]["key"], &before.0[2]["note"]), (&json!("source-3"), &json!("Which I own.")));

    alice.delete_as_read(&url(&alone.text("/id"))).await.is(200);
    alice.delete_as_read(&url(&shared.text("/id"))).await.is(200);
    let (sources, quotations) = bibliography().await;
    let text = format!("{sources}{quotations}");
    for gone in ["Mine alone", "Words of mine.", "Which I own."] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    // The keys of a document have no gaps; what came with the topic stays.
    assert_eq!((&sources[1]["key"], &sources[1]["title"]), (&json!("source-2"), &json!("Ours")));
    assert_eq!(
        (&quotations[1]["key"], &quotations[1]["text"]),
        (&json!("quotation-2"), &json!("Words of ours."))
    );
    assert_eq!(quotations[1]["source_id"], sources[1]["id"]);
    let cited = bob.get(&url(&leaning)).await.is(200);
    assert_eq!(cited.text("/citations/0/quotation/text"), "Words of ours.");

    bob.delete_as_read(&url(&leaning)).await.is(200);
    let (sources, quotations) = bibliography().await;
    assert_eq!((sources.as_array().unwrap().len(), quotations.as_array().unwrap().len()), (1, 1));
    assert_eq!(sources[0]["title"], "The Defeat of the Spanish Armada");
    let rows = "SELECT format('%s %s', (SELECT count(*) FROM citation WHERE post_id IS NOT NULL), (SELECT count(*) FROM source))";
    assert_eq!(app.rows(rows).await, ["0 1"]);
}

#[tokio::test]
async fn a_bibliography_has_an_end_and_its_topic_can_still_be_changed() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let cites = |source: Value, quotation: Value| json!({ "body": "So.", "citations": [{ "source": source, "quotation": quotation }] });
    let book = |authors: usize| json!({ "type": "book", "authors": vec!["Anon"; authors], "source_class": "primary" });
    alice
        .tries_post(&topic, json!({ "body": "So.", "citations": [{ "source": book(51) }] }))
        .await
        .refuses(&[("citations[0].source.authors", "too_many")]);
    let words = json!({ "text": "Words.", "attribution": "Anon" });
    alice.tries_post(&topic, cites(book(50), words.clone())).await.is(201);
    app.sql(
        "INSERT INTO source (id, topic_id, position, type, authors, source_class)
         SELECT gen_random_uuid(), topic_id, position + n, type, authors, source_class FROM source, generate_series(1, 998) n",
    )
    .await
    .unwrap();
    alice
        .tries_post(&topic, json!({ "body": "The thousandth.", "citations": [{ "source": book(1) }] }))
        .await
        .is(201);
    let full = json!({ "body": "One more.", "citations": [{ "source": book(1) }] });
    alice.tries_post(&topic, full).await.refuses(&[("citations[0].source", "bibliography_full")]);
    assert_eq!(app.rows("SELECT count(*)::text FROM post").await, ["2"]);
    carol.patch(&format!("/topics/{topic}"), json!({ "status": "archived" })).await.is(200);
}

#[tokio::test]
async fn another_order_of_relations_is_another_revision_and_the_same_is_none() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let id = |pointer: &str| topic.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (one, other) = (
        json!({ "type": "support", "target": target("scenario", &id("/scenarios/0/id")) }),
        json!({ "type": "rebut", "target": target("variant", &id("/variants/0/id")) }),
    );
    let post = json!({ "body": "So.", "relations": [one, other] });
    let post = alice.tries_post(&id("/slug"), post).await.is(201);
    let path = url(&post.text("/id"));
    let same = alice.patch(&path, json!({ "body": "So.", "relations": [one, other] })).await.is(200);
    assert_eq!(same.body["revision"], 1);
    let turned = alice.patch(&path, json!({ "relations": [other, one] })).await.is(200);
    assert_eq!(turned.body["revision"], 2);
    assert_eq!(turned.body["relations"][0], post.body["relations"][1]);
    assert_eq!(turned.body["relations"][1], post.body["relations"][0]);
    let revised = "SELECT count(*)::text FROM event WHERE kind = 'post_revised'";
    assert_eq!(app.rows(revised).await, ["1"]);
}

#[tokio::test]
async fn a_new_post_is_answered_by_itself() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "Words that are taken back.").await;
    let bob = bob.with("idempotency-key", "once");
    let reply = json!({ "body": "To that.", "parent_id": post });
    let first = bob.tries_post(&topic, reply.clone()).await.is(201);
    alice.delete_as_read(&url(&post)).await.is(200);
    // What is kept for retries holds nobody else's words.
    let again = bob.tries_post(&topic, reply).await.is(201);
    assert_eq!(again.body, first.body);
    assert_eq!(first.body.get("ancestors"), None);
}

#[tokio::test]
async fn a_topic_can_be_read_while_posts_bring_sources() {
    let app = TestApp::new().await;
    // Not a guest, who would be given an answer that is kept as long as nothing changes.
    let (alice, reader) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let posting = {
        let (alice, topic) = (alice.clone(), topic.clone());
        tokio::spawn(async move {
            for n in 0..60 {
                let source =
                    json!({ "type": "book", "title": format!("Book {n}"), "source_class": "primary" });
                let quotation = json!({ "text": "Words.", "attribution": "Anon" });
                let post =
                    json!({ "body": "So.", "citations": [{ "source": source, "quotation": quotation }] });
                alice.tries_post(&topic, post).await.is(201);
            }
        })
    };
    let mut read = 0;
    while !posting.is_finished() {
        let seen = reader.get(&format!("/topics/{topic}")).await.is(200).body;
        let known: Vec<&Value> =
            seen["sources"].as_array().unwrap().iter().map(|source| &source["id"]).collect();
        for quotation in seen["quotations"].as_array().unwrap() {
            assert!(known.contains(&&quotation["source_id"]), "a quotation without its source");
        }
        read += 1;
    }
    posting.await.unwrap();
    assert!(read > 5, "{read} reads met the posts");
}

#[tokio::test]
async fn the_database_holds_the_tree_and_what_was_said() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let root = alice.posts_in(&topic, "A root.").await;
    let other = alice.posts_in(&topic, "Another root.").await;
    let reply = alice.replies_to(&topic, &root, "A reply.").await;
    bob.judges(&root, 1).await;
    alice.relates(&topic, "support", target("post", &root)).await.is(201);
    let insert = |parent: &str, root: &str, depth: i32| {
        format!(
            "INSERT INTO post (id, topic_id, author_id, parent_id, root_id, depth, body, body_html, renderer_version,
                               citation_status, status, revision, created_at)
             SELECT gen_random_uuid(), topic_id, author_id, '{parent}', '{root}', {depth}, 'x', 'x', 1, 'uncited',
                    'visible', 1, now() FROM post WHERE id = '{reply}'"
        )
    };
    for (parent, root, depth) in [(&reply, &root, 3), (&reply, &root, 1), (&reply, &other, 2)] {
        app.refuses_sql("post_is_below_its_parent", &insert(parent, root, depth)).await;
    }
    for (constraint, change) in [
        ("post_is_in_its_place", format!("parent_id = '{other}', root_id = '{other}'")),
        ("post_is_in_its_place", "depth = 7".to_owned()),
        ("post_keeps_its_place", "created_at = created_at - interval '1 day'".to_owned()),
    ] {
        app.refuses_sql(constraint, &format!("UPDATE post SET {change} WHERE id = '{reply}'")).await;
    }
    app.refuses_sql("relation_is_fixed", "UPDATE relation SET type = 'rebut'").await;
    app.refuses_sql("vote_is_fixed", &format!("UPDATE vote SET post_id = '{other}'")).await;
    let long = format!("UPDATE post SET body = repeat('x', 10001) WHERE id = '{reply}'");
    app.refuses_sql("post_body_length", &long).await;
    app.refuses_sql("topic_title_length", "UPDATE topic SET title = 'Short'").await;
    app.refuses_sql("scenario_label_length", "UPDATE scenario SET label = 'ab'").await;
}

#[tokio::test]
async fn ancestors_come_root_first_and_the_middle_gives_way() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut chain = vec![alice.posts_in(&topic, "Post 0.").await];
    for n in 1..250 {
        let reply = alice.replies_to(&topic, &chain[n - 1], &format!("Post {n}.")).await;
        chain.push(reply);
    }
    let ancestors = async |n: usize| {
        let post = app.guest().get(&url(&chain[n])).await.is(200);
        let ids: Vec<_> = post.body["ancestors"].as_array().unwrap().iter().map(id).collect();
        (ids, post.body["ancestors_omitted"].as_u64().unwrap())
    };
    assert_eq!(ancestors(0).await, (Vec::new(), 0));
    assert_eq!(ancestors(3).await, (chain[..3].to_vec(), 0));
    assert_eq!(ancestors(200).await, (chain[..200].to_vec(), 0));
    let with_root = |nearest: &[String]| [&chain[..1], nearest].concat();
    assert_eq!(ancestors(201).await, (with_root(&chain[2..201]), 1));
    assert_eq!(ancestors(249).await, (with_root(&chain[50..249]), 49));
    let last = app.guest().get(&url(&chain[249])).await;
    assert_eq!(last.body["depth"], 249);
    let first = app.guest().get(&url(&chain[0])).await;
    assert_eq!((&first.body["reply_count"], &first.body["descendant_count"]), (&json!(1), &json!(249)));
}

#[tokio::test]
async fn every_post_counts_what_is_below_it() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    // A small generator of numbers: the same tree in every run, and a bushy one.
    let mut state = 0x1588_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    let mut posts: Vec<(String, Option<usize>)> = Vec::new();
    for n in 0..60 {
        let parent = if n < 2 { None } else { Some(below(n)).filter(|parent| parent % 11 != 10) };
        let made = match parent {
            Some(parent) => alice.replies_to(&topic, &posts[parent].0, "A reply.").await,
            None => alice.posts_in(&topic, "A root.").await,
        };
        posts.push((made, parent));
    }
    // A tombstone that has replies still counts.
    alice.delete_as_read(&url(&posts[1].0)).await.is(200);
    let mut direct: HashMap<usize, i64> = HashMap::new();
    let mut all: HashMap<usize, i64> = HashMap::new();
    for (_, parent) in &posts {
        if let Some(parent) = parent {
            *direct.entry(*parent).or_default() += 1;
        }
        let mut above = *parent;
        while let Some(n) = above {
            *all.entry(n).or_default() += 1;
            above = posts[n].1;
        }
    }
    for (n, (post, parent)) in posts.iter().enumerate() {
        let read = app.guest().get(&url(post)).await.is(200);
        let counted = (read.body["reply_count"].as_i64(), read.body["descendant_count"].as_i64());
        let expected = (direct.get(&n).copied().unwrap_or(0), all.get(&n).copied().unwrap_or(0));
        assert_eq!(counted, (Some(expected.0), Some(expected.1)), "post {n}");
        let parent = parent.map(|parent| posts[parent].0.clone());
        assert_eq!(read.body["parent_id"].as_str(), parent.as_deref(), "post {n}");
    }
    let topic = app.guest().get(&format!("/topics/{topic}")).await;
    assert_eq!(topic.body["post_count"], 59);
    assert_eq!(topic.body["participant_count"], 1);
}

#[tokio::test]
async fn what_names_no_post_is_not_found() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for name in [NOTHING, "nothing", "%00", "1"] {
        let url = url(name);
        let client = alice.with("if-match", "*");
        client.get(&url).await.is_problem(404, "not_found");
        client.get(&format!("{url}/replies")).await.is_problem(404, "not_found");
        client.get(&format!("{url}/revisions")).await.is_problem(404, "not_found");
        client.delete(&url).await.is_problem(404, "not_found");
        client.send(Method::PATCH, &url, Some(b"{}".to_vec())).await.is_problem(404, "not_found");
        client.put(&format!("{url}/vote"), json!({ "quality": 1 })).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_database_refuses_posts_and_relations_that_break_the_rules() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_full_topic("Had the Armada landed in Kent").await;
    let there = alice.opens_full_topic("Had the Armada landed in Sussex").await;
    let slug = topic["slug"].as_str().unwrap();
    let post = alice.relates(slug, "support", target("topic", &id(&topic))).await.is(201);
    let (first, link) = (post.text("/id"), post.text("/relations/0/id"));
    let second = alice.replies_to(slug, &first, "A reply.").await;
    let elsewhere = alice.posts_in(there["slug"].as_str().unwrap(), "Elsewhere.").await;
    let topic_id = id(&topic);
    let relate = |post: &str,
                  kind: &str,
                  target_kind: &str,
                  column: &str,
                  target: &str,
                  likelihoods: &str| {
        format!(
            "INSERT INTO relation (id, topic_id, post_id, position, type, target_kind, {column}, p_if_true, p_if_false, created_at)
             VALUES (gen_random_uuid(), '{topic_id}', '{post}', 9, '{kind}', '{target_kind}', '{target}', {likelihoods}, now())"
        )
    };
    let none = "NULL, NULL";
    // Behind the trigger that keeps posts in their place stand constraints of their own.
    let unguarded = "ALTER TABLE post DISABLE TRIGGER post_keeps_its_place;";
    for (constraint, statement) in [
        ("relation_target_is_older", relate(&first, "support", "post", "target_post_id", &second, none)),
        ("relation_target_is_older", relate(&first, "support", "post", "target_post_id", &first, none)),
        (
            "relation_target_is_older",
            relate(&first, "undercut", "relation", "target_relation_id", &link, none),
        ),
        ("relation_target_post_fkey", relate(&second, "support", "post", "target_post_id", &elsewhere, none)),
        (
            "relation_target_is_own_topic",
            relate(&second, "support", "topic", "target_topic_id", &id(&there), none),
        ),
        (
            "relation_target_scenario_fkey",
            relate(&second, "support", "scenario", "target_scenario_id", &id(&there["scenarios"][0]), none),
        ),
        ("relation_target_is_its_kind", relate(&second, "support", "topic", "target_post_id", &first, none)),
        (
            "relation_undercut_attacks_relation",
            relate(&second, "undercut", "post", "target_post_id", &first, none),
        ),
        (
            "relation_is_undercut_or_questioned",
            relate(&second, "support", "relation", "target_relation_id", &link, none),
        ),
        (
            "relation_likelihoods_on_evidence",
            relate(&second, "support", "post", "target_post_id", &first, "1, 1"),
        ),
        ("relation_likelihoods_range", relate(&second, "evidence", "post", "target_post_id", &first, "0, 0")),
        (
            "relation_likelihoods_range",
            relate(&second, "evidence", "post", "target_post_id", &first, "1, NULL"),
        ),
        ("relation_once_key", relate(&first, "support", "topic", "target_topic_id", &topic_id, none)),
        (
            "post_parent_in_same_topic",
            format!("{unguarded} UPDATE post SET parent_id = '{elsewhere}' WHERE id = '{second}'"),
        ),
        (
            "post_root_in_same_topic",
            format!("{unguarded} UPDATE post SET root_id = '{elsewhere}' WHERE id = '{second}'"),
        ),
        (
            "post_root_has_no_parent",
            format!("{unguarded} UPDATE post SET parent_id = NULL WHERE id = '{second}'"),
        ),
        ("post_depth_range", format!("{unguarded} UPDATE post SET depth = 10001 WHERE id = '{second}'")),
        (
            "post_tombstone_is_empty",
            format!("UPDATE post SET status = 'deleted', deleted_at = now() WHERE id = '{second}'"),
        ),
        ("post_status_known", "UPDATE post SET status = 'lost'".to_owned()),
        (
            "post_tally_not_negative",
            format!("UPDATE post_tally SET descendant_count = 0 WHERE post_id = '{first}'"),
        ),
    ] {
        app.refuses_sql(constraint, &statement).await;
    }
    // The same statement with nothing wrong passes: what was refused above was not its form.
    app.sql(&relate(&second, "evidence", "post", "target_post_id", &first, "9500, 500")).await.unwrap();
}
