//! Tests through the API, against a real PostgreSQL: one cloned database a test, in parallel.
//!
//! `script/test` starts the cluster and says where it is in `OTHERWISE_TEST_DATABASE_URL`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test that cannot go on fails, and nobody depends on it"
)]

mod support;

mod accounts;
mod architecture;
mod conventions;
mod exchange;
mod openapi;
mod policy;
mod posts;
mod schema;
mod sessions;
mod threads;
mod topics;
mod votes;
