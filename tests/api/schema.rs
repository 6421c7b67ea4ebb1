//! The schema: its way up and down, its names, and that the entities describe it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use migration::Migrator;
use otherwise::db::AppRole;
use otherwise::entity;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, IdenStatic, Iterable, QuerySelect};
use sea_orm_migration::MigratorTrait;
use serde_json::json;

use crate::support::database::Database;
use crate::support::{TestApp, config};

/// Everything a schema consists of, as lines of text.
const DUMP: &str = "
    WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = 'public')
    SELECT format('column %s.%s %s %s %s not null %s default %s identity %s', c.relname, a.attnum, a.attname, a.atttypid::regtype,
                  a.atttypmod, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity)
      FROM pg_class c JOIN here ON c.relnamespace = here.oid JOIN pg_attribute a ON a.attrelid = c.oid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p')
    UNION ALL SELECT format('relation %s %s %s', c.relkind, c.relname, c.reloptions) FROM pg_class c JOIN here ON c.relnamespace = here.oid
    UNION ALL SELECT format('view %s %s', c.relname, pg_get_viewdef(c.oid)) FROM pg_class c JOIN here ON c.relnamespace = here.oid
               WHERE c.relkind IN ('v', 'm')
    UNION ALL SELECT format('constraint %s on %s%s: %s', n.conname, n.conrelid::regclass, n.contypid::regtype, pg_get_constraintdef(n.oid))
      FROM pg_constraint n JOIN here ON n.connamespace = here.oid
    UNION ALL SELECT format('index %s', pg_get_indexdef(i.indexrelid))
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN here ON c.relnamespace = here.oid
    UNION ALL SELECT format('trigger %s', pg_get_triggerdef(t.oid))
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN here ON c.relnamespace = here.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT format('function %s', pg_get_functiondef(p.oid)) FROM pg_proc p JOIN here ON p.pronamespace = here.oid
    UNION ALL SELECT format('type %s %s %s', t.typname, t.typtype, t.typbasetype::regtype)
      FROM pg_type t JOIN here ON t.typnamespace = here.oid WHERE t.typtype IN ('d', 'e', 'r')
    ORDER BY 1";

async fn dump(database: &Database) -> Vec<String> {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::query_scalar(DUMP).fetch_all(&mut connection).await.unwrap()
}

async fn pool(database: &Database) -> DatabaseConnection {
    otherwise::db::connect(database.url(), &config("").database).await.unwrap()
}

#[tokio::test]
async fn the_schema_goes_up_and_down_and_up_again() {
    let database = Database::empty().await;
    let db = pool(&database).await;
    otherwise::db::migrate(database.url(), None).await.unwrap();
    let first = dump(&database).await;
    for kind in ["column ", "view ", "constraint ", "index ", "trigger ", "function ", "type "] {
        assert!(first.iter().any(|line| line.starts_with(kind)), "no {kind}in the dump");
    }
    Migrator::down(&db, None).await.unwrap();
    let left: Vec<String> =
        dump(&database).await.into_iter().filter(|line| !line.contains("seaql_migrations")).collect();
    assert!(left.is_empty(), "{left:#?}");
    otherwise::db::migrate(database.url(), None).await.unwrap();
    assert_eq!(dump(&database).await, first);
}

#[tokio::test]
async fn two_servers_may_migrate_at_once() {
    let database = Database::empty().await;
    let role = AppRole { name: "otherwise_app".to_owned(), make: true };
    let migrate = || otherwise::db::migrate(database.url(), Some(&role));
    let (first, second) = tokio::join!(migrate(), migrate());
    first.unwrap();
    second.unwrap();
    assert!(otherwise::db::migrations_are_current(&pool(&database).await).await.unwrap());
    let alone = Database::clone_template().await;
    assert_eq!(dump(&database).await, dump(&alone).await);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let database = Database::clone_template().await;
    let before = dump(&database).await;
    otherwise::db::migrate(database.url(), None).await.unwrap();
    assert_eq!(dump(&database).await, before);
}

fn text_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text_below(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[tokio::test]
async fn every_constraint_and_index_has_a_name_that_a_migration_gives() {
    let mut written = String::new();
    text_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src"), &mut written);
    let written: BTreeSet<&str> = written.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let database = Database::clone_template().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    // From PostgreSQL 18 on, NOT NULL is a constraint with a name as well; nobody needs that one.
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
           AND conrelid IS DISTINCT FROM 'seaql_migrations'::regclass
         UNION SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          WHERE c.relnamespace = 'public'::regnamespace AND i.indrelid <> 'seaql_migrations'::regclass",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(names.len() > 150, "{}", names.len());
    let invented: Vec<&String> = names.iter().filter(|name| !written.contains(name.as_str())).collect();
    assert!(invented.is_empty(), "PostgreSQL named these: {invented:?}");
}

/// What an entity says of its table, and whether each column may be null.
async fn described<E: EntityTrait>(db: &DatabaseConnection, entity: E) -> (String, BTreeMap<String, bool>) {
    let rows = E::find().limit(0).all(db).await.unwrap();
    assert!(rows.is_empty());
    let columns = E::Column::iter().map(|column| (column.as_str().to_owned(), column.def().is_null()));
    (entity.table_name().to_owned(), columns.collect())
}

macro_rules! described {
    ($db:expr, $($name:ident)*) => {
        [$((stringify!($name), described($db, entity::$name::Entity).await)),*]
    };
}

#[tokio::test]
async fn every_entity_has_the_columns_of_its_table() {
    let database = Database::clone_template().await;
    let db = pool(&database).await;
    let described = described!(&db,
        account account_access antecedent_variant appeal audit_log authorization_request automation_rule automation_rule_version
        automation_state automation_trial background_fact case_event case_message case_queue chain_step checkpoint checkpoint_credence
        citation cotenability_flag credence credence_in_force credence_part credence_tally criterion_rating crowd
        data_export debate_import email_token erased_username erasure event favourite_tally forecast
        forecast_in_force historical_event identity implication implication_scenario inevitability kind_dispute
        legal_notice list_set list_value mail meta_prediction meta_prediction_part meta_prediction_tally mind_change mod_action
        mod_job mod_job_item mod_note moderation_case outcome_likelihood passkey personal_access_token policy_rule post post_fingerprint
        post_revision post_tally quotation rate_limit recovery_code reference_class refresh_token relation report
        report_mute reported_version role_grant rule_hit sanction scenario scenario_proposal scenario_set_version session
        sign_in_failure sign_up source stance_effect statement_of_reasons step_credence template topic topic_activity topic_participant topic_tag totp_factor
        used_challenge username_history variant_step vote vote_inspection vote_nullification
        vote_nullification_item vote_signal vote_signal_account webhook webhook_delivery);
    let files: BTreeSet<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/entity"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "mod")
        .collect();
    let named: BTreeSet<String> = described.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, files, "the list above names every file of src/entity");
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    for (name, (table, columns)) in described {
        assert_eq!(name, table);
        let stored: Vec<(String, bool)> = sqlx::query_as(
            "SELECT column_name::text, is_nullable = 'YES' FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = $1",
        )
        .bind(&table)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(columns, stored.into_iter().collect::<BTreeMap<_, _>>(), "{table}");
    }
}

#[tokio::test]
async fn stamps_from_the_future_are_renumbered_and_lists_are_whole_again() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for i in 0..4 {
        posts.push(alice.posts_in(&slug, &format!("Argument {i}.")).await);
    }
    bob.judges(&posts[2], 1).await;
    let ids = |body: &serde_json::Value, at: &str| -> Vec<String> {
        let items = body.pointer(at).unwrap().as_array().unwrap();
        items.iter().map(|post| post["id"].as_str().unwrap().to_owned()).collect()
    };
    let whole = |client: crate::support::Client, slug: String| async move {
        let first = client.get(&format!("/topics/{slug}/thread?limit=2")).await.is(200);
        let next = first.text("/posts/next");
        let second = client.get(&format!("/topics/{slug}/thread?limit=2&after={next}")).await.is(200);
        [ids(&first.body, "/posts/items"), ids(&second.body, "/posts/items")].concat()
    };
    let expected = whole(alice.clone(), slug.clone()).await;
    assert_eq!(expected.len(), 4);

    let mut connection = PgConnection::connect(app.database_url()).await.unwrap();
    let stamps = "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM (SELECT 'p', post_id, since, until FROM post_rank
                  UNION ALL SELECT 't', topic_id, since, until FROM topic_rank) r";
    let before: String = sqlx::query_scalar(stamps).fetch_one(&mut connection).await.unwrap();
    otherwise::db::renumber_ranks(&app.app.db).await.unwrap();
    let after: String = sqlx::query_scalar(stamps).fetch_one(&mut connection).await.unwrap();
    assert_eq!(before, after, "stamps of this cluster are left alone");

    for table in ["post_rank", "topic_rank"] {
        let later = format!(
            "UPDATE {table} SET since = ((since::text)::bigint + 1000000000)::text::xid8,
                                until = ((until::text)::bigint + 1000000000)::text::xid8"
        );
        sqlx::raw_sql(AssertSqlSafe(later)).execute(&mut connection).await.unwrap();
    }
    let hidden = whole(alice.clone(), slug.clone()).await;
    assert_ne!(hidden, expected, "stamps from the future hide places from later pages");
    otherwise::db::renumber_ranks(&app.app.db).await.unwrap();
    assert_eq!(whole(alice.clone(), slug.clone()).await, expected);
    let first = alice.get("/topics?limit=1").await.is(200);
    assert_eq!(first.body["items"][0]["slug"], json!(slug));
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM post_rank WHERE until IS NULL")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 4);
}

#[tokio::test]
async fn who_had_a_role_before_grants_were_recorded_has_it_by_a_grant() {
    let database = Database::empty().await;
    let db = pool(&database).await;
    let before =
        Migrator::migrations().iter().position(|migration| migration.name().ends_with("_roles")).unwrap();
    Migrator::up(&db, Some(before.try_into().unwrap())).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), name, name, 'person', role, 0, 'active', 1, now(), now()
         FROM (VALUES ('alice', 'member'), ('bob', 'moderator'), ('carol', 'administrator')) AS given (name, role)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    Migrator::up(&db, None).await.unwrap();
    let granted: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s %s', a.username, g.role) FROM role_grant g JOIN account a ON a.id = g.account_id ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(granted, ["bob moderator", "carol administrator"]);
}

#[tokio::test]
async fn a_database_that_has_topics_goes_up() {
    let database = Database::empty().await;
    let db = pool(&database).await;
    let before =
        Migrator::migrations().iter().position(|migration| migration.name().ends_with("_crowd")).unwrap();
    Migrator::up(&db, Some(before.try_into().unwrap())).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         VALUES (gen_random_uuid(), 'alice', 'alice', 'person', 'member', 0, 'active', 1, now(), now());
         INSERT INTO topic (id, slug, title, antecedent_statement, tolerance_days, status, scenario_set_version, author_id,
                            version, created_at, updated_at)
         SELECT gen_random_uuid(), 'orleans', 'Had Orleans fallen', 'Jeanne ne d\u{e9}livre pas la ville.', 365, 'draft', 3,
                id, 1, now(), now()
         FROM account",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    otherwise::db::migrate(database.url(), None).await.unwrap();
    let select = "SELECT concat_ws(' ', comparable_since, crowd_shown_to_guests, likeness) FROM topic";
    let brought: String = sqlx::query_scalar(select).fetch_one(&mut connection).await.unwrap();
    assert_eq!(brought, "3 f Jeanne ne delivre pas la ville.");
}

#[tokio::test]
async fn who_was_there_before_rules_asked_about_newcomers_is_not_new() {
    let database = Database::empty().await;
    let db = pool(&database).await;
    let before = Migrator::migrations()
        .iter()
        .position(|migration| migration.name().ends_with("_author_rules"))
        .unwrap();
    Migrator::up(&db, Some(before.try_into().unwrap())).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), name, name, kind, 'member', 0, state, 1, now(), now()
         FROM (VALUES ('alice', 'person', 'active'), ('gone', 'person', 'deleted')) AS given (name, kind, state)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    otherwise::db::migrate(database.url(), None).await.unwrap();
    let select = "SELECT concat_ws(' ', a.username, s.at = a.created_at, s.judged_at IS NOT NULL)
                  FROM sign_up s JOIN account a ON a.id = s.account_id";
    let brought: Vec<String> = sqlx::query_scalar(select).fetch_all(&mut connection).await.unwrap();
    assert_eq!(brought, ["alice t t"]);
}

#[tokio::test]
async fn who_may_not_make_the_extension_is_told_what_to_do() {
    // With it comes the role that owns nothing.
    Database::clone_template().await;
    let database = Database::empty().await;
    let refused = otherwise::db::migrate(&database.app_url(), None).await.unwrap_err();
    let told = format!("{refused:#}");
    assert!(told.contains("CREATE EXTENSION pg_trgm") && told.contains("GRANT CREATE ON DATABASE"), "{told}");
    assert!(dump(&database).await.is_empty());
}
