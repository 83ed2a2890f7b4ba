//! `souk audit`: each invariant is broken by hand, and the audit says which it is and where.

use souk::audit::{AsOf, Books, Report};
use souk_test_shop::{Api, Person, SoukUp, free_ports};
use types::{Clock as _, SystemClock};

use crate::tamperings::{run, stopped, tamperings};
use crate::up::{Folder, souk};

async fn audit(books: &Books) -> Report {
    souk::audit::check(books, AsOf::quiet(SystemClock.now()))
        .await
        .expect("books")
}

#[tokio::test]
async fn each_invariant_that_is_broken_by_hand_is_found_and_named() {
    let stopped = stopped().await;
    let books = &stopped.books;
    let clean = audit(books).await;
    assert!(
        clean.is_clean() && clean.left_out == 0,
        "{}",
        clean.table().join("\n")
    );
    for line in &clean.lines {
        assert!(line.tally.checked > 0, "nothing was checked: {}", line.holds);
    }
    let mut untouched: Vec<&str> = clean.lines.iter().map(|line| line.holds).collect();
    for tampering in tamperings(&stopped) {
        let pool = (tampering.at)(books);
        run(pool, &tampering.breaks).await;
        let report = audit(books).await;
        let line = report.lines.iter().find(|line| line.holds == tampering.holds);
        let tally = &line.expect("a line of the table").tally;
        assert!(
            tally.broken > 0 && tally.first.iter().any(|wrong| wrong.contains(&tampering.says)),
            "{} was not found in:\n{}",
            tampering.breaks,
            report.table().join("\n")
        );
        assert!(!report.is_clean());
        run(pool, &tampering.mends).await;
        untouched.retain(|holds| *holds != tampering.holds);
    }
    assert!(untouched.is_empty(), "nobody broke: {untouched:?}");
    let mended = audit(books).await;
    assert!(mended.is_clean(), "{}", mended.table().join("\n"));
}

#[tokio::test]
async fn what_changed_a_moment_ago_is_left_out_on_a_shop_that_sells() {
    let stopped = stopped().await;
    run(
        &stopped.books.payment,
        "update payments set captured_minor = captured_minor + 5, updated_at = now()",
    )
    .await;
    let now = SystemClock.now();
    let settled_before = now - std::time::Duration::from_secs(30);
    let report = souk::audit::check(&stopped.books, AsOf { now, settled_before })
        .await
        .expect("books");
    let money = report.lines.iter().find(|line| line.rule == "PAY-14");
    assert_eq!(money.expect("a line").tally.checked, 0);
    assert_eq!(report.left_out, 5);
    assert!(!audit(&stopped.books).await.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn souk_audit_checks_a_folder_whether_its_shop_runs_or_not_and_says_so_with_its_exit_code() {
    let folder = Folder::new("audit");
    let dir = folder.0.display().to_string();
    let (ok, said) = souk(&["audit", "--data", &dir], &[]);
    assert!(!ok && said.contains("there is no shop"), "{said}");
    let (ok, said) = souk(&["audit"], &[]);
    assert!(!ok && said.contains("PAYMENT_DATABASE_URL"), "{said}");

    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let api = Api::new(up.gateway());
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let products = api.get("/api/products?limit=1").await.expect(200);
    let product = products.at("/products/0/id").as_i64().unwrap_or_default();
    drop(customer.orders(&[(product, 1)]).await.expect(201));
    let (ok, said) = souk(&["audit", "--data", &dir, "--settled", "0"], &[]);
    assert!(ok && said.contains("the books are right"), "{said}");
    up.process.stop();

    let (ok, said) = souk(&["audit", "--data", &dir, "--settled", "0"], &[]);
    assert!(ok && said.contains("the books are right"), "{said}");
}
