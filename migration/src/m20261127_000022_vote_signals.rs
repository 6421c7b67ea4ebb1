//! What speaks for attacks by votes, who looked at who voted, and votes that do not count.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261127_000022_vote_signals/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261127_000022_vote_signals/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
