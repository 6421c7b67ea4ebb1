//! Notices that something is against the law, on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts;
use crate::accounts::rules::Email;
use crate::app::App;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::decisions::rules::{LegalGround, Subject, SubjectKind};
use crate::entity::legal_notice;
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::limits::{self, Durable, Key, MailRoute};
use crate::http::{Answer, Claimed, ClientAddress, Create, Path};
use crate::ids::{AppealId, LegalNoticeId};
use crate::keys::sha256;
use crate::moderation::rules::appeal::{AppealState, AppealText};
use crate::moderation::rules::notice::{
    Located, NoticeExplanation, NoticeUrl, NotifierName, ReceiptSecret, locate,
};
use crate::moderation::store::{self, Against, Appellant, Contact, Notice, Purpose};
use crate::policy::{Actor, Permit};
use crate::topics;

/// That something is against the law.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLegalNotice {
    /// What is; or else `url`.
    #[serde(default)]
    subject: Option<Subject>,
    /// Where it is: the address of a post, a topic or an account of this site.
    #[serde(default)]
    url: Option<NoticeUrl>,
    /// Why it is against the law.
    explanation: NoticeExplanation,
    /// Which law.
    legal_ground: LegalGround,
    /// Whether it is about the sexual abuse of children: then you need not say who you are.
    #[serde(default)]
    is_child_abuse: bool,
    /// Your name.
    #[serde(default)]
    name: Option<NotifierName>,
    /// Where you are told what comes of it.
    #[serde(default)]
    email: Option<Email>,
    /// That you believe in good faith that what you say is accurate and complete: `true`.
    good_faith: bool,
}

/// The receipt of a notice.
#[derive(Debug, Serialize, ToSchema)]
struct LegalNoticeReceipt {
    id: LegalNoticeId,
    subject: Subject,
    legal_ground: String,
    /// By this whoever gave the notice appeals, with or without an account (`POST /legal-notices/{id}/appeal`). It is told here
    /// and in the mail, and nowhere again.
    secret: String,
    /// Whether what comes of it is told by mail.
    is_told_by_mail: bool,
    created_at: Timestamp,
}

/// What a notice lacks.
fn lacking(new: &NewLegalNotice) -> Vec<Field> {
    let mut wrong = Vec::new();
    match (&new.subject, &new.url) {
        (None, None) => {
            wrong.push(Field::new("url", "missing", "Say where it is: by `url`, or by `subject`."));
        }
        (Some(_), Some(_)) => {
            wrong.push(Field::new("url", "does_not_fit", "Say where it is once: by `url`, or by `subject`."));
        }
        _ => {}
    }
    if !new.is_child_abuse || new.name.is_some() || new.email.is_some() {
        if new.name.is_none() {
            wrong.push(Field::new("name", "missing", "Say who you are."));
        }
        if new.email.is_none() {
            wrong.push(Field::new("email", "missing", "Say where you are to be told what comes of it."));
        }
    }
    if !new.good_faith {
        let detail = "Say `true`: that you believe what you say to be accurate and complete.";
        wrong.push(Field::new("good_faith", "not_confirmed", detail));
    }
    wrong
}

/// What an address of the site is about.
async fn located(app: &App, tx: &Tx, actor: &Actor, url: &NoticeUrl) -> Result<Subject> {
    let unknown = || {
        let detail = "No post, topic or account of this site is there, or none that you may see.";
        Error::field("url", "unknown_id", detail)
    };
    let bases = [app.config.link_base(), app.config.server.public_url.as_str()];
    match locate(url.as_str(), &bases).ok_or_else(unknown)? {
        Located::Post(id) => Ok(Subject { kind: SubjectKind::Post, id }),
        Located::Topic(slug) => {
            let found = topics::find(tx.conn(), actor, &slug).await;
            let topic =
                found.map_err(|error| if error.code == Code::NotFound { unknown() } else { error })?;
            Ok(Subject { kind: SubjectKind::Topic, id: topic.id.0 })
        }
        Located::Account(name) => {
            let account = accounts::find_by_username(tx.conn(), &name).await?.ok_or_else(unknown)?;
            Ok(Subject { kind: SubjectKind::Account, id: account.id.0 })
        }
    }
}

/// Give notice of something illegal
///
/// As article 16 of the Digital Services Act of the European Union has it; nobody needs an account for it. The receipt comes
/// by mail, and so does what was decided, with what can be done about that. What is illegal is looked into like a report by
/// the rule `illegal`; who gave notice is known to those who decide it, and forgotten later
/// (`moderation.notice_contact_days`).
#[utoipa::path(post, path = "/legal-notices", tag = "moderation", request_body = NewLegalNotice, responses((status = 201, body = LegalNoticeReceipt)), security((), ("bearer" = [])))]
async fn give_legal_notice(
    State(app): State<App>,
    actor: Actor,
    ClientAddress(address): ClientAddress,
    create: Create<NewLegalNotice>,
) -> Result<Answer> {
    if actor.signed_in().is_some() {
        actor.require_scope(Scope::Post)?;
    }
    // Counted before it is looked into, whether it has an address or not.
    if let Some(email) = &create.input.email {
        limits::mail(&app, MailRoute::LegalNotice, &email.key(), actor.id(), address).await?;
    } else {
        let limit = Durable::MailPerAddress(MailRoute::LegalNotice);
        limits::count_durably(&app, &[(limit, Key::Address(address))]).await?;
    }
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let wrong = lacking(&new);
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    let subject = match (new.subject, &new.url) {
        (Some(subject), _) => subject,
        (None, Some(url)) => located(&app, &tx, &actor, url).await?,
        (None, None) => return Err(Error::field("url", "missing", "Say where it is.")),
    };
    let reported = store::find_subject(&tx, &actor, subject, Purpose::Report).await?;
    let giver = actor.may_give_notice(reported.owner_id)?;
    let contact = new.name.zip(new.email);
    let notice = Notice {
        legal_ground: new.legal_ground,
        explanation: new.explanation,
        is_child_abuse: new.is_child_abuse,
        contact: contact.map(|(name, email)| Contact { name: name.into(), email: email.to_string() }),
    };
    let (row, secret) = store::file_notice(&app, &tx, &giver, &reported, notice).await?;
    let event = Event { kind: "legal_notice_given", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let answer = once.record(&app, &tx, receipt(row, subject, &secret)?).await?;
    tx.commit().await?;
    Ok(answer)
}

fn receipt(row: legal_notice::Model, subject: Subject, secret: &ReceiptSecret) -> Result<Answer> {
    let view = LegalNoticeReceipt {
        id: row.id,
        subject,
        legal_ground: row.legal_ground,
        secret: secret.expose(),
        is_told_by_mail: row.sealed_contact.is_some(),
        created_at: row.created_at.into(),
    };
    Answer::created_unseen(&view)
}

/// Why whoever gave a notice holds it to be wrong that nothing was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNoticeAppeal {
    /// As the receipt has it.
    secret: ReceiptSecret,
    /// What is wrong with the decision.
    text: AppealText,
}

/// The receipt of an appeal.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeAppealReceipt {
    id: AppealId,
    legal_notice_id: LegalNoticeId,
    text: String,
    state: AppealState,
    /// Whether what comes of it is told by mail.
    is_told_by_mail: bool,
    created_at: Timestamp,
}

/// Appeal about a notice
///
/// By its receipt, without an account: where it was rejected or ignored, within six months (`moderation.appeal_months`), once.
/// Somebody else looks at it again than whoever decided, and what comes of it is told by mail.
#[utoipa::path(post, path = "/legal-notices/{id}/appeal", tag = "moderation", params(("id" = LegalNoticeId, Path)), request_body = NewNoticeAppeal, responses((status = 201, body = NoticeAppealReceipt)), security((), ("bearer" = [])))]
async fn appeal_legal_notice(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<LegalNoticeId>,
    create: Create<NewNoticeAppeal>,
) -> Result<Answer> {
    if actor.signed_in().is_some() {
        actor.require_scope(Scope::Profile)?;
    }
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let (notice, report) = store::find_notice(&tx, id).await?;
    let permit = Permit::by_receipt(&notice, &sha256(&new.secret.0))?;
    let appellant = Appellant::Notifier(&permit);
    let (row, unentered) =
        store::file_appeal(&app, &tx, appellant, &Against::Report(report), new.text).await?;
    let event = Event { kind: "appeal_filed", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = NoticeAppealReceipt {
        id: row.id,
        legal_notice_id: permit.act().notice_id,
        text: row.text,
        state: row.state,
        is_told_by_mail: notice.sealed_contact.is_some(),
        created_at: row.created_at.into(),
    };
    let answer = once.record(&app, &tx, Answer::created_unseen(&view)?).await?;
    unentered.record(&app, &tx).await?;
    tx.commit().await?;
    Ok(answer)
}

/// The paths about notices.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(give_legal_notice)).routes(routes!(appeal_legal_notice))
}
