//! Whether somebody revised a post lately is found by an index.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261128_000040_revised_lately/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261128_000040_revised_lately/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
