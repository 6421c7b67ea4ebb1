//! Rules, reports, cases, what is done about them, and appeals, on the wire.

mod actions;
mod cases;
mod context;
mod decisions;
mod legal_notices;
mod messages;
mod notes;
mod oversight;
mod people;
mod policy_rules;
mod queues;
mod report_mutes;
mod reports;
mod templates;

pub use actions::{NewAction, orders};
pub use cases::CaseResolution;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every path of moderation.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(policy_rules::router())
        .merge(reports::router())
        .merge(cases::router())
        .merge(queues::router())
        .merge(actions::router())
        .merge(people::router())
        .merge(report_mutes::router())
        .merge(notes::router())
        .merge(legal_notices::router())
        .merge(messages::router())
        .merge(templates::router())
        .merge(decisions::router())
        .merge(oversight::router())
}
