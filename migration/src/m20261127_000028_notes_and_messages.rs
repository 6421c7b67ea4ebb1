//! What moderators note of people and cases, what they write to people about cases and are answered, and texts for that.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261127_000028_notes_and_messages/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261127_000028_notes_and_messages/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
