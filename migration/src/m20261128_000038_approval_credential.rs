//! With which session the second person agreed to a bulk job: what they agreed to is done as long as that still stands.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261128_000038_approval_credential/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261128_000038_approval_credential/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
