//! Otherwise: a debate server for counterfactual questions.
//!
//! Vertical features over one shared schema; pure rules in the middle; every write carries a permit and
//! a transaction. A `use` points to something earlier in this list of kinds of file: `ids`, `clock`,
//! `config`, `error` and the value types of the ground floor; `rules`; `entity`; `policy`; `db`, `http`,
//! `keys`, `hashing`, `mailer`, `openid`, `outbound`; `app`; `store`; `api`; `router`, `worker`; and between features to one
//! that stands earlier below. `docs/ARCHITECTURE.md` says why, and a test keeps it so.

pub mod basis_points;
pub mod changes;
pub mod clock;
pub mod config;
pub mod error;
pub mod grouping;
pub mod historic_date;
pub mod ids;
pub mod invalid;
pub mod markdown;
pub mod text;

pub mod entity;
pub mod policy;

pub mod db;
pub mod hashing;
pub mod http;
pub mod keys;
pub mod mailer;
pub mod openid;
pub mod outbound;

pub mod app;

pub mod accounts;
pub mod audit;
pub mod auth;
pub mod automation;
pub mod credences;
pub mod credentials;
pub mod criteria;
pub mod decisions;
pub mod events;
pub mod exchange;
pub mod identities;
pub mod implications;
pub mod jobs;
pub mod mail;
pub mod mind_changes;
pub mod moderation;
pub mod own_data;
pub mod posts;
pub mod ranking;
pub mod roles;
pub mod scenario_sets;
pub mod scenarios;
pub mod sources;
pub mod topics;
pub mod track_record;
pub mod trust;
pub mod vote_signals;
pub mod votes;
pub mod webhooks;

pub mod client;
pub mod router;
pub mod serve;
pub mod worker;
