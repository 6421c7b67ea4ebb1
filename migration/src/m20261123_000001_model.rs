//! The whole model: accounts and sessions, the bibliography, topics and scenarios, posts and their
//! relations, votes and stored ranks, and the log of events.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 6] = [
    include_str!("m20261123_000001_model/accounts.sql"),
    include_str!("m20261123_000001_model/topics.sql"),
    include_str!("m20261123_000001_model/posts.sql"),
    include_str!("m20261123_000001_model/sources.sql"),
    include_str!("m20261123_000001_model/ranking.sql"),
    include_str!("m20261123_000001_model/service.sql"),
];

const DOWN: &str = include_str!("m20261123_000001_model/down.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in UP {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}
