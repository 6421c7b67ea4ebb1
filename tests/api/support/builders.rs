//! Things that many tests need, made through the API.

use serde_json::{Value, json};

use super::Client;

/// Something that moderators do, for spam.
pub fn action(kind: &str) -> Value {
    json!({ "kind": kind, "rule": "spam", "explanation": "It advertises a shop, and nothing else." })
}

/// A date of day precision.
pub fn day(value: &str) -> Value {
    json!({ "value": value, "precision": "day" })
}

/// Everything that an open topic needs, and no more.
pub fn open_topic(title: &str) -> Value {
    json!({
        "title": title,
        "status": "open",
        "question_text": "What would have become of England if the Armada had landed?",
        "event": {
            "title": "Defeat of the Spanish Armada",
            "date": { "value": "1588-08-08", "precision": "day" },
            "summary": "The fleet was scattered off Gravelines and never landed an army.",
        },
        "actual_outcome": "England stayed Protestant under Elizabeth.",
        "antecedent": {
            "statement": "Parma's army crosses and lands in Kent.",
            "operation": "replace_event",
            "point_of_divergence": day("1588-08-07"),
        },
        "consequent_in_question": "Whether Elizabeth keeps her throne.",
        "outcome_definition": "Elizabeth reigns at the date asked about.",
        "outcome_occurred": true,
        "outcome_actual_date": { "value": "1588", "precision": "year" },
        "horizon": day("1603-03-24"),
        "scenarios": [
            { "key": "falls", "label": "Elizabeth falls", "statement": "London is taken within the year.",
              "outcome_vs_actual": "absent",
              "chain_steps": [{ "statement": "The army reaches London." }, { "statement": "The court flees." }] },
            { "key": "holds", "label": "Elizabeth holds", "statement": "The landing is beaten back in weeks.",
              "outcome_vs_actual": "same" },
            { "key": "other", "label": "Something else", "statement": "None of the above; say what in a post.",
              "outcome_vs_actual": "unspecified", "is_residual": true },
        ],
    })
}

/// The same with everything that people judge by the criteria: variants, facts, rules, and something to cite.
pub fn judged_topic(title: &str) -> Value {
    let mut topic = open_topic(title);
    topic["sources"] = json!([
        { "key": "history", "type": "book", "authors": ["Colin Martin", "Geoffrey Parker"],
          "title": "The Spanish Armada", "source_class": "secondary" },
        { "key": "letters", "type": "manuscript", "authors": ["Francis Drake"], "source_class": "primary" },
    ]);
    topic["quotations"] = json!([
        { "key": "fear", "source": "letters", "text": "The Prince of Parma is ready.", "attribution": "Drake" },
    ]);
    topic["variants"] = json!([
        { "key": "calm", "statement": "The wind drops for two days.", "antecedent_kind": "plausible",
          "further_changes": [
              { "date": day("1588-08-05"), "statement": "The fireships burn where they are." },
              { "date": { "value": "1588", "precision": "year" }, "statement": "The barges are ready." },
          ],
          "contemporary_evidence": [{ "quotation": "fear" }] },
        { "key": "fog", "statement": "Nobody sees the barges cross.", "antecedent_kind": "miracle" },
    ]);
    topic["background_facts"] = json!([
        { "key": "army", "statement": "Parma has an army in Flanders.", "held": true, "date": day("1588-08-07") },
        { "key": "storms", "statement": "Storms meet whatever goes home.", "held": true, "date": day("1588-09-12") },
        { "key": "queen", "statement": "Elizabeth goes to Tilbury.", "held": false, "date": day("1588-08-18") },
    ]);
    topic["scenarios"][0]["chain_steps"] = json!([
        { "statement": "The army reaches London.", "generalisation": "Veterans beat militia.",
          "citations": [{ "source": "history", "locator": "p. 250" }] },
        { "statement": "The court flees.", "generalisation": "Courts flee from armies." },
        { "statement": "London opens its gates.", "citations": [{ "source": "history" }] },
    ]);
    let flees = json!({ "key": "flees", "label": "Elizabeth flees", "statement": "She is safe in the north.",
                        "outcome_vs_actual": "later" });
    topic["scenarios"].as_array_mut().unwrap().insert(2, flees);
    topic
}

impl Client {
    /// Names a reference class of the first scenario of a topic, by its first source, and gives its identifier.
    pub async fn names_reference_class(&self, topic: &str, cases: i32, with_outcome: i32) -> String {
        let read = self.get(&format!("/topics/{topic}")).await.is(200);
        let class = json!({
            "scenario_id": read.text("/scenarios/0/id"), "description": "Landings with a fleet beaten off.",
            "cases": cases, "with_outcome": with_outcome, "citation": { "source_id": read.text("/sources/0/id") },
        });
        self.post(&format!("/topics/{topic}/reference-classes"), class).await.is(201).text("/id")
    }

    /// Opens a topic and gives its slug.
    pub async fn opens_topic(&self, title: &str) -> String {
        self.post("/topics", open_topic(title)).await.is(201).text("/slug")
    }

    /// Posts in a topic and gives the post's identifier.
    pub async fn posts_in(&self, topic: &str, body: &str) -> String {
        self.post(&format!("/topics/{topic}/posts"), json!({ "body": body })).await.is(201).text("/id")
    }

    /// Replies to a post and gives the reply's identifier.
    pub async fn replies_to(&self, topic: &str, parent: &str, body: &str) -> String {
        let reply = json!({ "parent_id": parent, "body": body });
        self.post(&format!("/topics/{topic}/posts"), reply).await.is(201).text("/id")
    }

    /// A vector over the live top-level scenarios of a topic, in their order.
    pub async fn vector(&self, topic: &str, bp: &[i64]) -> Value {
        let read = self.get(&format!("/topics/{topic}")).await.is(200);
        let scenarios = read.body["scenarios"].as_array().unwrap();
        let live = scenarios.iter().filter(|scenario| {
            scenario["retired_in_version"].is_null() && scenario["parent_scenario_id"].is_null()
        });
        let vector: Vec<_> =
            live.zip(bp).map(|(scenario, bp)| json!({ "scenario_id": scenario["id"], "bp": bp })).collect();
        json!({ "scenario_set_version": read.body["scenario_set_version"], "vector": vector })
    }

    /// States how likely the scenarios of a topic are, in their order.
    pub async fn states_credences(&self, topic: &str, bp: &[i64]) {
        let vector = self.vector(topic, bp).await;
        self.put(&format!("/topics/{topic}/credences/mine"), vector).await.is(200);
    }

    /// Predicts which scenarios people will hold likeliest, in their order.
    pub async fn predicts(&self, topic: &str, bp: &[i64]) {
        let vector = self.vector(topic, bp).await;
        self.put(&format!("/topics/{topic}/meta-prediction/mine"), vector).await.is(200);
    }

    /// Proposes that the first scenario of a topic have a part, and gives the proposal's identifier.
    pub async fn proposes_part(&self, topic: &str) -> String {
        let first = self.get(&format!("/topics/{topic}")).await.is(200).text("/scenarios/0/id");
        let part = json!({
            "label": "She flees", "statement": "The court is safe in Wales.", "outcome_vs_actual": "absent",
            "parent_scenario_id": first,
        });
        let change = json!({ "kind": "add", "scenario": part });
        let proposal = json!({ "change": change, "reason": "It happened to others before her." });
        self.post(&format!("/topics/{topic}/scenario-proposals"), proposal).await.is(201).text("/id")
    }

    /// Proposes a change of the scenarios of a topic of one's own, and accepts it.
    pub async fn changes_scenarios(&self, topic: &str, change: Value) {
        let proposal = json!({ "change": change, "reason": "The question is better put so." });
        let made = self.post(&format!("/topics/{topic}/scenario-proposals"), proposal).await.is(201);
        let decision = json!({ "decision": "accept", "reason": "It was talked over at length." });
        let path = format!("/scenario-proposals/{}/decision", made.text("/id"));
        self.with("if-match", made.header("etag").unwrap()).put(&path, decision).await.is(200);
    }

    /// Proposes an implication that bears on the first scenario of a topic, and gives its identifier.
    pub async fn proposes_in(&self, topic: &str, statement: &str) -> String {
        let read = self.get(&format!("/topics/{topic}")).await.is(200);
        let bears_on = [&read.body["scenarios"][0]["id"]];
        let new = json!({ "statement": statement, "bears_on": bears_on, "test_kind": "hoop" });
        self.post(&format!("/topics/{topic}/implications"), new).await.is(201).text("/id")
    }

    /// Forecasts an implication, in basis points.
    pub async fn forecasts(&self, implication: &str, bp: i64) {
        self.put(&format!("/implications/{implication}/forecast/mine"), json!({ "bp": bp })).await.is(200);
    }

    /// Reports something by a rule and gives the report's identifier.
    pub async fn reports(&self, kind: &str, id: &str, rule: &str) -> String {
        let report = json!({ "subject": { "kind": kind, "id": id }, "rule": rule });
        self.post("/reports", report).await.is(201).text("/id")
    }

    /// Does something about a subject, as a moderator, and gives the action's identifier.
    pub async fn acts(&self, kind: &str, id: &str, action: Value) -> String {
        let about = json!({ "subject": { "kind": kind, "id": id }, "actions": [action] });
        self.post("/mod/actions", about).await.is(201).text("/actions/0/id")
    }

    /// Appeals against what was decided, and gives the appeal's identifier.
    pub async fn appeals(&self, decision: &str) -> String {
        let appeal = json!({ "text": "I sell nothing: the shop is a museum." });
        self.post(&format!("/me/decisions/{decision}/appeal"), appeal).await.is(201).text("/id")
    }

    /// Judges the quality of a post.
    pub async fn judges(&self, post: &str, quality: i8) {
        self.put(&format!("/posts/{post}/vote"), json!({ "quality": quality })).await.is(200);
    }
}
