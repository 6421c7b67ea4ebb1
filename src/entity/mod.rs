//! The tables, one file each: columns and nothing else. No entity can be serialised, so no column can
//! reach a client unless a wire type names it.

pub mod account;
pub mod antecedent_variant;
pub mod audit_log;
pub mod background_fact;
pub mod chain_step;
pub mod checkpoint;
pub mod citation;
pub mod debate_import;
pub mod email_token;
pub mod event;
pub mod historical_event;
pub mod mail;
pub mod personal_access_token;
pub mod post;
pub mod post_revision;
pub mod post_tally;
pub mod quotation;
pub mod rate_limit;
pub mod recovery_code;
pub mod refresh_token;
pub mod relation;
pub mod role_grant;
pub mod scenario;
pub mod session;
pub mod sign_in_failure;
pub mod source;
pub mod stance_effect;
pub mod topic;
pub mod topic_activity;
pub mod topic_participant;
pub mod topic_tag;
pub mod totp_factor;
pub mod username_history;
pub mod variant_step;
pub mod vote;
