//! The database schema of Otherwise: one dated file per change, each with its way up and its way down.
//!
//! Tables and constraints are written as SQL, since the database holds as many invariants as it can
//! (domains, composite foreign keys, partial indexes, triggers) and those have no builder form.
//! Every constraint has a name: the service turns names into error codes.

use sea_orm_migration::prelude::*;

mod m20261123_000001_model;
mod m20261123_000002_tighter_model;
mod m20261124_000001_mail;
mod m20261124_000002_rate_limits;
mod m20261124_000003_audit;
mod m20261124_000004_roles;
mod m20261124_000005_names;
mod m20261124_000006_tokens;
mod m20261124_000007_second_factors;
mod m20261124_000008_own_data;
mod m20261124_000009_passkeys;
mod m20261124_000010_identities;
mod m20261124_000011_credences;
mod m20261124_000012_crowd;
mod m20261124_000013_scenario_sets;
mod m20261124_000014_criteria;
mod m20261124_000015_implications;
mod m20261124_000016_judgements;
mod m20261124_000017_mind_changes;
mod m20261124_000018_track_record;
mod m20261124_000019_claimed_test_kind;
mod m20261124_000020_reports_and_cases;
mod m20261127_000021_decisions;
mod m20261127_000022_vote_signals;
mod m20261127_000023_automation;
mod m20261127_000024_bulk_jobs;
mod m20261127_000025_enforced_rules;
mod m20261127_000026_structure;
mod m20261127_000027_case_tools;
mod m20261127_000028_notes_and_messages;
mod m20261127_000029_legal_notices;
mod m20261127_000030_webhooks;
mod m20261127_000031_texts_and_names;
mod m20261127_000032_scheduled_jobs;
mod m20261127_000033_queues;
mod m20261127_000034_people;
mod m20261127_000035_votes_and_notices;
mod m20261128_000036_triage;
mod m20261128_000037_author_rules;
mod m20261128_000038_approval_credential;
mod m20261128_000039_reported_version;
mod m20261128_000040_revised_lately;
mod m20261128_000041_acted_lately;

/// Applies and reverts the changes in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_model::Migration),
            Box::new(m20261123_000002_tighter_model::Migration),
            Box::new(m20261124_000001_mail::Migration),
            Box::new(m20261124_000002_rate_limits::Migration),
            Box::new(m20261124_000003_audit::Migration),
            Box::new(m20261124_000004_roles::Migration),
            Box::new(m20261124_000005_names::Migration),
            Box::new(m20261124_000006_tokens::Migration),
            Box::new(m20261124_000007_second_factors::Migration),
            Box::new(m20261124_000008_own_data::Migration),
            Box::new(m20261124_000009_passkeys::Migration),
            Box::new(m20261124_000010_identities::Migration),
            Box::new(m20261124_000011_credences::Migration),
            Box::new(m20261124_000012_crowd::Migration),
            Box::new(m20261124_000013_scenario_sets::Migration),
            Box::new(m20261124_000014_criteria::Migration),
            Box::new(m20261124_000015_implications::Migration),
            Box::new(m20261124_000016_judgements::Migration),
            Box::new(m20261124_000017_mind_changes::Migration),
            Box::new(m20261124_000018_track_record::Migration),
            Box::new(m20261124_000019_claimed_test_kind::Migration),
            Box::new(m20261124_000020_reports_and_cases::Migration),
            Box::new(m20261127_000021_decisions::Migration),
            Box::new(m20261127_000022_vote_signals::Migration),
            Box::new(m20261127_000023_automation::Migration),
            Box::new(m20261127_000024_bulk_jobs::Migration),
            Box::new(m20261127_000025_enforced_rules::Migration),
            Box::new(m20261127_000026_structure::Migration),
            Box::new(m20261127_000027_case_tools::Migration),
            Box::new(m20261127_000028_notes_and_messages::Migration),
            Box::new(m20261127_000029_legal_notices::Migration),
            Box::new(m20261127_000030_webhooks::Migration),
            Box::new(m20261127_000031_texts_and_names::Migration),
            Box::new(m20261127_000032_scheduled_jobs::Migration),
            Box::new(m20261127_000033_queues::Migration),
            Box::new(m20261127_000034_people::Migration),
            Box::new(m20261127_000035_votes_and_notices::Migration),
            Box::new(m20261128_000036_triage::Migration),
            Box::new(m20261128_000037_author_rules::Migration),
            Box::new(m20261128_000038_approval_credential::Migration),
            Box::new(m20261128_000039_reported_version::Migration),
            Box::new(m20261128_000040_revised_lately::Migration),
            Box::new(m20261128_000041_acted_lately::Migration),
        ]
    }
}
