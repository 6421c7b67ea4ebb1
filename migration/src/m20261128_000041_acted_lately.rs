//! When somebody last voted or changed a post is found by indexes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261128_000041_acted_lately/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261128_000041_acted_lately/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
