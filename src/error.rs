//! What can go wrong, in the words of the API. Knows neither the web framework nor the database.

use std::borrow::Cow;

use crate::ids::ScenarioId;
use crate::invalid::Invalid;

/// The outcome of anything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $name:literal $title:literal;)*) => {
        /// A stable name for one kind of failure; programs decide by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the status they answer with.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The HTTP status that goes with the code.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// A short summary that is the same at every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    MalformedJson = 400 "malformed_json" "The body is not JSON";
    /// The request cannot be understood at all.
    MalformedRequest = 400 "malformed_request" "The request cannot be understood";
    /// A cursor that this list did not give out.
    InvalidCursor = 400 "invalid_cursor" "This cursor does not belong to this list";
    /// A cursor that is too old to be followed.
    CursorExpired = 400 "cursor_expired" "This cursor has expired";
    /// A token from a mail that is no good here.
    InvalidEmailToken = 400 "invalid_email_token" "This link is not valid, or no longer";
    /// A request to an identity provider that is no good here.
    InvalidAuthorizationRequest = 400 "invalid_authorization_request" "This request to the provider is not valid, or no longer";
    /// Signing in is needed.
    Unauthenticated = 401 "unauthenticated" "Sign in first";
    /// The access token is no good.
    InvalidToken = 401 "invalid_token" "The access token is not valid";
    /// The refresh token is no good.
    InvalidRefreshToken = 401 "invalid_refresh_token" "The refresh token is not valid";
    /// Unknown account or wrong password; which of them is not said.
    WrongCredentials = 401 "wrong_credentials" "Wrong username, address or password";
    /// The password is right, and the account has a second factor.
    SecondFactorRequired = 401 "second_factor_required" "A code of the second factor is needed too";
    /// A code that is wrong, or was used.
    WrongSecondFactor = 401 "wrong_second_factor" "Wrong code";
    /// A passkey that is not known, or did not sign the challenge it was given.
    InvalidPasskey = 401 "invalid_passkey" "This passkey does not sign in";
    /// The identity provider did not say who this is, or not in answer to this request.
    IdentityNotProven = 401 "identity_not_proven" "The identity provider did not confirm who you are";
    /// So many wrong passwords in a row that it signs nobody in any more.
    PasswordLocked = 403 "password_locked" "This password no longer signs anybody in";
    /// Known to exist, and not for this account to do.
    NotAllowed = 403 "not_allowed" "You may not do this";
    /// Whatever concerns the safety of an account asks for a session, not a token.
    SessionRequired = 403 "session_required" "This needs a session, not a personal access token";
    /// A personal access token is good for so much and no more.
    ScopeMissing = 403 "scope_missing" "The token does not have the scope for this";
    /// What is dear to lose asks for a recent proof of who asks.
    StepUpRequired = 403 "step_up_required" "Prove again who you are";
    /// Powers are of use with a second factor only, and a factor is changed with a factor only.
    SecondFactorNeeded = 403 "second_factor_needed" "This needs a second factor";
    /// Taking part needs a confirmed address here.
    EmailNotVerified = 403 "email_not_verified" "Confirm your address first";
    /// Only its author may change a post.
    NotYourPost = 403 "not_your_post" "This post is not yours";
    /// Only its author may change a topic.
    NotYourTopic = 403 "not_your_topic" "This topic is not yours";
    /// Only its author may change an implication.
    NotYourImplication = 403 "not_your_implication" "This implication is not yours";
    /// Nobody settles what they proposed themselves.
    OwnImplication = 403 "own_implication" "Nobody settles their own implication";
    /// Nobody changes their own role.
    OwnRole = 403 "own_role" "Nobody changes their own role";
    /// Moderators keep somebody from something.
    Sanctioned = 403 "sanctioned" "A decision of moderators keeps you from this";
    /// Nobody decides about what they decided.
    OwnDecision = 403 "own_decision" "Nobody looks again at what they decided themselves";
    /// Nobody reports what is theirs.
    OwnSubject = 403 "own_subject" "Nobody reports or decides about what is their own";
    /// Nobody decides a case that they made.
    OwnCase = 403 "own_case" "Nobody decides what they reported";
    /// Only who has all of a role, and no lower rank, gives it or takes it back.
    Outranked = 403 "outranked" "This is above your own role";
    /// Nobody is moved by themselves.
    OwnArgument = 403 "own_argument" "Nobody is moved by their own post";
    /// Only who made a proposal takes it back.
    NotYourProposal = 403 "not_your_proposal" "This proposal is not yours";
    /// Nobody votes on their own post.
    OwnPost = 403 "own_post" "Nobody votes on their own post";
    /// Its owner does not show it.
    TrackRecordPrivate = 403 "track_record_private" "This track record is private";
    /// Whoever has not said what they think is not told what the others think.
    CrowdWithheld = 403 "crowd_withheld" "Say what you think first";
    /// Nothing there, or nothing that this reader may know of.
    NotFound = 404 "not_found" "There is nothing here";
    /// The path exists, the method does not.
    MethodNotAllowed = 405 "method_not_allowed" "This path does not answer to that method";
    /// The request took too long to arrive or to answer.
    Timeout = 408 "timeout" "The request took too long";
    /// Somebody has the name, or had it within a year, or one that looks like it.
    UsernameTaken = 409 "username_taken" "This username is taken";
    /// Usernames change only so often.
    RenamedLately = 409 "renamed_lately" "This username was changed not long ago";
    /// Without the last administrator nobody could make another.
    LastAdministrator = 409 "last_administrator" "The last administrator stays one";
    /// Another account has confirmed the address.
    EmailTaken = 409 "email_taken" "This address belongs to another account";
    /// Another topic has the slug.
    SlugTaken = 409 "slug_taken" "This slug is taken";
    /// Nothing more happens to a tombstone.
    PostDeleted = 409 "post_deleted" "This post was deleted";
    /// Moderators took a post out of sight.
    PostHidden = 409 "post_hidden" "This post is out of sight";
    /// Moderators found that an older post says the same.
    PostIsDuplicate = 409 "post_is_duplicate" "This post is a duplicate";
    /// Nobody replies where moderators said so.
    Locked = 409 "locked" "This is locked";
    /// Nobody votes where moderators said so.
    VotesFrozen = 409 "votes_frozen" "The votes here are frozen";
    /// What an action changed was changed again since.
    ChangedSince = 409 "changed_since" "This was changed since, so it is not taken back";
    /// What is asked for is so already.
    AlreadySo = 409 "already_so" "It is so already";
    /// There is nothing to decide about it.
    NoCase = 409 "no_case" "There is no case of this";
    /// A team, or somebody, has as many queues of cases as they may have.
    TooManyQueues = 409 "too_many_queues" "There are as many queues as there may be";
    /// A plan is executed or approved while it is fresh.
    PlanExpired = 409 "plan_expired" "This plan has expired";
    /// Two jobs about the same thing do not run at once.
    JobOverlaps = 409 "job_overlaps" "Another job is about some of the same";
    /// So many jobs at once.
    TooManyJobs = 409 "too_many_jobs" "Too many of your jobs are under way";
    /// A job that did nothing, or of which all was taken back, or that is too old.
    NothingToUndo = 409 "nothing_to_undo" "There is nothing to undo";
    /// One appeal a decision.
    AppealExists = 409 "appeal_exists" "There was an appeal against this already";
    /// Decisions are appealed against for a time.
    AppealTooLate = 409 "appeal_too_late" "It is too late to appeal against this";
    /// Its author makes changes as long as it is a draft.
    TopicNotDraft = 409 "topic_not_draft" "This topic is no draft any more";
    /// Another moderator is at it.
    CaseClaimed = 409 "case_claimed" "Somebody else claimed this case";
    /// A rule is enforced after it was tried.
    TrialNeeded = 409 "trial_needed" "Try this version of the rule out first";
    /// A rule looks into the set.
    SetInUse = 409 "set_in_use" "A rule looks into this set";
    /// There is no such way from where it stands.
    InvalidStateTransition = 409 "invalid_state_transition" "It cannot go there from where it stands";
    /// A draft has no thread, and an archived one takes nothing more.
    TopicNotOpen = 409 "topic_not_open" "This topic is not open";
    /// Credences are asked about other scenarios by now.
    ScenariosChanged = 409 "scenarios_changed" "The scenarios have changed";
    /// One change of mind a person and post.
    MindChangeExists = 409 "mind_change_exists" "You credited this post before";
    /// It takes two vectors that differ to see a change of mind.
    CredencesUnmoved = 409 "credences_unmoved" "Your credences did not move";
    /// A proposal is decided once, and what was withdrawn is not decided.
    ProposalClosed = 409 "proposal_closed" "This proposal is closed";
    /// The set of scenarios has changed since the proposal was made.
    ChangeDoesNotFit = 409 "change_does_not_fit" "The change does not fit the scenarios there are now";
    /// What others have forecast stays what it was.
    ImplicationHasForecasts = 409 "implication_has_forecasts" "Others have forecast this already";
    /// The record has been consulted.
    ImplicationResolved = 409 "implication_resolved" "This implication is resolved";
    /// What was judged is no longer one of the rival answers.
    ScenarioRetired = 409 "scenario_retired" "This scenario is no longer in force";
    /// The change would leave a topic that breaks its own rules.
    TopicIncomplete = 409 "topic_incomplete" "This topic lacks what an open topic needs";
    /// A reply to a post as deep as threads go.
    ThreadTooDeep = 409 "thread_too_deep" "This thread is as deep as threads go";
    /// An account has one authenticator app.
    SecondFactorExists = 409 "second_factor_exists" "There is a second factor already";
    /// Passkeys are bound to a domain, and the server has none.
    PasskeysOff = 409 "passkeys_off" "This server takes no passkeys";
    /// The authenticator made this passkey before.
    PasskeyExists = 409 "passkey_exists" "This passkey is known already";
    /// An account has as many passkeys as it may have.
    TooManyPasskeys = 409 "too_many_passkeys" "You have as many passkeys as you may have";
    /// An account has as many personal access tokens as it may have.
    TooManyTokens = 409 "too_many_tokens" "You have as many tokens as you may have";
    /// The operator did not turn webhooks on.
    WebhooksOff = 409 "webhooks_off" "This server sends nothing to webhooks";
    /// Somebody has as many webhooks as they may have.
    TooManyWebhooks = 409 "too_many_webhooks" "You have as many webhooks as you may have";
    /// The provider said who it is, and no account has that identity.
    IdentityUnknown = 409 "identity_unknown" "No account has this identity";
    /// Another account has the identity, or this one already.
    IdentityTaken = 409 "identity_taken" "This identity belongs to an account already";
    /// Nobody locks themselves out.
    LastWayIn = 409 "last_way_in" "Without this nobody could sign in to the account";
    /// The answer to the same request is being looked at.
    AuthorizationRequestInUse = 409 "authorization_request_in_use" "This request to the provider is being looked at";
    /// Erasing an account is asked for once.
    ErasurePending = 409 "erasure_pending" "This account is to be erased already";
    /// The copy of somebody's data is not ready.
    ExportNotReady = 409 "export_not_ready" "The copy of your data is not ready";
    /// The first request with this key is still at work.
    IdempotencyKeyInUse = 409 "idempotency_key_in_use" "The first request with this key is still at work";
    /// A token from a mail that was used.
    TokenUsed = 410 "token_used" "This link was used before";
    /// The resource changed since it was read.
    PreconditionFailed = 412 "precondition_failed" "This was changed since you read it";
    /// The body is over the limit.
    TooLarge = 413 "too_large" "The body is too large";
    /// The path and query are over the limit.
    UriTooLong = 414 "uri_too_long" "The address is too long";
    /// The body is not of a type that is read here.
    UnsupportedMediaType = 415 "unsupported_media_type" "The body must be application/json";
    /// Well-formed, and not acceptable; `errors` names the fields.
    Invalid = 422 "invalid" "Some fields are not valid";
    /// One key, two different requests.
    IdempotencyKeyReused = 422 "idempotency_key_reused" "This key was used for another request";
    /// An edit must say which version it edits.
    PreconditionRequired = 428 "precondition_required" "Say which version you are changing";
    /// Moderators make everybody wait.
    SlowMode = 429 "slow_mode" "Wait before you post again";
    /// Too many requests of one class.
    RateLimited = 429 "rate_limited" "Too many requests";
    /// Whoever has no level of trust yet does only so much in a day.
    NewcomerLimit = 429 "newcomer_limit" "Newcomers do only so much in a day";
    /// A rule of automatic moderation takes no more posts of somebody for now.
    LimitedByRule = 429 "limited_by_rule" "A rule of automatic moderation takes no more for now";
    /// Headers are over the limit.
    HeadersTooLarge = 431 "headers_too_large" "The headers are too large";
    /// A fault of the server's.
    Internal = 500 "internal" "Something went wrong on our side";
    /// Something the server needs is away, or there is too much to do.
    Unavailable = 503 "unavailable" "The service is briefly unavailable";
    /// The identity provider is away, or does not answer as agreed.
    IdentityProviderUnavailable = 503 "identity_provider_unavailable" "The identity provider is briefly unavailable";
}

impl Code {
    /// An error of this kind with what is particular to the occurrence.
    pub fn error(self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error {
            code: self,
            detail: detail.into(),
            fields: Vec::new(),
            changes: Vec::new(),
            retry_after: None,
            limit: None,
            contended: false,
            lock_timeout: false,
            source: None,
        }
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it is: a path such as `relations[0].target.id`.
    pub field: String,
    /// A stable name for what is wrong.
    pub code: Cow<'static, str>,
    /// The same for people.
    pub detail: String,
}

impl Field {
    /// Names a field and what is wrong with it.
    pub fn new(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), detail: detail.into() }
    }
}

/// What became of a set of scenarios with one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetChanged {
    /// The version.
    pub version: i32,
    /// What made it, where that is known.
    pub change: Option<Cow<'static, str>>,
    /// Which scenarios came in.
    pub added: Vec<Named>,
    /// Which went out, and what took their place.
    pub retired: Vec<(Named, Option<ScenarioId>)>,
}

/// A scenario, with the name by which people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The scenario.
    pub id: ScenarioId,
    /// Its short name.
    pub label: String,
}

/// How a limit stands for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// The limit.
    pub name: Cow<'static, str>,
    /// So much is allowed in a window.
    pub quota: u32,
    /// The window, in seconds.
    pub window: u32,
    /// So much is left.
    pub remaining: u32,
    /// In so many seconds there is more.
    pub reset: u32,
}

/// A refusal or a fault.
#[derive(Debug)]
pub struct Error {
    /// Its kind.
    pub code: Code,
    /// What is particular to this occurrence; people read it.
    pub detail: Cow<'static, str>,
    /// The fields that are wrong.
    pub fields: Vec<Field>,
    /// What changed in a set of scenarios since the version that was named.
    pub changes: Vec<SetChanged>,
    /// After how many seconds another attempt makes sense.
    pub retry_after: Option<u32>,
    /// The limit that was reached.
    pub limit: Option<Box<LimitState>>,
    /// Whether the database gave this up for another transaction, so that trying again is right.
    pub contended: bool,
    /// Whether the wait for a lock was too long.
    pub lock_timeout: bool,
    /// The cause, for the log only: it has no way into an answer.
    pub source: Option<anyhow::Error>,
}

impl Error {
    /// A fault of ours; the cause goes to the log and the reader learns only the request's id.
    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        let mut error = Code::Internal.error("The fault is logged under this request's id.");
        error.source = Some(source.into());
        error
    }

    /// Something the service needs does not answer.
    pub fn unavailable(source: impl Into<anyhow::Error>) -> Self {
        let mut error = Code::Unavailable.error("Try again in a moment; nothing was changed.");
        error.source = Some(source.into());
        error.retry_after = Some(2);
        error
    }

    /// The same for one of many things that were asked for together and failed together; the cause is told in words.
    #[must_use]
    pub fn of_group(&self) -> Self {
        let mut error = self.code.error(self.detail.clone());
        error.retry_after = self.retry_after;
        error.source = self.source.as_ref().map(|cause| anyhow::anyhow!("{cause:#}"));
        error
    }

    /// One field is wrong.
    pub fn field(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::fields(vec![Field::new(field, code, detail)])
    }

    /// These fields are wrong.
    pub fn fields(fields: Vec<Field>) -> Self {
        let mut error = Code::Invalid.error(match fields.as_slice() {
            [one] => format!("{}: {}", one.field, one.detail),
            many => format!("{} fields are not valid.", many.len()),
        });
        error.fields = fields;
        error
    }

    /// The value of a field was refused.
    pub fn invalid(field: impl Into<String>, invalid: Invalid) -> Self {
        Self::field(field, invalid.code, invalid.detail)
    }

    /// The same where the fields are part of something else: `at` is put before each.
    #[must_use]
    pub fn within(mut self, at: &str) -> Self {
        if self.fields.is_empty() {
            return self;
        }
        for field in &mut self.fields {
            field.field.insert_str(0, at);
        }
        Self { detail: Self::fields(self.fields.clone()).detail, ..self }
    }

    /// Nothing there, or nothing this reader may know of: the two are answered alike.
    pub fn not_found() -> Self {
        Code::NotFound.error("No such thing, or none that you may see.")
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.title(), self.detail)?;
        for field in &self.fields {
            write!(f, "\n  {}: {} ({})", field.field, field.detail, field.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
