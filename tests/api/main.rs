//! Tests through the API, against a real PostgreSQL: one cloned database a test, in parallel.
//!
//! `script/test` starts the cluster and says where it is in `OTHERWISE_TEST_DATABASE_URL`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test that cannot go on fails, and nobody depends on it"
)]
#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cloned_ref_to_slice_refs,
    clippy::doc_markdown,
    clippy::format_push_string,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::semicolon_if_nothing_returned,
    clippy::similar_names,
    clippy::too_many_lines,
    clippy::wrong_self_convention,
    reason = "snapshots are long and written by a tool, numbers are small, and a story reads from top to bottom"
)]

mod support;

mod accounts;
mod actions;
mod appeals;
mod architecture;
mod audit;
mod author_rules;
mod automation;
mod case_context;
mod case_tools;
mod conventions;
mod credences;
mod credentials;
mod criteria;
mod crowd;
mod documents;
mod drafts;
mod edge;
mod enforced_rules;
mod exchange;
mod exchange_said;
mod factors;
mod fuzz;
mod identities;
mod identity_proofs;
mod implications;
mod invariants;
mod jobs;
mod legal_notices;
mod limits;
mod mail;
mod matrix;
mod mind_changes;
mod moderation;
mod names;
mod notes_and_messages;
mod openapi;
mod oversight;
mod own_data;
mod passkeys;
mod people;
mod policy;
mod posts;
mod queues;
mod roles;
mod scenario_sets;
mod schema;
mod sessions;
mod shared_answers;
mod structure;
mod texts;
mod threads;
mod tokens;
mod topics;
mod track_record;
mod trust;
mod vote_decisions;
mod vote_signals;
mod votes;
mod webhooks;
mod worked_example;
