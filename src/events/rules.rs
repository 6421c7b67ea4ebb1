//! Which events others wait for.

/// What happens to cases, appeals and jobs, and what moderators do: webhooks are told of it. The database has an index of
/// the same kinds (`event_of_moderation_idx`).
pub const OF_MODERATION: [&str; 7] = [
    "case_opened",
    "case_reopened",
    "case_resolved",
    "appeal_filed",
    "appeal_decided",
    "moderated",
    "job_finished",
];
