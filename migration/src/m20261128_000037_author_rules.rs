//! What rules of automatic moderation ask about people: the sets they look into for that, who signed in for the first time,
//! and votes that come in a burst.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261128_000037_author_rules/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261128_000037_author_rules/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
