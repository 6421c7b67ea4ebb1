//! The rules of the site, reports of what breaks them, and the cases these make.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261124_000020_reports_and_cases/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261124_000020_reports_and_cases/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
