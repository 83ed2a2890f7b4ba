//! The disk is full, or PostgreSQL is gone: orders are refused, nothing is lost, and it goes on by itself.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use souk_test_shop::{Api, Person, SoukUp, eventually, free_ports};

use crate::up::{Folder, souk};

const PATIENCE: Duration = Duration::from_secs(120);

/// Names the disk to the test once more, where somebody else has mounted it.
const MOUNTED: &str = "SOUK_TEST_DISK";
const SIZE: &str = "size=400m,mode=755";

/// A small disk in memory.
struct Disk {
    path: PathBuf,
    /// What unmounts it, where it is ours to unmount.
    umount: Vec<String>,
}

impl Disk {
    /// Mounts one, for which it takes root, or sudo that asks for no password; or says why not.
    fn mount() -> Result<Self, String> {
        if let Some(path) = mounted() {
            let umount = Vec::new();
            return Ok(Self { path, umount });
        }
        let path = std::env::temp_dir().join(format!("souk-disk-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        let folder = std::fs::metadata(&path).expect("the folder");
        let options = format!("{SIZE},uid={},gid={}", folder.uid(), folder.gid());
        let mut why = String::new();
        for before in ["", "sudo -n "] {
            let words = |rest: &str| format!("{before}{rest}").split(' ').map(str::to_owned).collect();
            let mount: Vec<String> = words(&format!("mount -t tmpfs -o {options} tmpfs"));
            match said(&mount, &path) {
                Ok(_) => {
                    let umount = words("umount -l");
                    return Ok(Self { path, umount });
                }
                Err(said) => why = format!("{why}{}: {said}\n", mount.join(" ")),
            }
        }
        drop(std::fs::remove_dir(&path));
        Err(why)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path.join("filler")).expect("a file");
        for block in [1 << 20, 1 << 10, 1] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path.join("filler")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.umount.is_empty() {
            drop(said(&self.umount, &self.path));
            drop(std::fs::remove_dir(&self.path));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the test tells itself where the disk is"
)]
fn mounted() -> Option<PathBuf> {
    std::env::var(MOUNTED).ok().map(PathBuf::from)
}

/// What a command says that ends with `path`; an error if it fails.
fn said(words: &[String], path: &Path) -> Result<String, String> {
    let (program, arguments) = words.split_first().expect("a program");
    let output = Command::new(program).args(arguments).arg(path).output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

/// Runs a test of this file once more, in namespaces of its own in which a disk is mounted. Root inside, it mounts; then it
/// is who it was, since PostgreSQL does not run as root.
fn once_more_with_a_disk(test: &str, why: &str) {
    let folder = Folder::new("disk");
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let whose = std::fs::metadata(&folder.0).expect("the folder");
    let script = format!(
        "mount -t tmpfs -o {SIZE} tmpfs \"$1\" || exit; echo mounted
         exec env {MOUNTED}=\"$1\" unshare -U --map-user={} --map-group={} \"$0\" --exact full_disk::{test} --nocapture",
        whose.uid(),
        whose.gid()
    );
    let program = std::env::current_exe().expect("the test's own path");
    let mut unshare: Vec<String> = ["unshare", "-Urm", "sh", "-c", &script].map(str::to_owned).into();
    unshare.push(program.display().to_string());
    let ran = said(&unshare, &folder.0);
    let said = ran.as_ref().unwrap_or_else(|said| said);
    assert!(
        said.lines().any(|line| line == "mounted"),
        "this test fills a disk of its own: run it as root, with sudo that asks for no password, or where everybody may \
         have user namespaces\n{why}unshare: {said}"
    );
    assert!(
        ran.is_ok() && said.contains("test result: ok. 1 passed"),
        "{said}"
    );
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
    match Disk::mount() {
        Ok(disk) => sell_while_it_fills(&disk).await,
        Err(why) => once_more_with_a_disk(
            "on_a_full_disk_orders_are_refused_and_go_on_once_there_is_room",
            &why,
        ),
    }
}

async fn sell_while_it_fills(disk: &Disk) {
    let folder = disk.path.join("data");
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
