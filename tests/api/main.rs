//! Tests through the API, against a real PostgreSQL: one cloned database a test, in parallel.
//!
//! `script/test` starts the cluster and says where it is in `OTHERWISE_TEST_DATABASE_URL`.

mod support;
