//! The way to PostgreSQL: connecting, transactions, paging, and what its errors mean.

mod bell;
mod connect;
pub mod embedded;
mod errors;
pub mod idempotency;
pub mod keyset;
pub mod rate_limit;
mod tx;

pub use bell::Bell;
pub use connect::{AppRole, connect, migrate, migrations_are_current, renumber_ranks, role_of};
pub use errors::OnConstraint;
pub(crate) use tx::begin;
pub use tx::{Tx, retry};

/// Where reads are sent: the pool, or a transaction.
pub use sea_orm::ConnectionTrait;

use sea_orm::{
    ActiveModelTrait, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel, ModelTrait, Statement, Value,
};

use crate::error::Result;

/// A statement written as SQL. Only text fixed when the program was compiled is taken, so nothing a
/// client sends can become part of it.
pub fn sql(text: &'static str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}

/// The rows of a statement.
///
/// # Errors
/// The statement failed, or a row is not of the expected shape.
pub async fn all<T: FromQueryResult>(db: &impl ConnectionTrait, statement: Statement) -> Result<Vec<T>> {
    let rows = db.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| T::from_query_result(row, "")).collect::<std::result::Result<_, _>>()?)
}

/// The first row of a statement, if it has one.
///
/// # Errors
/// As [`all`].
pub async fn one<T: FromQueryResult>(db: &impl ConnectionTrait, statement: Statement) -> Result<Option<T>> {
    let row = db.query_one_raw(statement).await?;
    Ok(row.map(|row| T::from_query_result(&row, "")).transpose()?)
}

/// Adds a row. A whole model is asked for, so that no column can be forgotten.
///
/// # Errors
/// A constraint refused the row, or the database is away.
pub async fn insert<M>(tx: &Tx, model: M) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    <M::Entity as EntityTrait>::ActiveModel: ActiveModelTrait<Entity = M::Entity> + Send,
{
    M::Entity::insert(model.into_active_model()).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Adds rows of one table in as few statements as PostgreSQL's limit on parameters allows.
///
/// # Errors
/// As [`insert`].
pub async fn insert_all<M>(tx: &Tx, models: Vec<M>) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    <M::Entity as EntityTrait>::ActiveModel: ActiveModelTrait<Entity = M::Entity> + Send,
{
    let mut models = models.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while models.peek().is_some() {
        // 65,535 parameters a statement; no table has more than 60 columns.
        let batch: Vec<_> = models.by_ref().take(1000).collect();
        M::Entity::insert_many(batch).exec_without_returning(tx.conn()).await?;
    }
    Ok(())
}

/// Writes every column of a row that is there.
///
/// # Errors
/// A constraint refused it, or the database is away.
pub async fn update<M>(tx: &Tx, model: M) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    <M::Entity as EntityTrait>::ActiveModel: ActiveModelTrait<Entity = M::Entity> + Send,
{
    let changed = ActiveModelTrait::reset_all(model.into_active_model());
    M::Entity::update(changed).exec_without_returning(tx.conn()).await?;
    Ok(())
}
