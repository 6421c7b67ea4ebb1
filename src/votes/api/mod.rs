//! Votes on the wire.

mod group;

pub use group::cast;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Result;
use crate::http::{Answer, Asker, Body, Cache, Path, patch};
use crate::ids::PostId;
use crate::invalid::Invalid;
use crate::posts::{AgreementTally, Mine, QualityTally, Tallies};
use crate::votes::rules::Ballot;

/// -1, 0 or 1.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i8, minimum = -1, maximum = 1)]
struct VoteValue(i16);

impl TryFrom<i64> for VoteValue {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match i16::try_from(value) {
            Ok(value @ -1..=1) => Ok(Self(value)),
            _ => Err(Invalid::new("out_of_range", "-1, 0 or 1.")),
        }
    }
}

/// What somebody thinks of a post. An axis that is not there is left as it was; 0 takes it back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VoteEdit {
    /// Whether it is a good argument, whichever side it takes.
    #[serde(default, deserialize_with = "patch::required")]
    quality: Option<VoteValue>,
    /// Whether they agree.
    #[serde(default, deserialize_with = "patch::required")]
    agreement: Option<VoteValue>,
}

/// The votes on a post, and the reader's own.
#[derive(Debug, Serialize, ToSchema)]
struct VoteView {
    post_id: PostId,
    tallies: Tallies,
    mine: Mine,
}

async fn answer(app: &App, asker: Asker, id: PostId, ballot: Ballot) -> Result<Answer> {
    let (tally, vote) = cast(app, asker, id, ballot).await?;
    let view = VoteView {
        post_id: id,
        tallies: Tallies {
            quality: QualityTally { up: tally.quality_up, down: tally.quality_down },
            agreement: AgreementTally { agree: tally.agree, disagree: tally.disagree },
        },
        mine: Mine::from(&vote),
    };
    Answer::ok(&view, Cache::No)
}

/// Vote on a post
///
/// Sets the axes that are given and leaves the other. Doing it twice is doing it once.
#[utoipa::path(put, path = "/posts/{id}/vote", tag = "votes", params(("id" = PostId, Path)), request_body = VoteEdit, responses((status = 200, body = VoteView)), security(("bearer" = [])))]
async fn cast_vote(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<PostId>,
    Body(edit): Body<VoteEdit>,
) -> Result<Answer> {
    let ballot =
        Ballot { quality: edit.quality.map(|value| value.0), agreement: edit.agreement.map(|value| value.0) };
    answer(&app, asker, id, ballot).await
}

/// Take a vote back
///
/// On both axes.
#[utoipa::path(delete, path = "/posts/{id}/vote", tag = "votes", params(("id" = PostId, Path)), responses((status = 200, body = VoteView)), security(("bearer" = [])))]
async fn retract_vote(State(app): State<App>, asker: Asker, Path(id): Path<PostId>) -> Result<Answer> {
    answer(&app, asker, id, Ballot::NONE).await
}

/// Every path about votes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(cast_vote, retract_vote))
}
