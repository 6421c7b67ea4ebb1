//! What the database's errors mean to a client.

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

use crate::error::{Error, Result};

/// The sqlx error inside, where there is one.
fn cause(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The SQLSTATE of an error that came from the server itself.
fn sqlstate(error: &DbErr) -> Option<String> {
    Some(cause(error)?.as_database_error()?.code()?.into_owned())
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let away = matches!(error, DbErr::ConnectionAcquire(_))
            || matches!(
                cause(&error),
                Some(
                    sqlx::Error::Io(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::Tls(_)
                        | sqlx::Error::WorkerCrashed
                        | sqlx::Error::Protocol(_)
                )
            );
        let state = sqlstate(&error).unwrap_or_default();
        let contended = matches!(state.as_str(), "40P01" | "40001");
        // Classes 08 (connection), 53 (resources) and 57 (operator intervention, timeouts), the lock
        // timeout, and a password or role refused: none of them is the request's fault or a defect.
        let overloaded = matches!(state.get(..2), Some("08" | "53" | "57" | "28")) || state == "55P03";
        if away || contended || overloaded {
            let mut refused = Error::unavailable(error);
            refused.contended = contended;
            refused.lock_timeout = state == "55P03";
            refused
        } else {
            Error::internal(error)
        }
    }
}

/// Turns the refusal of a named constraint into an error of the API, instead of checking first and
/// writing after: between the two, somebody else may write.
pub trait OnConstraint<T> {
    /// Answers with `error` where the constraint of this name refused.
    ///
    /// # Errors
    /// `error` for that constraint; everything else as it was.
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T> {
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|refused| if refused.constraint() == Some(name) { error() } else { refused })
    }
}

impl Error {
    /// The constraint that refused, where one did.
    pub fn constraint(&self) -> Option<&str> {
        cause(self.source.as_ref()?.downcast_ref::<DbErr>()?)?.as_database_error()?.constraint()
    }
}
