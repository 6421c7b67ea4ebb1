//! Finding what is next in a long queue: tags on cases, what waits within a topic, and queues that are counted in one go.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261128_000036_triage/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261128_000036_triage/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
