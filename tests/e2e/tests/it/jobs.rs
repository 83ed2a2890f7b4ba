//! What an operator does with jobs from the command line.

use souk_test_shop::{Api, Person, SoukUp, free_ports};

use crate::up::{Folder, souk};

// JOB-1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn souk_jobs_lists_shows_requeues_and_discards() {
    let folder = Folder::new("jobs");
    let dir = folder.0.display().to_string();
    let jobs = |arguments: &[&str]| souk(&[&["jobs", "--data", &dir], arguments].concat(), &[]);
    let (ok, said) = souk(&["jobs", "list"], &[]);
    assert!(!ok && said.contains("ORDER_DATABASE_URL"), "{said}");
    let (ok, said) = jobs(&["list"]);
    assert!(!ok && said.contains("no shop runs"), "{said}");

    // No folder can be made where a file is: mails wait.
    std::fs::create_dir_all(&folder.0).expect("a folder");
    std::fs::write(folder.0.join("mail"), "").expect("a file");
    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let api = Api::new(up.gateway());
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let product = api
        .get("/api/products?limit=1")
        .await
        .expect(200)
        .at("/products/0/id");
    drop(
        customer
            .orders(&[(product.as_i64().unwrap_or_default(), 1)])
            .await
            .expect(201),
    );
    let (ok, said) = jobs(&["list", "--queue", "mail"]);
    assert!(
        ok && said.contains("queue mail:") && said.contains("mail/order-mail"),
        "{said}"
    );
    let (ok, said) = jobs(&["show", "1"]);
    assert!(
        ok && said.contains(r#""to":"confirmed""#) && said.contains("/confirmed"),
        "{said}"
    );
    let (ok, said) = jobs(&["requeue", "1"]);
    assert!(!ok && said.contains("only a dead job"), "{said}");
    let (ok, said) = jobs(&["discard", "99"]);
    assert!(!ok && said.contains("there is no job 99"), "{said}");
    let (ok, said) = jobs(&["list", "--state", "sleeping"]);
    assert!(!ok && said.contains("waiting, running, done or dead"), "{said}");
    up.process.stop();
}
