//! Tests of the program as it is delivered: its processes, its command line, its data folder and the
//! README's tour.
//!
//! Each test has a folder of its own in the system's temporary folder, with a private cluster in it where
//! one is needed. Whatever a test leaves running is stopped when it ends, also when it fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test that cannot go on fails, and nobody depends on it"
)]

mod support;

mod audit;
mod away;
mod commands;
#[cfg(target_os = "linux")]
mod confined;
mod crash;
mod external;
mod jobs;
mod logs;
mod mail;
mod slow;
mod start;
mod stop;
mod tour;
mod webhooks;
