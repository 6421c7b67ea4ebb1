//! What the first model left to the service alone, held by the database as well: lengths, the place of a post
//! in its tree, and what a relation and a vote may become. And who brought a source, so that it can go with
//! the post that brought it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = include_str!("m20261123_000002_tighter_model/up.sql");
        manager.get_connection().execute_unprepared(up).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = include_str!("m20261123_000002_tighter_model/down.sql");
        manager.get_connection().execute_unprepared(down).await?;
        Ok(())
    }
}
