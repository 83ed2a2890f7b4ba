//! Buckets of real servers that speak S3. `scripts/storage.sh` names one, and all tests keep their pictures there instead
//! of in folders:
//!
//! - `STORAGE_URL`, `STORAGE_KEY`, `STORAGE_SECRET`: where it listens, and the account;
//! - `STORAGE_DIR`: its folder, in which a folder is a bucket;
//! - `STORAGE_PROGRAM`: rclone, for the tests that start and kill a server of their own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use product_service::{Bucket, ImageStore};
use runtime::Secret;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const KEY: &str = "souk-test";
const SECRET: &str = "souk-test-secret-0123456789";

#[expect(clippy::disallowed_methods, reason = "the environment says what is tested")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// An empty bucket of the server that the environment names, if it names one.
pub fn fresh() -> Option<ImageStore> {
    let endpoint = env("STORAGE_URL")?;
    let name = format!("test-{}", Uuid::now_v7());
    std::fs::create_dir(PathBuf::from(env("STORAGE_DIR").unwrap()).join(&name)).unwrap();
    Some(ImageStore::Bucket(Bucket {
        endpoint,
        name,
        region: "us-east-1".to_owned(),
        access_key: Secret::new(env("STORAGE_KEY").unwrap()),
        secret_key: Secret::new(env("STORAGE_SECRET").unwrap()),
    }))
}

/// A bucket of a server of its own, which listens there or does not.
pub fn at(port: u16) -> Bucket {
    Bucket {
        endpoint: format!("http://127.0.0.1:{port}"),
        name: "pictures".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: Secret::new(KEY),
        secret_key: Secret::new(SECRET),
    }
}

/// A port that nobody listens at. Below those that the kernel hands out, so that it stays so.
pub fn free_port() -> u16 {
    loop {
        let port = 20_000 + rand::random::<u16>() % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server with one bucket.
pub struct Server {
    program: String,
    pub port: u16,
    dir: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// One that runs, where there is the program.
    pub async fn find() -> Option<Self> {
        let dir = std::env::temp_dir().join(format!("souk-s3-{}", Uuid::now_v7()));
        std::fs::create_dir_all(dir.join("files/pictures")).unwrap();
        let mut server = Self {
            program: env("STORAGE_PROGRAM")?,
            port: free_port(),
            dir,
            child: None,
        };
        server.start().await;
        Some(server)
    }

    pub async fn start(&mut self) {
        let child = Command::new(&self.program)
            .args([
                "serve",
                "s3",
                "--config",
                "/dev/null",
                "--vfs-cache-mode",
                "writes",
            ])
            .args(["--vfs-write-back", "0s", "--dir-cache-time", "0s"])
            .args(["--addr", &format!("127.0.0.1:{}", self.port)])
            .args(["--auth-key", &format!("{KEY},{SECRET}")])
            .arg("--cache-dir")
            .arg(self.dir.join("cache"))
            .arg(self.dir.join("files"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), listens).await.unwrap();
    }

    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
