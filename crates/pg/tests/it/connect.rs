//! What is said of a database that cannot be used.

use std::error::Error as _;

use pg::{ConnectError, PgSettings};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::server::{Folder, start};

async fn refusal(url: &str) -> ConnectError {
    pg::connect(&PgSettings::new(url, "test")).await.unwrap_err()
}

// OPS-3
#[tokio::test]
async fn a_database_that_does_not_want_us_is_told_by_its_reason_and_without_the_password() {
    let folder = Folder::new();
    let server = start(&folder.0).await;
    server.ensure_database("shop", "shop").await.unwrap();
    let mut admin = PgConnection::connect(&server.admin_url()).await.unwrap();
    admin
        .execute("alter role shop password 'correct'; create role guest login password 'correct'")
        .await
        .unwrap();
    admin.close().await.unwrap();
    // From the next start on, passwords are asked for.
    let rules = server.data_dir().join("cluster/pg_hba.conf");
    std::fs::write(&rules, "local all souk trust\nlocal all all scram-sha-256\n").unwrap();
    server.stop().await.unwrap();
    let server = start(&folder.0).await;

    let url = |role: &str, password: &str, database: &str| {
        let login = format!("{role}:{password}@");
        server
            .url(database, role)
            .replacen(&format!("{role}@"), &login, 1)
    };
    drop(
        pg::connect(&PgSettings::new(url("shop", "correct", "shop"), "test"))
            .await
            .unwrap(),
    );
    for (url, code, reason) in [
        (
            url("shop", "hunter2", "shop"),
            "28P01",
            "mend them in the database's address",
        ),
        (
            url("nobody", "hunter2", "shop"),
            "28P01",
            "does not take the user or the password",
        ),
        (
            url("shop", "correct", "nowhere"),
            "3D000",
            "make it, or mend the database's address",
        ),
        (url("guest", "correct", "shop"), "42501", "grant it `connect`"),
    ] {
        let error = refusal(&url).await;
        let source = error.source().unwrap().downcast_ref::<sqlx::Error>().unwrap();
        assert_eq!(
            source.as_database_error().unwrap().code().unwrap(),
            code,
            "{error}"
        );
        let said = format!("{error} {source} {error:?}");
        assert!(
            said.contains(reason) && said.contains("/shop") | said.contains("/nowhere"),
            "{said}"
        );
        assert!(!said.contains("hunter2") && !said.contains("correct"), "{said}");
    }
}
