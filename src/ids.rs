//! Identifiers: one type per kind of thing, over time-ordered UUIDs (version 7, RFC 9562).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Declares identifier types, usable as primary keys, in JSON, in paths and in the API document.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize, sea_orm::DeriveValueType, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        // SeaORM asks this of every primary key, for databases that count rows.
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    )*};
}

id! {
    /// An account: a person who can sign in, or the name of an imported debate's author.
    AccountId
    /// A sign-in, with the refresh tokens that descend from it.
    SessionId
    /// A personal access token.
    TokenId
    /// A passkey.
    PasskeyId
    /// An identity at a provider that somebody signs in with.
    IdentityId
    /// A grant of a role or of permissions.
    RoleGrantId
    /// A mail on its way.
    MailId
    /// A topic: the debate about one counterfactual question.
    TopicId
    /// What really happened, and when.
    HistoricalEventId
    /// A more exact way in which the antecedent could hold.
    VariantId
    /// A fact held fixed, or named as open.
    BackgroundFactId
    /// A rival answer.
    ScenarioId
    /// A step in the causal chain of a scenario.
    ChainStepId
    /// A proposed change of a set of scenarios.
    ScenarioProposalId
    /// An entry in a topic's bibliography.
    SourceId
    /// A quotation from a source.
    QuotationId
    /// A reference from a part of the debate to a source or quotation.
    CitationId
    /// An argument in a thread.
    PostId
    /// What a post does to a target.
    RelationId
    /// A vector of credences.
    CredenceId
    /// That a post moved somebody.
    MindChangeId
    /// What the record should show if scenarios are right.
    ImplicationId
    /// How likely somebody takes it to be that the record shows it.
    ForecastId
    /// Cases like a scenario, counted.
    ReferenceClassId
    /// That somebody holds a subject to break a rule.
    ReportId
    /// That somebody holds something to be against the law.
    LegalNoticeId
    /// What a moderator notes of an account or a case.
    ModNoteId
    /// What moderators and somebody whom a case concerns write to each other.
    CaseMessageId
    /// A text that moderators use again and again.
    TemplateId
    /// A choice of cases that has a name.
    QueueId
    /// That reports of somebody weigh nothing for a while.
    ReportMuteId
    /// That a moderator ended somebody's sessions, or looked at what their account shares with others.
    AccountAccessId
    /// What moderators have to decide of a subject.
    CaseId
    /// Something that is done to many things at a time.
    JobId
    /// Something that moderators did, or took back.
    ActionId
    /// That somebody holds a decision to be wrong.
    AppealId
    /// A rule by which posts are judged without a human.
    AutomationRuleId
    /// What such a rule would have made of posts that were there.
    TrialId
    /// That such a rule met a post.
    RuleHitId
    /// A set of words or domains.
    ListSetId
    /// Something that speaks for an attack by votes.
    VoteSignalId
    /// That somebody looked at who voted on a post.
    VoteInspectionId
    /// Votes that are not to count.
    VoteNullificationId
    /// Where events of moderation are told of.
    WebhookId
    /// That a webhook is told of an event.
    DeliveryId
}

/// Where new identifiers come from: the system, or a counter that repeats itself in tests.
#[derive(Debug, Clone)]
pub enum Ids {
    /// Time and randomness, monotonic within the process.
    System,
    /// Consecutive values from a counter.
    Seeded(Arc<AtomicU64>),
}

impl Ids {
    /// Identifiers that are the same in every run: 1, 2, 3 …
    pub fn seeded() -> Self {
        Self::Seeded(Arc::new(AtomicU64::new(0)))
    }

    /// The next identifier, greater than all before it from this source.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes identifiers")]
    pub fn next<T: From<Uuid>>(&self) -> T {
        T::from(match self {
            Self::System => Uuid::now_v7(),
            Self::Seeded(counter) => {
                let n = counter.fetch_add(1, Ordering::Relaxed) + 1;
                let mut random = [0; 10];
                random[2..].copy_from_slice(&n.to_be_bytes());
                uuid::Builder::from_unix_timestamp_millis(0, &random).into_uuid()
            }
        })
    }
}
