//! Sessions, tokens and second factors on the wire.

mod passkeys;
mod second_factors;
mod sessions;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use super::factors::Check;
use super::rules::FactorProof;
use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry};
use crate::db::Tx;
use crate::error::{Code, Error, Result};

/// What an entry says of the second factor that was shown.
fn shown(passed: bool, proof: Option<&FactorProof>) -> serde_json::Value {
    match proof.filter(|_| passed) {
        Some(proof) => serde_json::json!({ "second_factor": proof.kind() }),
        None => serde_json::Value::Null,
    }
}

/// Undoes what was done so far and records that the second factor was not shown. The attempt stays counted.
async fn refuse_factor(
    app: &App,
    tx: Tx,
    entry: Entry,
    check: &Check,
    proof: Option<&FactorProof>,
) -> Result<Error> {
    drop(tx);
    let data = serde_json::json!({ "second_factor": proof.map_or("missing", FactorProof::kind) });
    audit::record_alone(app, Entry { outcome: Outcome::Refused, data, ..entry }).await?;
    Ok(match check {
        Check::Missing => Code::SecondFactorRequired
            .error("Send the same with the app's `totp_code`, a `passkey`, or a `recovery_code`."),
        _ => Code::WrongSecondFactor
            .error("A code is good once and for about a minute: wait for the next one, and mind the clock of the device."),
    })
}

/// Every path about sessions, tokens and second factors.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(sessions::router())
        .merge(tokens::router())
        .merge(second_factors::router())
        .merge(passkeys::router())
}
