//! The disk is full, or PostgreSQL is gone: orders are refused, nothing is lost, and it goes on by itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use souk_test_shop::{Api, Person, SoukUp, eventually, free_ports};

use crate::up::{Folder, souk};

const PATIENCE: Duration = Duration::from_secs(120);

/// A small disk in memory. Only root may mount one.
struct Disk(PathBuf);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("souk-disk-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"])
            .arg(&path)
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self(path))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file");
        for block in [1 << 20, 1 << 10, 1] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
        drop(std::fs::remove_dir(&self.0));
    }
}

/// A customer of the demo, and something that there is enough of.
async fn customer(up: &SoukUp) -> (Person, i64) {
    let api = Api::new(up.gateway());
    let seller = Person::sign_in(&api, "seller@demo.souk", "souk-demo-2026").await;
    let mug = seller.sells("Mug", "18.00", 1_000_000).await;
    (
        Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await,
        mug,
    )
}

/// Orders once: the order if there is one now. An order that cannot be written is a 503 that says to try again.
async fn order(customer: &Person, product: i64) -> Option<i64> {
    let answer = customer.orders(&[(product, 1)]).await;
    match answer.status {
        201 => answer.at("/id").as_i64(),
        // Written, and on its way: its checkout met the trouble.
        202 => None,
        _ => {
            let answer = answer.expect(503);
            assert!(!answer.header("retry-after").is_empty(), "{}", answer.json());
            None
        }
    }
}

/// Everything that was promised is there, and the books fit together.
async fn nothing_is_lost(up: &SoukUp, data: &str, customer: &Person, product: i64, promised: &[i64]) {
    let recovered = eventually(PATIENCE, "orders are taken again", || async {
        order(customer, product).await
    });
    let recovered = recovered.await;
    for id in promised.iter().chain([&recovered]) {
        let seen = customer.api.get(&format!("/api/orders/{id}")).await.expect(200);
        assert_eq!(seen.at("/status"), "confirmed", "{id}");
    }
    eventually(PATIENCE, "the books fit together", || async {
        let (ok, _said) = souk(&["audit", "--data", data, "--settled", "0"], &[]);
        ok.then_some(())
    })
    .await;
    assert!(up.process.id() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_orders_are_refused_and_go_on_once_there_is_room() {
    let Some(disk) = Disk::mount("400m") else { return };
    let folder = disk.0.join("data");
    let data = folder.display().to_string();
    let up = SoukUp::start(&folder, free_ports(6), &["--rate-limit", "off"]);
    let (customer, mug) = customer(&up).await;
    let mut promised: Vec<i64> = order(&customer, mug).await.into_iter().collect();
    assert_eq!(promised.len(), 1);
    disk.fill();
    for attempt in 0.. {
        match order(&customer, mug).await {
            Some(id) => promised.push(id),
            None => break,
        }
        assert!(attempt < 5_000, "the disk is not full");
    }
    // What was promised can still be read, and nothing half written is promised.
    for _ in 0..20 {
        promised.extend(order(&customer, mug).await);
    }
    // Its log of writes needs a file more than there is room for: it dies, and cannot start again.
    let admin = pg::server::running_url(&folder.join("postgres"), "postgres", pg::server::SUPERUSER);
    let admin = admin.expect("a running server");
    eventually(PATIENCE, "PostgreSQL dies", || async {
        let Ok(mut conn) = <sqlx::PgConnection as sqlx::Connection>::connect(&admin).await else {
            return Some(());
        };
        let fill = "select pg_logical_emit_message(false, 'filler', repeat('x', 1000000))";
        sqlx::raw_sql(fill)
            .execute(&mut conn)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    for _ in 0..5 {
        promised.extend(order(&customer, mug).await);
    }
    disk.make_room();
    nothing_is_lost(&up, &data, &customer, mug, &promised).await;
    up.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_gone_orders_are_refused_and_go_on_once_it_is_back() {
    let folder = Folder::new("gone");
    let data = folder.0.display().to_string();
    let up = SoukUp::start(&folder.0, free_ports(6), &["--rate-limit", "off"]);
    let (customer, mug) = customer(&up).await;
    let mut promised = Vec::new();
    for _ in 0..3 {
        let pid = std::fs::read_to_string(folder.0.join("postgres/cluster/postmaster.pid")).expect("it runs");
        let pid = pid.lines().next().unwrap_or_default();
        promised.extend(order(&customer, mug).await);
        let killed = Command::new("kill").args(["-9", pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        eventually(PATIENCE, "orders are taken again", || async {
            order(&customer, mug).await.map(drop)
        })
        .await;
    }
    nothing_is_lost(&up, &data, &customer, mug, &promised).await;
    up.process.stop();
}
