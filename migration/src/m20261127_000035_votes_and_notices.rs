//! Votes that are not to count are decided like anything else: with reasons, and by a second person where it is much; and
//! receipts of notices have a secret.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261127_000035_votes_and_notices/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261127_000035_votes_and_notices/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
