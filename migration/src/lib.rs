//! The database schema of Otherwise: one dated file per change, each with its way up and its way down.
//!
//! Tables and constraints are written as SQL, since the database holds as many invariants as it can
//! (domains, composite foreign keys, partial indexes, triggers) and those have no builder form.
//! Every constraint has a name: the service turns names into error codes.

use sea_orm_migration::prelude::*;

mod m20261123_000001_model;
mod m20261124_000001_mail;

/// Applies and reverts the changes in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261123_000001_model::Migration), Box::new(m20261124_000001_mail::Migration)]
    }
}
